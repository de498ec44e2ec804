//! Turns: streamed, failed, aborted, long.

use std::future::IntoFuture;

use copilot_session::types::{AbortRequest, LogRequest, SessionLogLevel};
use copilot_session::{Error, ErrorKind, Session, SessionBuilder, SessionEvent, SessionEventData, Turn};
use copilot_session_model::{Reply, Script, Stall};
use serde_json::json;

use super::rig::{Rig, ask, prompt, soon};

/// All events of a turn, from the prompt to the end.
async fn events_of(turn: &mut Turn) -> Vec<SessionEvent> {
    let mut events = Vec::new();
    while let Some(event) = soon("the next event of the turn", turn.next()).await {
        events.push(event);
    }
    events
}

/// The text of all deltas among these events.
fn deltas(events: &[SessionEvent]) -> Vec<&str> {
    let text = |event: &SessionEvent| matches!(event.data(), SessionEventData::AssistantMessageDelta(_));
    let deltas = events.iter().filter(|event| text(event)).map(|event| match event.data() {
        SessionEventData::AssistantMessageDelta(delta) => delta.delta_content.as_str(),
        _ => "",
    });
    deltas.collect()
}

/// The deltas together are the message, and the message is the answer.
#[tokio::test]
async fn a_streamed_answer_is_whole() {
    let text = "It is 42, or nearly so: 41.9 — ändert nichts.";
    let rig = Rig::start(Script::replies([Reply::text(text)])).await;
    let session = rig.session(SessionBuilder::deny_all).await;

    let mut turn = prompt(&session, "How much is it?").await;
    let events = events_of(&mut turn).await;
    let answer = turn.await.expect("an answer");

    let message = events.iter().find_map(|event| match event.data() {
        SessionEventData::AssistantMessage(message) => Some(message),
        _ => None,
    });
    assert!(deltas(&events).len() > 1, "the answer came in one piece");
    assert_eq!(deltas(&events).concat(), text);
    assert_eq!(message.expect("a message").content, text);
    assert_eq!(answer.text(), text);
    assert!(!answer.is_aborted());
    rig.finish().await;
}

/// The events of a turn arrive in the order in which things happen, with the prompt's id.
#[tokio::test]
async fn the_events_of_a_turn_are_in_order() {
    const STEPS: [&str; 7] = [
        "user.message",
        "assistant.turn_start",
        "assistant.message_start",
        "assistant.message_delta",
        "assistant.message",
        "assistant.turn_end",
        "session.idle",
    ];
    let rig = Rig::start(Script::replies([Reply::text("One two three.")])).await;
    let session = rig.session(SessionBuilder::deny_all).await;

    let mut turn = prompt(&session, "Count.").await;
    let events = events_of(&mut turn).await;

    let mut kinds: Vec<&str> =
        events.iter().map(SessionEvent::kind).filter(|kind| STEPS.contains(kind)).collect();
    kinds.dedup();
    assert_eq!(kinds, STEPS);
    for event in &events {
        match event.data() {
            SessionEventData::UserMessage(message) => {
                assert_eq!(message.message_id.as_deref(), Some(turn.message_id()));
                assert_eq!(message.content, "Count.");
            }
            SessionEventData::AssistantMessage(message) => {
                assert_eq!(message.originating_message_id.as_deref(), Some(turn.message_id()));
            }
            _ => {}
        }
    }
    rig.finish().await;
}

/// The usage and the reasoning of the model arrive typed.
#[tokio::test]
async fn usage_and_reasoning_are_typed() {
    let reply = Reply::reasoning("Hard to say. ").then_text("Twelve.").usage(1234, 56);
    let rig = Rig::start(Script::replies([reply])).await;
    let session = rig.session(SessionBuilder::deny_all).await;

    let mut turn = prompt(&session, "How many?").await;
    let (mut usage, mut reasoning) = (Vec::new(), String::new());
    for event in events_of(&mut turn).await {
        match event.data() {
            SessionEventData::AssistantUsage(data) => {
                usage.push((data.model.clone(), data.input_tokens, data.output_tokens));
            }
            SessionEventData::AssistantReasoningDelta(delta) => reasoning += &delta.delta_content,
            _ => {}
        }
    }
    assert_eq!(usage, [("scripted".to_owned(), Some(1234), Some(56))]);
    assert_eq!(reasoning, "Hard to say. ");
    rig.finish().await;
}

/// A request that the model rejects is the turn's error, and the next turn works.
#[tokio::test]
async fn a_failed_turn_leaves_the_session_usable() {
    let replies = [Reply::error(400, "the prompt smells of fish"), Reply::text("Better.")];
    let rig = Rig::start(Script::replies(replies)).await;
    let session = rig.session(SessionBuilder::deny_all).await;

    match ask(&session, "Fish?").await {
        Err(Error::Turn(error)) => {
            assert!(error.data.message.contains("the prompt smells of fish"), "{}", error.data.message);
            assert_eq!(error.data.status_code, Some(400));
        }
        other => panic!("not a failed turn: {other:?}"),
    }
    assert_eq!(ask(&session, "Again?").await.expect("an answer").text(), "Better.");
    rig.finish().await;
}

