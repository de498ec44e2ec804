//! The typed functions of the fake.

use std::time::Duration;

use copilot_session::methods::client::UserInputRequest;
use copilot_session::methods::notification::SessionLifecycle;
use copilot_session::methods::server::SessionCreate;
use copilot_session::methods::session::{SessionModelGetCurrent, SessionSend};
use copilot_session::testing::{FakeCli, events, requests};
use copilot_session::types::PermissionDecision;
use copilot_session::{Decision, Error, RpcError, SessionEvent, SessionEventData, Tool};
use serde_json::json;

use super::complaint;
use crate::rig::{Rig, next};

/// An answer is sent in the events of the CLI.
#[tokio::test(start_paused = true)]
async fn an_answer() {
    let rig = Rig::start().await;
    rig.fake.answer("It rains.");
    rig.fake.answer("It snows.");
    let mut turn = rig.session.prompt("weather?").await.expect("the prompt");
    let mut kinds = Vec::new();
    let mut pieces = String::new();
    while let Some(event) = turn.next().await {
        kinds.push(event.kind().to_owned());
        if let SessionEventData::AssistantMessageDelta(delta) = event.data() {
            pieces.push_str(&delta.delta_content);
        }
    }
    let message = ["assistant.message_delta", "assistant.message_delta", "assistant.message"];
    let begin = ["user.message", "assistant.turn_start"];
    assert_eq!(kinds, [&begin[..], &message[..], &["assistant.turn_end", "session.idle"][..]].concat());
    assert_eq!(pieces, "It rains.");
    assert_eq!(turn.await.expect("the answer").text(), "It rains.");
    assert_eq!(rig.session.send_and_wait("later?").await.expect("the answer").text(), "It snows.");
    let prompts: Vec<String> =
        rig.fake.calls::<SessionSend>().into_iter().map(|params| params.prompt).collect();
    assert_eq!(prompts, ["weather?", "later?"]);
}

/// A scripted turn may also fail.
#[tokio::test(start_paused = true)]
async fn a_turn_that_fails() {
    let rig = Rig::start().await;
    rig.fake.turn([events::failure("rate_limit", "too many")]);
    let failed = rig.session.send_and_wait("hello").await.expect_err("the failure");
    assert!(matches!(&failed, Error::Turn(data) if data.data.error_type == "rate_limit"), "{failed:?}");
}

/// All event functions follow the schema.
#[test]
fn events_fit_the_schema() {
    let mut all = events::answer("m", "so be it");
    all.extend([
        events::user_message("m"),
        events::failure("kind", "text"),
        events::idle(),
        events::aborted(),
        events::tool_call("s", "r", "weather", json!({})),
        events::permission("r", requests::shell("ls")),
        events::permission("r", requests::read("a.txt")),
        events::permission("r", requests::write("a.txt", "+hello")),
        events::permission("r", requests::url("https://example.org")),
        events::permission("r", requests::custom_tool("weather", json!({"city": "Oslo"}))),
        events::permission("r", requests::mcp("atlas", "rivers", json!({}))),
        events::tool_start("c", "weather", json!({"city": "Oslo"})),
        events::tool_complete("c", "rain"),
        events::event("session.title_changed", json!({"title": "Oslo"})),
    ]);
    for event in all {
        let event = SessionEvent::from_json(event.to_string()).expect("an event");
        let known =
            !matches!(event.data(), SessionEventData::Malformed(_) | SessionEventData::Unrecognized(_));
        assert!(known, "{:?}", event.data());
    }
}

/// A closure answers a method by its params, with JSON or an error.
#[tokio::test(start_paused = true)]
async fn answers_by_type() {
    let rig = Rig::start().await;
    rig.fake.on::<SessionModelGetCurrent>(|()| json!({"modelId": "gpt-5"}));
    let model = rig.session.rpc().model().get_current().await.expect("a response");
    assert_eq!(model.model_id.as_deref(), Some("gpt-5"));

    rig.fake.on::<SessionSend>(|params| match params.prompt.as_str() {
        "no" => Err(RpcError::new(-32000, "not today")),
        _ => Ok(json!({"messageId": "mine"})),
    });
    let refused = rig.session.send_and_wait("no").await.expect_err("the refusal");
    assert!(matches!(&refused, Error::Rpc { error, .. } if error.message == "not today"), "{refused:?}");
    rig.fake.answer("yes");
    let turn = rig.session.prompt("yes?").await.expect("the prompt");
    assert_eq!(turn.message_id(), "mine");
    assert_eq!(turn.await.expect("the answer").text(), "yes");

    let config = rig.fake.received::<SessionCreate>().await;
    assert_eq!(config.session_id.as_deref(), Some(rig.session.id()));
}

/// A response of the wrong shape, or a closure that panics, fails the call at once and the test at its end.
#[tokio::test(start_paused = true)]
async fn answers_that_fail_the_test() {
    let rig = Rig::start().await;
    rig.fake.on::<SessionSend>(|_| json!({"messageId": 5}));
    rig.session.prompt("one").await.expect_err("an error");
    rig.fake.on::<SessionSend>(|params| -> serde_json::Value { panic!("unwanted: {}", params.prompt) });
    rig.session.prompt("two").await.expect_err("an error");
    let failures = rig.fake.take_failures();
    assert_eq!(failures.len(), 2, "{failures:?}");
    assert!(failures[0].contains("the result of `session.send` do") && failures[0].contains("messageId"));
    assert!(failures[1].ends_with("`session.send` panicked: unwanted: two"), "{failures:?}");
}

