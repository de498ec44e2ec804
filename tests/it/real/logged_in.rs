//! The CLI logged in to GitHub, in whose place the scripted model's server answers.

use std::path::Path;

use copilot_session::methods::notification::GitHubTelemetryEvent;
use copilot_session::types::{
    AccountGetQuotaRequest, AuthInfo, ManagedSettingsResolveRequest, ModelsListRequest, ProviderConfig,
};
use copilot_session::{Client, ClientBuilder, ErrorKind, SessionBuilder};
use copilot_session_model::{GITHUB_LOGIN, GITHUB_TOKEN, MODEL_NAME, ModelServer, Reply, Script};
use copilot_session_tests::cli::cli_path;
use serde_json::json;
use tokio::sync::mpsc;

use super::rig::{Rig, ask, on_github, soon};

fn bash(command: &str) -> Reply {
    Reply::tool_call("bash", json!({ "command": command, "description": "Looks around" }))
}

/// Writes a file with the environment and the command line of every process of the CLI above the agent's
/// shell, as far as the shell can read them.
const LOOK: &str = r#"
pid=$PPID
while [ "$pid" -gt 1 ] && tr '\0' '\n' < /proc/$pid/environ | grep -q ^COPILOT_HOME=; do
    cat /proc/$pid/environ /proc/$pid/cmdline >> seen
    pid=$(ps -o ppid= -p $pid | tr -d ' ')
done
env >> seen; echo looked"#;

/// The text that the agent's shell finds with a client that is logged in.
#[cfg(target_os = "linux")]
async fn seen(options: impl FnOnce(ClientBuilder) -> ClientBuilder) -> String {
    let rig = Rig::start_on_github(Script::replies([bash(LOOK), Reply::text("Seen.")]), options).await;
    let session = rig.watched(rig.client.session().model(MODEL_NAME).approve_all());
    let session = soon("the session", session.create()).await.expect("a session");
    assert_eq!(ask(&session, "Look around.").await.expect("an answer").text(), "Seen.");
    let requests = rig.model.requests();
    assert!(requests[1].tool_results()[0].1.contains("looked"), "{:?}", requests[1].tool_results());
    let token = format!("Bearer {GITHUB_TOKEN}");
    assert!(requests.iter().all(|request| request.header("authorization") == Some(&token)));
    assert!(!files_with(rig.folder(), GITHUB_TOKEN).iter().any(|file| !file.ends_with("seen")));
    let seen = std::fs::read(rig.work().join("seen")).expect("the file");
    rig.finish().await;
    let seen = String::from_utf8_lossy(&seen).into_owned();
    assert!(seen.contains("COPILOT_HOME=") && seen.contains("--no-auto-login"), "{seen}");
    seen
}

/// The files in a folder that contain this text.
fn files_with(folder: &Path, text: &str) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry")) {
        let (kind, path) = (entry.file_type().expect("a kind"), entry.path());
        if kind.is_dir() {
            found.extend(files_with(&path, text));
        } else if kind.is_file() && std::fs::read(&path).is_ok_and(|bytes| contains(&bytes, text.as_bytes()))
        {
            found.push(path);
        }
    }
    found
}

fn contains(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|window| window == text)
}

/// The agent's shell does not find the client's token: neither in the environment or the command line of the CLI,
/// nor in its own environment, nor in a file.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_agents_shell_does_not_find_the_token() {
    let seen = seen(|new| new.github_token(GITHUB_TOKEN)).await;
    assert!(!seen.contains(GITHUB_TOKEN), "{seen}");
}

/// The agent's shell finds a token in the CLI's environment, as the documentation says.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_agents_shell_finds_a_token_in_the_environment() {
    let seen = seen(|new| new.github_token_in_environment(GITHUB_TOKEN)).await;
    assert!(seen.contains(&format!("COPILOT_SDK_AUTH_TOKEN={GITHUB_TOKEN}")), "{seen}");
}

