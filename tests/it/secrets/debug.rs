//! `Debug` of values that hold secrets.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use copilot_session::testing::events as say;
use copilot_session::types::*;
use copilot_session::wire::{self, Wire};
use copilot_session::{Client, Error, Policy, RpcError, SessionEvent, SessionEventData};
use copilot_session_tests::sample::{Sample, Schemas, Spot, Step, What};
use serde_json::{Value, json};

use super::SECRET;
use crate::generated::round_trip::TABLE;
use crate::rig::Rig;

/// Properties whose descriptions mention a secret but that hold none, as a person has checked, by the reason.
const SHOWN: &[(&str, &[&str])] = &[
    (
        "an identifier or a name of the secret, by which it is found elsewhere",
        &[
            "AccountGetTokenEnvVarResult.name",
            "AuthIdentity.envVar",
            "AuthIdentity.registrationId",
            "EnvAuthInfo.envVar",
            "McpPlanConfigurationChange.secretReferences",
            "McpPlanSecretPlaceholder.key",
            "McpPlanSecretPlaceholder.placeholder",
            "ProviderTokenAcquireRequest.providerName",
            "SandboxCredentialSuggestion.name",
            "SandboxProxySecretLocation.configDir",
            "SandboxProxySecretLocation.secretId",
            "SessionConfig.gitHubTokenProviderRegistrationId",
            "TokenAuthInfo.registrationId",
        ],
    ),
    (
        "the user, host, session, model or other thing that the secret is of or for",
        &[
            "AccountLoginRequest.login",
            "AuthWrite.login",
            "EnvAuthInfo.login",
            "GitHubTokenAcquireRequest.host",
            "GitHubTokenAcquireRequest.sessionId",
            "ManagedSettingsIngestParams.sessionId",
            "ManagedSettingsResolveStartupPolicyParams.sessionId",
            "McpOauthAuthenticationStateChangedRequest.serverName",
            "McpRegistrySearchRequest.repository",
            "ProviderSessionToken.model",
            "SandboxConfigUserPolicyNetworkProxy.username",
            "SandboxMaskedEnvVar.injectHosts",
        ],
    ),
    (
        "a kind of source, token or grant, a scope or a time",
        &[
            "AccountStatus.authSource",
            "GitHubTokenAcquireResult.tokenType",
            "McpOauthPendingRequestResponse.tokenType",
            "McpOauthRequiredStaticClientConfig.grantType",
            "McpServerConfigHttp.oauthScopes",
            "ProviderSessionToken.expiresAt",
        ],
    ),
    (
        "a text for people, without the secret",
        &[
            "AgentRegistrySpawnValidationError.message",
            "ForceLoginOrgsDecision.denial",
            "GitHubOwnersListResult.throwError",
            "McpHeadersHandlePendingHeadersRefreshRequest.message",
        ],
    ),
    (
        "an address; a password or a token in it is hidden by its form",
        &[
            "McpConfigRemoveRequest.authClientIdMetadataUrl",
            "McpOauthLoginRequest.redirectUri",
            "McpOauthLoginResult.authorizationUrl",
            "SandboxConfigUserPolicyNetworkProxy.url",
            "SessionSettingsRepoSnapshot.secretScanningUrl",
        ],
    ),
    ("a hash", &["FusionPhaseActivityData.toolCallId"]),
    ("an input that is no secret; those that are have a type of their own", &["McpInstallationInput.value"]),
];

/// Words in descriptions that mention a secret.
const WORDS: &[&str] = &[
    "secret",
    "password",
    "passphrase",
    "credential",
    "never log",
    "api key",
    "hmac",
    "private key",
    "cookie",
    "token",
];

/// Words in sentences that say where no secret is.
const NEGATIONS: &[&str] = &["never contains", "never echoes", "without", "non-secret", "credential-free"];

/// Words about the tokens of a model.
const MODEL_TOKENS: &[&str] = &[
    "prompt_tokens",
    "token categor",
    "token count",
    "token-count",
    "token details",
    "token efficiency",
    "token limits",
    "token measurements",
    "token multiplier",
    "token pric",
    "tokeniz",
    "tokenpric",
];

/// The text values directly in the object of each sample, with their keys.
fn texts(sample: &Sample) -> impl Iterator<Item = (&str, &Spot)> {
    sample.spots.iter().filter(|spot| spot.what == What::Text && spot.at.len() <= 2).filter_map(|spot| {
        let Some(Step::Key(key)) = spot.at.first() else { return None };
        Some((key.as_str(), spot))
    })
}

