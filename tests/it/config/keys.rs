//! Every key of the schemas, on its own.

use std::path::Path;

use copilot_session::SessionBuilder;
use copilot_session::testing::FakeCli;
use copilot_session::types::SessionConfig;
use copilot_session::wire;
use copilot_session_tests::sample::Schemas;
use serde_json::{Map, Value, json};

use super::{always, opened, with};
use crate::rig::connect;

/// A session without settings sends only the keys of every session.
#[tokio::test(start_paused = true)]
async fn nothing_set() {
    assert_eq!(opened(SessionBuilder::deny_all).await, always());
}

/// A session with one key set sends that key as the schema has it, and no other.
#[tokio::test(start_paused = true)]
async fn every_key_alone() {
    let fake = FakeCli::start();
    let client = connect(&fake).await;
    for (key, value) in values_of("SessionConfig") {
        let alone = json!({ key.as_str(): value });
        let config = wire::from_json::<SessionConfig>(&alone.to_string()).expect("a value of the schema");
        let builder = || client.session().deny_all().configure(|_| config.clone());
        let expected = with(always(), alone);
        // The handler of the session sets this key, even where the configuration says no.
        let expected = with(expected, json!({"requestPermission": true}));

        let session = builder().create().await.unwrap_or_else(|error| panic!("{key}: {error}"));
        let mut sent = fake.received_raw("session.create").await;
        if key != "sessionId" {
            assert_eq!(super::take(&mut sent, "sessionId"), session.id());
        }
        assert_eq!(sent, expected, "{key}");
        session.disconnect().await.expect("the end");

        let session = builder().resume("mine").await.unwrap_or_else(|error| panic!("{key}: {error}"));
        let sent = fake.received_raw("session.resume").await;
        let mut expected = with(expected, json!({"sessionId": "mine"}));
        for (given, about) in [
            ("streaming", &[][..]),
            ("toolFilterPrecedence", &["availableTools", "excludedTools"]),
            ("envValueMode", &["mcpServers", "customAgents"]),
        ] {
            if key != given && !about.contains(&key.as_str()) {
                super::take(&mut expected, given);
            }
        }
        assert_eq!(sent, expected, "{key}");
        session.disconnect().await.expect("the end");
    }
}

/// All keys at once are sent as they were set.
#[tokio::test(start_paused = true)]
async fn all_keys_at_once() {
    let all: Map<String, Value> = values_of("SessionConfig").into_iter().rev().collect();
    let mut all = Value::Object(all);
    let config = wire::from_json::<SessionConfig>(&all.to_string()).expect("a value of the schema");
    let sent = opened_once(config).await;
    all["requestPermission"] = true.into();
    assert_eq!(sent, all);
}

async fn opened_once(config: SessionConfig) -> Value {
    let fake = FakeCli::start();
    let client = connect(&fake).await;
    client.session().deny_all().configure(|_| config).create().await.expect("the session");
    fake.received_raw("session.create").await
}

/// Every key of a definition with each value that the samples have for it. Panics if a key has none.
pub fn values_of(definition: &str) -> Vec<(String, Value)> {
    let schemas = Schemas::read();
    let properties = properties(definition);
    let samples = schemas.of_place(definition);
    let mut values: Vec<(String, Value)> = Vec::new();
    for (key, schema) in &properties {
        let referred = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next());
        let of_reference = referred.map(|name| schemas.of_place(name)).unwrap_or_default();
        let of_reference = of_reference.into_iter().map(|sample| sample.json);
        let of_key = samples.iter().filter_map(|sample| sample.json.get(key).cloned());
        let before = values.len();
        for value in of_reference.chain(of_key) {
            let pair = (key.clone(), value);
            if !values[before..].contains(&pair) {
                values.push(pair);
            }
        }
        assert!(values.len() > before, "{definition} has the key {key}, which no sample has");
    }
    // The sample of an open object has another key.
    let sample = samples[0].json.as_object().expect("an object");
    assert!(properties.keys().all(|key| sample.contains_key(key)), "{definition}");
    values
}

/// The keys of a definition, as the schema files list them.
fn properties(definition: &str) -> Map<String, Value> {
    let read = |name: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../schema/{name}.schema.json"));
        let text = std::fs::read_to_string(path).expect("the schema");
        serde_json::from_str::<Value>(&text).expect("JSON")
    };
    let files = ["supplement", "api"].map(read);
    let mut found =
        files.iter().filter_map(|file| file["definitions"][definition]["properties"].as_object().cloned());
    found.next().unwrap_or_else(|| panic!("{definition} is in no schema"))
}
