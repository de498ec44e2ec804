//! The events that belong to a turn.

use copilot_session::testing::{FakeCli, events as say};
use copilot_session::{Answer, Error, SessionEventData, Turn};
use serde_json::{Value, json};

use super::VERSIONS;
use crate::rig::Rig;

/// The text that the documented loop prints, and the answer.
async fn shown(mut turn: Turn) -> (String, Answer) {
    let mut shown = String::new();
    while let Some(event) = turn.next().await {
        if let SessionEventData::AssistantMessageDelta(delta) = event.data() {
            shown.push_str(&delta.delta_content);
        }
    }
    (shown, turn.await.expect("the answer"))
}

fn with(mut event: Value, key: &str, value: &str) -> Value {
    event["data"][key] = value.into();
    event
}

/// The event by which the agent begins a prompt without the prompt's id.
fn prompt_without_id(text: &str) -> Value {
    say::event("user.message", json!({ "content": text }))
}

fn queue_changed() -> Value {
    say::event("pending_messages.modified", json!({}))
}

fn abort() -> Value {
    say::event("abort", json!({"reason": "user_initiated"}))
}

fn blocked(reason: &str) -> Value {
    let output = json!({"decision": "block", "reason": reason});
    say::event("hook.end", json!({"hookType": "agentStop", "success": true, "output": output}))
}

impl Rig {
    fn emit_all(&self, events: impl IntoIterator<Item = Value>) {
        events.into_iter().for_each(|event| self.emit(event));
    }
}

/// The unread events of a turn do not appear in the next one; an observer sees all of them.
#[tokio::test(start_paused = true)]
async fn unread_events_of_a_turn() {
    for version in VERSIONS {
        let rig = Rig::of(version).await;
        let mut events = rig.session.events();
        let mut first = rig.turn().await;
        rig.emit(say::delta("one "));
        while first.next().await.expect("an event").kind() != "assistant.message_delta" {}
        drop(first);
        let second = rig.session.prompt("two").await.expect("the prompt");
        rig.emit_all([say::delta("REST"), say::assistant_message("one REST"), say::idle()]);
        rig.emit(say::event("session.tools_updated", json!({})));
        rig.emit_all([say::user_message(second.message_id()), say::delta("two")]);
        rig.emit_all([say::assistant_message("two"), say::idle()]);
        let (shown, answer) = shown(second).await;
        assert_eq!((&*shown, answer.text()), ("two", "two"), "{version}");
        let mut all = rig.kinds_until(&mut events, "session.idle").await;
        all.extend(rig.kinds_until(&mut events, "session.idle").await);
        assert_eq!(all.iter().filter(|kind| *kind == "assistant.message_delta").count(), 3);
        assert!(all.iter().any(|kind| kind == "session.tools_updated"));
    }
}

/// Prompts that wait together have one `session.idle` at their end, and each has its own answer.
#[tokio::test(start_paused = true)]
async fn one_idle_for_all() {
    for version in VERSIONS {
        let rig = Rig::of(version).await;
        let first = rig.session.prompt("one").await.expect("the prompt");
        let second = rig.session.prompt("two").await.expect("the prompt");
        for (turn, text) in [(&first, "one"), (&second, "two")] {
            rig.emit_all([say::user_message(turn.message_id()), say::delta(text)]);
            rig.emit(say::assistant_message(text));
        }
        rig.emit(say::idle());
        for (turn, text) in [(first, "one"), (second, "two")] {
            let (shown, answer) = shown(turn).await;
            assert_eq!((&*shown, answer.text()), (text, text), "{version}");
        }
    }
}

/// Prompts without ids are identified by their text. A prompt whose text a hook has changed is the first
/// unknown one.
#[tokio::test(start_paused = true)]
async fn prompts_without_ids() {
    let rig = Rig::of("1.0.81").await;
    let prompt = async |text: &str| rig.session.prompt(text).await.expect("the prompt");
    let (first, second) = (prompt("one").await, prompt("two").await);
    let third = prompt("three").await;
    rig.emit_all([
        prompt_without_id("one"),
        say::assistant_message("1"),
        blocked("again"),
        prompt_without_id("again"),
    ]);
    rig.emit_all([say::assistant_message("1 again"), prompt_without_id("two"), say::assistant_message("2")]);
    rig.emit_all([prompt_without_id("changed"), say::assistant_message("3"), say::idle()]);
    for (turn, text) in [(first, "1 again"), (second, "2"), (third, "3")] {
        assert_eq!(turn.await.expect("the answer").text(), text);
    }
}

