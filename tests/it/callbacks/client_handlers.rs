//! Handlers that are registered with the client, for every session.

use copilot_session::methods::client;
use copilot_session::testing::{FakeCli, error};
use copilot_session::types::{HookInvokeResponse, PreToolUseHookInput};
use copilot_session::{Client, ClientContext, HandlerContext, RpcError};
use serde_json::{Value, json};

use super::FAILURES;
use crate::rig::{assert_alive, connect};

/// The handler of a session takes precedence over the client's, and each knows the session of its request.
#[tokio::test(start_paused = true)]
async fn the_session_first() {
    let fake = FakeCli::start();
    let handle = async |_: (), context: ClientContext| {
        let found = context.session_id().map_or("nobody's".to_owned(), |id| format!("the client's, of {id}"));
        Err(RpcError::new(1, found))
    };
    let client = Client::builder().handle::<client::SkillProviderList>(handle);
    let client = fake.connect(client).await.expect("the handshake");
    let own = async |_: (), context: HandlerContext| Err(RpcError::new(2, context.session_id()));
    let with = client.session().approve_all().handle::<client::SkillProviderList>(own).create().await;
    let (with, without) =
        (with.expect("a session"), client.session().approve_all().create().await.expect("another"));
    assert_eq!(fake.received_raw("session.create").await["hasSkillProvider"], true);
    assert_eq!(fake.received_raw("session.create").await.get("hasSkillProvider"), None);
    let ask = |id: &str| fake.request_raw("skillProvider.list", json!({ "sessionId": id }));
    assert_eq!(ask(with.id()).await, Err(error(2, with.id())));
    assert_eq!(ask(without.id()).await, Err(error(1, &format!("the client's, of {}", without.id()))));
    assert_eq!(ask("unheard").await, Err(error(1, "the client's, of unheard")));
    assert_eq!(fake.request_raw("skillProvider.list", json!({})).await, Err(error(1, "nobody's")));
}

/// A client's handler that panics, or whose params cannot be decoded, is answered for as a session's is.
#[tokio::test(start_paused = true)]
async fn failures_on_a_client() {
    let fake = FakeCli::start();
    let client = Client::builder()
        .handle::<client::TasksCancel>(async |_, _| panic!("a client's handler panics in a test"))
        .handle::<client::UiThreadRun>(|_, _| -> std::future::Ready<_> {
            panic!("a closure panics in a test")
        });
    let client = fake.connect(client).await.expect("the handshake");
    let samples = super::methods::samples();
    for method in ["tasks.cancel", "uiThread.run"] {
        let mut params = samples[method].params.clone();
        params["sessionId"] = "any".into();
        let panicked = Err(error(-32603, "the handler panicked"));
        assert_eq!(fake.request_raw(method, params).await, panicked);
        assert_eq!(fake.request_raw(method, json!([])).await.expect_err("an error")["code"], -32602);
    }
    assert_alive(&client).await;
}

/// A hook of the client fails closed as one of a session does. So does a hook without a handler, such as one
/// whose session has ended here while the CLI still runs it.
#[tokio::test(start_paused = true)]
async fn hooks_fail_closed() {
    let input = json!({"sessionId": "s", "timestamp": 0, "cwd": "/", "toolName": "bash", "toolArgs": {}});
    let tool = json!({"sessionId": "gone", "hookType": "preToolUse", "input": input});
    let permission = json!({"sessionId": "gone", "hookType": "permissionRequest", "input": {}});
    for does in FAILURES.map(|(does, _)| does) {
        let fake = FakeCli::start();
        let fail = move |_, _| {
            let output = does.reply_with(HookInvokeResponse::default());
            async move { output.await.map_err(|error| RpcError::new(-32603, error.to_string())) }
        };
        let client = Client::builder().handle::<client::HooksInvoke>(fail).handler_timeout(super::LIMIT);
        let client = fake.connect(client).await.expect("the handshake");
        check_refusals(&fake, &tool, &permission).await;
        let unreadable = [json!({"hookType": "preToolUse"}), json!({"hookType": 5}), json!([]), Value::Null];
        for params in unreadable {
            let answer = fake.request_raw("hooks.invoke", params.clone()).await.expect("no error");
            assert_eq!(answer["output"]["permissionDecision"], "deny", "{params}");
        }
        assert_alive(&client).await;
    }
    let fake = FakeCli::start();
    let client = connect(&fake).await;
    check_refusals(&fake, &tool, &permission).await;
    let session = client.session().approve_all().hook(async |_: PreToolUseHookInput, _| {}).create();
    let session = session.await.expect("a session");
    let mut tool = tool;
    tool["sessionId"] = session.id().into();
    assert_eq!(fake.request_raw("hooks.invoke", tool.clone()).await, Ok(json!({"output": {}})));
    drop(session);
    check_refusals(&fake, &tool, &permission).await;
}

async fn check_refusals(fake: &FakeCli, tool: &Value, permission: &Value) {
    let answer = fake.request_raw("hooks.invoke", tool.clone()).await.expect("no error");
    assert_eq!(answer["output"]["permissionDecision"], "deny");
    let answer = fake.request_raw("hooks.invoke", permission.clone()).await.expect("no error");
    assert_eq!(answer["output"]["behavior"], "deny");
}
