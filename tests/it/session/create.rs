//! Creating and resuming sessions.

use std::time::Duration;

use copilot_session::methods::client::{HooksInvoke, UserInputRequest};
use copilot_session::testing::{FakeCli, error};
use copilot_session::types::{ModeSetRequest, ProviderConfig, SessionConfig, SessionMode};
use copilot_session::{Error, ErrorKind, RpcError, SessionBuilder, Tool, ToolContext, wire};
use serde_json::{Value, json};

use crate::rig::{Rig, assert_alive, connect};

fn tool(name: &str) -> Tool {
    let schema =
        json!({"$schema": "x", "title": "Key", "type": "object", "properties": {"key": {"type": "string"}}});
    Tool::with_schema(name, "Looks up", schema, async |_: Value, _: ToolContext| "found")
}

/// The params of the only `session.create`.
async fn created(configure: impl FnOnce(SessionBuilder) -> SessionBuilder) -> Value {
    Rig::with(configure).await.fake.received_raw("session.create").await
}

/// A session sends the keys of every session and an id, and nothing that was not set.
#[tokio::test(start_paused = true)]
async fn a_session_without_settings() {
    let rig = Rig::with(SessionBuilder::deny_all).await;
    let id = rig.session.id();
    assert_eq!(id.len(), 36, "a UUID: {id}");
    assert_eq!(
        rig.fake.received_raw("session.create").await,
        json!({
            "sessionId": id,
            "streaming": true,
            "requestPermission": true,
            "toolFilterPrecedence": "excluded",
            "envValueMode": "direct",
        })
    );
}

/// Handlers add their keys, so that the CLI calls them; keys that were set take precedence.
#[tokio::test(start_paused = true)]
async fn handlers_announce_themselves() {
    let handled = |session: SessionBuilder| {
        session
            .deny_all()
            .handle::<HooksInvoke>(async |_, _| Err(RpcError::new(1, "unused")))
            .handle::<UserInputRequest>(async |_, _| Err(RpcError::new(1, "unused")))
    };
    let params = created(handled).await;
    assert_eq!((&params["hooks"], &params["requestUserInput"]), (&json!(true), &json!(true)));
    assert_eq!(params.get("requestExitPlanMode"), None);
    let params = created(|session| handled(session).configure(|config| config.hooks(false))).await;
    assert_eq!(params["hooks"], json!(false));
}

/// Settings are sent by the CLI's names, and the schema of a tool without its meta keys.
#[tokio::test(start_paused = true)]
async fn all_that_is_set() {
    let params = created(|session| {
        session
            .approve_all()
            .model("gpt-5")
            .current_dir("/workspace")
            .provider(ProviderConfig::new("http://127.0.0.1:1/v1").api_key("key"))
            .tool(tool("look-up_1"))
            .tool(tool("second").declare(|tool| tool.skip_permission(true)))
            .configure(|config| config.session_id("my-session_1").streaming(false).client_name("test"))
    })
    .await;
    let parameters = json!({"type": "object", "properties": {"key": {"type": "string"}}});
    assert_eq!(
        params,
        json!({
            "sessionId": "my-session_1",
            "clientName": "test",
            "model": "gpt-5",
            "workingDirectory": "/workspace",
            "provider": {"baseUrl": "http://127.0.0.1:1/v1", "apiKey": "key"},
            "streaming": false,
            "requestPermission": true,
            "toolFilterPrecedence": "excluded",
            "envValueMode": "direct",
            "tools": [
                {"name": "look-up_1", "description": "Looks up", "parameters": parameters},
                {"name": "second", "description": "Looks up", "parameters": parameters, "skipPermission": true},
            ],
        })
    );
}