/// An unexpected call gets an error, and fails the test with the method's name.
#[tokio::test(start_paused = true)]
async fn an_unexpected_call() {
    let Rig { fake, session, .. } = Rig::start().await;
    let unknown = session.rpc().mode().get().await.expect_err("an error");
    assert!(unknown.is_method_not_found(), "{unknown:?}");
    let complaint = complaint(fake);
    assert!(complaint.starts_with("unexpected call of `session.mode.get`"), "{complaint}");
    assert!(complaint.contains("session.create"), "the messages so far are missing: {complaint}");
}

/// A prompt without a scripted answer ends with the fake's life, and the test fails.
#[tokio::test(start_paused = true)]
async fn a_prompt_without_an_answer() {
    let Rig { fake, session, .. } = Rig::start().await;
    fake.set_timeout(Duration::from_secs(5));
    let start = tokio::time::Instant::now();
    let closed = session.send_and_wait("hello?").await.expect_err("the end");
    assert!(closed.is_closed(), "{closed:?}");
    assert_eq!(start.elapsed(), Duration::from_secs(5));
    let complaint = complaint(fake);
    assert!(complaint.starts_with("the fake CLI hung up after 5s"), "{complaint}");
    assert!(complaint.contains(r#"no turn was scripted for the prompt "hello?""#), "{complaint}");
}

/// A wait lasts for half of the fake's life, so that a slow handler can answer.
#[tokio::test(start_paused = true)]
async fn a_slow_handler() {
    let slow = async |_: serde_json::Value, _| {
        tokio::time::sleep(Duration::from_secs(200)).await;
        "at last"
    };
    let tool = Tool::with_schema("slow", "Takes its time", json!({"type": "object"}), slow);
    let rig =
        Rig::with(|session| session.approve_all().tool(tool).handler_timeout(Duration::from_secs(300))).await;
    rig.fake.set_timeout(Duration::from_secs(600));
    let result = rig.fake.expect_tool_result(rig.session.id(), "slow", json!({})).await;
    assert!(format!("{result:?}").contains("at last"), "{result:?}");
}

/// A decision and a tool's result are awaited.
#[tokio::test(start_paused = true)]
async fn asked_by_events() {
    let rig = Rig::with(|session| {
        let tool = Tool::with_schema(
            "echo",
            "Says it again",
            json!({"type": "object"}),
            async |input: serde_json::Value, _| input["text"].as_str().unwrap_or("nothing").to_owned(),
        );
        session.tool(tool).on_permission(async |request, _| {
            if request.is_read_only() { Decision::approve() } else { Decision::deny("no") }
        })
    })
    .await;
    let id = rig.session.id();
    let decided = rig.fake.expect_permission(id, requests::url("https://example.org")).await;
    assert!(matches!(decided.result, PermissionDecision::Reject(_)), "{decided:?}");
    let decided = rig.fake.expect_permission(id, requests::read("a.txt")).await;
    assert!(matches!(decided.result, PermissionDecision::ApproveOnce(_)), "{decided:?}");

    let result = rig.fake.expect_tool_result(id, "echo", json!({"text": "hi"})).await;
    let result = format!("{result:?}");
    assert!(result.contains(r#""hi""#), "{result}");
}

/// The CLI's requests and notifications are checked against their types.
#[tokio::test(start_paused = true)]
async fn requests_by_type() {
    let rig = Rig::with(|session| session.deny_all().on_user_input(async |_, _| "blue")).await;
    let params = json!({"sessionId": rig.session.id(), "question": "Which color?"});
    let answer = rig.fake.request::<UserInputRequest>(params).await.expect("a response");
    assert_eq!(answer.answer.as_deref(), Some("blue"));
    let refused = rig.fake.request::<UserInputRequest>(json!({"sessionId": "other", "question": "?"})).await;
    assert!(refused.is_err(), "{refused:?}");

    let mut lifecycle = rig.client.notifications::<SessionLifecycle>();
    rig.fake.notify::<SessionLifecycle>(json!({"type": "session.created", "sessionId": rig.session.id()}));
    assert_eq!(lifecycle.next().await.expect("it").expect("a change").session_id, rig.session.id());
    let mut events = rig.session.events();
    rig.emit(events::delta("later"));
    assert_eq!(next(&mut events).await.kind(), "assistant.message_delta");
}

/// The permission request of a command reaches the policy.
#[tokio::test(start_paused = true)]
async fn a_shell_line_is_asked_for() {
    let rig = Rig::with(|session| {
        session.on_permission(async |request, _| match request.command() {
            Some("ls") => Decision::approve(),
            Some(command) => Decision::deny(format!("not {command}")),
            None => Decision::unavailable(),
        })
    })
    .await;
    let decided = rig.fake.expect_permission(rig.session.id(), requests::shell("ls")).await;
    assert!(matches!(decided.result, PermissionDecision::ApproveOnce(_)), "{decided:?}");
    let decided = rig.fake.expect_permission(rig.session.id(), requests::shell("rm -rf /")).await;
    assert!(format!("{decided:?}").contains("not rm -rf /"), "{decided:?}");
}

/// A permission request of the wrong shape, which no policy would see, panics in the test.
#[tokio::test(start_paused = true)]
#[should_panic(expected = "does not match its type")]
async fn a_permission_of_the_wrong_shape() {
    let fake = FakeCli::start();
    drop(fake.expect_permission("one", json!({"kind": "shell", "fullCommandText": "ls"})).await);
}

/// Params of the wrong shape panic in the test.
#[tokio::test(start_paused = true)]
#[should_panic(expected = "the params of `userInput.request` do not match its type")]
async fn a_request_of_the_wrong_shape() {
    let fake = FakeCli::start();
    drop(fake.request::<UserInputRequest>(json!({"question": 5})).await);
}
