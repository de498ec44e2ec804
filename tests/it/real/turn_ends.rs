//! The events and the end of a turn on the real CLI: prompts that follow or join one another, aborts, hooks.

use std::future::IntoFuture;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use copilot_session::types::{AgentStopHookInput, AgentStopHookOutput, StopHookDecision};
use copilot_session::{Answer, SessionBuilder, SessionEventData, Tool, ToolResult, Turn};
use copilot_session_model::{ModelRequest, Reply, Script, Stall};
use serde_json::{Value, json};

use super::rig::{Rig, ask, prompt, soon};

/// The text that the documented loop prints, and the answer.
async fn shown(mut turn: Turn) -> (String, Answer) {
    let mut shown = String::new();
    while let Some(event) = soon("the next event of the turn", turn.next()).await {
        if let SessionEventData::AssistantMessageDelta(delta) = event.data() {
            shown.push_str(&delta.delta_content);
        }
    }
    (shown, turn.await.expect("an answer"))
}

/// A model that holds back its answer to "SLOW" and answers any other prompt with its own word.
fn slow_or_echo(stall: &Stall) -> Script {
    let stall = stall.clone();
    Script::from_fn(move |request: &ModelRequest| {
        let text = request.last_user_text().unwrap_or_default();
        match ["ONE", "TWO", "THREE"].into_iter().find(|word| text.contains(word)) {
            Some(word) => Reply::text(word),
            None => Reply::text("slow ").stall(&stall).then_text("end"),
        }
    })
}

/// A prompt that is sent right after the response to an abort does not change the end of the aborted turn.
#[tokio::test]
async fn a_prompt_at_once_after_an_abort() {
    let rig = Rig::start(slow_or_echo(&Stall::new())).await;
    for round in 0..6 {
        let session = rig.session(SessionBuilder::approve_all).await;
        let mut first = prompt(&session, "SLOW").await;
        while soon("a delta", first.next()).await.expect("an event").kind() != "assistant.message_delta" {}
        soon("the abort", session.abort()).await.expect("an abort");
        let second = prompt(&session, "ONE").await;
        let first = soon("the aborted turn", first.into_future()).await.expect("an end");
        assert_eq!((first.text(), first.is_aborted()), ("", true), "round {round}");
        let (shown, second) = shown(second).await;
        assert_eq!((&*shown, second.text(), second.is_aborted()), ("ONE", "ONE", false), "round {round}");
    }
    rig.finish().await;
}

/// An abort right after a prompt ends its turn as aborted, even if the agent has not begun it or another
/// prompt follows at once.
#[tokio::test]
async fn an_abort_at_once_after_a_prompt() {
    let rig = Rig::start(slow_or_echo(&Stall::new())).await;
    for round in 0..6 {
        let session = rig.session(SessionBuilder::approve_all).await;
        let first = prompt(&session, "SLOW").await;
        soon("the abort", session.abort()).await.expect("an abort");
        let second = prompt(&session, "ONE").await;
        let first = soon("the aborted turn", first.into_future()).await.expect("an end");
        assert_eq!((first.text(), first.is_aborted()), ("", true), "round {round}");
        let second = soon("the next turn", second.into_future()).await.expect("an answer");
        assert_eq!((second.text(), second.is_aborted()), ("ONE", false), "round {round}");
    }
    rig.finish().await;
}

/// The unread events of a turn do not appear in the next one.
#[tokio::test]
async fn a_turn_with_unread_events() {
    let stall = Stall::new();
    let rig = Rig::start(slow_or_echo(&stall)).await;
    let session = rig.session(SessionBuilder::approve_all).await;
    let mut first = prompt(&session, "SLOW").await;
    while soon("a delta", first.next()).await.expect("an event").kind() != "assistant.message_delta" {}
    drop(first);
    let second = prompt(&session, "TWO").await;
    stall.release();
    let (shown, answer) = shown(second).await;
    assert_eq!((&*shown, answer.text()), ("TWO", "TWO"));
    rig.finish().await;
}

