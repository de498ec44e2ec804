//! Numbers and times of any size: no event with one ends a turn, a session or a transcript.

use std::time::Duration;

use copilot_session::testing::events as say;
use copilot_session::transcript::Transcript;
use copilot_session::{SessionBuilder, SessionEvent, Usage};
use copilot_session_tests::sample::{Sample, Schemas, What};
use serde_json::json;

use crate::rig::{Rig, assert_alive};

/// Numbers that a calculation could not hold.
const NUMBERS: [&str; 10] = [
    "0",
    "-0.0",
    "-1",
    "1.7e308",
    "-1.7e308",
    "1e999",
    "1e-999",
    "9223372036854775807",
    "-9223372036854775808",
    "18446744073709551616",
];

const TIMES: [&str; 6] = [
    "",
    "0000-01-01T00:00:00.000Z",
    "1969-12-31T23:59:59.999Z",
    "9999-12-31T23:59:60.999999999999Z",
    "2026-99-99T99:99:99Z",
    "+275760-09-13T00:00:00.000Z",
];

/// The data of a sample with each of its numbers replaced by each of these.
fn extremes(sample: &Sample) -> Vec<String> {
    const MARK: &str = "the number";
    let numbers = sample.spots.iter().filter(|spot| matches!(spot.what, What::Integer | What::Number));
    let marked = numbers.map(|spot| sample.with(spot, |number| *number = json!(MARK)).to_string());
    marked.flat_map(|json| NUMBERS.map(|number| json.replace(&format!("{MARK:?}"), number))).collect()
}

/// Each event that has a number, with each extreme: its type, and its JSON.
fn all() -> Vec<(String, Vec<String>)> {
    let (schemas, mut count) = (Schemas::read(), 0);
    let mut event = |kind: &str, data: &str| {
        count += 1;
        let time = TIMES[count % TIMES.len()];
        format!(r#"{{"type":"{kind}","id":"{count}","timestamp":"{time}","data":{data}}}"#)
    };
    let of_kind = |(kind, samples): (&str, Vec<Sample>)| {
        let data = samples.iter().flat_map(extremes);
        (kind.to_owned(), data.map(|data| event(kind, &data)).collect())
    };
    schemas.events().map(of_kind).collect()
}

#[test]
fn transcripts() {
    let all = all();
    assert!(all.iter().map(|(_, events)| events.len()).sum::<usize>() > 1000);
    for limit in [0, 1000, usize::MAX] {
        let mut shown = Transcript::new().max_bytes(limit);
        for json in all.iter().flat_map(|(_, events)| events) {
            let event = SessionEvent::from_json(&**json).unwrap_or_else(|error| panic!("{error}: {json}"));
            shown.apply(&event);
            let usage = Usage::of(&event).unwrap_or_default();
            assert!(usage.cost.is_finite() && usage.nano_aiu.is_finite(), "{json}");
        }
        drop((shown.to_string(), shown.to_markdown(), shown.to_html()));
        let stored = serde_json::to_string(&shown).expect("JSON");
        let read: Transcript = serde_json::from_str(&stored).expect("what was stored");
        let counted = |shown: &Transcript| (shown.turns().len(), shown.usage().calls, shown.usage().cost);
        assert_eq!(counted(&read), counted(&shown));
    }
}

#[tokio::test(start_paused = true)]
async fn turns() {
    let rig = Rig::with(SessionBuilder::approve_all).await;
    let long = Duration::MAX;
    for (kind, events) in all() {
        // The session ends at this event.
        if kind == "session.shutdown" {
            continue;
        }
        let turn = rig.session.prompt("x").await.expect("a turn").timeout(long).idle_timeout(long);
        rig.emit(say::user_message(turn.message_id()));
        for event in events {
            let params = format!(r#"{{"sessionId":{:?},"event":{event}}}"#, rig.session.id());
            rig.fake.frame(&format!(r#"{{"jsonrpc":"2.0","method":"session.event","params":{params}}}"#));
        }
        rig.emit(say::idle());
        let outcome = turn.await;
        drop(format!("{outcome:?}"));
        let answer = outcome.as_ref().unwrap_or_else(|error| error.answer().expect("an answer"));
        assert!(answer.usage().cost.is_finite(), "{kind}");
        assert!(answer.model_calls().all(|call| call.cost.is_none_or(f64::is_finite)), "{kind}");
        answer.tool_calls().for_each(|call| drop(format!("{call:?}")));
    }
    assert_alive(&rig.client).await;
}
