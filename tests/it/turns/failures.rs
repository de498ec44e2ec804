//! Turns that end without an answer.

use std::time::Duration;

use copilot_session::testing::{error, events as say};
use copilot_session::{Answer, Error, ErrorKind};
use serde_json::json;

use super::VERSIONS;
use crate::rig::{Rig, assert_alive};

/// The failure of the agent is that of the turn, with all the CLI's details, and the session goes on.
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
        let Error::Turn(failure) = &failed else { panic!("{failed:?}") };
        let data = &failure.data;
        assert_eq!((data.error_type.as_str(), data.status_code), ("rate_limit", Some(429)));
        assert!(failed.to_string().contains("429 Rate limit reached"), "{failed}");

        let turn = rig.turn().await;
        rig.emit(say::assistant_message("better"));
        rig.emit(say::idle());
        assert_eq!(turn.await.expect("the answer").text(), "better");
    }
}

/// The failure includes details of other events: the time of a retry, and the provider's code. Details of an
/// earlier turn are not included.
#[tokio::test(start_paused = true)]
async fn details_of_other_events() {
    let rig = Rig::start().await;
    let turn = rig.turn().await;
    rig.emit(say::assistant_message("so far"));
    let quotas = json!({
        "chat": {"hasQuota": true, "resetDate": "2027-09-01T00:00:00Z"},
        "premium": {"hasQuota": false, "resetDate": "2027-01-01T00:00:00Z"},
        "other": {"hasQuota": false, "resetDate": "2027-02-01T00:00:00Z"},
        "odd": [],
    });
    let call = json!({"errorCode": "quota_exceeded", "quotaSnapshots": quotas});
    rig.emit(say::event("model.call_failure", call));
    rig.emit(say::failure("query", "no more"));
    rig.emit(say::event("auto_mode_switch.requested", json!({"requestId": "1", "retryAfterSeconds": 90.5})));
    rig.emit(say::idle());
    let failed = turn.await.expect_err("the failure");
    assert_eq!((failed.kind(), failed.is_retryable()), (ErrorKind::Quota, false));
    assert_eq!(failed.retry_after(), Some(Duration::from_millis(90_500)));
    let Error::Turn(failed) = failed else { panic!("{failed:?}") };
    assert_eq!(failed.quota_reset.as_deref(), Some("2027-02-01T00:00:00Z"));
    assert_eq!((failed.provider_code.as_deref(), failed.answer.text()), (Some("quota_exceeded"), "so far"));
    let refused = rig.fake.received_raw("session.ui.handlePendingAutoModeSwitch").await;
    assert_eq!((&refused["requestId"], &refused["response"]), (&json!("1"), &json!("no")));

    let turn = rig.turn().await;
    for odd in [json!({"errorCode": 5, "quotaSnapshots": []}), json!({"quotaSnapshots": {"a": {}}})] {
        rig.emit(say::event("model.call_failure", odd));
    }
    rig.emit(say::event("auto_mode_switch.requested", json!({"retryAfterSeconds": -1})));
    rig.emit(say::failure("rate_limit", "too much"));
    rig.emit(say::idle());
    let failed = turn.await.expect_err("the failure");
    assert_eq!(
        (failed.kind(), failed.is_retryable(), failed.retry_after()),
        (ErrorKind::RateLimit, true, None)
    );
    let Error::Turn(failed) = failed else { panic!("{failed:?}") };
    assert_eq!((&failed.quota_reset, &failed.provider_code), (&None, &None));
}

/// A client that leaves the choice of a model to others sends nothing.
#[tokio::test(start_paused = true)]
async fn another_client_decides() {
    let rig =
        Rig::with(|session| session.approve_all().configure(|config| config.request_auto_mode_switch(false)))
            .await;
    rig.emit(say::event("auto_mode_switch.requested", json!({"requestId": "1"})));
    rig.fake.settle().await;
    assert_eq!(rig.fake.calls_raw("session.ui.handlePendingAutoModeSwitch"), [] as [serde_json::Value; 0]);
}

/// The kind of a call's error follows from its code, and from its message only if the CLI uses one code for
/// all.
#[tokio::test(start_paused = true)]
async fn kinds_of_calls() {
    let rig = Rig::start().await;
    let said = |method: &str, words: &str| format!("Request {method} failed with message: {words}");
    for (code, message, kind) in [
        (-32602, "what?".to_owned(), ErrorKind::Invalid),
        (-32603, said("session.log", "Session not found: 1"), ErrorKind::SessionGone),
        (
            -32603,
            said("session.log", "Failed to load session events: Session not found: 1"),
            ErrorKind::SessionGone,
        ),
        (
            -32603,
            said("session.log", "Not authenticated. Please authenticate first."),
            ErrorKind::Authentication,
        ),
        (-32603, said("session.log", "Model \"x\" is not available."), ErrorKind::ModelUnavailable),
        // The text of a user or a tool is no evidence.
        (-32603, said("session.log", "the tool says: Model \"x\" is not available."), ErrorKind::Other),
        (-32603, said("session.log", "the tool says: Session not found"), ErrorKind::Other),
        (-32603, said("session.send", "Session not found"), ErrorKind::Other),
        (-32000, said("session.log", "Session not found"), ErrorKind::Other),
        (-32002, "AUTHENTICATION_FAILED".to_owned(), ErrorKind::Authentication),
        (-32002, "something else".to_owned(), ErrorKind::Other),
    ] {
        let answer = Err(error(code, &message));
        rig.fake.on_raw("session.log", move |_| answer.clone());
        let failed = rig.session.log("hello").await.expect_err("an error");
        assert_eq!((failed.kind(), failed.code()), (kind, Some(code)), "{failed}");
        let Error::Rpc { error, .. } = failed else { panic!("{failed:?}") };
        assert_eq!(error.message, message, "the message is unchanged");
    }
}

