//! Timeouts of a turn.

use std::future::IntoFuture;
use std::time::Duration;

use copilot_session::testing::{FakeCli, events as say};
use copilot_session::{Client, Error, TimeoutKind, Turn, TurnTimeout};
use serde_json::json;
use tokio::time::Instant;

use crate::rig::{Rig, assert_alive};

const SECOND: Duration = Duration::from_secs(1);

/// The details of a turn whose timeout is over.
async fn timed_out(turn: Turn) -> TurnTimeout {
    match turn.await {
        Err(Error::TurnTimeout(timeout)) => *timeout,
        other => panic!("no timeout: {other:?}"),
    }
}

/// A turn without any event fails after the timeout of the first event.
#[tokio::test(start_paused = true)]
async fn the_first_event() {
    let rig = Rig::start().await;
    let turn = rig.session.prompt("hello").await.expect("the prompt");
    let start = Instant::now();
    let timeout = timed_out(turn.first_event_timeout(5 * SECOND).idle_timeout(60 * SECOND)).await;
    assert_eq!(
        (timeout.kind, timeout.after, timeout.last_event),
        (TimeoutKind::FirstEvent, 5 * SECOND, None)
    );
    assert_eq!(start.elapsed(), 5 * SECOND);
    assert_alive(&rig.client).await;
}

/// A turn without further events fails after the timeout of silence, with all its details; each event restarts
/// that timeout.
#[tokio::test(start_paused = true)]
async fn silence() {
    let rig = Rig::start().await;
    let turn = rig.turn().await.idle_timeout(30 * SECOND);
    let start = Instant::now();
    let talk = async {
        for text in ["It ", "is "] {
            tokio::time::advance(20 * SECOND).await;
            rig.emit(say::delta(text));
            rig.fake.settle().await;
        }
        rig.emit(say::assistant_message("It is done."));
        rig.emit(say::delta("And then"));
        let bash = json!({"toolCallId": "call", "toolName": "bash"});
        rig.emit(say::event("tool.execution_start", bash));
        rig.emit(say::event("tool.execution_start", json!({"toolCallId": "over", "toolName": "grep"})));
        rig.emit(say::event("tool.execution_complete", json!({"toolCallId": "over", "success": true})));
        rig.emit(say::event("user_input.requested", json!({"requestId": "1", "question": "?"})));
    };
    let (timeout, ()) = tokio::join!(timed_out(turn), talk);
    assert_eq!(timeout.kind, TimeoutKind::Idle);
    assert_eq!(start.elapsed().as_secs(), 70);
    assert_eq!(timeout.answer.text(), "It is done.");
    assert_eq!(timeout.unfinished, "And then");
    assert_eq!(timeout.waiting_for, ["bash", "user_input.requested"]);
    let (kind, age) = timeout.last_event.clone().expect("an event");
    assert_eq!((&*kind, age.as_secs()), ("user_input.requested", 30));
    let text = timeout.to_string();
    assert!(text.contains("silent for 30s") && text.contains("bash"), "{text}");
}

/// The timeout of the whole turn also ends one that is never silent, and starts with the prompt.
#[tokio::test(start_paused = true)]
async fn the_whole_turn() {
    let rig = Rig::start().await;
    let turn = rig.turn().await;
    let start = Instant::now();
    tokio::time::advance(4 * SECOND).await;
    let mut over = Box::pin(turn.timeout(10 * SECOND).idle_timeout(5 * SECOND).into_future());
    let talk = async {
        loop {
            rig.emit(say::delta("on and on "));
            tokio::time::sleep(SECOND).await;
        }
    };
    let ended = tokio::select! {
        ended = &mut over => ended,
        () = talk => unreachable!("the events do not end"),
    };
    assert!(
        matches!(&ended, Err(Error::TurnTimeout(timeout)) if timeout.kind == TimeoutKind::Total),
        "{ended:?}"
    );
    assert_eq!(start.elapsed().as_secs(), 10);
    assert!(ended.is_err_and(|error| error.is_timeout()));
}