/// The schema of a tool's arguments is derived from their type, without references.
#[tokio::test(start_paused = true)]
async fn a_derived_schema() {
    #[derive(serde::Deserialize, schemars::JsonSchema)]
    #[allow(dead_code)]
    struct Place {
        /// Its name.
        name: String,
        kind: Option<Kind>,
    }
    #[derive(serde::Deserialize, schemars::JsonSchema)]
    #[serde(rename_all = "lowercase")]
    enum Kind {
        City,
        Village,
    }
    let tool = Tool::new("weather", "Weather of a place", async |_: Place, _| "rain");
    let params = created(|session| session.approve_all().tool(tool)).await;
    let schema = &params["tools"][0]["parameters"];
    assert_eq!(schema["type"], "object");
    assert_eq!(schema["required"], json!(["name"]));
    assert_eq!(schema["properties"]["name"], json!({"type": "string", "description": "Its name."}));
    let text = schema.to_string();
    assert!(text.contains("city") && !text.contains("$ref") && !text.contains("$schema"), "{text}");
}

/// A resume sends the same configuration under the session's id, and opens that session.
#[tokio::test(start_paused = true)]
async fn resume() {
    let fake = FakeCli::start();
    let client = connect(&fake).await;
    let session =
        client.session().approve_all().tool(tool("lookup")).resume("left-behind").await.expect("the session");
    assert_eq!(session.id(), "left-behind");
    assert_eq!(session.workspace_path(), Some("/home/user/.copilot/session-state/left-behind"));
    assert_eq!(
        fake.received_raw("session.resume").await,
        json!({
            "sessionId": "left-behind",
            "requestPermission": true,
            "tools": [{
                "name": "lookup",
                "description": "Looks up",
                "parameters": {"type": "object", "properties": {"key": {"type": "string"}}},
            }],
        })
    );
}

/// A resume sends only keys that were set, since the session may have other clients. Keys that give lists
/// their meaning are sent with the lists.
#[tokio::test(start_paused = true)]
async fn a_resume_sends_only_what_was_set() {
    let fake = FakeCli::start();
    let client = connect(&fake).await;
    let resume = async |key: &str, value: Value| {
        let set = json!({ key: value });
        let config = wire::from_json::<SessionConfig>(&set.to_string()).expect("a configuration");
        let session =
            client.session().deny_all().configure(|_| config).resume("left").await.expect("the session");
        let mut sent = fake.received_raw("session.resume").await;
        sent.as_object_mut().expect("an object").retain(|sent, _| sent != key);
        session.disconnect().await.expect("the end");
        sent
    };
    let plain = json!({"sessionId": "left", "requestPermission": true});
    assert_eq!(resume("clientName", json!("test")).await, plain);
    for key in ["availableTools", "excludedTools"] {
        let mut sent = resume(key, json!(["bash"])).await;
        assert_eq!(sent["toolFilterPrecedence"].take(), "excluded", "{key}");
    }
    let mut sent = resume("mcpServers", json!({})).await;
    assert_eq!(sent["envValueMode"].take(), "direct");
}

/// Invalid configurations are refused with a reason, and nothing is sent.
#[tokio::test(start_paused = true)]
async fn invalid_configurations() {
    type Configure = fn(SessionBuilder) -> SessionBuilder;
    let fake = FakeCli::start();
    let client = connect(&fake).await;
    let cases: [(&str, Configure); 5] = [
        ("what the agent may do", |session| session.model("gpt-5")),
        ("two tools are named twice", |session| {
            session.approve_all().tool(tool("twice")).tool(tool("once")).tool(tool("twice"))
        }),
        ("\"\"", |session| session.approve_all().tool(tool(""))),
        ("\"two words\"", |session| session.approve_all().tool(tool("two words"))),
        ("\"wetter_\u{fc}\"", |session| session.approve_all().tool(tool("wetter_\u{fc}"))),
    ];
    for (reason, configure) in cases {
        for attempt in
            [configure(client.session()).create().await, configure(client.session()).resume("left").await]
        {
            let error = attempt.expect_err("an error");
            assert!(matches!(&error, Error::Invalid(text) if text.contains(reason)), "{reason}: {error:?}");
        }
    }
    assert_alive(&client).await;
    assert_eq!(fake.methods(), ["connect", "ping"]);
}

