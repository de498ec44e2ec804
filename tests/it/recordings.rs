//! Decoding of the recorded traffic of real CLIs of three versions.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use copilot_session::{SessionEvent, SessionEventData};
use serde_json::Value;

/// A recorded event and the recording it is from.
struct Recorded {
    version: String,
    scenario: String,
    json: Value,
}

/// Recorded events of CLI 1.0.10 without a required key: `(scenario, type, path)`. The recorded client left
/// the key out of its request on purpose, which the CLI does not check; the last key exists only in later
/// versions.
const LEFT_OUT: &[(&str, &str, &str)] = &[
    ("jsonrpc-errors", "session.info", "$.message"),
    ("jsonrpc-errors", "session.model_change", "$.newModel"),
    ("jsonrpc-errors", "user.message", "$.content"),
    ("permission-write-tool", "permission.requested", "$.permissionRequest.canOfferSessionApproval"),
];

/// Every recorded event decodes as the type of its name; events whose type no schema has keep their JSON.
#[test]
fn every_recorded_event_decodes() {
    let mut known: BTreeMap<String, usize> = BTreeMap::new();
    let mut left_out = Vec::new();
    for recorded in events() {
        let event = SessionEvent::from_json(recorded.json.to_string()).expect("an event has a type");
        match event.data() {
            SessionEventData::Unrecognized(data) => {
                assert!(data.kind.starts_with("model."), "{} is in the schema", data.kind);
                assert_eq!(
                    serde_json::from_str::<Value>(data.data.get()).ok(),
                    Some(recorded.json["data"].clone())
                );
            }
            SessionEventData::Malformed(data) => {
                let place = (recorded.scenario.clone(), data.kind.clone(), data.error.path().to_owned());
                assert_eq!(recorded.version, "1.0.10", "{place:?}: {}", data.error);
                left_out.push(place);
            }
            data => {
                assert_eq!(data.kind(), recorded.json["type"]);
                *known.entry(recorded.version).or_default() += 1;
            }
        }
    }
    left_out.sort();
    left_out.dedup();
    let expected: Vec<_> = LEFT_OUT
        .iter()
        .map(|(scenario, kind, path)| (scenario.to_string(), kind.to_string(), path.to_string()))
        .collect();
    assert_eq!(left_out, expected);
    assert_eq!(known.keys().collect::<Vec<_>>(), ["1.0.10", "1.0.102", "1.0.81"]);
    assert!(known.values().all(|count| *count > 900), "{known:?}");
}

/// An event returns the JSON it was decoded from, byte for byte, and serde writes and reads that JSON.
#[test]
fn every_recorded_event_gives_back_its_json() {
    for recorded in events() {
        let text = recorded.json.to_string();
        let event = SessionEvent::from_json(text.clone()).expect("an event has a type");
        assert_eq!(event.raw(), text);
        assert_eq!(serde_json::to_value(&event).expect("an event is JSON"), recorded.json);
        let loaded: SessionEvent = serde_json::from_value(recorded.json.clone()).expect("an event");
        assert_eq!(loaded.id(), recorded.json["id"]);
        assert_eq!(loaded.parent_id(), recorded.json["parentId"].as_str());
        assert_eq!(loaded.agent_id(), recorded.json["agentId"].as_str());
        assert_eq!(loaded.is_ephemeral(), recorded.json["ephemeral"] == true);
    }
}

/// The events of all recordings: live ones, and those of histories.
fn events() -> Vec<Recorded> {
    let mut events = Vec::new();
    for path in files() {
        let name = path.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let (version, scenario) = name.split_once('-').expect("a file name of the form version-scenario");
        let text = std::fs::read_to_string(&path).expect("a recording");
        for line in text.lines() {
            let line: Value = serde_json::from_str(line).expect("JSON lines");
            let mut found: Vec<Value> = line.pointer("/msg/params/event").cloned().into_iter().collect();
            found.extend(
                line.pointer("/msg/result/events").and_then(Value::as_array).into_iter().flatten().cloned(),
            );
            events.extend(
                found.into_iter().filter(|json| json["type"].is_string() && json["id"].is_string()).map(
                    |json| Recorded { version: version.to_owned(), scenario: scenario.to_owned(), json },
                ),
            );
        }
    }
    events
}

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("recordings");
    let entries = std::fs::read_dir(folder).expect("the recordings");
    let paths = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
    paths.filter(|path| path.extension().is_some_and(|extension| extension == "jsonl")).collect()
}
