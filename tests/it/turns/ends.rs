//! The outcome of a turn when the agent becomes idle.

use copilot_session::testing::events as say;
use copilot_session::types::SendRequest;
use copilot_session::{Error, SessionEventData};
use serde_json::json;

use super::VERSIONS;
use crate::rig::Rig;

/// The answer is the agent's last message.
#[tokio::test(start_paused = true)]
async fn the_last_message() {
    for version in VERSIONS {
        let rig = Rig::of(version).await;
        let turn = rig.turn().await;
        rig.emit(say::assistant_message("let me see"));
        rig.emit(say::assistant_message("it is 4"));
        rig.emit(say::idle());
        let id = turn.message_id().to_owned();
        let answer = turn.await.expect("the answer");
        assert_eq!(answer.text(), "it is 4");
        assert_eq!(answer.message().expect("a message").message_id, "answer");
        assert_eq!(answer.event().expect("an event").kind(), "assistant.message");
        assert_eq!((answer.message_id(), answer.is_aborted()), (id.as_str(), false));
    }
}

/// `session.send` sends the prompt, as text or with options; `send_and_wait` returns the answer.
#[tokio::test(start_paused = true)]
async fn params_of_a_prompt() {
    let rig = Rig::start().await;
    let id = rig.session.id();
    let request = SendRequest::new("hello").display_prompt("hi").billable(false);
    let message_id = rig.session.send(request).await.expect("an id");
    assert!(message_id.starts_with("message-"), "{message_id}");
    assert_eq!(
        rig.fake.received_raw("session.send").await,
        json!({"sessionId": id, "prompt": "hello", "displayPrompt": "hi", "billable": false})
    );
    rig.fake.hold("session.send");
    let answering = async {
        let call = rig.fake.received_call("session.send").await;
        assert_eq!(call.params, json!({"sessionId": id, "prompt": "and again"}));
        // All events come before the response with the prompt's id.
        for event in [say::user_message("m"), say::assistant_message("at once"), say::idle()] {
            rig.emit(event);
        }
        rig.fake.reply(&call, Ok(json!({"messageId": "m"})));
    };
    let (answer, ()) = tokio::join!(rig.session.send_and_wait("and again".to_owned()), answering);
    assert_eq!(answer.expect("the answer").text(), "at once");
}

/// A turn without a message has an empty answer.
#[tokio::test(start_paused = true)]
async fn no_message() {
    let rig = Rig::start().await;
    let turn = rig.turn().await;
    rig.emit(say::idle());
    let answer = turn.await.expect("the answer");
    assert_eq!(answer.text(), "");
    assert!(answer.message().is_none() && answer.event().is_none());
}

/// A sub-agent's messages are not the answer, whether they have its id or that of its tool call.
#[tokio::test(start_paused = true)]
async fn sub_agents() {
    for version in VERSIONS {
        let rig = Rig::of(version).await;
        let turn = rig.turn().await;
        rig.emit(say::assistant_message("mine"));
        let mut by_agent = say::assistant_message("by agent id");
        by_agent["agentId"] = "sub".into();
        rig.emit(by_agent);
        let mut by_call = say::assistant_message("by tool call");
        by_call["data"]["parentToolCallId"] = "call".into();
        rig.emit(by_call);
        let mut their_idle = say::idle();
        their_idle["agentId"] = "sub".into();
        rig.emit(their_idle);
        let mut their_error = say::failure("query", "a sub-agent failed");
        their_error["agentId"] = "sub".into();
        rig.emit(their_error);
        rig.emit(say::event("session.info", json!({"infoType": "x", "message": "the end is near"})));
        rig.emit(say::idle());
        assert_eq!(turn.await.expect("the answer").text(), "mine", "{version}");
    }
}

/// A `session.idle` from before the prompt was begun does not end this turn.
#[tokio::test(start_paused = true)]
async fn a_stale_idle() {
    for version in VERSIONS {
        let rig = Rig::of(version).await;
        let turn = rig.session.prompt("hello").await.expect("the prompt");
        rig.emit(say::assistant_message("to an earlier prompt"));
        rig.emit(say::idle());
        rig.emit(say::aborted());
        rig.emit(say::user_message(turn.message_id()));
        rig.emit(say::assistant_message("to this one"));
        rig.emit(say::idle());
        assert_eq!(turn.await.expect("the answer").text(), "to this one", "{version}");
    }
}

/// The message of another prompt does not begin this turn, if its id differs.
#[tokio::test(start_paused = true)]
async fn another_prompts_message() {
    let rig = Rig::start().await;
    let turn = rig.session.prompt("hello").await.expect("the prompt");
    for event in [say::user_message("another"), say::assistant_message("theirs"), say::idle()] {
        rig.emit(event);
    }
    for event in [say::user_message(turn.message_id()), say::assistant_message("mine"), say::idle()] {
        rig.emit(event);
    }
    assert_eq!(turn.await.expect("the answer").text(), "mine");
}