/// A turn ends when the agent begins the next prompt, which has an answer of its own.
#[tokio::test]
async fn prompts_that_wait() {
    let (stall, last) = (Stall::new(), Stall::new());
    let replies = [Reply::text("First").stall(&stall), Reply::text("Second").stall(&last)];
    let rig = Rig::start(Script::replies(replies)).await;
    let session = rig.session(SessionBuilder::approve_all).await;
    let first = prompt(&session, "one").await;
    soon("the model to be asked", stall.reached()).await;
    let second = prompt(&session, "two").await;
    stall.release();
    let (shown_first, answer) = shown(first).await;
    assert_eq!((&*shown_first, answer.text()), ("First", "First"));
    last.release();
    let (shown_second, answer) = shown(second).await;
    assert_eq!((&*shown_second, answer.text()), ("Second", "Second"));
    rig.finish().await;
}

/// Prompts that are sent at the same time have their own answers, in whatever order the CLI begins them.
#[tokio::test]
async fn prompts_at_the_same_time() {
    let rig = Rig::start(slow_or_echo(&Stall::new())).await;
    let session = rig.session(SessionBuilder::approve_all).await;
    let (one, two, three) = tokio::join!(ask(&session, "ONE"), ask(&session, "TWO"), ask(&session, "THREE"));
    for (answer, word) in [(one, "ONE"), (two, "TWO"), (three, "THREE")] {
        assert_eq!(answer.expect("an answer").text(), word);
    }
    rig.finish().await;
}

/// When a hook blocks the end of the agent's work, the answer of the turn is the last message, typed or not.
#[tokio::test]
async fn a_hook_that_blocks() {
    let replies = ["A guess.", "{\"sum\": 3}", "{\"sum\": 4}"].map(Reply::text);
    let rig = Rig::start(Script::replies(replies)).await;
    let times = Arc::new(AtomicUsize::new(0));
    let session = rig.session(|new| {
        new.approve_all().hook(move |_: AgentStopHookInput, _| {
            let block = times.fetch_add(1, Ordering::Relaxed) < 2;
            let output = AgentStopHookOutput::default();
            std::future::ready(if block {
                output.decision(StopHookDecision::Block).reason("Try again.")
            } else {
                output
            })
        })
    });
    let session = session.await;
    let answer = ask(&session, "2 + 2?").await.expect("an answer");
    assert_eq!(answer.text(), "{\"sum\": 4}");
    assert_eq!(answer.json::<Value>().expect("a form"), json!({"sum": 4}));
    rig.finish().await;
}

/// A tool that is rejected ends the work, and the CLI drops the waiting prompt: its turn ends, too.
#[tokio::test]
async fn a_prompt_that_is_dropped() {
    let (begun, go) =
        (tokio::sync::mpsc::unbounded_channel(), std::sync::Arc::new(tokio::sync::Notify::new()));
    let (begin, mut begun) = begun;
    let wait = std::sync::Arc::clone(&go);
    let run = move |_: Value, _| {
        let (begin, wait) = (begin.clone(), std::sync::Arc::clone(&wait));
        async move {
            begin.send(()).expect("an open channel");
            wait.notified().await;
            ToolResult::success("no").with(|result| result.result_type("rejected"))
        }
    };
    let tool = Tool::with_schema("lookup", "Looks up", json!({"type": "object"}), run);
    let replies = [Reply::text("Let me see.").then_tool_call("lookup", json!({})), Reply::text("Later.")];
    let rig = Rig::start(Script::replies(replies)).await;
    let session = rig.session(|new| new.approve_all().tool(tool)).await;
    let first = prompt(&session, "one").await;
    soon("the tool to run", begun.recv()).await.expect("a call");
    let second = prompt(&session, "two").await;
    go.notify_one();
    let first = soon("the first turn", first.into_future()).await.expect("an answer");
    assert_eq!((first.text(), first.is_aborted()), ("Let me see.", false));
    let second = soon("the second turn", second.into_future()).await.expect("an end");
    assert_eq!((second.text(), second.is_aborted()), ("", true));
    assert_eq!(ask(&session, "three").await.expect("an answer").text(), "Later.");
    rig.finish().await;
}
