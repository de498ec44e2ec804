//! Handlers whose request ends before they return.

use std::collections::BTreeSet;

use copilot_session::methods::client;
use copilot_session::testing::{FakeCli, RawResponse, error, events as say};
use copilot_session::types::{
    PreToolUseHookInput, PreToolUseHookOutput, UiElicitationResponse, UserInputResult,
};
use copilot_session::{Client, Decision, RpcError, SessionBuilder, Tool, ToolResult};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::rig::{Rig, assert_alive};

/// The starts and drops of a session's handlers, in order.
type Records = mpsc::UnboundedReceiver<&'static str>;
type Sender = mpsc::UnboundedSender<&'static str>;

struct Running(Sender);

impl Drop for Running {
    fn drop(&mut self) {
        // The test may have ended.
        self.0.send("dropped").ok();
    }
}

/// Records its start and runs until it is dropped.
async fn hang<T>(sender: Sender) -> T {
    sender.send("began").expect("an open channel");
    let _running = Running(sender);
    std::future::pending().await
}

/// Registers handlers that never return: of a tool, of permissions and of forms.
fn hanging(session: SessionBuilder, sender: &Sender) -> SessionBuilder {
    let [tools, permissions, forms] = [(); 3].map(|()| sender.clone());
    let schema = json!({"type": "object"});
    let tool = move |_: Value, _| hang::<ToolResult>(tools.clone());
    session
        .tool(Tool::with_schema("slow", "Takes its time", schema, tool))
        .on_permission(move |_, _| hang::<Decision>(permissions.clone()))
        .on_elicitation(move |_, _| hang::<UiElicitationResponse>(forms.clone()))
}

async fn rig(version: &str) -> (Rig, Records) {
    let (sender, records) = mpsc::unbounded_channel();
    (Rig::on(FakeCli::of_version(version), |session| hanging(session, &sender)).await, records)
}

impl Rig {
    /// Emits a request to each of the handlers, with the ids 1, 2 and 3.
    fn ask_all(&self) {
        self.emit(say::tool_call(self.session.id(), "1", "slow", json!({})));
        self.emit(say::permission("2", json!({"kind": "read", "intention": "", "path": "a"})));
        self.emit(say::event("elicitation.requested", json!({"requestId": "3", "message": "Who?"})));
    }

    /// Checks that no request was answered.
    async fn assert_silent(&self) {
        self.fake.settle().await;
        let answers = self.fake.methods().into_iter().filter(|method| method.contains("handlePending"));
        assert_eq!(answers.collect::<Vec<_>>(), Vec::<String>::new());
    }
}

async fn next(records: &mut Records) -> &'static str {
    tokio::time::timeout(std::time::Duration::from_secs(60), records.recv())
        .await
        .expect("a record in time")
        .expect("a word")
}

async fn assert_began(records: &mut Records, count: usize) {
    for _ in 0..count {
        assert_eq!(next(records).await, "began");
    }
}

/// The handler of a request that another client has answered, or that is void, is dropped, and no other.
#[tokio::test(start_paused = true)]
async fn completed() {
    let (rig, mut records) = rig("1.0.102").await;
    rig.ask_all();
    assert_began(&mut records, 3).await;
    for other in [json!({"requestId": "4"}), json!({}), json!({"requestId": 1})] {
        rig.emit(say::event("external_tool.completed", other));
    }
    rig.emit(say::event("external_tool.requested", json!({"requestId": "1"})));
    rig.assert_silent().await;
    assert!(records.is_empty(), "a handler ended");
    for (kind, id) in [("permission", "2"), ("external_tool", "1"), ("elicitation", "3")] {
        rig.emit(say::event(&format!("{kind}.completed"), json!({"requestId": id})));
        assert_eq!(next(&mut records).await, "dropped", "{kind}");
        rig.assert_silent().await;
        assert!(records.is_empty(), "another handler ended");
    }
    assert_alive(&rig.client).await;
}

