//! Handlers that capture something. Each call is one of a clone of the closure.

use std::sync::{Arc, Mutex};

use copilot_session::methods::client::{InstallationsConfirm, UserInputRequest};
use copilot_session::testing::{FakeCli, events as say};
use copilot_session::types::{PreToolUseHookInput, UserInputRequestParams, UserInputResult};
use copilot_session::{
    Client, ClientMethod, Decision, Error, HandlerContext, RpcError, SessionBuilder, Tool, ToolContext,
};
use serde_json::{Value, json};

use crate::rig::{Rig, assert_alive, new_request_id};

/// The log that the handlers share.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<&'static str>>>);

impl Log {
    fn add(&self, line: &'static str) {
        self.0.lock().expect("the log").push(line);
    }
}

/// Every kind of handler takes an `async move` closure that captures something, borrows it across an await, and uses
/// the context.
fn handlers(new: SessionBuilder, log: &Log) -> SessionBuilder {
    let [permission, tool, hook, command, method, section] = std::array::from_fn(|_| log.clone());
    new.on_permission(async move |_, context| {
        permission.add("permission");
        tokio::task::yield_now().await;
        permission.add("permission again");
        assert!(!context.session_id().is_empty());
        Ok::<_, Error>(Decision::approve())
    })
    .tool(Tool::with_schema("look", "Looks", json!({}), async move |_: Value, _: ToolContext| {
        tool.add("tool");
        "nothing to see"
    }))
    .hook(async move |_: PreToolUseHookInput, _| hook.add("hook"))
    .command("deploy", "Deploys", async move |_, _| command.add("command"))
    .transform_section("tone", async move |text, _| {
        section.add("section");
        text
    })
    .handle::<UserInputRequest>(async move |_: UserInputRequestParams, context: HandlerContext| {
        method.add("method");
        tokio::task::yield_now().await;
        Ok(UserInputResult::chosen(context.session_id()))
    })
}

#[tokio::test(start_paused = true)]
async fn every_kind_of_handler() {
    let log = Log::default();
    let rig = Rig::with(|new| handlers(new, &log)).await;
    for _ in 0..2 {
        rig.ask("userInput.request", json!({"question": "Which?"})).await.expect("an answer");
        let input =
            json!({"toolName": "view", "toolArgs": {}, "sessionId": "inner", "timestamp": 1, "cwd": "/"});
        let hook = json!({"hookType": "preToolUse", "input": input});
        rig.ask("hooks.invoke", hook).await.expect("an output");
        rig.sent_after(say::permission(
            &new_request_id(),
            json!({"kind": "read", "path": "/a", "intention": "reads"}),
        ))
        .await;
    }
    rig.fake.expect_tool_result(rig.session.id(), "look", json!({})).await;
    let mut lines = log.0.lock().expect("the log").clone();
    lines.sort_unstable();
    let twice = ["hook", "method", "permission", "permission again"].into_iter().flat_map(|line| [line; 2]);
    assert_eq!(lines, twice.chain(["tool"]).collect::<Vec<_>>());
}

/// A clone that panics counts as a handler that panicked.
#[tokio::test(start_paused = true)]
async fn a_clone_that_panics() {
    struct Fragile;
    impl Clone for Fragile {
        fn clone(&self) -> Self {
            panic!("a captured value panics in a test when it is cloned")
        }
    }
    let fragile = Fragile;
    let rig = Rig::with(|new| {
        new.on_permission(async move |_, _| {
            let _fragile = &fragile;
            Decision::approve()
        })
    });
    let rig = rig.await;
    let sent = rig
        .sent_after(say::permission("1", json!({"kind": "read", "path": "/a", "intention": "reads"})))
        .await;
    assert_eq!(sent[0].1["result"]["kind"], "user-not-available", "{sent:?}");
    assert_alive(&rig.client).await;
}

/// The same for a handler of the client.
#[tokio::test(start_paused = true)]
async fn of_the_client() {
    let (log, fake) = (Log::default(), FakeCli::start());
    let seen = log.clone();
    let client = Client::builder().handle::<InstallationsConfirm>(async move |_, _| {
        seen.add("asked");
        Err(RpcError::new(RpcError::INTERNAL_ERROR, "nobody can confirm it"))
    });
    let _client = fake.connect(client).await.expect("the handshake");
    let params = super::methods::samples()[InstallationsConfirm::NAME].params.clone();
    for _ in 0..2 {
        let error =
            fake.request_raw(InstallationsConfirm::NAME, params.clone()).await.expect_err("a refusal");
        assert_eq!(error["message"], "nobody can confirm it");
    }
    assert_eq!(*log.0.lock().expect("the log"), ["asked"; 2]);
}