/// The places and keys, among those of the filter, whose secret `Debug` shows.
fn shown(wanted: impl Fn(&Schemas, &str, &str) -> bool) -> BTreeSet<String> {
    let schemas = Schemas::read();
    let mut shown = BTreeSet::new();
    let mut tried = 0;
    for (place, again) in TABLE {
        for sample in schemas.of_place(place) {
            for (key, spot) in texts(&sample).filter(|(key, _)| wanted(&schemas, place, key)) {
                tried += 1;
                let json = sample.with(spot, |value| *value = json!(SECRET));
                if again(&json.to_string(), true).is_ok_and(|text| text.contains(SECRET)) {
                    shown.insert(format!("{place}.{key}"));
                }
            }
        }
    }
    assert!(tried > 20, "only {tried} samples");
    shown
}

/// A property whose description mentions a secret is hidden, unless it is listed as harmless.
#[test]
fn properties_described_as_secret() {
    let has = |text: &str, words: &[&str]| words.iter().any(|word| text.contains(word));
    let speaks = |text: &str| {
        let text = MODEL_TOKENS.iter().fold(text.to_ascii_lowercase(), |text, words| text.replace(words, ""));
        text.split(". ").any(|sentence| has(sentence, WORDS) && !has(sentence, NEGATIONS))
    };
    let shown = shown(|schemas, place, key| {
        schemas.descriptions(place).iter().any(|(name, text)| *name == key && speaks(text))
    });
    let read: BTreeSet<String> =
        SHOWN.iter().flat_map(|(_, places)| *places).map(|&place| place.to_owned()).collect();
    assert_eq!(shown, read);
}

/// A property whose key is that of a secret is hidden.
#[test]
fn properties_with_the_key_of_a_secret() {
    let ends = ["token", "secret", "apiKey", "password", "hmac", "authorization", "cookie", "credential"];
    let is_secret = |key: &str| {
        let key = key.to_ascii_lowercase();
        ends.iter().any(|end| key.ends_with(&end.to_ascii_lowercase()))
    };
    assert_eq!(shown(|_, _, key| is_secret(key)), BTreeSet::new());
}

fn hidden<T: Wire + std::fmt::Debug>(json: Value) {
    let value = wire::from_json::<T>(&json.to_string()).unwrap_or_else(|error| panic!("{json}: {error}"));
    for text in [format!("{value:?}"), format!("{value:#?}")] {
        assert!(!text.contains(SECRET) && text.contains("[redacted]"), "{text}");
    }
    assert!(wire::to_json(&value).contains(SECRET), "the secret is not sent");
}

/// Secrets in values that the types do not know.
#[test]
fn unknown_values() {
    hidden::<AuthInfo>(json!({"type": "brand-new", "token": SECRET}));
    hidden::<PermissionDetails>(json!({"kind": "brand-new", "nested": [{"x-api-key": SECRET}]}));
    let server = |server: Value| json!({"mcpServers": {"a": server}});
    hidden::<SessionConfig>(server(json!({"type": "brand-new", "headers": {"X": SECRET}})));
    hidden::<SessionConfig>(server(json!({"type": "brand-new", "env": [{"name": "A", "value": SECRET}]})));
    hidden::<SessionConfig>(server(json!({"type": "brand-new", "secrets": {"a": {"b": SECRET}}})));
    hidden::<SessionConfig>(server(json!({"type": "brand-new", "tokens": [SECRET]})));
}

/// Secrets that only the text itself reveals.
#[test]
fn secrets_by_their_text() {
    let provider = |key: &str, value: String| json!({"type": "openai", "baseUrl": "http://x", key: value});
    hidden::<ProviderConfig>(provider("baseUrl", format!("http://u:{SECRET}@x")));
    hidden::<ProviderConfig>(provider("baseUrl", format!("u:{SECRET}@x/y")));
    hidden::<ProviderConfig>(provider("baseUrl", format!("x/y?sig={SECRET}")));
    let response =
        |headers: Value, body: String| json!({"statusCode": 200, "headers": headers, "body": body});
    hidden::<McpOauthHttpResponse>(response(json!([{"name": "Set-Cookie", "value": SECRET}]), String::new()));
    hidden::<McpOauthHttpResponse>(response(json!([]), format!("{{\"access_token\":\"{SECRET}\"}}")));
    hidden::<McpOauthHttpResponse>(response(json!([]), format!("access_token={SECRET}&a=b")));
    let server = |args: Value| json!({"mcpServers": {"a": {"type": "local", "command": "x", "args": args, "tools": []}}});
    for args in [
        json!(["--token", SECRET]),
        json!([format!("--api-key={SECRET}")]),
        json!(["-H", format!("X-Api-Key: {SECRET}")]),
    ] {
        hidden::<SessionConfig>(server(args));
    }
}