/// An aborted turn ends as aborted when another prompt follows without a `session.idle`, whichever client
/// sent it.
#[tokio::test(start_paused = true)]
async fn a_prompt_at_once_after_an_abort() {
    for version in ["1.0.102", "1.0.81", "1.0.11"] {
        for by_us in [true, false] {
            let rig = Rig::of(version).await;
            let first = rig.turn().await;
            rig.emit_all([say::delta("a part"), abort()]);
            rig.fake.settle().await;
            let second = rig.session.prompt("next").await.expect("the prompt");
            let third = say::user_message("of another client");
            rig.emit(if by_us { say::user_message(second.message_id()) } else { third });
            rig.emit_all([say::delta("next"), say::assistant_message("next"), say::idle()]);
            let (shown_first, answer) = shown(first).await;
            assert!(answer.is_aborted(), "{version}");
            assert_eq!((&*shown_first, answer.text()), ("a part", ""), "{version}");
            if by_us {
                let (shown, answer) = shown(second).await;
                assert_eq!((&*shown, answer.text(), answer.is_aborted()), ("next", "next", false));
            }
        }
    }
}

/// An abort just before the agent begins the prompt ends that prompt as aborted, even if the agent still
/// begins it; but not if the agent goes on with it.
#[tokio::test(start_paused = true)]
async fn an_abort_before_the_prompt_is_taken_up() {
    for taken_up in [true, false] {
        for end in [vec![say::aborted()], vec![say::idle()], vec![say::user_message("next")]] {
            let rig = Rig::start().await;
            let turn = rig.session.prompt("hello").await.expect("the prompt");
            rig.emit_all([queue_changed(), abort(), queue_changed()]);
            if taken_up {
                rig.emit_all([say::user_message(turn.message_id()), say::turn_start(), say::turn_end()]);
            }
            rig.emit_all(end);
            let answer = turn.await.expect("an end");
            assert!(answer.is_aborted(), "{taken_up}");
        }
    }
    let rig = Rig::start().await;
    let turn = rig.session.prompt("hello").await.expect("the prompt");
    rig.emit_all([
        abort(),
        say::user_message(turn.message_id()),
        say::assistant_message("here"),
        say::idle(),
    ]);
    let answer = turn.await.expect("the answer");
    assert_eq!((answer.text(), answer.is_aborted()), ("here", false));
}

/// Late events of an abort do not end the next prompt, although the queue changes with them.
#[tokio::test(start_paused = true)]
async fn a_late_end_of_an_abort() {
    let rig = Rig::start().await;
    let turn = rig.session.prompt("next").await.expect("the prompt");
    rig.emit_all([queue_changed(), queue_changed(), say::aborted(), queue_changed(), say::idle()]);
    rig.emit_all([say::user_message(turn.message_id()), say::assistant_message("next"), say::idle()]);
    let answer = turn.await.expect("the answer");
    assert_eq!((answer.text(), answer.is_aborted()), ("next", false));
}

/// They may come even after the agent has begun the prompt; an abort of that prompt has an event of its own.
#[tokio::test(start_paused = true)]
async fn a_later_end_of_an_abort() {
    for is_aborted in [false, true] {
        let rig = Rig::start().await;
        rig.fake.on_raw("session.abort", |_| Ok(json!({"success": true})));
        rig.session.abort().await.expect("an abort");
        let turn = rig.turn().await;
        rig.emit_all([say::aborted(), say::assistant_message("next")]);
        rig.emit_all(is_aborted.then(abort).into_iter().chain([say::idle()]));
        let answer = turn.await.expect("the answer");
        assert_eq!((answer.text(), answer.is_aborted()), ("next", is_aborted));
    }
}

/// A prompt that the CLI queues and then drops ends when the agent becomes idle, even without an abort.
#[tokio::test(start_paused = true)]
async fn a_dropped_prompt() {
    let rig = Rig::start().await;
    let turn = rig.session.prompt("hello").await.expect("the prompt");
    rig.emit_all([queue_changed(), say::assistant_message("of another"), queue_changed(), say::idle()]);
    let (shown, answer) = shown(turn).await;
    assert_eq!((&*shown, answer.text(), answer.is_aborted()), ("", "", true));

    let turn = rig.session.prompt("hello").await.expect("the prompt");
    rig.emit_all([abort(), say::idle()]);
    assert!(turn.await.expect("an end").is_aborted());
}