/// A failure before the prompt was begun, as without a login, is that of the turn, too.
#[tokio::test(start_paused = true)]
async fn a_failure_before_the_prompt() {
    for version in VERSIONS {
        let rig = Rig::of(version).await;
        let turn = rig.session.prompt("hello").await.expect("the prompt");
        rig.emit(say::failure("authentication", "Not authenticated"));
        rig.emit(say::idle());
        let failed = turn.await.expect_err("the failure");
        assert!(
            matches!(&failed, Error::Turn(data) if data.data.error_type == "authentication"),
            "{failed:?}"
        );
    }
}

/// A line of the log at the error level is no failure.
#[tokio::test(start_paused = true)]
async fn a_log_line() {
    let rig = Rig::start().await;
    let turn = rig.turn().await;
    rig.emit(say::failure("notification", "only a line of the log"));
    rig.emit(say::assistant_message("fine"));
    rig.emit(say::idle());
    assert_eq!(turn.await.expect("the answer").text(), "fine");
}

/// The failure of another prompt does not fail this one, if the CLI names the prompt.
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

/// The end of the session ends the turn: by the CLI, by `disconnect`, and by the drop of the last handle.
#[tokio::test(start_paused = true)]
async fn the_session_ends() {
    let rig = Rig::start().await;
    let turn = rig.turn().await;
    rig.emit(say::event("session.shutdown", json!({"shutdownType": "routine"})));
    check_session_ended(turn.await);

    let rig = Rig::start().await;
    let turn = rig.turn().await;
    let (answer, ended) = tokio::join!(turn, rig.session.disconnect());
    ended.expect("the end");
    check_session_ended(answer);

    let rig = Rig::start().await;
    let turn = rig.turn().await;
    drop(rig.session);
    check_session_ended(turn.await);
}

fn check_session_ended(outcome: Result<Answer, Error>) {
    let error = outcome.expect_err("the end");
    let Error::TurnCutOff(turn) = &error else { panic!("{error:?}") };
    assert!(matches!(turn.cause, Error::SessionEnded), "{error:?}");
    assert_eq!((error.kind(), error.to_string()), (ErrorKind::SessionGone, turn.cause.to_string()));
}

/// The end of the connection ends the turn, after the events that came before it. A turn with a timeout keeps the text
/// of the message that was not complete.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_connection_ends() {
    let rig = Rig::start().await;
    let mut turn = rig.turn().await.timeout(Duration::from_secs(600));
    rig.emit(say::delta("a part"));
    rig.fake.hang_up();
    let mut kinds = Vec::new();
    while let Some(event) = turn.next().await {
        kinds.push(event.kind().to_owned());
    }
    assert_eq!(kinds, ["user.message", "assistant.message_delta"]);
    let failed = turn.await.expect_err("the end");
    assert!(failed.is_closed() && failed.kind() == ErrorKind::Closed, "{failed:?}");
    assert_eq!(failed.closed().expect("the end").reason, "the stream ended");
    assert!(failed.to_string().contains("the stream ended"), "{failed}");
    assert!(failed.answer().is_some_and(|answer| answer.message().is_none()), "{failed:?}");
    let Error::TurnCutOff(turn) = failed else { panic!("{failed:?}") };
    assert_eq!(turn.unfinished, "a part");
}

/// A turn whose time limit is over returns at that time, while the session goes on.
#[tokio::test(start_paused = true)]
async fn a_time_limit() {
    let rig = Rig::start().await;
    let turn = rig.turn().await;
    let start = tokio::time::Instant::now();
    let limit = Duration::from_secs(30);
    let failed = turn.timeout(limit).await.expect_err("no answer");
    assert!(matches!(&failed, Error::TurnTimeout(timeout) if timeout.after == limit), "{failed:?}");
    assert_eq!(start.elapsed().as_secs(), 30);
    assert_alive(&rig.client).await;
    let turn = rig.turn().await;
    rig.emit(say::assistant_message("in time"));
    rig.emit(say::idle());
    assert_eq!(turn.timeout(limit).await.expect("the answer").text(), "in time");
}