/// The id of one kind of request does not end a request of another kind with the same id.
#[tokio::test(start_paused = true)]
async fn the_same_id() {
    let (rig, mut records) = rig("1.0.102").await;
    rig.emit(say::tool_call(rig.session.id(), "1", "slow", json!({})));
    rig.emit(say::permission("1", json!({"kind": "read", "intention": "", "path": "a"})));
    rig.emit(say::event("elicitation.requested", json!({"requestId": "1", "message": "Who?"})));
    assert_began(&mut records, 3).await;
    for kind in
        ["subagent.completed", "session.compaction_completed", "mcp.oauth_completed", "command.completed"]
    {
        rig.emit(say::event(kind, json!({"requestId": "1"})));
    }
    rig.assert_silent().await;
    assert!(records.is_empty(), "a handler ended");
    for kind in ["permission", "elicitation", "external_tool"] {
        rig.emit(say::event(&format!("{kind}.completed"), json!({"requestId": "1"})));
        assert_eq!(next(&mut records).await, "dropped", "{kind}");
        rig.assert_silent().await;
        assert!(records.is_empty(), "another handler ended");
    }
}

/// A request that was answered is not handled again when it is repeated, as by a list of pending requests.
#[tokio::test(start_paused = true)]
async fn answered_before() {
    let tool = Tool::with_schema("quick", "Is quick", json!({"type": "object"}), async |_: Value, _| "done");
    let rig = Rig::with(|session| session.approve_all().tool(tool)).await;
    let call = say::tool_call(rig.session.id(), "1", "quick", json!({}));
    assert_eq!(rig.sent_after(call.clone()).await.len(), 1);
    assert_eq!(rig.sent_after(call).await, []);
    let asked = say::permission("1", json!({"kind": "read", "intention": "", "path": "a"}));
    assert_eq!(rig.sent_after(asked.clone()).await.len(), 1);
    assert_eq!(rig.sent_after(asked).await, []);
}

/// An abort drops the handlers on CLIs that send no completion for each request, and on no others.
#[tokio::test(start_paused = true)]
async fn abort() {
    for (version, ends) in [("1.0.10", true), ("1.0.81", true), ("1.0.92", false), ("1.0.102", false)] {
        let (rig, mut records) = rig(version).await;
        rig.ask_all();
        assert_began(&mut records, 3).await;
        rig.emit(say::event("abort", json!({"reason": "user initiated"})));
        rig.assert_silent().await;
        for _ in 0..3 {
            assert_eq!(records.try_recv().ok(), ends.then_some("dropped"), "{version}");
        }
        // A repeated request is not handled again, whether it is in flight or over.
        rig.ask_all();
        rig.assert_silent().await;
        assert!(records.is_empty(), "{version}");
    }
}

/// The end of a session, or of the CLI, drops the session's handlers.
#[tokio::test(start_paused = true)]
async fn the_end() {
    let (rig, mut records) = rig("1.0.102").await;
    rig.ask_all();
    assert_began(&mut records, 3).await;
    rig.session.disconnect().await.expect("the end");
    for _ in 0..3 {
        assert_eq!(next(&mut records).await, "dropped");
    }
    rig.assert_silent().await;

    let (rig, mut records) = self::rig("1.0.102").await;
    rig.ask_all();
    assert_began(&mut records, 3).await;
    rig.fake.hang_up();
    for _ in 0..3 {
        assert_eq!(next(&mut records).await, "dropped");
    }
    rig.client.closed().await;
}

/// The end of one session does not drop the handlers of another.
#[tokio::test(start_paused = true)]
async fn the_end_of_another_session() {
    let (rig, mut records) = rig("1.0.102").await;
    let other = rig.client.session().approve_all().create().await.expect("another session");
    rig.ask_all();
    assert_began(&mut records, 3).await;
    other.disconnect().await.expect("the end of the other");
    rig.assert_silent().await;
    assert!(records.is_empty(), "a handler ended");
}

/// The answer of a handler is sent once, even when the CLI then reports the request as completed.
#[tokio::test(start_paused = true)]
async fn completed_by_the_answer() {
    let tool = Tool::with_schema("quick", "Is quick", json!({"type": "object"}), async |_: Value, _| "done");
    let rig = Rig::with(|session| session.approve_all().tool(tool)).await;
    let sent = rig.sent_after(say::tool_call(rig.session.id(), "1", "quick", json!({}))).await;
    assert_eq!(sent.len(), 1, "{sent:?}");
    let completed = say::event("external_tool.completed", json!({"requestId": "1"}));
    assert_eq!(rig.sent_after(completed.clone()).await, []);
    assert_eq!(rig.sent_after(completed).await, []);
}

