//! Prompts and their turns.

use std::sync::{Arc, Mutex};

use copilot_session::types::SendRequest;
use copilot_session::{Error, wire};
use serde_json::{Value, json};

use super::sent::{Sent, create, leave, prompt, request};
use super::stage::Stage;
use super::tools::lookup;

pub async fn create_send_idle(stage: &Stage) -> Vec<Sent> {
    let kinds = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&kinds);
    let observe =
        move |event: &copilot_session::SessionEvent| log.lock().expect("a log").push(event.kind().to_owned());
    let session = stage.session().approve_all().on_event(observe).create().await.expect("the session");
    assert_eq!(session.send_and_wait("What is 2+2?").await.expect("an answer").text(), "Four.");
    assert_eq!(session.send_and_wait("And 3+3?").await.expect("an answer").text(), "Six.");
    let history = session.messages().await.expect("the history");
    let prompts = history.iter().filter(|event| event.kind() == "user.message").count();
    assert_eq!((history[0].kind(), prompts), ("session.start", 2));
    session.disconnect().await.expect("the end");
    let kinds = kinds.lock().expect("a log").clone();
    let count = |wanted: &str| kinds.iter().filter(|kind| *kind == wanted).count();
    assert_eq!((count("session.start"), count("session.idle")), (1, 2), "live events: {kinds:?}");
    let history = request("session.getMessages", json!({}));
    vec![create(), prompt("What is 2+2?"), prompt("And 3+3?"), history, leave(stage)]
}

pub async fn streaming(stage: &Stage) -> Vec<Sent> {
    let session = stage.session().approve_all().create().await.expect("the session");
    let mut turn = session.prompt("What is 2+2?").await.expect("a turn");
    let mut deltas = String::new();
    while let Some(event) = turn.next().await {
        let json: Value = serde_json::from_str(event.raw()).expect("an event is JSON");
        if event.kind() == "assistant.message_delta" {
            deltas += json["data"]["deltaContent"].as_str().expect("a piece of text");
        }
    }
    let answer = turn.await.expect("an answer");
    assert_eq!((answer.text(), &*deltas), ("The answer is 4.", "The answer is 4."));
    session.disconnect().await.expect("the end");
    vec![create(), prompt("What is 2+2?"), leave(stage)]
}

/// The turn fails with the model's error, and the session goes on.
pub async fn model_error(stage: &Stage) -> Vec<Sent> {
    let session = stage.session().approve_all().create().await.expect("the session");
    let error = session.send_and_wait("x").await.expect_err("a failure");
    let Error::Turn(failure) = &error else { panic!("{error:?}") };
    let data = &failure.data;
    let (kind, status) = if stage.is_old() { ("query", None) } else { ("rate_limit", Some(429)) };
    assert_eq!((&*data.error_type, data.status_code), (kind, status));
    assert!(data.message.contains("retried 5 times"), "{}", data.message);
    assert_eq!(session.send_and_wait("again").await.expect("an answer").text(), "fine");
    session.disconnect().await.expect("the end");
    vec![create(), prompt("x"), prompt("again"), leave(stage)]
}

/// A turn that is aborted ends as aborted on every version, even if the CLI does not report the abort at the
/// end.
pub async fn abort(stage: &Stage) -> Vec<Sent> {
    let session = stage.session().approve_all().create().await.expect("the session");
    let mut turn = session.prompt("long story").await.expect("a turn");
    while turn.next().await.expect("a piece of text").kind() != "assistant.message_delta" {}
    session.abort().await.expect("the abort");
    assert!(turn.await.expect("an end").is_aborted());
    session.abort().await.expect("nothing to abort is no error");
    let answer = session.send_and_wait("again").await.expect("an answer");
    assert_eq!((answer.text(), answer.is_aborted()), ("After abort.", false));
    session.messages().await.expect("the history");
    session.disconnect().await.expect("the end");
    let abort = || request("session.abort", json!({}));
    let history = request("session.getMessages", json!({}));
    vec![create(), prompt("long story"), abort(), abort(), prompt("again"), history, leave(stage)]
}

/// Attachments are sent as the recorded client sent them.
pub async fn attachments(stage: &Stage) -> Vec<Sent> {
    let session = stage.session().approve_all().create().await.expect("the session");
    let mut expected = vec![create()];
    let prompts = stage.recording.requests().filter(|request| request.method == "session.send");
    for recorded in prompts {
        let mut params = recorded.params.clone();
        params.as_object_mut().expect("an object").remove("sessionId");
        let prompt: SendRequest = wire::from_json(&params.to_string()).expect("a prompt");
        assert!(!session.send_and_wait(prompt).await.expect("an answer").text().is_empty());
        expected.push(request("session.send", params));
    }
    assert_eq!(expected.len(), 6);
    session.disconnect().await.expect("the end");
    expected.push(leave(stage));
    expected
}

/// The answer is that of the agent itself, not of its sub-agent.
pub async fn subagent(stage: &Stage) -> Vec<Sent> {
    let session = stage.session().approve_all().tool(lookup("unused")).create().await.expect("the session");
    let answer = session.send_and_wait("delegate").await.expect("an answer");
    let last = stage.recording.events("assistant.message").last().copied().cloned().unwrap_or_default();
    assert_eq!(
        (answer.text(), last["parentToolCallId"].as_str()),
        (last["content"].as_str().expect("text"), None)
    );
    session.disconnect().await.expect("the end");
    vec![create(), prompt("delegate"), leave(stage)]
}