/// The calls about the account use the client's token. The calls about the login of the process report none.
#[tokio::test]
async fn a_token_by_call() {
    let rig = Rig::start_on_github(Script::replies([]), |new| new.github_token(GITHUB_TOKEN)).await;
    let (client, rpc) = (&rig.client, rig.client.rpc());
    let models = soon("the models", client.models()).await.expect("models");
    assert!(models.models.iter().any(|model| model.id == MODEL_NAME), "{models:?}");
    let quota = soon("the quota", rpc.account().get_quota(&AccountGetQuotaRequest::default())).await;
    let quota = quota.expect("a quota").quota_snapshots;
    assert_eq!(quota["premium_interactions"].entitlement_requests, 300);
    let units = rpc.models().list_token_price_units(&ModelsListRequest::default());
    soon("the units", units).await.expect("units");
    let settings = rpc.managed_settings().resolve(&ManagedSettingsResolveRequest::default());
    assert!(soon("the settings", settings).await.expect("settings").account.is_some());
    let status = soon("the status", client.rpc().auth().get_status()).await.expect("a status");
    assert!(!status.is_authenticated, "{status:?}");
    let auth = soon("the login", rpc.account().get_current_auth()).await.expect("a response");
    assert!(auth.auth_info.is_none(), "{auth:?}");
    rig.finish().await;
}

/// A session keeps the token when it is resumed, and one with a provider of its own needs none.
#[tokio::test]
async fn sessions_with_and_without_the_token() {
    let replies = ["One.", "Two.", "Three."].map(Reply::text);
    let rig = Rig::start_on_github(Script::replies(replies), |new| new.github_token(GITHUB_TOKEN)).await;
    let builder = || rig.watched(rig.client.session().model(MODEL_NAME).deny_all());
    let session = soon("the session", builder().create()).await.expect("a session");
    assert_eq!(ask(&session, "Count.").await.expect("an answer").text(), "One.");
    let status = soon("the status", session.rpc().github_auth().get_status()).await.expect("a status");
    assert_eq!((status.is_authenticated, status.login.as_deref()), (true, Some(GITHUB_LOGIN)));
    soon("the disconnect", session.disconnect()).await.expect("a disconnect");
    let session = soon("the session", builder().resume(session.id())).await.expect("the resumed session");
    assert_eq!(ask(&session, "Go on.").await.expect("an answer").text(), "Two.");
    let provider = ProviderConfig::new(rig.model.base_url()).api_key("scripted");
    let other = soon("the session", builder().provider(provider).create()).await.expect("another session");
    assert_eq!(ask(&other, "Count.").await.expect("an answer").text(), "Three.");
    let requests = rig.model.requests();
    let tokens: Vec<_> = requests.iter().filter_map(|request| request.header("authorization")).collect();
    let github = format!("Bearer {GITHUB_TOKEN}");
    assert_eq!(tokens, [&*github, &*github, "Bearer scripted"]);
    let wrong = builder().configure(|config| config.github_token("gho_unknown"));
    let error = soon("the session", wrong.create()).await.expect_err("an unknown token");
    assert!(error.to_string().contains("Bad credentials"), "{error}");
    rig.finish().await;
}

/// The CLI checks the model of a new session only. One that is set later, or when a session is resumed, is reported as
/// set, but a default model answers.
#[tokio::test]
async fn a_model_that_does_not_exist() {
    let script = Script::from_fn(|request| Reply::text(request.model()));
    let rig = Rig::start_on_github(script, |new| new.github_token(GITHUB_TOKEN)).await;
    let builder = |model| rig.watched(rig.client.session().model(model).deny_all());
    let session = soon("the session", builder(MODEL_NAME).create()).await.expect("a session");
    assert_eq!(ask(&session, "Who are you?").await.expect("an answer").text(), MODEL_NAME);
    let set = soon("the model", session.set_model("no-such-model")).await.expect("no error");
    assert_eq!(set.model_id.as_deref(), Some("no-such-model"));
    let default = ask(&session, "Who are you?").await.expect("an answer").text().to_owned();
    assert!(default != "no-such-model" && default != MODEL_NAME, "{default}");
    soon("the disconnect", session.disconnect()).await.expect("a disconnect");
    let resumed = soon("the session", builder("no-such-model").resume(session.id())).await;
    assert_eq!(ask(&resumed.expect("no error"), "And now?").await.expect("an answer").text(), default);
    let error = soon("the session", builder("no-such-model").create()).await.expect_err("an unknown model");
    assert_eq!(error.kind(), ErrorKind::ModelUnavailable, "{error}");
    assert!(error.to_string().contains("\"no-such-model\" is not available"), "{error}");
    rig.finish().await;
}

