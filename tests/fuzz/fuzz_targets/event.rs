//! JSON as an event: every event with a type is delivered, with its JSON as it came, without the spaces around it.
#![no_main]

use copilot_session::{SessionEvent, SessionEventData};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|text: &str| {
    let event = match SessionEvent::from_json(text) {
        Ok(event) => event,
        Err(error) => {
            let json = serde_json::from_str::<Value>(text);
            assert!(!json.is_ok_and(|json| json["type"].is_string()), "{error}");
            return;
        }
    };
    assert_eq!(event.raw(), text.trim_matches([' ', '\t', '\r', '\n']));
    assert!(text.contains(event.raw_data()) || event.raw_data() == "null");
    match event.data() {
        SessionEventData::Malformed(malformed) => {
            assert!(malformed.error.path().starts_with('$'));
            assert_eq!(malformed.kind, event.kind());
            assert_eq!(malformed.data.get(), event.raw_data());
        }
        SessionEventData::Unrecognized(unrecognized) => {
            assert_eq!(unrecognized.kind, event.kind());
            assert_eq!(unrecognized.data.get(), event.raw_data());
        }
        data => assert_eq!(data.kind(), event.kind()),
    }
    if let Ok(json) = serde_json::from_str::<Value>(text) {
        let text = |key: &str| json[key].as_str().unwrap_or("");
        assert_eq!(event.kind(), text("type"));
        assert_eq!((event.id(), event.timestamp()), (text("id"), text("timestamp")));
        assert_eq!(event.parent_id().unwrap_or(""), text("parentId"));
        assert_eq!(event.is_ephemeral(), json["ephemeral"] == true);
    }
});
