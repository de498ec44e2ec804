//! The events of a turn.

use copilot_session::testing::events as say;
use copilot_session::{Overflow, SessionEventData};
use futures_util::StreamExt;
use serde_json::json;

use crate::rig::Rig;

/// A turn returns all its events in order, the last of them `session.idle`, and then the answer.
#[tokio::test(start_paused = true)]
async fn all_events_in_order() {
    let rig = Rig::start().await;
    let mut turn = rig.turn().await;
    let kinds =
        ["assistant.turn_start", "from.the.future", "assistant.message_delta", "tool.execution_start"];
    for kind in kinds {
        rig.emit(say::event(kind, json!({})));
    }
    rig.emit(say::assistant_message("done"));
    rig.emit(say::idle());
    rig.emit(say::event("session.title_changed", json!({"title": "after the turn"})));
    rig.fake.settle().await;
    let mut seen = Vec::new();
    while let Some(event) = turn.next().await {
        seen.push(event.kind().to_owned());
    }
    let expected: Vec<_> =
        ["user.message"].into_iter().chain(kinds).chain(["assistant.message", "session.idle"]).collect();
    assert_eq!(seen, expected);
    assert!(turn.next().await.is_none(), "the turn has ended");
    assert_eq!(turn.await.expect("the answer").text(), "done");
}

/// A turn is a `Stream`, too, and may be read in part: the answer comes from the rest.
#[tokio::test(start_paused = true)]
async fn read_in_part() {
    let rig = Rig::start().await;
    let mut turn = rig.turn().await;
    for event in [say::delta("a"), say::assistant_message("ab"), say::idle()] {
        rig.emit(event);
    }
    assert_eq!(StreamExt::next(&mut turn).await.expect("an event").kind(), "user.message");
    assert_eq!(turn.await.expect("the answer").text(), "ab");
}

/// Ten thousand deltas together are the text, for every observer, while other calls go on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_deltas() {
    const PIECES: usize = 10_000;
    let rig = Rig::start().await;
    let mut events = rig.session.events().overflow(Overflow::Unbounded);
    let mut turn = rig.turn().await;
    let pieces: Vec<_> = (0..PIECES).map(|index| format!("{index} é ")).collect();
    let text = pieces.concat();
    for piece in &pieces {
        rig.emit(say::delta(piece));
    }
    rig.emit(say::assistant_message(&text));
    rig.emit(say::idle());
    let mut joined = String::new();
    while let Some(event) = turn.next().await {
        if let SessionEventData::AssistantMessageDelta(delta) = event.data() {
            joined.push_str(&delta.delta_content);
        }
    }
    assert!(joined == text, "the turn's pieces are not the text");
    assert!(turn.await.expect("the answer").text() == text, "the message is not the text");
    let kinds = rig.kinds_until(&mut events, "session.idle").await;
    assert_eq!(kinds.iter().filter(|kind| *kind == "assistant.message_delta").count(), PIECES);
}

/// Turns of several sessions run concurrently, each with its own answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn turns_side_by_side() {
    let rig = Rig::start().await;
    let mut sessions = Vec::new();
    for _ in 0..20 {
        sessions.push(rig.client.session().approve_all().create().await.expect("a session"));
    }
    let mut turns = Vec::new();
    for session in &sessions {
        turns.push(session.prompt("hello").await.expect("the prompt"));
    }
    for (session, turn) in sessions.iter().zip(&turns) {
        rig.fake.emit(session.id(), say::user_message(turn.message_id()));
    }
    for session in sessions.iter().rev() {
        rig.fake.emit(session.id(), say::assistant_message(session.id()));
        rig.fake.emit(session.id(), say::idle());
    }
    for (session, turn) in sessions.iter().zip(turns) {
        assert_eq!(turn.await.expect("the answer").text(), session.id());
    }
}
