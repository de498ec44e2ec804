//! The wire log hides what `Debug` hides: both are made from one list, but the log has no types.

use std::collections::{BTreeMap, HashMap};

use copilot_session_tests::sample::Schemas;
use serde_json::{Value, json};

use super::wire_log::log_of;
use crate::generated::round_trip::TABLE;

/// The methods of the schema, each with the place of a type that it carries.
fn carried(tree: &Value, found: &mut Vec<(String, String)>) {
    let Value::Object(keys) = tree else { return };
    let Some(method) = keys.get("rpcMethod").and_then(Value::as_str) else {
        return keys.values().for_each(|inner| carried(inner, found));
    };
    for schema in ["params", "result"].into_iter().filter_map(|key| keys.get(key)) {
        let branches = schema["anyOf"].as_array().into_iter().flatten().chain([schema]);
        let place = |schema: &Value| {
            let reference = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next());
            reference.or(schema["title"].as_str()).map(str::to_owned)
        };
        found.extend(branches.filter_map(place).map(|place| (method.to_owned(), place)));
    }
}

/// Replaces each free text of a sample, all of which are the same, by another that occurs nowhere else.
fn with_secrets(sample: &mut Value, secrets: &mut Vec<String>) {
    match sample {
        Value::String(text) if text.starts_with("text ") => {
            *text = format!("hush{:06}hush", secrets.len());
            secrets.push(text.clone());
        }
        Value::Array(items) => items.iter_mut().for_each(|item| with_secrets(item, secrets)),
        Value::Object(keys) => keys.values_mut().for_each(|inner| with_secrets(inner, secrets)),
        _ => {}
    }
}

/// A file of the schema folder.
fn schema(file: &str) -> Value {
    let path = format!("{}/../schema/{file}.schema.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).expect("a schema")).expect("JSON")
}

/// The message in which a value is sent: the params of a method, which are as its result to the log, or the data of an
/// event.
fn message(name: &str, is_event: bool, value: &Value) -> Value {
    let event = json!({ "type": name, "id": "1", "timestamp": "", "parentId": null, "data": value });
    match is_event {
        true => json!({ "method": "session.event", "params": { "sessionId": "s", "event": event } }),
        false => json!({ "method": name, "params": value }),
    }
}

/// The methods and events of the schemas, each with the place of a type that it carries.
fn all_carried() -> Vec<(String, String, bool)> {
    let mut methods = Vec::new();
    for file in ["api", "supplement"] {
        let file = schema(file);
        let groups = file.as_object().expect("an object").iter().filter(|(key, _)| *key != "definitions");
        groups.for_each(|(_, tree)| carried(tree, &mut methods));
    }
    let file = schema("session-events");
    let envelopes = file["definitions"].as_object().expect("definitions").values();
    let events = envelopes.filter_map(|envelope| {
        let properties = &envelope["properties"];
        let place = properties["data"]["$ref"].as_str()?.rsplit('/').next()?;
        Some((properties["type"]["const"].as_str()?.to_owned(), place.to_owned(), true))
    });
    methods.into_iter().map(|(method, place)| (method, place, false)).chain(events).collect()
}

#[tokio::test(start_paused = true)]
async fn what_debug_hides() {
    let (schemas, table) = (Schemas::read(), TABLE.iter().copied().collect::<HashMap<_, _>>());
    let (mut secrets, mut messages, mut hidden) = (Vec::new(), Vec::new(), BTreeMap::new());
    for (name, place, is_event) in all_carried() {
        let (Some(again), Some(sample)) =
            (table.get(place.as_str()), schemas.of_place(&place).into_iter().next())
        else {
            continue;
        };
        let (first, mut value) = (secrets.len(), sample.json);
        with_secrets(&mut value, &mut secrets);
        let shown = again(&value.to_string(), true).unwrap_or_else(|error| panic!("{place}: {error}"));
        let new = secrets[first..].iter().filter(|secret| !shown.contains(*secret));
        hidden.extend(new.map(|secret| (secret.clone(), format!("{secret} in {name}: {value}"))));
        messages.push(message(&name, is_event, &value).to_string().into_bytes());
    }
    let tried = format!("{} messages, {} texts, {} hidden", messages.len(), secrets.len(), hidden.len());
    assert!(messages.len() > 1000 && hidden.len() > 40, "{tried}");
    let log = log_of(messages).await;
    hidden.retain(|secret, _| log.contains(secret));
    let shown: Vec<&String> = hidden.values().take(20).collect();
    assert!(shown.is_empty(), "of {tried}, the log shows {}: {shown:#?}", hidden.len());
    eprintln!("{tried}");
}