/// The call that sends the prompt has its own timeout. Its time counts as that of the turn, so the longer of the two
/// timeouts limits both together.
#[tokio::test(start_paused = true)]
async fn the_call_and_the_turn() {
    let fake = FakeCli::start();
    let client = fake.connect(Client::builder().call_timeout(10 * SECOND)).await.expect("a client");
    let session = client.session().deny_all().create().await.expect("a session");
    let job = async || session.prompt("hello").await?.timeout(60 * SECOND).await;
    let start = Instant::now();
    fake.delay("session.send", 7 * SECOND);
    assert!(matches!(job().await, Err(Error::TurnTimeout(_))));
    assert_eq!(start.elapsed().as_secs(), 60);
    fake.hold("session.send");
    assert!(matches!(job().await, Err(Error::Timeout { .. })));
    assert_eq!(start.elapsed().as_secs(), 70);
}

/// A deadline ends the turn at that time, whenever the prompt was sent, and at once if it has passed.
#[tokio::test(start_paused = true)]
async fn a_deadline() {
    let rig = Rig::start().await;
    let start = Instant::now();
    tokio::time::advance(4 * SECOND).await;
    let timeout = timed_out(rig.turn().await.timeout(SECOND).timeout_at(start + 10 * SECOND)).await;
    assert_eq!((timeout.kind, timeout.after.as_secs()), (TimeoutKind::Total, 6));
    assert_eq!(start.elapsed().as_secs(), 10);

    let passed: std::time::Instant = start.into_std();
    let timeout = timed_out(rig.turn().await.timeout_at(passed)).await;
    assert_eq!((timeout.kind, timeout.after), (TimeoutKind::Total, Duration::ZERO));
    assert_eq!(start.elapsed().as_secs(), 10);
}

/// A turn that ends in time is not affected by its timeouts.
#[tokio::test(start_paused = true)]
async fn in_time() {
    let rig = Rig::start().await;
    let turn = rig.turn().await.timeout(SECOND).idle_timeout(SECOND).first_event_timeout(SECOND);
    rig.emit(say::assistant_message("in time"));
    rig.emit(say::idle());
    assert_eq!(turn.await.expect("the answer").text(), "in time");
}

/// A timeout beyond the clock's range is none, and a timeout of zero is over at once.
#[tokio::test(start_paused = true)]
async fn timeouts_of_any_size() {
    let long = [Duration::MAX, Duration::from_secs(u64::MAX), Duration::from_secs(i64::MAX as u64)];
    for limit in long.into_iter().chain([Duration::MAX / 2, 1_000_000_000 * SECOND]) {
        let rig = Rig::start().await;
        let turn = rig.turn().await.timeout(limit).idle_timeout(limit).first_event_timeout(limit);
        rig.emit(say::assistant_message("in time"));
        rig.emit(say::idle());
        assert_eq!(turn.await.expect("the answer").text(), "in time", "{limit:?}");
        let turn = rig.turn().await;
        let late = async {
            tokio::time::sleep(60 * SECOND).await;
            rig.emit(say::idle());
        };
        let (answer, ()) = tokio::join!(turn.timeout(limit), late);
        answer.expect("the answer");
    }
    let rig = Rig::start().await;
    let timeout = timed_out(rig.turn().await.timeout(Duration::ZERO)).await;
    assert_eq!((timeout.kind, timeout.after), (TimeoutKind::Total, Duration::ZERO));
}

/// A prompt that waits behind other work is not silent, and its details are its own.
#[tokio::test(start_paused = true)]
async fn behind_other_work() {
    let rig = Rig::start().await;
    let turn = rig.session.prompt("hello").await.expect("the prompt");
    let talk = async {
        for _ in 0..3 {
            tokio::time::sleep(20 * SECOND).await;
            rig.emit(say::delta("of another"));
        }
        rig.emit(say::event("tool.execution_start", json!({"toolCallId": "call", "toolName": "bash"})));
    };
    let start = Instant::now();
    let (timeout, ()) = tokio::join!(timed_out(turn.idle_timeout(30 * SECOND)), talk);
    assert_eq!((timeout.kind, start.elapsed().as_secs()), (TimeoutKind::Idle, 90));
    assert_eq!((&*timeout.unfinished, &*timeout.waiting_for), ("", &["bash".to_owned()][..]));
}
