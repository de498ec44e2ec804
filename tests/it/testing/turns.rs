//! Scripted turns of the fake.

use copilot_session::testing::{FakeCli, events};
use copilot_session::{Client, SessionEventData, Tool};
use serde_json::{Value, json};

use super::complaint;
use crate::rig::Rig;

/// A rig whose session has a tool.
async fn with_a_tool() -> Rig {
    let run = async |input: Value, _| format!("rain in {}", input["name"].as_str().unwrap_or("no city"));
    let tool = Tool::with_schema("weather", "Current weather of a city", json!({"type": "object"}), run);
    Rig::with(|session| session.approve_all().tool(tool)).await
}

/// Answers that are scripted after prompts were sent go to those prompts, in order, and later answers to
/// later prompts.
#[tokio::test(start_paused = true)]
async fn answers_to_prompts_that_were_sent() {
    let rig = Rig::start().await;
    let first = rig.session.prompt("one").await.expect("the prompt");
    let second = rig.session.prompt("two").await.expect("the prompt");
    for text in ["first", "second", "third"] {
        rig.fake.answer(text);
    }
    assert_eq!(first.await.expect("the answer").text(), "first");
    assert_eq!(second.await.expect("the answer").text(), "second");
    assert_eq!(rig.session.send_and_wait("three").await.expect("the answer").text(), "third");
}

/// A prompt that a test handles by hand uses no scripted answer, nor does one that was aborted.
#[tokio::test(start_paused = true)]
async fn turns_by_hand() {
    let rig = Rig::start().await;
    let by_hand = rig.session.prompt("by hand").await.expect("the prompt");
    let scripted = rig.session.prompt("scripted").await.expect("the prompt");
    rig.emit(events::user_message(by_hand.message_id()));
    rig.emit(events::assistant_message("so be it"));
    rig.emit(events::idle());
    rig.fake.answer("as scripted");
    assert_eq!(by_hand.await.expect("the answer").text(), "so be it");
    assert_eq!(scripted.await.expect("the answer").text(), "as scripted");

    drop(rig.session.prompt("never mind").await.expect("the prompt"));
    rig.emit(events::aborted());
    rig.fake.answer("later");
    assert_eq!(rig.session.send_and_wait("now?").await.expect("the answer").text(), "later");
}

/// An agent that needs the client begins a turn, makes its requests, and ends the turn: all events belong to
/// the prompt.
#[tokio::test(start_paused = true)]
async fn a_turn_that_waits_for_the_client() {
    let rig = with_a_tool().await;
    let mut turn = rig.session.prompt("rain?").await.expect("the prompt");
    let id = rig.session.id();
    rig.fake.begin_turn(id).await;
    let result = rig.fake.expect_tool_result(id, "weather", json!({"name": "Oslo"})).await;
    assert!(format!("{result:?}").contains("rain in Oslo"), "{result:?}");
    rig.fake.end_turn(id, "Yes");
    let mut kinds = Vec::new();
    while let Some(event) = turn.next().await {
        if let SessionEventData::UserMessage(message) = event.data() {
            assert_eq!(message.content, "rain?");
        }
        kinds.push(event.kind().to_owned());
    }
    let expected = [
        "user.message",
        "assistant.turn_start",
        "external_tool.requested",
        "assistant.message_delta",
        "assistant.message",
        "assistant.turn_end",
        "session.idle",
    ];
    assert_eq!(kinds, expected);
    assert_eq!(turn.await.expect("the answer").text(), "Yes");
}

/// A turn can be begun before its prompt arrives, and belongs to its session; the next turn goes to the next
/// caller.
#[tokio::test(start_paused = true)]
async fn turns_begun_before_their_prompts() {
    let rig = Rig::start().await;
    let other = rig.client.session().approve_all().create().await.expect("the session");
    let others = other.prompt("elsewhere").await.expect("the prompt");
    let agent = async {
        for text in ["one", "two"] {
            rig.fake.begin_turn(rig.session.id()).await;
            rig.fake.end_turn(rig.session.id(), text);
        }
    };
    let program = async {
        for text in ["one", "two"] {
            assert_eq!(rig.session.send_and_wait("?").await.expect("the answer").text(), text);
        }
    };
    tokio::join!(agent, program);
    rig.fake.begin_turn(other.id()).await;
    rig.fake.end_turn(other.id(), "three");
    assert_eq!(others.await.expect("the answer").text(), "three");
}

/// A prompt that the CLI refused uses no scripted answer.
#[tokio::test(start_paused = true)]
async fn a_prompt_that_was_refused() {
    let rig = Rig::start().await;
    rig.fake.on_raw("session.send", |_| Err(json!({"code": -32000, "message": "no"})));
    rig.session.send("one").await.expect_err("the refusal");
    rig.fake.release("session.send");
    rig.fake.answer("two");
    let turn = rig.session.prompt("two").await.expect("the prompt");
    assert_eq!(turn.await.expect("the answer").text(), "two");
}

/// Answers and prompts that remain fail the test at its end, if it calls `finish`.
#[tokio::test(start_paused = true)]
async fn unused_answers_and_open_prompts() {
    let Rig { fake, session, .. } = Rig::start().await;
    for text in ["one", "two"] {
        fake.answer(text);
    }
    session.send_and_wait("one?").await.expect("the answer");
    let left = complaint(fake.clone());
    assert!(left.starts_with("1 scripted answer was not used; the client sent"), "{left}");

    drop(session.prompt("and now?").await.expect("the prompt"));
    let left = complaint(fake.clone());
    assert!(left.starts_with(r#"no turn was scripted for the prompt "and now?"; the client sent"#), "{left}");
    fake.finish();
}

/// The messages in the report of a failure have no token.
#[tokio::test(start_paused = true)]
async fn the_failure_shows_no_token() {
    let fake = FakeCli::start();
    let client = fake.connect(Client::builder().github_token("SECRETSECRET")).await.expect("the handshake");
    let session = client.session().deny_all().create().await.expect("a session");
    fake.answer("unused");
    let left = complaint(fake.clone());
    assert!(left.contains("session.create") && !left.contains("SECRET"), "{left}");
    drop(session);
}