/// A client cannot open the same id twice; other ids are free, and so is this one after the end.
#[tokio::test(start_paused = true)]
async fn an_id_is_open_once() {
    let fake = FakeCli::start();
    let client = connect(&fake).await;
    let first = client.session().approve_all().resume("same").await.expect("the first");
    let error = client.session().approve_all().resume("same").await.expect_err("the second");
    assert!(matches!(&error, Error::AlreadyOpen { session_id, .. } if session_id == "same"), "{error:?}");
    assert_eq!(error.kind(), ErrorKind::AlreadyOpen);
    assert_eq!(fake.calls_raw("session.resume").len(), 1, "the second request was sent");
    client.session().approve_all().resume("another").await.expect("another");
    first.disconnect().await.expect("the end of the first");
    client.session().approve_all().resume("same").await.expect("the id is free again");
}

/// An attempt that is refused, gets an invalid response or is dropped frees the id, and a session that the
/// CLI may have opened is detached.
#[tokio::test(start_paused = true)]
async fn a_failed_attempt_leaves_the_id_free() {
    let fake = FakeCli::start();
    let client = connect(&fake).await;
    let create = || client.session().approve_all().configure(|config| config.session_id("mine")).create();
    fake.on_raw("session.create", |_| Err(error(-32603, "Request session.create failed with message: no")));
    assert_eq!(create().await.expect_err("a refusal").code(), Some(-32603));
    fake.on_raw("session.create", |_| Ok(json!({"sessionId": "another"})));
    assert!(matches!(create().await, Err(Error::Invalid(text)) if text.contains("another")));
    fake.on_raw("session.create", |_| Ok(json!({"sessionId": 5})));
    assert!(matches!(create().await, Err(Error::Decode { error, .. }) if error.path() == "$.sessionId"));
    fake.hold("session.create");
    assert!(matches!(create().await, Err(Error::Timeout { after, .. }) if after.as_secs() == 120));
    assert!(
        tokio::time::timeout(Duration::from_secs(1), create()).await.is_err(),
        "the request was not held"
    );
    fake.settle().await;
    let left = fake.calls_raw("session.detach");
    assert_eq!(left, vec![json!({"sessionId": "mine"}); 4], "detached unless refused");
    fake.on_raw("session.create", |params| Ok(json!({"sessionId": params["sessionId"]})));
    assert_eq!(create().await.expect("the session").id(), "mine");
}

/// Older CLIs answer a change of mode with an empty result, newer ones with an object.
#[tokio::test(start_paused = true)]
async fn a_result_that_older_clis_leave_out() {
    let rig = Rig::with(SessionBuilder::deny_all).await;
    let plan = ModeSetRequest::new(SessionMode::Plan);
    for (answer, status) in
        [(json!(null), None), (json!({"status": "set", "modelChanged": false}), Some("set"))]
    {
        rig.fake.on_raw("session.mode.set", move |_| Ok(answer.clone()));
        let result = rig.session.rpc().mode().set(&plan).await.expect("the mode is set");
        assert_eq!(result.map(|result| result.status).as_deref(), status);
    }
}

/// A path that is not UTF-8 cannot be sent. A later one replaces it.
#[cfg(unix)]
#[tokio::test(start_paused = true)]
async fn a_working_directory_that_is_not_utf_8() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::path::Path;

    let rig = Rig::with(SessionBuilder::deny_all).await;
    let path = Path::new(OsStr::from_bytes(b"/home/\xff"));
    let sent = rig.fake.methods().len();
    for resumed in [false, true] {
        let new = rig.client.session().deny_all().current_dir(path);
        let refused = if resumed { new.resume("one").await } else { new.create().await };
        assert!(matches!(&refused, Err(Error::Invalid(text)) if text.contains("UTF-8")), "{refused:?}");
    }
    assert_eq!(rig.fake.methods().len(), sent);
    let params = created(|session| session.deny_all().current_dir(path).current_dir("/w")).await;
    assert_eq!(params["workingDirectory"], "/w");
}
