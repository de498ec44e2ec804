//! Tests of what the schema lacks: methods by name, other keys, and CLIs of other versions.

use copilot_session::testing::{FakeCli, error};
use copilot_session::types::{
    McpSerializableServerConfig, McpServerAuthConfig, McpServerAuthConfigRedirectPort, McpServerConfigStdio,
    SendMode, SendRequest, UiElicitationRequest,
};
use copilot_session::{
    CLI_VERSION, Client, ClientBuilder, Compatibility, Error, ErrorKind, SessionBuilder, Tool, wire,
};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::rig::{Rig, connect};
use crate::secrets::tracing::record;

/// A method that no schema has, with params and a result of types of the program.
#[tokio::test(start_paused = true)]
async fn a_method_by_name() {
    #[derive(serde::Serialize, serde::Deserialize, PartialEq, Debug)]
    struct Pair {
        one: u32,
        two: String,
    }
    let rig = Rig::start().await;
    rig.fake.on_raw("brand.new", |params| Ok(params.clone()));
    rig.fake.on_raw("session.brand.new", |params| Ok(params.clone()));
    let pair = Pair { one: 1, two: "\"2\"\n".to_owned() };
    assert_eq!(rig.client.call_raw::<Pair>("brand.new", &pair).await.expect("a result"), pair);
    assert_eq!(rig.fake.received_raw("brand.new").await, json!(pair));

    let text = RawValue::from_string("{\n  \"one\": 1e2\n}".to_owned()).expect("JSON");
    let raw: Box<RawValue> = rig.client.call_raw("brand.new", text).await.expect("a result");
    assert_eq!(serde_json::from_str::<Value>(raw.get()).expect("JSON"), json!({"one": 1e2}));

    let own: Value = rig.session.call_raw("session.brand.new", json!({"a": 1})).await.expect("a result");
    assert_eq!(own, json!({"sessionId": rig.session.id(), "a": 1}));
    let none: Value = rig.session.call_raw("session.brand.new", ()).await.expect("a result");
    assert_eq!(none, json!({"sessionId": rig.session.id()}));
}

/// The errors are those of a typed call, and what cannot be a call is not sent.
#[tokio::test(start_paused = true)]
async fn a_method_by_name_fails() {
    let Rig { fake, client, session } = Rig::start().await;
    fake.on_raw("brand.new", |_| Err(error(-32601, "Unhandled method brand.new")));
    let unknown = client.call_raw::<Value>("brand.new", ()).await.expect_err("no method");
    assert!(matches!(&unknown, Error::Unsupported(what) if what.method.as_deref() == Some("brand.new")));
    fake.on_raw("brand.new", |_| Err(error(-32000, "no")));
    let refused = client.call_raw::<Value>("brand.new", ()).await.expect_err("a refusal");
    assert_eq!(refused.code(), Some(-32000));
    fake.on_raw("brand.new", |_| Ok(json!({"two": 2})));
    let other = client.call_raw::<Vec<u8>>("brand.new", ()).await.expect_err("no list");
    assert_eq!(other.kind(), ErrorKind::Decode, "{other:#}");
    assert!(format!("{other:#}").contains("Vec<u8>"), "{other:#}");
    fake.on_raw("brand.new", |_| Ok(json!({"token": "a private text"})));
    let private = client.call_raw::<std::collections::BTreeMap<String, u32>>("brand.new", ()).await;
    let private = private.expect_err("no number");
    assert!(!format!("{private:#} {private:?}").contains("private text"), "{private:#}");

    let sent = fake.frames().len();
    let own = json!({"sessionId": "another"});
    let of_session = session.call_raw::<Value>("session.new", own).await;
    for invalid in [
        client.call_raw::<Value>("", ()).await,
        client.call_raw::<Value>("a\"b", ()).await,
        client.call_raw::<Value>("brand.new", [1]).await,
        client.call_raw::<Value>("brand.new", "text").await,
        client.call_raw::<Value>("brand.new", std::collections::BTreeMap::from([([1], 1)])).await,
        of_session,
    ] {
        assert_eq!(invalid.expect_err("no call").kind(), ErrorKind::Invalid);
    }
    session.disconnect().await.expect("the end");
    let ended = session.call_raw::<Value>("session.new", ()).await.expect_err("it has ended");
    assert!(matches!(ended, Error::SessionEnded));
    let calls = fake.frames().split_off(sent);
    assert!(!calls.iter().any(|frame| frame.json["method"] == "session.new"), "{calls:?}");
}