/// A turn begins with its prompt: earlier events without an observer are no part of it.
#[tokio::test(start_paused = true)]
async fn events_before_the_prompt() {
    for version in VERSIONS {
        let rig = Rig::of(version).await;
        let earlier = rig.session.send("hello").await.expect("an id");
        rig.emit(say::user_message(&earlier));
        rig.emit(say::delta("of an earlier prompt"));
        rig.emit(say::failure("query", "an earlier failure"));
        rig.emit(say::idle());
        rig.fake.settle().await;
        let mut turn = rig.turn().await;
        rig.emit(say::assistant_message("fine"));
        rig.emit(say::idle());
        assert_eq!(turn.next().await.expect("an event").kind(), "user.message", "{version}");
        assert_eq!(turn.await.expect("the answer").text(), "fine", "{version}");
    }
}

/// An abort ends the turn with a mark, not with an error.
#[tokio::test(start_paused = true)]
async fn an_abort() {
    for version in VERSIONS {
        let rig = Rig::of(version).await;
        let turn = rig.turn().await;
        rig.emit(say::delta("a part"));
        rig.emit(say::event("abort", json!({"reason": "user_initiated"})));
        rig.emit(say::aborted());
        let answer = turn.await.expect("an end");
        assert!(answer.is_aborted());
        assert_eq!(answer.text(), "");
    }
}

/// A waiting prompt that an abort drops ends with the abort: the agent never begins it.
#[tokio::test(start_paused = true)]
async fn an_abort_of_a_waiting_prompt() {
    let rig = Rig::start().await;
    let first = rig.turn().await;
    let second = rig.session.prompt("and then").await.expect("the prompt");
    rig.emit(say::event("abort", json!({"reason": "user_initiated"})));
    rig.emit(say::event("assistant.idle", json!({"aborted": true})));
    rig.emit(say::aborted());
    assert!(first.await.expect("an end").is_aborted());
    let answer = second.await.expect("an end");
    assert!(answer.is_aborted());
    assert_eq!(answer.text(), "");
}

/// Events of an abort after its response, as up to 1.0.65, do not end the next prompt.
#[tokio::test(start_paused = true)]
async fn a_prompt_after_an_abort() {
    let rig = Rig::of("1.0.65").await;
    let turn = rig.session.prompt("hello").await.expect("the prompt");
    rig.emit(say::event("abort", json!({"reason": "user_initiated"})));
    rig.emit(say::aborted());
    rig.emit(say::user_message(turn.message_id()));
    rig.emit(say::assistant_message("here"));
    rig.emit(say::idle());
    assert_eq!(turn.await.expect("the answer").text(), "here");
}

/// Events of the turn that do not fit their schema, or have an unknown type, do not block it.
#[tokio::test(start_paused = true)]
async fn malformed_events() {
    for version in VERSIONS {
        let rig = Rig::of(version).await;
        let turn = rig.session.prompt("hello").await.expect("the prompt");
        rig.emit(say::event("user.message", json!({"content": 5, "messageId": turn.message_id()})));
        rig.emit(say::event("from.the.future", json!({})));
        rig.emit(say::assistant_message("read"));
        rig.emit(say::event("assistant.message", json!({"content": 5})));
        rig.emit(say::event("session.idle", json!({"aborted": "perhaps"})));
        let answer = turn.await.expect("the answer");
        assert_eq!(answer.text(), "read", "{version}");
        assert!(matches!(answer.event().expect("an event").data(), SessionEventData::AssistantMessage(_)));
    }
}

/// A failure is returned even if the `session.idle` after it cannot be decoded.
#[tokio::test(start_paused = true)]
async fn a_failure_and_a_malformed_idle() {
    let rig = Rig::start().await;
    let turn = rig.turn().await;
    rig.emit(say::failure("query", "no luck"));
    rig.emit(say::event("session.idle", json!({"aborted": "perhaps"})));
    assert!(matches!(turn.await, Err(Error::Turn(error)) if error.data.message == "no luck"));
}

/// A `session.error` that cannot be decoded is a failure all the same.
#[tokio::test(start_paused = true)]
async fn an_unreadable_failure() {
    let rig = Rig::start().await;
    let turn = rig.turn().await;
    rig.emit(say::event("session.error", json!({"message": 5})));
    rig.emit(say::event("session.idle", json!({})));
    assert!(matches!(turn.await, Err(Error::Turn(error)) if error.data.error_type == "unreadable"));
}