/// A request that ends before its handler is called is not answered.
#[tokio::test(start_paused = true)]
async fn completed_at_once() {
    let (rig, mut records) = rig("1.0.102").await;
    rig.emit(say::tool_call(rig.session.id(), "1", "slow", json!({})));
    rig.emit(say::event("external_tool.completed", json!({"requestId": "1"})));
    rig.assert_silent().await;
    while let Ok(word) = records.try_recv() {
        assert!(word == "began" || word == "dropped");
    }
    rig.emit(say::tool_call(rig.session.id(), "1", "slow", json!({})));
    rig.emit(say::tool_call(rig.session.id(), "2", "slow", json!({})));
    assert_eq!(next(&mut records).await, "began", "the other one");
    rig.assert_silent().await;
    assert!(records.is_empty(), "the completed request was handled");
}

/// An abort does not end a request that the CLI awaits a response to.
#[tokio::test(start_paused = true)]
async fn an_abort_ends_no_request_with_a_response() {
    let (open, opened) = tokio::sync::watch::channel(false);
    let configure = |session: SessionBuilder| {
        session.approve_all().hook(move |_: PreToolUseHookInput, _| {
            let mut opened = opened.clone();
            async move { opened.wait_for(|open| *open).await.map(drop) }
        })
    };
    let rig = Rig::on(FakeCli::of_version("1.0.81"), configure).await;
    let input = json!({"sessionId": "s", "timestamp": 0, "cwd": "/", "toolName": "bash", "toolArgs": {}});
    let meanwhile = async {
        rig.emit(say::event("abort", json!({"reason": "user initiated"})));
        rig.fake.settle().await;
        open.send(true).expect("a waiting hook");
    };
    let (answer, ()) =
        tokio::join!(rig.ask("hooks.invoke", json!({"hookType": "preToolUse", "input": input})), meanwhile);
    assert_eq!(answer, Ok(json!({"output": {}})));
}

/// A session whose `preToolUse` hook and whose question to the user never return.
async fn hanging_requests() -> (Rig, Records) {
    let (sender, records) = mpsc::unbounded_channel();
    let other = sender.clone();
    let configure = |session: SessionBuilder| {
        session
            .approve_all()
            .hook(move |_: PreToolUseHookInput, _| hang::<PreToolUseHookOutput>(sender.clone()))
            .on_user_input(move |_, _| hang::<UserInputResult>(other.clone()))
    };
    (Rig::with(configure).await, records)
}

fn hook_params(rig: &Rig) -> Value {
    let input = json!({"sessionId": "s", "timestamp": 0, "cwd": "/", "toolName": "bash", "toolArgs": {}});
    json!({"sessionId": rig.session.id(), "hookType": "preToolUse", "input": input})
}

fn question(rig: &Rig) -> Value {
    json!({"sessionId": rig.session.id(), "question": "Well?"})
}

/// The response to a `preToolUse` hook that was dropped.
fn refused() -> RawResponse {
    let reason = "the hook that decides on it failed";
    Ok(json!({"output": {"permissionDecision": "deny", "permissionDecisionReason": reason}}))
}

