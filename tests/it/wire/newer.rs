//! Values of a newer CLI that the types cannot hold, and the places where they remain.

use copilot_session::types::{EventsReadResult, ResumeData};
use copilot_session::{Error, SessionEvent, SessionEventData, wire};
use serde_json::{Value, json};

use crate::rig::Rig;

/// Whole numbers that fit no `i64`.
const BEYOND: [&str; 4] =
    ["9223372036854775808", "-9223372036854775809", "1e21", "123456789012345678901234567890"];

fn resumed(count: &str, size: &str) -> SessionEvent {
    let data = format!(r#"{{"resumeTime":"now","eventCount":{count},"eventsFileSizeBytes":{size}}}"#);
    SessionEvent::from_json(format!(r#"{{"type":"session.resume","data":{data}}}"#)).expect("an event")
}

/// An event with a number that does not fit is delivered with its JSON, whether the key is required or not: no other
/// number and no absence stands for it.
#[test]
fn a_number_of_an_event_that_does_not_fit() {
    for number in BEYOND {
        for (event, path) in
            [(resumed(number, "1"), "$.eventCount"), (resumed("1", number), "$.eventsFileSizeBytes")]
        {
            let SessionEventData::Malformed(malformed) = event.data() else { panic!("{:?}", event.data()) };
            assert_eq!((malformed.error.path(), malformed.error.expected()), (path, "an integer"));
            assert_eq!((malformed.kind.as_str(), malformed.data.get()), ("session.resume", event.raw_data()));
            assert!(event.raw_data().contains(number), "{}", event.raw_data());
        }
    }
}

/// The events beside it are read.
#[test]
fn an_event_in_an_answer_that_does_not_fit() {
    let events = [resumed("1", "2"), resumed(BEYOND[0], "2")];
    let [right, wrong] = events.each_ref().map(SessionEvent::raw);
    let json = format!(r#"{{"events":[{wrong},{right}],"cursor":"1","hasMore":false,"cursorStatus":"ok"}}"#);
    let read: EventsReadResult = wire::from_json(&json).expect("an answer");
    assert!(matches!(read.events[0].data(), SessionEventData::Malformed(_)));
    assert!(matches!(read.events[1].data(), SessionEventData::SessionResume(_)));
}

/// Whole numbers that a double would round are exact.
#[test]
fn a_large_number_that_fits() {
    for number in [9_007_199_254_740_993, i64::MAX, i64::MIN] {
        let event = resumed(&number.to_string(), "1");
        let SessionEventData::SessionResume(data) = event.data() else { panic!("{:?}", event.data()) };
        assert_eq!(data.event_count, number);
        let again: ResumeData = wire::from_json(&wire::to_json(data)).expect("its own JSON");
        assert_eq!(again.event_count, number);
    }
}

/// A call fails with the place, and the next one is not affected.
#[tokio::test(start_paused = true)]
async fn a_number_of_a_result_that_does_not_fit() {
    let rig = Rig::start().await;
    rig.fake.on_raw("mcp.registry.allocateRequestId", |_| Ok(json!({ "requestId": u64::MAX })));
    match rig.client.rpc().mcp().registry().allocate_request_id().await {
        Err(Error::Decode { method, error, .. }) => {
            assert_eq!((method.as_str(), error.path()), ("mcp.registry.allocateRequestId", "$.requestId"));
        }
        other => panic!("{other:?}"),
    }
    rig.fake.on_raw("mcp.registry.allocateRequestId", |_| Ok(json!({ "requestId": i64::MAX })));
    let result = rig.client.rpc().mcp().registry().allocate_request_id().await.expect("a result");
    assert_eq!(result.request_id, i64::MAX);
}

/// A key that is new in a closed object is in the JSON of the event, and in no type.
#[test]
fn a_new_key_of_an_event() {
    let data = json!({ "resumeTime": "now", "eventCount": 1, "added": { "deep": [1] } });
    let json = json!({ "type": "session.resume", "data": data }).to_string();
    let event = SessionEvent::from_json(json.clone()).expect("an event");
    assert!(matches!(event.data(), SessionEventData::SessionResume(_)));
    assert_eq!(event.raw(), json);
    assert_eq!(serde_json::from_str::<Value>(event.raw_data()).ok(), Some(data));
}