/// Failures of the model service have kinds.
#[tokio::test]
async fn failures_have_kinds() {
    let cases = [
        (400, "odd", ErrorKind::Other, false),
        (400, "context_length_exceeded", ErrorKind::ContextLimit, false),
        (401, "invalid_api_key", ErrorKind::Authentication, false),
        (402, "insufficient_quota", ErrorKind::Quota, false),
        (404, "model_not_found", ErrorKind::ModelUnavailable, false),
        (429, "rate_limited", ErrorKind::RateLimit, true),
        (503, "overloaded", ErrorKind::Other, true),
    ];
    let replies = cases.map(|(status, code, ..)| {
        let error = json!({"error": {"message": "no luck", "code": code}});
        Reply::http(status, error.to_string()).not_retried()
    });
    let rig = Rig::start(Script::replies(replies)).await;
    let session = rig.session(SessionBuilder::deny_all).await;
    for (status, code, kind, is_retryable) in cases {
        let error = ask(&session, "Well?").await.expect_err("a failure");
        assert_eq!((error.kind(), error.is_retryable()), (kind, is_retryable), "{status} {code}: {error:?}");
        let Error::Turn(failed) = error else { panic!("{error:?}") };
        assert_eq!(
            (failed.data.status_code, failed.provider_code.as_deref()),
            (Some(i64::from(status)), Some(code))
        );
    }
    let missing = rig.client.session().deny_all().resume("00000000-0000-4000-8000-000000000000");
    let error = soon("the answer", missing).await.expect_err("an unknown model");
    assert_eq!(
        (error.kind(), error.code(), error.method()),
        (ErrorKind::SessionGone, Some(-32603), Some("session.resume"))
    );
    let error = soon("the models", rig.client.models()).await.expect_err("no login");
    assert_eq!(error.kind(), ErrorKind::Authentication, "{error:?}");
    rig.finish().await;
}

/// An error line in the session's log during a turn is not the turn's error.
#[tokio::test]
async fn a_logged_error_does_not_fail_the_turn() {
    let stall = Stall::new();
    let rig = Rig::start(Script::replies([Reply::text("Still ").stall(&stall).then_text("here.")])).await;
    let session = rig.session(SessionBuilder::deny_all).await;

    let turn = prompt(&session, "Are you there?").await;
    soon("the model to be asked", stall.reached()).await;
    let line = LogRequest::new("something is on fire").level(SessionLogLevel::Error);
    session.rpc().log(&line).await.expect("a line in the log");
    stall.release();
    assert_eq!(soon("the answer", turn.into_future()).await.expect("an answer").text(), "Still here.");
    rig.finish().await;
}

/// Reads the turn up to the first delta.
async fn first_delta(turn: &mut Turn) {
    while let Some(event) = soon("the first delta", turn.next()).await {
        if event.kind() == "assistant.message_delta" {
            return;
        }
    }
    panic!("the turn ended without a delta");
}

async fn abort(session: &Session) {
    let aborted = soon("the abort", session.rpc().abort(&AbortRequest::default())).await;
    assert!(aborted.expect("an abort").success);
}

/// An abort during the answer ends the turn as aborted and drops the answer, and the next turn works.
#[tokio::test]
async fn an_aborted_turn_leaves_the_session_usable() {
    let stall = Stall::new();
    let endless = Reply::text("On and on ").stall(&stall).then_text("and on.");
    let rig = Rig::start(Script::replies([endless, Reply::text("Fresh start.")])).await;
    let session = rig.session(SessionBuilder::deny_all).await;

    let mut turn = prompt(&session, "Talk.").await;
    first_delta(&mut turn).await;
    abort(&session).await;
    let answer = soon("the end of the aborted turn", turn.into_future()).await.expect("an answer");
    assert!(answer.is_aborted());
    assert_eq!(answer.text(), "");
    soon("the CLI to leave the model", stall.abandoned()).await;

    let answer = ask(&session, "Once more.").await.expect("an answer");
    assert_eq!(answer.text(), "Fresh start.");
    assert!(!answer.is_aborted());
    let seen = rig.model.requests()[1].body().to_string();
    assert!(seen.contains("Talk.") && !seen.contains("On and on"), "the partial answer was kept: {seen}");
    rig.finish().await;
}

/// Two prompts at once are two turns with an answer each.
#[tokio::test]
async fn each_of_two_queued_prompts_has_its_turn() {
    let stall = Stall::new();
    let replies = [Reply::text("First").stall(&stall), Reply::text("Second")];
    let rig = Rig::start(Script::replies(replies)).await;
    let session = rig.session(SessionBuilder::deny_all).await;

    let first = prompt(&session, "one").await;
    soon("the model to be asked", stall.reached()).await;
    let second = prompt(&session, "two").await;
    stall.release();
    let first = soon("the first turn", first.into_future()).await.expect("an answer");
    let second = soon("the second turn", second.into_future()).await.expect("an answer");
    assert_ne!(first.message_id(), second.message_id());
    assert_eq!(second.text(), "Second");
    rig.finish().await;
}

/// A turn and an observer both see each of two thousand deltas, on one thread.
#[tokio::test(flavor = "current_thread")]
async fn nothing_is_lost_of_a_long_stream() {
    const COUNT: usize = 2000;
    let pieces: Vec<String> = (0..COUNT).map(|number| format!("{number} ")).collect();
    let rig = Rig::start(Script::replies([Reply::chunks(pieces.clone())])).await;
    let session = rig.session(SessionBuilder::deny_all).await;
    let mut observer = session.events();

    let mut turn = prompt(&session, "Count to two thousand.").await;
    // The turn is not read while the observer is: neither may lose anything.
    let mut observed = Vec::new();
    while observed.last().is_none_or(|event: &SessionEvent| event.kind() != "session.idle") {
        observed.push(soon("the observer's next event", observer.next()).await.expect("an event"));
    }
    let events = events_of(&mut turn).await;

    assert_eq!(deltas(&events), pieces);
    assert_eq!(deltas(&observed), pieces);
    assert_eq!(turn.await.expect("an answer").text(), pieces.concat());
    rig.finish().await;
}
