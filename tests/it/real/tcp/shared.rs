//! Two clients on one session.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use copilot_session::{Client, Decision, Events, Session, SessionBuilder, SessionEvent, Tool};
use copilot_session_model::{Reply, Script};
use serde_json::json;
use tokio::sync::Semaphore;

use super::join;
use crate::real::rig::{Rig, ask, soon};

/// A session of two clients.
struct Shared {
    rig: Rig,
    second: Client,
    /// Created by the rig's own client.
    left: Session,
    /// Joined by the second client.
    right: Session,
}

impl Shared {
    async fn start(
        replies: impl IntoIterator<Item = Reply>,
        left: impl FnOnce(SessionBuilder) -> SessionBuilder,
        right: impl FnOnce(SessionBuilder) -> SessionBuilder,
    ) -> Self {
        let rig = Rig::start_tcp(Script::replies(replies)).await;
        let second = join(&rig.client).await;
        let left = rig.session(left).await;
        let joining = right(rig.builder_on(&second)).resume(left.id());
        let right = soon("the session to be shared", joining).await.expect("the session");
        Self { rig, second, left, right }
    }

    async fn finish(self) {
        soon("the second to stop", self.second.stop()).await;
        self.rig.finish().await;
    }
}

/// A tool that counts its calls.
fn counting(name: &'static str) -> (Tool, Arc<AtomicUsize>) {
    let calls = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&calls);
    let tool = Tool::new(name, "Says its name", move |_: serde_json::Value, _| {
        seen.fetch_add(1, SeqCst);
        async move { name }
    });
    (tool, calls)
}

/// The events from the prompt to the end of the turn, without those of creating and joining the session.
async fn turn(mut events: Events) -> Vec<SessionEvent> {
    let mut seen = Vec::new();
    while seen.last().is_none_or(|event: &SessionEvent| event.kind() != "session.idle") {
        seen.push(soon("the turn to end", events.next()).await.expect("an event"));
    }
    let start = seen.iter().position(|event| event.kind() == "user.message").expect("a prompt");
    seen.split_off(start)
}

/// The number of events of this kind.
fn count(events: &[SessionEvent], kind: &str) -> usize {
    events.iter().filter(|event| event.kind() == kind).count()
}

/// The model may use the tools of both clients. Each is answered by its owner alone, both see the same
/// events, and each permission is requested from both and decided once.
#[tokio::test]
async fn each_tool_is_answered_by_its_owner() {
    let both = Reply::tool_call("left", json!({})).then_tool_call("right", json!({}));
    let ((left, left_calls), (right, right_calls)) = (counting("left"), counting("right"));
    let shared = Shared::start(
        [both, Reply::text("Both.")],
        |new| new.tool(left).approve_all(),
        |new| new.tool(right).approve_all(),
    )
    .await;
    let (left, right) = (shared.left.events(), shared.right.events());
    // Either client may send: the turn belongs to both.
    assert_eq!(ask(&shared.right, "Use both.").await.expect("an answer").text(), "Both.");

    let result = |call: &str, text: &str| (call.to_owned(), text.to_owned());
    let mut results = shared.rig.model.requests()[1].tool_results();
    // Older CLIs send them in the order in which they completed.
    results.sort();
    assert_eq!(results, [result("call_1", "left"), result("call_2", "right")]);
    assert_eq!((left_calls.load(SeqCst), right_calls.load(SeqCst)), (1, 1));

    let (left, right) = (turn(left).await, turn(right).await);
    let ids = |events: &[SessionEvent]| events.iter().map(|event| event.id().to_owned()).collect::<Vec<_>>();
    assert_eq!(ids(&left), ids(&right));
    for kind in ["permission.requested", "permission.completed", "external_tool.completed"] {
        assert_eq!(count(&left, kind), 2, "{kind}");
    }
    shared.finish().await;
}

/// One client leaves a permission request to the other, which answers it.
#[tokio::test]
async fn one_leaves_it_to_the_other() {
    let (tool, calls) = counting("danger");
    let leaving =
        move |new: SessionBuilder| new.tool(tool).on_permission(async |_, _| Decision::leave_to_others());
    let deciding = |new: SessionBuilder| new.on_permission(async |_, _| Decision::approve());
    let replies = [Reply::tool_call("danger", json!({})), Reply::text("Done.")];
    let shared = Shared::start(replies, leaving, deciding).await;
    assert_eq!(ask(&shared.left, "Go on.").await.expect("an answer").text(), "Done.");
    assert_eq!(calls.load(SeqCst), 1);
    shared.finish().await;
}

/// The first answer to a permission request counts, whichever client sends it; the other's handler is
/// dropped.
#[tokio::test]
async fn the_first_answer_counts() {
    let (tool, calls) = counting("danger");
    let settled = Arc::new(Semaphore::new(0));
    let late = Arc::clone(&settled);
    let slow = move |new: SessionBuilder| {
        new.tool(tool).on_permission(move |_, _| {
            let late = Arc::clone(&late);
            async move {
                late.acquire().await.expect("an open semaphore").forget();
                Decision::approve()
            }
        })
    };
    let quick = |new: SessionBuilder| new.on_permission(async |_, _| Decision::deny("over my dead body"));
    let replies = [Reply::tool_call("danger", json!({})), Reply::text("Refused."), Reply::text("Fine.")];
    let shared = Shared::start(replies, slow, quick).await;

    let events = shared.left.events();
    assert_eq!(ask(&shared.left, "Go on.").await.expect("an answer").text(), "Refused.");
    let (_, refused) = shared.rig.model.requests()[1].tool_results().remove(0);
    assert!(refused.contains("over my dead body"), "{refused}");
    let seen = turn(events).await;
    assert_eq!((count(&seen, "permission.requested"), count(&seen, "permission.completed")), (1, 1));

    // That answer is too late.
    settled.add_permits(1);
    assert_eq!(ask(&shared.left, "All well?").await.expect("an answer").text(), "Fine.");
    assert_eq!(calls.load(SeqCst), 0, "the late answer let the tool run");
    shared.finish().await;
}

/// When one client leaves, the other goes on with its own tool, and the model is not offered the leaver's.
#[tokio::test]
async fn one_leaves_and_the_other_goes_on() {
    let ((left, _), (right, calls)) = (counting("left"), counting("right"));
    let replies = [Reply::tool_call("right", json!({})), Reply::text("Alone.")];
    let shared =
        Shared::start(replies, |new| new.tool(left).approve_all(), |new| new.tool(right).approve_all()).await;
    soon("the disconnect", shared.left.disconnect()).await.expect("a disconnect");
    assert_eq!(ask(&shared.right, "Go on.").await.expect("an answer").text(), "Alone.");
    assert_eq!(calls.load(SeqCst), 1);
    let tools = shared.rig.model.requests()[0].body()["tools"].to_string();
    assert!(tools.contains("\"right\"") && !tools.contains("\"left\""), "{tools}");
    shared.finish().await;
}