/// Keys that the schema does not have are sent beside the others.
#[tokio::test(start_paused = true)]
async fn other_keys() {
    let rig = Rig::with(|session: SessionBuilder| session.deny_all().model("m").extra("brandNew", [1])).await;
    let sent = rig.fake.received_raw("session.create").await;
    assert_eq!([&sent["model"], &sent["brandNew"]], [&json!("m"), &json!([1])]);
    let request = SendRequest::new("Hello").extra("tone", "calm").extra("depth", 2);
    let turn = rig.session.prompt(request).await.expect("the prompt");
    let sent = rig.fake.received_raw("session.send").await;
    let expected = json!({"sessionId": rig.session.id(), "prompt": "Hello", "tone": "calm", "depth": 2});
    assert_eq!(sent, expected);
    drop(turn);

    // A key of the schema would be there twice.
    let sent = rig.fake.frames().len();
    for key in ["mode", "prompt", "sessionId"] {
        let request = SendRequest::new("Hello").mode(SendMode::Enqueue).extra(key, "x");
        let refused = rig.session.send(request).await;
        assert_eq!(refused.expect_err(key).kind(), ErrorKind::Invalid);
    }
    let session = || {
        let tool = Tool::with_schema("t", "a tool", json!({"type": "object"}), async |_: Value, _| "");
        rig.client.session().deny_all().model("m").tool(tool)
    };
    for key in ["requestPermission", "sessionId", "model", "tools", "workingDirectory", "continuePendingWork"]
    {
        let refused = session().extra(key, false).create().await;
        assert_eq!(refused.expect_err(key).kind(), ErrorKind::Invalid);
    }
    let mut auth = McpServerAuthConfigRedirectPort::default().redirect_port(1);
    auth.rest = [("redirectPort".to_owned(), json!(2))].into();
    let server = McpServerConfigStdio::new("node").auth(McpServerAuthConfig::RedirectPort(auth));
    let servers = [("local".to_owned(), McpSerializableServerConfig::ServerConfigStdio(server))];
    let refused = session().configure(|config| config.mcp_servers(servers.into())).create().await;
    assert_eq!(refused.expect_err("a key twice inside").kind(), ErrorKind::Invalid);
    assert_eq!(rig.fake.frames().len(), sent);

    // Calls of the protocol refuse the same, and so never reach another session.
    for key in ["prompt", "sessionId"] {
        let request = SendRequest::new("Hello").extra(key, "x");
        let refused = rig.session.rpc().send(&request).await;
        assert_eq!(refused.expect_err(key).kind(), ErrorKind::Invalid);
        let form = json!({"message": "m", "requestedSchema": {"type": "object", "properties": {}}, "sessionId": "x"});
        let form: UiElicitationRequest = wire::from_json(&form.to_string()).expect("a form");
        let refused = rig.session.rpc().ui().elicitation(&form).await;
        assert_eq!(refused.expect_err(key).kind(), ErrorKind::Invalid);
    }
    assert_eq!(rig.fake.frames().len(), sent);

    // One that is not set may be JSON, with keys that its type lacks.
    let provider = json!({"baseUrl": "http://127.0.0.1:1", "brandNew": true});
    let session = session().extra("provider", provider.clone()).create().await.expect("a session");
    assert_eq!(rig.fake.received_raw("session.create").await["provider"], provider);
    drop(session);
    // It has the same defaults as one of the crate, also on a resume.
    for (key, default, value) in [
        ("availableTools", "toolFilterPrecedence", "excluded"),
        ("excludedTools", "toolFilterPrecedence", "excluded"),
        ("mcpServers", "envValueMode", "direct"),
        ("customAgents", "envValueMode", "direct"),
    ] {
        let builder = rig.client.session().deny_all().extra(key, json!([]));
        drop(builder.resume("stored").await.expect("a session"));
        assert_eq!(rig.fake.received_raw("session.resume").await[default], value, "{key}");
    }
}

/// Connects to a fake CLI of this version.
async fn with(require: impl FnOnce(ClientBuilder) -> ClientBuilder, found: &str) -> Result<Client, Error> {
    connect_to(&FakeCli::of_version(found), require).await
}

async fn connect_to(
    fake: &FakeCli,
    require: impl FnOnce(ClientBuilder) -> ClientBuilder,
) -> Result<Client, Error> {
    fake.connect(require(Client::builder())).await
}

async fn at_least(version: &str, found: &str) -> Result<Client, Error> {
    with(|new| new.min_version(version), found).await
}

async fn exactly(version: &str, found: &str) -> Result<Client, Error> {
    with(|new| new.exact_version(version), found).await
}

/// The versions in an error: the one found, the one required, and whether that is the only one.
fn wrong_version(error: &Error) -> (&str, &str, bool) {
    assert_eq!(error.kind(), ErrorKind::VersionSkew);
    match error {
        Error::WrongCliVersion { found, required, exact, .. } => (found, required, *exact),
        other => panic!("another error: {other:?}"),
    }
}

/// An older CLI than the program requires is refused with both versions.
#[tokio::test(start_paused = true)]
async fn an_oldest_version() {
    for found in ["1.0.92", "1.0.93-1", "1.1.0"] {
        at_least("1.0.92", found).await.expect("it is new enough");
    }
    let old = at_least("1.0.92", "1.0.81").await.expect_err("it is older");
    assert_eq!(wrong_version(&old), ("1.0.81", "1.0.92", false));
    at_least("1.0.92", "a build of today").await.expect("an unknown version counts as the newest");
}

