//! Turns of the fake that are aborted, or cut off by the end of its life.

use std::time::Duration;

use copilot_session::testing::{FakeCli, Side, events};
use serde_json::{Value, json};

use crate::rig::Rig;

/// The messages of the fake since `start`: the type and data of events, and `response` for each response.
fn sent_since(fake: &FakeCli, start: usize) -> Vec<Value> {
    let frames = fake.frames();
    let ours = frames[start..].iter().filter(|frame| frame.from == Side::Cli);
    let sent = ours.map(|frame| match &frame.json["params"]["event"] {
        event if event.is_object() => json!([event["type"], event["data"]]),
        _ => json!("response"),
    });
    sent.collect()
}

/// The messages that follow an abort of a running prompt, on a rig of this version.
async fn abort(version: &str) -> Vec<Value> {
    let rig = Rig::on(FakeCli::of_version(version), |session| session.approve_all()).await;
    let turn = rig.session.prompt("a long story").await.expect("the prompt");
    rig.fake.begin_turn(rig.session.id()).await;
    rig.emit(events::delta("Once"));
    rig.fake.settle().await;
    let start = rig.fake.frames().len();
    rig.session.abort().await.expect("the abort");
    let answer = turn.await.expect("an end");
    assert!(answer.is_aborted() || version == "1.0.10", "{version}");
    let sent = sent_since(&rig.fake, start);
    rig.fake.answer("And then?");
    assert_eq!(rig.session.send_and_wait("again").await.expect("an answer").text(), "And then?");
    rig.fake.finish();
    sent
}

/// An abort ends the turn as it was recorded on each version.
#[tokio::test(start_paused = true)]
async fn of_each_version() {
    let newest = [
        json!(["abort", {"reason": "user_initiated"}]),
        json!(["pending_messages.modified", {}]),
        json!(["assistant.turn_end", {"turnId": "0"}]),
        json!("response"),
        json!(["assistant.idle", {"aborted": true}]),
        json!(["session.idle", {"aborted": true, "mode": "interactive"}]),
    ];
    assert_eq!(abort("1.0.102").await, newest);
    assert_eq!(abort("1.0.81").await, newest);
    let older = |reason: &str, idle: Value| {
        [
            json!("response"),
            json!(["abort", {"reason": reason}]),
            json!(["session.info", {"infoType": "cancellation", "message": "Operation cancelled by user"}]),
            json!(["session.idle", idle]),
        ]
    };
    assert_eq!(abort("1.0.65").await, older("user_initiated", json!({"aborted": true})));
    assert_eq!(abort("1.0.40").await, older("user initiated", json!({"aborted": true})));
    assert_eq!(abort("1.0.10").await, older("user initiated", json!({})));
}

/// Waiting prompts are dropped with the turn from 1.0.81 on; before, the agent continues with the next one.
#[tokio::test(start_paused = true)]
async fn with_prompts_that_wait() {
    for (version, goes_on) in [("1.0.102", false), ("1.0.65", true)] {
        let rig = Rig::on(FakeCli::of_version(version), |session| session.approve_all()).await;
        let first = rig.session.prompt("one").await.expect("the prompt");
        let second = rig.session.prompt("two").await.expect("the prompt");
        rig.fake.begin_turn(rig.session.id()).await;
        rig.session.abort().await.expect("the abort");
        if goes_on {
            rig.fake.answer("second");
        }
        let first = first.await.expect("an end");
        assert!(first.is_aborted() || goes_on, "{version}");
        let second = second.await.expect("an end");
        assert_eq!(
            (second.text(), second.is_aborted()),
            (if goes_on { "second" } else { "" }, !goes_on),
            "{version}"
        );
        rig.fake.finish();
    }
}

/// An abort ends a turn that was made by hand, and a prompt without events; an idle agent has nothing to
/// abort.
#[tokio::test(start_paused = true)]
async fn in_every_state_of_the_agent() {
    let rig = Rig::start().await;
    let by_hand = rig.session.prompt("by hand").await.expect("the prompt");
    rig.emit(events::user_message(by_hand.message_id()));
    rig.session.abort().await.expect("the abort");
    assert!(by_hand.await.expect("an end").is_aborted());

    let waiting = rig.session.prompt("nothing yet").await.expect("the prompt");
    rig.session.abort().await.expect("the abort");
    assert!(waiting.await.expect("an end").is_aborted());

    let start = rig.fake.frames().len();
    rig.session.abort().await.expect("the abort");
    rig.fake.settle().await;
    let sent = sent_since(&rig.fake, start);
    assert!(sent.iter().all(|sent| *sent == json!("response")), "{sent:?}");
}

/// The error of a client that outlives the fake says so, and names the turn that did not end.
#[tokio::test(start_paused = true)]
async fn by_the_end_of_the_fake() {
    let rig = Rig::start().await;
    rig.fake.set_timeout(Duration::from_secs(7));
    let turn = rig.session.prompt("a long story").await.expect("the prompt");
    rig.fake.begin_turn(rig.session.id()).await;
    let error = turn.await.expect_err("no end").to_string();
    for part in [
        "the fake CLI hung up after 7s, before the test ended",
        r#"the turn of the prompt "a long story" was not ended"#,
    ] {
        assert!(error.contains(part), "{error}");
        assert!(error.matches(part).count() == 1, "{error}");
    }
    assert_eq!(rig.fake.take_failures(), ["the fake CLI hung up after 7s, before the test ended"]);
}
