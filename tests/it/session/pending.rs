//! Requests that were pending when a session was detached, and are answered when it is resumed.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use copilot_session::testing::{FakeCli, error, events as say, requests};
use copilot_session::{Client, Decision, Session, SessionBuilder, Tool};
use serde_json::{Value, json};

use crate::rig::connect;

const TOOLS: &str = "session.tools.listPendingRequests";
const PERMISSIONS: &str = "session.permissions.pendingRequests";
const HISTORY: &str = "session.getMessages";
const RESULT: &str = "session.tools.handlePendingToolCall";
const DECISION: &str = "session.permissions.handlePendingPermissionRequest";
const ID: &str = "left";

/// A tool that counts its calls.
fn counting(runs: &Arc<AtomicUsize>) -> Tool {
    let runs = Arc::clone(runs);
    Tool::with_schema("t", "", json!({"type": "object"}), move |_: Value, _| {
        runs.fetch_add(1, Ordering::SeqCst);
        async { "done" }
    })
}

fn call(request: &str) -> Value {
    say::tool_call(ID, request, "t", json!({}))["data"].clone()
}

async fn go_on(client: &Client, configure: impl FnOnce(SessionBuilder) -> SessionBuilder) -> Session {
    let session = configure(client.session()).configure(|config| config.continue_pending_work(true));
    session.resume(ID).await.expect("the session")
}

/// A call that is both in an event and in the list of pending requests is made once, in whatever order they
/// come, even if it has ended before the list comes.
#[tokio::test(start_paused = true)]
async fn a_call_that_comes_twice() {
    for (when, fast) in [("before", true), ("before", false), ("after", true)] {
        let fake = FakeCli::start();
        let client = connect(&fake).await;
        let runs = Arc::new(AtomicUsize::new(0));
        fake.hold(TOOLS);
        let tool = counting(&runs);
        let listing = async {
            let list = fake.received_call(TOOLS).await;
            if when == "before" {
                fake.emit(ID, json!({"type": "external_tool.requested", "data": call("one")}));
            }
            if fast {
                fake.settle().await;
            }
            fake.reply(&list, Ok(json!({"items": [call("one")]})));
        };
        let (session, ()) = tokio::join!(go_on(&client, |new| new.approve_all().tool(tool)), listing);
        if when == "after" {
            fake.emit(ID, json!({"type": "external_tool.requested", "data": call("one")}));
        }
        fake.settle().await;
        assert_eq!(runs.load(Ordering::SeqCst), 1, "{when} {fast}");
        assert_eq!(fake.calls_raw(RESULT).len(), 1, "{when} {fast}");
        drop(session);
    }
}

/// An item that cannot be decoded does not keep other items from being answered, in either list, and neither
/// does a list that cannot be fetched.
#[tokio::test(start_paused = true)]
async fn malformed_items_and_lists() {
    let asked = say::permission("p", requests::shell("ls"));
    let odd = [json!({}), json!([]), json!(5), json!(null), json!({"requestId": 7, "toolName": {}})];
    let after = |odd: &Value, good: Value| json!([odd, good, odd]);
    let mut cases: Vec<(Value, Value, Value)> = Vec::new();
    for odd in &odd {
        cases.push((after(odd, call("one")), json!([{"requestId": "p"}]), json!([asked])));
        cases.push((json!([call("one")]), after(odd, json!({"requestId": "p"})), json!([asked])));
        cases.push((json!([call("one")]), json!([{"requestId": "p"}]), after(odd, asked.clone())));
    }
    for (tools, permissions, history) in cases {
        let fake = FakeCli::start();
        let client = connect(&fake).await;
        let what = format!("{tools} {permissions} {history}");
        fake.on_raw(TOOLS, move |_| Ok(json!({ "items": tools })));
        fake.on_raw(PERMISSIONS, move |_| Ok(json!({ "items": permissions })));
        fake.on_raw(HISTORY, move |_| Ok(json!({ "events": history })));
        let runs = Arc::new(AtomicUsize::new(0));
        let _session = go_on(&client, |new| new.approve_all().tool(counting(&runs))).await;
        fake.settle().await;
        assert_eq!(runs.load(Ordering::SeqCst), 1, "{what}");
        let decisions = fake.calls_raw(DECISION);
        assert_eq!(decisions.len(), 1, "{what}");
        assert_eq!(decisions[0]["result"]["kind"], "approve-once", "{what}");
    }

    for answer in [Ok(json!(7)), Ok(json!({"items": 5})), Err(error(-32603, "no"))] {
        let fake = FakeCli::start();
        let client = connect(&fake).await;
        fake.on_raw(TOOLS, move |_| answer.clone());
        fake.on_raw(PERMISSIONS, |_| Ok(json!({"items": [{"requestId": "p"}]})));
        let history = json!({ "events": [asked] });
        fake.on_raw(HISTORY, move |_| Ok(history.clone()));
        let _session = go_on(&client, SessionBuilder::approve_all).await;
        fake.settle().await;
        assert_eq!(fake.calls_raw(DECISION)[0]["result"]["kind"], "approve-once");
    }
}

/// A permission request that the history has no details of is refused, in the terms of the version: the agent
/// would wait for ever.
#[tokio::test(start_paused = true)]
async fn a_request_without_details() {
    let mut by_hook = say::permission("p", requests::shell("ls"));
    by_hook["data"]["resolvedByHook"] = true.into();
    let other = say::permission("q", requests::shell("ls"));
    for history in
        [Ok(json!({"events": []})), Ok(json!({"events": [by_hook, other]})), Err(error(-32603, "no"))]
    {
        let fake = FakeCli::start();
        let client = connect(&fake).await;
        fake.on_raw(PERMISSIONS, |_| {
            Ok(json!({"items": [{"requestId": "p", "request": {"kind": "commands"}}]}))
        });
        fake.on_raw(HISTORY, move |_| history.clone());
        let asked = Arc::new(AtomicUsize::new(0));
        let asking = Arc::clone(&asked);
        let decide = move |_, _| {
            asking.fetch_add(1, Ordering::SeqCst);
            async { Decision::approve() }
        };
        let _session = go_on(&client, |new| new.on_permission(decide)).await;
        fake.settle().await;
        let decisions = fake.calls_raw(DECISION);
        assert_eq!(decisions.len(), 1);
        assert_eq!(
            (&decisions[0]["requestId"], &decisions[0]["result"]["kind"]),
            (&json!("p"), &json!("user-not-available"))
        );
        assert_eq!(asked.load(Ordering::SeqCst), 0);
    }
}