/// Any other CLI than the one that the program requires is refused: older, newer, of another build, or unknown. The
/// connection ends, and nothing but the handshake was sent.
#[tokio::test(start_paused = true)]
async fn an_exact_version() {
    for version in ["1.0.92", "1.0.84-4", CLI_VERSION] {
        exactly(version, version).await.expect("the version");
    }
    for (required, found) in
        [("1.0.92", "1.0.81"), ("1.0.92", "1.0.93"), ("1.0.84", "1.0.84-4"), ("1.0.84-4", "1.0.84")]
    {
        let fake = FakeCli::of_version(found);
        let other = connect_to(&fake, |new| new.exact_version(required)).await.expect_err("another version");
        assert_eq!(wrong_version(&other), (found, required, true));
        assert_eq!(fake.methods(), ["connect"]);
        fake.ended().await;
    }
    let unknown = exactly("1.0.92", "a build of today").await.expect_err("an unknown version");
    assert_eq!(wrong_version(&unknown), ("a build of today", "1.0.92", true));
}

/// The later of two requirements counts. A text that is no version is refused before anything is sent.
#[tokio::test(start_paused = true)]
async fn requirements() {
    let newer = with(|new| new.exact_version("1.0.81").min_version("1.0.81"), "1.0.92").await;
    newer.expect("it is new enough");
    let newer = with(|new| new.min_version("1.0.81").exact_version("1.0.81"), "1.0.92").await;
    assert_eq!(wrong_version(&newer.expect_err("another version")), ("1.0.92", "1.0.81", true));
    for odd in ["newest", "v1.0.92", "1.0.92\n", ">=1.0.92", ""] {
        let both: [fn(ClientBuilder, &str) -> ClientBuilder; 2] =
            [|new, version| new.min_version(version), |new, version| new.exact_version(version)];
        for require in both {
            let fake = FakeCli::start();
            let refused = connect_to(&fake, |new| require(new, odd)).await.expect_err("no version");
            assert_eq!(refused.kind(), ErrorKind::Invalid, "{odd:?}");
            assert_eq!(fake.frames().len(), 0, "{odd:?}");
            // No CLI is started or looked for, either.
            let refused =
                require(Client::builder().program("/nowhere"), odd).start().await.expect_err("no version");
            assert_eq!(refused.kind(), ErrorKind::Invalid, "{odd:?}");
        }
    }
}

/// A CLI that speaks no protocol of this crate is also of the wrong version, and that error says which to install.
#[tokio::test(start_paused = true)]
async fn a_required_version_of_an_old_protocol() {
    let fake = FakeCli::of_version("0.0.411");
    fake.on_raw("ping", |_| Ok(json!({"message": "pong", "timestamp": 0, "protocolVersion": 2})));
    let old = connect_to(&fake, |new| new.exact_version("1.0.92")).await.expect_err("another version");
    assert_eq!(wrong_version(&old), ("0.0.411", "1.0.92", true));
}

#[tokio::test(start_paused = true)]
async fn compatibility() {
    for (version, expected) in [
        ("1.0.92", Compatibility::Older),
        (CLI_VERSION, Compatibility::Same),
        ("99.0.0", Compatibility::Newer),
    ] {
        let client = connect(&FakeCli::of_version(version)).await;
        assert_eq!(client.version().compatibility(), expected, "{version}");
    }
}

/// A CLI that is newer than the crate is worth one warning, also if it speaks a newer protocol; others are worth none.
#[tokio::test(start_paused = true)]
async fn a_newer_cli_is_warned_of_once() {
    let speaking = |version: &str, protocol: i64| {
        let fake = FakeCli::of_version(version);
        let hello = json!({"ok": true, "protocolVersion": protocol, "version": version});
        fake.on_raw("connect", move |_| Ok(hello.clone()));
        fake
    };
    for (version, protocol, words) in [
        (CLI_VERSION, 3, None),
        ("1.0.92", 3, None),
        ("99.0.0", 3, Some("newer than the one this crate is made for version=99.0.0")),
        (CLI_VERSION, 4, Some("a newer protocol than this crate was made for protocol=4")),
        ("99.0.0", 4, Some("a newer protocol than this crate was made for protocol=4 version=99.0.0")),
    ] {
        let (log, _guard) = record();
        connect(&speaking(version, protocol)).await;
        let log = log.text();
        let warnings: Vec<_> = log.lines().filter(|line| line.contains(" WARN ")).collect();
        assert_eq!(warnings.len(), usize::from(words.is_some()), "{version} {protocol}: {log}");
        assert!(warnings.iter().all(|line| line.contains(words.unwrap_or_default())), "{warnings:?}");
    }
}