/// A way to pass a login to the CLI.
type Login = fn(ClientBuilder) -> ClientBuilder;

/// Every kind of login is reported without its secret, and can be decoded.
#[tokio::test]
async fn every_login_can_be_decoded() {
    let kind = |info: &AuthInfo| match info {
        AuthInfo::Token(info) => ("token", info.token.is_some()),
        AuthInfo::Env(info) => ("env", info.token.is_some()),
        // The `gh` of the machine may use the variable, too.
        AuthInfo::GhCli(info) => ("gh-cli", info.token.is_some()),
        AuthInfo::Hmac(info) => ("hmac", info.hmac.is_some()),
        other => panic!("{other:?}"),
    };
    let ways: [(&str, Login); 4] = [
        ("token", |new| new.github_token_in_environment(GITHUB_TOKEN)),
        ("env", |new| new.env("COPILOT_GITHUB_TOKEN", GITHUB_TOKEN)),
        ("env", |new| new.env("GH_TOKEN", GITHUB_TOKEN)),
        ("hmac", |new| new.env("CAPI_HMAC_KEY", GITHUB_TOKEN)),
    ];
    for (expected, login) in ways {
        let folder = tempfile::tempdir().expect("a folder");
        let model = ModelServer::start(Script::replies([])).await.expect("the server");
        let client = on_github(Client::builder().program(cli_path()).home_dir(folder.path()), &model);
        let tokens = ["COPILOT_GITHUB_TOKEN", "GH_TOKEN", "GITHUB_TOKEN"];
        let client = login(tokens.into_iter().fold(client, ClientBuilder::env_remove));
        let client = soon("the CLI", client.start()).await.expect("the CLI");
        let current = soon("the login", client.rpc().account().get_current_auth()).await.expect("a login");
        assert_eq!(kind(&current.auth_info.expect("a login")), (expected, false));
        let users = soon("the users", client.rpc().account().get_all_users()).await.expect("users");
        assert!(users.iter().all(|user| !kind(&user.auth_info).1), "{users:?}");
        let status = soon("the status", client.rpc().auth().get_status()).await.expect("a status");
        assert!(status.is_authenticated, "{status:?}");
        soon("the end", client.stop()).await;
    }
}

/// All telemetry of a turn with a tool can be decoded.
#[tokio::test]
async fn all_telemetry_can_be_decoded() {
    let (sender, mut events) = mpsc::unbounded_channel();
    let script = Script::replies([bash("echo hello"), Reply::text("Done.")]);
    let options = move |new: ClientBuilder| {
        // The receiver is gone when the test is over.
        new.github_token(GITHUB_TOKEN).on::<GitHubTelemetryEvent>(move |event| drop(sender.send(event)))
    };
    let rig = Rig::start_on_github(script, options).await;
    let session = rig.watched(rig.client.session().model(MODEL_NAME).approve_all());
    let session = soon("the session", session.create()).await.expect("a session");
    ask(&session, "Run it.").await.expect("an answer");
    soon("the disconnect", session.disconnect()).await.expect("a disconnect");
    let mut missing = vec!["session_start", "tool_call_executed", "assistant_usage", "response.success"];
    while !missing.is_empty() {
        let event = soon("the telemetry", events.recv()).await.expect("an event");
        let event = event.unwrap_or_else(|malformed| panic!("{malformed:?}: {}", malformed.params));
        missing.retain(|kind| *kind != event.event.kind);
    }
    rig.finish().await;
    while let Some(event) = events.recv().await {
        event.unwrap_or_else(|malformed| panic!("{malformed:?}: {}", malformed.params));
    }
}

/// A turn without a login fails.
#[tokio::test]
async fn a_turn_without_a_login() {
    let rig = Rig::start_on_github(Script::replies([]), |new| new).await;
    let session = rig.watched(rig.client.session().model(MODEL_NAME));
    let session = soon("the session", SessionBuilder::deny_all(session).create()).await.expect("a session");
    assert!(ask(&session, "Who am I?").await.is_err());
    rig.finish().await;
}