/// A hook that blocks the end makes the agent go on, and the last message is the answer.
#[tokio::test(start_paused = true)]
async fn a_hook_that_blocks() {
    let rig = Rig::start().await;
    let turn = rig.turn().await;
    for (text, reason) in [("First.", "again"), ("Second.", "and again")] {
        rig.emit_all([say::delta(text), say::assistant_message(text), blocked(reason)]);
        rig.emit(say::user_message(reason));
    }
    rig.emit_all([say::delta("Third."), say::assistant_message("Third."), say::idle()]);
    let (shown, answer) = shown(turn).await;
    assert_eq!((&*shown, answer.text()), ("First.Second.Third.", "Third."));
}

/// The events of another client's prompt are not shown, even before its client is known.
#[tokio::test(start_paused = true)]
async fn another_clients_prompt() {
    let rig = Rig::start().await;
    let turn = rig.turn().await;
    rig.emit_all([say::delta("mine"), say::assistant_message("mine"), say::user_message("other")]);
    rig.emit_all([
        say::delta("theirs"),
        with(say::assistant_message("theirs"), "originatingMessageId", "other"),
    ]);
    let (shown, answer) = shown(turn).await;
    assert_eq!((&*shown, answer.text()), ("mine", "mine"));

    for end in [with(say::failure("query", "theirs"), "originatingMessageId", "other"), abort(), say::idle()]
    {
        let turn = rig.turn().await;
        rig.emit_all([say::assistant_message("mine"), say::user_message("other"), end, say::idle()]);
        let answer = turn.await.expect("the answer");
        assert_eq!((answer.text(), answer.is_aborted()), ("mine", false));
    }
}

/// An unknown prompt that results from this one continues the turn, with all its events in order.
#[tokio::test(start_paused = true)]
async fn a_prompt_that_goes_on() {
    let rig = Rig::start().await;
    let mut turn = rig.turn().await;
    let id = turn.message_id().to_owned();
    rig.emit_all([say::assistant_message("First."), say::user_message("new"), say::delta("Second.")]);
    rig.emit(with(say::assistant_message("Second."), "originatingMessageId", &id));
    rig.emit_all([say::turn_end(), say::idle()]);
    let mut kinds = Vec::new();
    while let Some(event) = turn.next().await {
        kinds.push(event.kind().to_owned());
    }
    let again = ["user.message", "assistant.message_delta", "assistant.message"];
    let expected = ["user.message", "assistant.message"].into_iter().chain(again);
    assert_eq!(kinds, expected.chain(["assistant.turn_end", "session.idle"]).collect::<Vec<_>>());
    assert_eq!(turn.await.expect("the answer").text(), "Second.");
}

/// The failure of the previous prompt does not fail the waiting one.
#[tokio::test(start_paused = true)]
async fn the_failure_of_the_prompt_before() {
    for version in VERSIONS {
        let rig = Rig::of(version).await;
        let turn = rig.session.prompt("hello").await.expect("the prompt");
        rig.emit_all([say::turn_end(), say::failure("query", "theirs"), say::idle()]);
        rig.emit_all([say::user_message(turn.message_id()), say::assistant_message("mine"), say::idle()]);
        assert_eq!(turn.await.expect("the answer").text(), "mine", "{version}");
    }
}

/// A failure that names another prompt fails this turn if the agent then becomes idle: this prompt had joined
/// the work of the other.
#[tokio::test(start_paused = true)]
async fn the_failure_of_the_prompt_that_was_joined() {
    let rig = Rig::start().await;
    let turn = rig.turn().await;
    rig.emit_all([with(say::failure("query", "no luck"), "originatingMessageId", "first"), say::idle()]);
    assert!(matches!(turn.await, Err(Error::Turn(error)) if error.data.message == "no luck"));
}

/// Prompts beyond the number that is remembered are identified by their events.
#[tokio::test(start_paused = true)]
async fn many_prompts() {
    let rig = Rig::on(FakeCli::start(), |session| session.approve_all()).await;
    let mut turns = Vec::new();
    for _ in 0..200 {
        turns.push(rig.session.prompt("hello").await.expect("the prompt"));
    }
    for turn in &turns {
        rig.emit(say::user_message(turn.message_id()));
        let message = say::assistant_message(turn.message_id());
        rig.emit(with(message, "originatingMessageId", turn.message_id()));
    }
    rig.emit(say::idle());
    for turn in turns {
        let id = turn.message_id().to_owned();
        assert_eq!(turn.await.expect("the answer").text(), id);
    }
}