/// Types that are not generated.
#[tokio::test(start_paused = true)]
async fn types_of_the_crate() {
    let no_secret = |value: &dyn std::fmt::Debug| {
        let text = format!("{value:?} {value:#?}");
        assert!(!text.contains(SECRET), "{text}");
    };
    let builder = Client::builder().github_token(SECRET).connection_token(SECRET).env("X", SECRET);
    no_secret(&builder.args(["--token", SECRET]).configure(|greeting| greeting.token(SECRET)));
    let rig = Rig::start().await;
    no_secret(&(&rig.client, &rig.session));
    let provider = ProviderConfig::new("http://x").api_key(SECRET);
    no_secret(&rig.client.session().provider(provider).configure(|config| config.github_token(SECRET)));
    for kind in ["brand.new", "session.idle"] {
        let json = json!({"type": kind, "data": {"token": SECRET, "aborted": SECRET}});
        let event = SessionEvent::from_json(json.to_string()).expect("an event");
        no_secret(&event);
        match event.data() {
            SessionEventData::Unrecognized(event) => assert!(event.data.get().contains(SECRET)),
            SessionEventData::Malformed(event) => no_secret(&event.error),
            other => panic!("{other:?}"),
        }
        let text = format!("{:?}", event.data());
        assert!(!text.replace(&format!("\\\"aborted\\\":\\\"{SECRET}\\\""), "").contains(SECRET), "{text}");
    }
    let policy =
        Policy::read_within(".").allow_command(format!("curl -H 'Authorization: Bearer {SECRET}' x"));
    no_secret(&policy);
    no_secret(&rig.session.shell(format!("echo token={SECRET}")));
    let mut error = RpcError::new(1, format!("it is Bearer {SECRET}"));
    error.data = Some(json!({"token": SECRET}).to_string());
    no_secret(&error);
    assert!(!error.to_string().contains(SECRET));
    secrets_in_texts(&rig, no_secret).await;
    let error = wire::from_json::<SessionConfig>(&format!("\"{SECRET}\"")).expect_err("no object");
    assert!(!format!("{error} {error:?}").contains(SECRET));
}

/// Texts of the CLI, of the model and of commands, in which a secret is known by its form only.
async fn secrets_in_texts(rig: &Rig, no_secret: impl Fn(&dyn std::fmt::Debug)) {
    let text = format!("it is token={SECRET}");
    rig.fake.on_raw("session.abort", {
        let text = text.clone();
        move |_| Ok(json!({"success": false, "error": text}))
    });
    let refused = rig.session.abort().await.expect_err("a refusal");
    no_secret(&refused);
    assert!(!refused.to_string().contains(SECRET), "{refused}");

    let turn = rig.session.prompt("x").await.expect("a turn");
    rig.emit(say::user_message(turn.message_id()));
    rig.emit(say::delta(&text));
    let late = turn.idle_timeout(Duration::from_secs(5)).await.expect_err("the time limit");
    assert!(matches!(&late, Error::TurnTimeout(timeout) if timeout.unfinished == text), "{late:?}");
    no_secret(&late);

    rig.fake.answer(&serde_json::to_string(&text).expect("JSON"));
    let answer = rig.session.send_and_wait("x").await.expect("an answer");
    let odd = answer.json::<u8>().expect_err("no number");
    no_secret(&odd);
    assert!(!odd.to_string().contains(SECRET), "{odd}");

    rig.fake.hold("session.shell.executeUserRequested");
    let output = |text: &str| {
        rig.emit(say::event(
            "tool.shell_output",
            json!({"toolCallId": "1", "stream": "stdout", "text": text}),
        ));
    };
    let command = rig.session.shell("env");
    let (run, call) = tokio::join!(command.start(), async {
        let call = rig.fake.received_call("session.shell.executeUserRequested").await;
        rig.emit(say::event(
            "tool.user_requested",
            json!({"toolCallId": "1", "toolName": "bash", "arguments": {"command": "env"}}),
        ));
        output(&text);
        call
    });
    let mut run = run.expect("a running command");
    let chunk = run.next().await.expect("output");
    assert_eq!(chunk.text, text);
    no_secret(&chunk);
    no_secret(&run);
    // Neither piece alone has the form of a secret.
    let (start, end) = text.split_at("it is tok".len());
    output(start);
    output(end);
    rig.fake.reply(&call, Ok(json!({"toolCallId": "1", "success": true, "output": text, "exitCode": 0})));
    let whole = run.await.expect("its output");
    assert_eq!(whole.output(), text.repeat(2));
    no_secret(&whole);

    let turn = rig.session.prompt("x").await.expect("a turn").idle_timeout(Duration::from_secs(5));
    rig.emit(say::user_message(turn.message_id()));
    rig.emit(say::delta(&text));
    rig.fake.settle().await;
    rig.fake.hang_up();
    let cut_off = turn.await.expect_err("the end of the CLI");
    assert!(matches!(&cut_off, Error::TurnCutOff(turn) if turn.unfinished == text), "{cut_off:?}");
    no_secret(&cut_off);
}

/// An error names the key of a map, without the secret in it.
#[test]
fn the_place_of_an_error() {
    let json = format!(r#"{{"token={}":"text"}}"#, SECRET.repeat(10));
    let error = wire::from_json::<BTreeMap<String, i64>>(&json).expect_err("no number");
    assert_eq!(error.path(), "$.token=[redacted]");
}
