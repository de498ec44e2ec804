//! Turns that end otherwise than with an answer.

use std::time::Duration;

use copilot_session::Error;
use copilot_session::testing::{error, events as say};
use serde_json::json;

use super::VERSIONS;
use crate::rig::{Rig, assert_alive};

/// The agent's failure is the turn's, with all the CLI says of it, and the session goes on.
#[tokio::test(start_paused = true)]
async fn a_failure() {
    for version in VERSIONS {
        let rig = Rig::of(version).await;
        let turn = rig.turn().await;
        let mut failure = say::failure("rate_limit", "429 Rate limit reached");
        failure["data"]["statusCode"] = 429.into();
        if version == "1.0.102" {
            failure["data"]["originatingMessageId"] = turn.message_id().into();
        }
        rig.emit(failure);
        rig.emit(say::idle());
        let failed = turn.await.expect_err("the failure");
        let Error::Turn(data) = &failed else { panic!("{failed:?}") };
        assert_eq!((data.error_type.as_str(), data.status_code), ("rate_limit", Some(429)));
        assert!(failed.to_string().contains("429 Rate limit reached"), "{failed}");

        let turn = rig.turn().await;
        rig.emit(say::assistant_message("better"));
        rig.emit(say::idle());
        assert_eq!(turn.await.expect("the answer").text(), "better");
    }
}

/// A failure before the prompt was taken up, as without a login, is the turn's as well.
#[tokio::test(start_paused = true)]
async fn a_failure_before_the_prompt() {
    for version in VERSIONS {
        let rig = Rig::of(version).await;
        let turn = rig.session.prompt("hello").await.expect("the prompt");
        rig.emit(say::failure("authentication", "Not authenticated"));
        rig.emit(say::idle());
        let failed = turn.await.expect_err("the failure");
        assert!(matches!(&failed, Error::Turn(data) if data.error_type == "authentication"), "{failed:?}");
    }
}

/// A line of the log at the level of errors is no failure.
#[tokio::test(start_paused = true)]
async fn a_log_line() {
    let rig = Rig::start().await;
    let turn = rig.turn().await;
    rig.emit(say::failure("notification", "only a line of the log"));
    rig.emit(say::assistant_message("fine"));
    rig.emit(say::idle());
    assert_eq!(turn.await.expect("the answer").text(), "fine");
}

/// The failure of another prompt is not this one's, where the CLI says whose it is.
#[tokio::test(start_paused = true)]
async fn anothers_failure() {
    let rig = Rig::start().await;
    let turn = rig.turn().await;
    let mut failure = say::failure("query", "another's");
    failure["data"]["originatingMessageId"] = "another".into();
    rig.emit(failure);
    rig.emit(say::assistant_message("fine"));
    rig.emit(say::idle());
    assert_eq!(turn.await.expect("the answer").text(), "fine");
}

/// A prompt that the CLI refuses is an error of the call, and the next one works.
#[tokio::test(start_paused = true)]
async fn a_refused_prompt() {
    let rig = Rig::start().await;
    rig.fake.on_raw("session.send", |_| Err(error(-32603, "no")));
    let failed = rig.session.prompt("hello").await.expect_err("the refusal");
    assert_eq!((failed.code(), failed.method()), (Some(-32603), Some("session.send")));
    rig.fake.on_raw("session.send", |_| Ok(json!({"messageId": "m"})));
    let turn = rig.turn().await;
    rig.emit(say::idle());
    turn.await.expect("the answer");
}

/// The end of the session ends the turn: by the CLI's word, by ours, and by the last clone's going.
#[tokio::test(start_paused = true)]
async fn the_session_ends() {
    let rig = Rig::start().await;
    let turn = rig.turn().await;
    rig.emit(say::event("session.shutdown", json!({"shutdownType": "routine"})));
    assert!(matches!(turn.await, Err(Error::SessionEnded)));

    let rig = Rig::start().await;
    let turn = rig.turn().await;
    let (answer, ended) = tokio::join!(turn, rig.session.disconnect());
    ended.expect("the end");
    assert!(matches!(answer, Err(Error::SessionEnded)), "{answer:?}");

    let rig = Rig::start().await;
    let turn = rig.turn().await;
    drop(rig.session);
    assert!(matches!(turn.await, Err(Error::SessionEnded)));
}

/// The end of the connection ends the turn, after the events that came before it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_connection_ends() {
    let rig = Rig::start().await;
    let mut turn = rig.turn().await;
    rig.emit(say::delta("a part"));
    rig.fake.hang_up();
    let mut kinds = Vec::new();
    while let Some(event) = turn.next().await {
        kinds.push(event.kind().to_owned());
    }
    assert_eq!(kinds, ["user.message", "assistant.message_delta"]);
    let failed = turn.await.expect_err("the end");
    assert!(matches!(&failed, Error::Closed(closed) if closed.reason == "the stream ended"), "{failed:?}");
}

/// A turn that takes too long for its caller is given up on, at that time, while the session goes on.
#[tokio::test(start_paused = true)]
async fn a_time_limit() {
    let rig = Rig::start().await;
    let turn = rig.turn().await;
    let start = tokio::time::Instant::now();
    let limit = Duration::from_secs(30);
    let failed = turn.within(limit).await.expect_err("no answer");
    assert!(matches!(&failed, Error::TurnTimeout(timeout) if timeout.after == limit), "{failed:?}");
    assert_eq!(start.elapsed().as_secs(), 30);
    assert_alive(&rig.client).await;
    let turn = rig.turn().await;
    rig.emit(say::assistant_message("in time"));
    rig.emit(say::idle());
    assert_eq!(turn.within(limit).await.expect("the answer").text(), "in time");
}
