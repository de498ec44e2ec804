//! The GitHub token of a client: the calls that carry it, and the texts that do not show it.

use copilot_session::testing::FakeCli;
use copilot_session::types::{
    AccountGetQuotaRequest, GitHubTokenAcquireResult, ManagedSettingsResolveRequest, ModelsListRequest,
    ProviderConfig, SessionConfig,
};
use copilot_session::{Client, Error, ErrorKind, Feature, SessionBuilder, WireLog};
use serde_json::json;

const TOKEN: &str = "gho_of_the\"client\"";
const KEY: &str = "gitHubToken";

async fn client(fake: &FakeCli) -> Client {
    fake.connect(Client::builder().github_token(TOKEN)).await.expect("the handshake")
}

/// The token in the calls that create and resume these sessions.
async fn token_sent(configure: impl Fn(SessionBuilder) -> SessionBuilder) -> Option<String> {
    let fake = FakeCli::start();
    let client = client(&fake).await;
    let session = || configure(client.session().deny_all());
    session().create().await.expect("a new session");
    let created = fake.received_raw("session.create").await;
    session().resume("of-old").await.expect("a resumed session");
    let resumed = fake.received_raw("session.resume").await;
    assert_eq!(created.get(KEY), resumed.get(KEY));
    created.get(KEY).map(|token| token.as_str().expect("a text").to_owned())
}

/// Each session has the token, unless it has a login or a provider of its own.
#[tokio::test(start_paused = true)]
async fn the_token_goes_with_sessions() {
    assert_eq!(token_sent(|session| session).await.as_deref(), Some(TOKEN));
    let own = |session: SessionBuilder| session.configure(|config| config.github_token("gho_own"));
    assert_eq!(token_sent(own).await.as_deref(), Some("gho_own"));
    let asked = |session: SessionBuilder| {
        session.on_github_token(async |_, _| Err::<GitHubTokenAcquireResult, _>("none"))
    };
    assert_eq!(token_sent(asked).await, None);
    let provider = |session: SessionBuilder| session.provider(ProviderConfig::new("http://model.invalid/v1"));
    assert_eq!(token_sent(provider).await, None);
}

/// The calls about an account have the token, unless they name an account; no other call does.
#[tokio::test(start_paused = true)]
async fn the_token_goes_with_calls_about_an_account() {
    let fake = FakeCli::start();
    for method in ["models.list", "models.listTokenPriceUnits", "account.getQuota", "managedSettings.resolve"]
    {
        fake.on_raw(method, |_| Ok(json!({})));
    }
    let client = client(&fake).await;
    let rpc = client.rpc();
    let unnamed = json!({ KEY: TOKEN });
    // The results of the fake fit none of these types.
    drop(client.refresh_models().await);
    assert_eq!(fake.received_raw("models.list").await, unnamed);
    drop(rpc.models().list_token_price_units(&ModelsListRequest::default()).await);
    assert_eq!(fake.received_raw("models.listTokenPriceUnits").await, unnamed);
    drop(rpc.account().get_quota(&AccountGetQuotaRequest::default()).await);
    assert_eq!(fake.received_raw("account.getQuota").await, unnamed);
    drop(rpc.account().get_quota(&AccountGetQuotaRequest::default().github_token("gho_own")).await);
    assert_eq!(fake.received_raw("account.getQuota").await, json!({ KEY: "gho_own" }));
    drop(rpc.account().get_quota(&AccountGetQuotaRequest::default().selection_id("another")).await);
    assert_eq!(fake.received_raw("account.getQuota").await, json!({ "selectionId": "another" }));
    let settings = ManagedSettingsResolveRequest::default().client_name("tests");
    drop(rpc.managed_settings().resolve(&settings).await);
    let named = json!({ "clientName": "tests", KEY: TOKEN });
    assert_eq!(fake.received_raw("managedSettings.resolve").await, named);
    drop(rpc.session().create(&SessionConfig::default().model("any")).await);
    assert_eq!(fake.received_raw("session.create").await, json!({ "model": "any", KEY: TOKEN }));
    client.ping("hello").await.expect("a response");
    assert_eq!(fake.received_raw("ping").await, json!({ "message": "hello" }));
    let frames = fake.frames().into_iter().filter(|frame| frame.json.to_string().contains("gho_of_the"));
    assert_eq!(frames.count(), 5);
}

/// A client without a token sends no key for one.
#[tokio::test(start_paused = true)]
async fn no_token() {
    let fake = FakeCli::start();
    let client = crate::rig::connect(&fake).await;
    client.session().deny_all().create().await.expect("a session");
    assert_eq!(fake.received_raw("session.create").await.get(KEY), None);
}

/// A CLI that would ignore the token is refused, and the error names the alternative.
#[tokio::test(start_paused = true)]
async fn a_cli_that_takes_no_token_by_a_call() {
    for (version, takes) in [("1.0.34", false), ("1.0.39", true), ("1.0.102", true)] {
        let fake = FakeCli::of_version(version);
        let outcome = fake.connect(Client::builder().github_token(TOKEN)).await;
        let Err(error) = outcome else {
            assert!(takes, "{version}");
            continue;
        };
        assert!(!takes, "{version}: {error}");
        let Error::Unsupported(what) = &error else { panic!("{error:?}") };
        assert_eq!(what.feature, Some(Feature::GitHubTokenByCall));
        assert_eq!(error.kind(), ErrorKind::VersionSkew);
        assert!(error.to_string().contains("github_token_in_environment"), "{error}");
        fake.ended().await;
    }
}

/// An empty token, which the CLI would treat as none, is refused.
#[tokio::test(start_paused = true)]
async fn an_empty_token() {
    let fake = FakeCli::start();
    let error = fake.connect(Client::builder().github_token("")).await.expect_err("no token");
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error:?}");
}

/// Neither the client's `Debug` nor its wire log contains the token.
#[tokio::test(start_paused = true)]
async fn the_token_is_not_shown() {
    let log = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let fake = FakeCli::start();
    let builder = Client::builder().github_token("gho_hush").wire_log(WireLog::new(Shared(log.clone())));
    assert!(!format!("{builder:?}").contains("hush"));
    let client = fake.connect(builder).await.expect("the handshake");
    client.session().deny_all().create().await.expect("a session");
    fake.on_raw("ping", |params| Ok(json!({ "message": params["message"], "timestamp": "" })));
    client.ping("gho_hush").await.expect("a response");
    let sent = fake.received_raw("session.create").await;
    assert_eq!(sent[KEY], "gho_hush");
    assert!(!format!("{client:?}").contains("hush"));
    // A stop writes the rest of the log.
    client.stop().await;
    let log = String::from_utf8(log.lock().unwrap().clone()).expect("text");
    assert!(log.contains("session.create") && log.contains("ping") && !log.contains("hush"), "{log}");
}

/// A writer into a shared buffer.
struct Shared(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

impl std::io::Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
