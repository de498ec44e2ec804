//! Decoding and encoding of JSON, with whatever features other crates enable.
//!
//! These tests also run with each feature of serde_json that another crate of a build may enable for all.

mod newer;
mod numbers;
mod work;

use copilot_session::types::AssistantMessageData;
use copilot_session::{SessionEvent, SessionEventData};
use serde_json::{Map, Value, json};

/// A message whose only tool request has these arguments.
fn with_arguments(arguments: &str) -> SessionEvent {
    let request = format!(r#"{{"toolCallId":"1","name":"n","arguments":{arguments}}}"#);
    let data = format!(r#"{{"messageId":"1","content":"","toolRequests":[{request}]}}"#);
    SessionEvent::from_json(format!(r#"{{"type":"assistant.message","data":{data}}}"#)).expect("an event")
}

/// The arguments in such a message.
fn arguments(event: &SessionEvent) -> Result<Value, String> {
    match event.data() {
        SessionEventData::AssistantMessage(data) => Ok(first_arguments(data)),
        SessionEventData::Malformed(malformed) => Err(malformed.error.to_string()),
        other => panic!("{other:?}"),
    }
}

fn first_arguments(data: &AssistantMessageData) -> Value {
    data.tool_requests.as_ref().expect("requests")[0].arguments.clone().expect("arguments")
}

/// The keys by which serde_json marks its own types are ordinary keys.
#[test]
fn no_key_has_a_meaning_of_its_own() {
    for key in ["$serde_json::private::Number", "$serde_json::private::RawValue", "__proto__"] {
        let event = with_arguments(&format!(r#"{{"{key}":"1.5","other":2}}"#));
        let mut expected = Map::new();
        expected.insert(key.to_owned(), json!("1.5"));
        expected.insert("other".to_owned(), json!(2));
        assert_eq!(arguments(&event), Ok(Value::Object(expected)), "{key}");
    }
}

/// An event in a list keeps its text, including the order and the white space of its keys.
#[test]
fn an_event_in_an_answer_keeps_its_text() {
    use copilot_session::types::EventsReadResult;
    let event = r#"{ "type":"x", "z":1.50, "data":{"b":123456789012345678901234567890,"a":"\u00e9"}}"#;
    let json = format!(r#"{{"events":[{event}],"cursor":"1","hasMore":false,"cursorStatus":"ok"}}"#);
    let read: EventsReadResult = copilot_session::wire::from_json(&json).expect("an answer");
    assert_eq!(read.events[0].raw(), event);
    assert_eq!(copilot_session::wire::to_json(&read.events[0]), event);
}

/// JSON nested too deep is refused without a deep stack, and 127 levels are decoded.
#[test]
fn levels() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    // The other levels are those of the data, the list and the request.
    let most = with_arguments(&nested(124));
    assert_eq!(arguments(&most).expect("arguments").to_string(), nested(124));
    for depth in [125, 128, 1_000, 1_000_000] {
        let error = arguments(&with_arguments(&nested(depth))).expect_err("too deep");
        assert!(error.contains("more than 127 levels"), "{error}");
    }
}

/// serde writes keys in the order of the wire, and reads them from any format in any order.
#[test]
fn serde_keeps_the_order_of_keys() {
    use copilot_session::types::{AttachmentFile, SendMode, SendRequest};
    let request = SendRequest::new("hi")
        .mode(SendMode::Immediate)
        .attachments(vec![AttachmentFile::new("/a", "a \"b\" \u{e9}").into()]);
    let json = serde_json::to_string(&request).expect("JSON");
    assert_eq!(json, copilot_session::wire::to_json(&request));
    let value = serde_json::to_value(&request).expect("a value");
    assert_eq!(serde_json::from_value::<SendRequest>(value).expect("a request"), request);
}