/// `$/cancelRequest` drops the handler of the request it names, and no other; the request is answered with
/// the error of JSON-RPC.
#[tokio::test(start_paused = true)]
async fn cancelled_by_the_cli() {
    let (rig, mut records) = hanging_requests().await;
    let cancel = async {
        assert_began(&mut records, 3).await;
        for id in [json!("other"), json!(null), json!([1]), json!("a")] {
            rig.fake.notify_raw("$/cancelRequest", json!({ "id": id }));
        }
        assert_eq!(next(&mut records).await, "dropped");
        rig.fake.settle().await;
        assert!(records.is_empty(), "another handler ended");
        rig.fake.notify_raw("$/cancelRequest", json!({ "id": "b" }));
        rig.fake.notify_raw("$/cancelRequest", json!({ "id": "b" }));
        rig.fake.notify_raw("$/cancelRequest", json!({}));
        rig.fake.notify_raw("$/cancelRequest", json!({ "id": 7 }));
    };
    let ask = |id: Value, method: &'static str, params: Value| rig.fake.request_as(id, method, params);
    let (hook, first, second, ()) = tokio::join!(
        ask(json!("a"), "hooks.invoke", hook_params(&rig)),
        ask(json!("b"), "userInput.request", question(&rig)),
        ask(json!(7), "userInput.request", question(&rig)),
        cancel
    );
    assert_eq!(hook, refused());
    let cancelled = Err(error(RpcError::REQUEST_CANCELLED, "the request was cancelled"));
    assert_eq!(first, cancelled);
    assert_eq!(second, cancelled);
    assert_alive(&rig.client).await;
}

/// The end of a session ends its requests: a hook that may refuse refuses, any other request fails.
#[tokio::test(start_paused = true)]
async fn requests_at_the_end() {
    let (rig, mut records) = hanging_requests().await;
    let end = async {
        assert_began(&mut records, 2).await;
        rig.session.disconnect().await.expect("the end");
    };
    let (hook, question, ()) = tokio::join!(
        rig.fake.request_raw("hooks.invoke", hook_params(&rig)),
        rig.fake.request_raw("userInput.request", question(&rig)),
        end
    );
    assert_eq!(hook, refused());
    assert_eq!(question, Err(error(-32603, "the handler ended without a response")));
    assert_alive(&rig.client).await;
}

/// A handler of the client has the client's time limit, and ends with the connection.
#[tokio::test(start_paused = true)]
async fn handlers_of_the_client() {
    let (sender, mut records) = mpsc::unbounded_channel();
    let build = |sender: Sender| {
        Client::builder().handle::<client::SkillProviderList>(move |_, _| hang(sender.clone()))
    };
    let fake = FakeCli::start();
    let (read, write) = fake.streams();
    let limited = build(sender.clone()).handler_timeout(super::LIMIT);
    let limited = limited.connect(read, write).await.expect("the handshake");
    let late = Err(error(-32603, "the handler took longer than 10ms"));
    assert_eq!(fake.request_raw("skillProvider.list", json!({})).await, late);
    assert_eq!([next(&mut records).await, next(&mut records).await], ["began", "dropped"]);
    assert_alive(&limited).await;

    let fake = FakeCli::start();
    let client = fake.connect(build(sender)).await.expect("the handshake");
    fake.send_request(&json!(1), "skillProvider.list", json!({}));
    assert_eq!(next(&mut records).await, "began");
    client.stop().await;
    assert_eq!(next(&mut records).await, "dropped");
}

/// On several threads, a call is answered once, and one that is completed meanwhile at most once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_at_once() {
    const CALLS: usize = 300;
    let tool = Tool::with_schema("quick", "Is quick", json!({"type": "object"}), async |_: Value, _| {
        tokio::task::yield_now().await;
        "done"
    });
    let rig = Rig::with(|session| session.approve_all().tool(tool)).await;
    for id in 0..CALLS {
        rig.emit(say::tool_call(rig.session.id(), &id.to_string(), "quick", json!({})));
        if id % 2 == 0 {
            rig.emit(say::event("external_tool.completed", json!({"requestId": id.to_string()})));
        }
    }
    let mut answered = BTreeSet::new();
    while answered.iter().filter(|id| *id % 2 == 1).count() < CALLS / 2 {
        let params = rig.fake.received_raw("session.tools.handlePendingToolCall").await;
        let id: usize = params["requestId"].as_str().and_then(|id| id.parse().ok()).expect("an id");
        assert!(answered.insert(id), "{id} is answered twice");
    }
    rig.session.disconnect().await.expect("the end");
    let all = rig.fake.calls_raw("session.tools.handlePendingToolCall");
    let ids: BTreeSet<_> = all.iter().map(|params| params["requestId"].to_string()).collect();
    assert_eq!(ids.len(), all.len(), "one is answered twice");
}
