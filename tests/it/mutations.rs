//! Events with changed data: they are delivered all the same, with their JSON as it was sent.

mod numbers;

use std::collections::{BTreeMap, BTreeSet};

use copilot_session::testing::events as say;
use copilot_session::{SessionBuilder, SessionEvent, SessionEventData};
use copilot_session_tests::sample::{Sample, Schemas, Spot, Step, What, step_into};
use serde_json::{Value, json};

use crate::rig::{Rig, assert_alive, next};

/// The form in which the data of an event is delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    Typed,
    Unrecognized,
    Malformed,
}

/// The change that every type accepts.
const NEW_KEY: &str = "added";

/// A change to data: its name, its path, and the changed data.
type Change = (&'static str, String, Value);

/// Values that replace another.
fn retyped() -> [Value; 7] {
    [
        json!(null),
        json!(true),
        json!(-7),
        json!(0.5),
        json!("of the future"),
        json!([[]]),
        json!({"kind": {}}),
    ]
}

/// Every change of one value or key of this data.
fn changes(sample: &Sample) -> Vec<Change> {
    let mut changes = Vec::new();
    for spot in &sample.spots {
        let path = spot.path();
        for value in retyped() {
            changes.push(("retyped", path.clone(), sample.with(spot, |place| *place = value)));
        }
        if let Some(json) = dropped(sample, spot) {
            changes.push(("dropped", path.clone(), json));
        }
        let mut json = sample.json.clone();
        let change = match (spot.what, spot.value(&mut json)) {
            (What::Record { .. }, Value::Object(object)) => {
                object.insert("new key".to_owned(), json!({"deep": [null]}));
                NEW_KEY
            }
            (What::Map, Value::Object(object)) => {
                object.insert("new key".to_owned(), json!({"new": "value"}));
                "extended"
            }
            (What::List, Value::Array(items)) => {
                items.push(json!({"new": "item"}));
                "extended"
            }
            _ => continue,
        };
        changes.push((change, path, json));
    }
    changes
}

/// The data without the key or item at this spot.
fn dropped(sample: &Sample, spot: &Spot) -> Option<Value> {
    let mut json = sample.json.clone();
    match (spot.at.last()?, step_into(&mut json, spot.parent())) {
        (Step::Key(key), Value::Object(object)) => drop(object.remove(key)),
        (Step::Item(index), Value::Array(items)) => drop(items.remove(*index)),
        (step, other) => panic!("{step:?} into {other}"),
    }
    Some(json)
}

/// Checks that an event keeps its JSON, and returns the form of its data.
fn outcome(json: &str, kind: &str, data: &Value) -> Outcome {
    let event = SessionEvent::from_json(json).unwrap_or_else(|error| panic!("{json} is lost: {error}"));
    assert_eq!((event.raw(), event.kind()), (json, kind));
    let raw = serde_json::from_str::<Value>(event.raw_data()).ok();
    assert_eq!(raw.as_ref(), Some(data), "the data of {json}");
    match event.data() {
        SessionEventData::Malformed(malformed) => {
            let error = &malformed.error;
            assert!(reached(data, error.path()), "{} is nowhere in {data}", error.path());
            assert!(!error.expected().is_empty() && !error.found().is_empty(), "{error}");
            assert_eq!((malformed.kind.as_str(), malformed.data.get()), (kind, event.raw_data()));
            Outcome::Malformed
        }
        SessionEventData::Unrecognized(unrecognized) => {
            assert_eq!((unrecognized.kind.as_str(), unrecognized.data.get()), (kind, event.raw_data()));
            Outcome::Unrecognized
        }
        typed => {
            assert_eq!(typed.kind(), kind);
            Outcome::Typed
        }
    }
}

/// Returns true if a path leads to a value of this JSON, or to a key that its object lacks.
fn reached(json: &Value, path: &str) -> bool {
    let Some(rest) = path.strip_prefix('$').filter(|rest| !rest.is_empty()) else { return path == "$" };
    match json {
        Value::Array(items) => items.iter().enumerate().any(|(index, item)| {
            rest.strip_prefix(&format!("[{index}]")).is_some_and(|rest| reached(item, &format!("${rest}")))
        }),
        Value::Object(object) => {
            let inside = object.iter().any(|(key, value)| {
                rest.strip_prefix(&format!(".{key}"))
                    .filter(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
                    .is_some_and(|rest| reached(value, &format!("${rest}")))
            });
            let key = rest.strip_prefix('.').unwrap_or("");
            inside || (!key.is_empty() && !key.contains(['.', '[']) && !object.contains_key(key))
        }
        _ => false,
    }
}

/// Each event of the schema, with each value of its data replaced, removed or extended.
#[test]
fn changed_data_is_delivered() {
    let mut seen: BTreeMap<(&str, Outcome), usize> = BTreeMap::new();
    let mut kinds = BTreeSet::new();
    let schemas = Schemas::read();
    for (kind, samples) in schemas.events() {
        kinds.insert(kind);
        for (change, path, data) in samples.iter().flat_map(changes) {
            let json = json!({"type": kind, "id": "1", "timestamp": "", "data": data}).to_string();
            let outcome = outcome(&json, kind, &data);
            let fits = change != NEW_KEY || outcome == Outcome::Typed;
            assert!(fits, "a new key at {path} of {kind}: {data}");
            assert_ne!(outcome, Outcome::Unrecognized, "{kind}");
            *seen.entry((change, outcome)).or_default() += 1;
        }
    }
    assert_eq!(kinds.len(), SessionEventData::TYPES.len());
    eprintln!("{seen:?}");
    for change in ["retyped", "dropped"] {
        for outcome in [Outcome::Typed, Outcome::Malformed] {
            assert!(seen.contains_key(&(change, outcome)), "{change} is never {outcome:?}");
        }
    }
}

/// Each key of the envelope replaced, removed or unknown: only JSON without a type is no event.
#[test]
fn changed_envelopes_are_delivered() {
    let data = say::assistant_message("text")["data"].clone();
    let whole = json!({"type": "assistant.message", "id": "1", "timestamp": "now", "parentId": "0", "agentId": "a",
        "ephemeral": true, "data": data});
    let keys: Vec<&String> = whole.as_object().expect("an object").keys().collect();
    for key in keys {
        let mut without = whole.clone();
        without.as_object_mut().expect("an object").remove(key);
        let retyped = retyped().into_iter().map(|value| {
            let mut changed = whole.clone();
            changed[key] = value;
            changed
        });
        for json in retyped.chain([without]) {
            let text = json.to_string();
            let Some(kind) = json["type"].as_str() else {
                let error = SessionEvent::from_json(text).expect_err("no event");
                assert_eq!(error.path(), "$.type");
                continue;
            };
            let expected = match (kind, json.get("data") == Some(&data)) {
                ("assistant.message", true) => Outcome::Typed,
                ("assistant.message", false) => Outcome::Malformed,
                _ => Outcome::Unrecognized,
            };
            assert_eq!(outcome(&text, kind, &json["data"]), expected, "{text}");
        }
    }
}

/// The data of an unknown type is kept, whatever it is.
#[test]
fn unknown_types_are_delivered() {
    for kind in ["", "of.the.future", "assistant.message ", "\u{0}", "é\"\\"] {
        for data in retyped() {
            let json = json!({"data": data, "type": kind}).to_string();
            assert_eq!(outcome(&json, kind, &data), Outcome::Unrecognized);
        }
    }
}

/// Data are equal if they are of one type and the same JSON, whatever their form.
#[test]
fn data_are_compared_by_their_content() {
    let data = |kind: &str, data: Value| {
        let event = SessionEvent::from_json(json!({"type": kind, "data": data}).to_string());
        event.expect("an event").data().clone()
    };
    let message = |text: &str| data("assistant.message", say::assistant_message(text)["data"].clone());
    assert_eq!(message("one"), message("one"));
    assert_ne!(message("one"), message("two"));
    let delta = json!({"messageId": "1", "deltaContent": "text"});
    assert_ne!(message("text"), data("assistant.message_delta", delta));
    for kind in ["assistant.message", "of.the.future"] {
        let (one, other) = (json!({"a": 1}), json!({"a": 2}));
        assert_eq!(data(kind, one.clone()), data(kind, one.clone()));
        assert_ne!(data(kind, one.clone()), data(kind, other));
        assert_ne!(data(kind, one.clone()), data("of.another.future", one.clone()));
        assert_ne!(data(kind, one), message("one"));
    }
}

/// Changed events pass through a session in order, one for each type and kind of change.
#[tokio::test(start_paused = true)]
async fn changed_events_come_through_a_session() {
    let rig = Rig::with(SessionBuilder::deny_all).await;
    let mut events = rig.session.events();
    let mut sent = 0;
    let schemas = Schemas::read();
    for (kind, samples) in schemas.events() {
        // The session ends at this event.
        let samples = samples.iter().filter(|_| kind != "session.shutdown");
        let last: BTreeMap<_, _> =
            samples.flat_map(changes).map(|(change, path, data)| (change, (path, data))).collect();
        for (path, data) in last.into_values() {
            let id = sent.to_string();
            rig.emit(json!({"type": kind, "id": id, "data": data}));
            let event = next(&mut events).await;
            assert_eq!((event.kind(), event.id()), (kind, id.as_str()), "after a change at {path}");
            let raw: Value = serde_json::from_str(event.raw_data()).expect("JSON");
            assert_eq!(raw, data);
            sent += 1;
        }
    }
    assert!(sent > SessionEventData::TYPES.len(), "{sent}");
    assert_alive(&rig.client).await;
}
