//! The work of decoding grows linearly with the text, even if keys are repeated and nothing fits.
//!
//! With work that grows with the square of the text's length, these texts would take hours.

use std::collections::BTreeMap;

use copilot_session::types::{
    AssistantUsageData, InstalledPluginSource, McpSerializableServerConfig, PermissionDetails,
};
use copilot_session::wire::{self, Wire};
use copilot_session::{SessionEvent, SessionEventData};

/// A number whose square is out of reach.
const MANY: usize = 200_000;

/// An object with this member many times, and then with `last`.
fn repeated(member: &str, last: &str) -> String {
    format!("{{{}{last}}}", format!("{member},").repeat(MANY))
}

/// An object with many members of different keys, and then with `last`.
fn different(value: &str, last: &str) -> String {
    let members: String = (0..MANY).map(|index| format!("\"k{index}\":{value},")).collect();
    format!("{{{members}{last}}}")
}

#[track_caller]
fn read<T: Wire>(json: &str) -> T {
    wire::from_json(json).unwrap_or_else(|error| panic!("{error}"))
}

#[track_caller]
fn fails_at<T: Wire>(json: &str, path: &str) {
    let error = wire::from_json::<T>(json).err().expect("an error");
    assert_eq!(error.path(), path, "{error}");
}

/// Of a repeated key whose value does not fit, only the last counts.
#[test]
fn repeated_keys_of_a_record() {
    for wrong in ["5", "[]", r#"{"model":{"model":[1]}}"#] {
        let member = format!(r#""model":{wrong}"#);
        let usage: AssistantUsageData = read(&repeated(&member, r#""model":"m""#));
        assert_eq!(usage.model, "m");
        fails_at::<AssistantUsageData>(&repeated(&member, &member), "$.model");
    }
    let first = format!(r#"{{"model":"m",{}"#, &repeated(r#""cost":"free""#, r#""cost":1"#)[1..]);
    assert_eq!(read::<AssistantUsageData>(&first).cost, Some(1.0));
}

#[test]
fn repeated_keys_of_a_map() {
    type Numbers = BTreeMap<String, i64>;
    let numbers: Numbers = read(&repeated(r#""k":"text""#, r#""k":1"#));
    assert_eq!(numbers, [("k".to_owned(), 1)].into());
    fails_at::<Numbers>(&repeated(r#""k":1"#, r#""k":"text""#), "$.k");
    fails_at::<Numbers>(&different("null", r#""k":1"#), "$.k0");
    assert_eq!(read::<Numbers>(&different("1", r#""k0":2"#)).len(), MANY);
    type Nested = BTreeMap<String, BTreeMap<String, i64>>;
    fails_at::<Nested>(&repeated(r#""a":{"b":[]}"#, r#""a":{"b":{}}"#), "$.a.b");
}

#[test]
fn unknown_keys() {
    let usage: AssistantUsageData = read(&different("[{}]", r#""model":"m""#));
    assert_eq!(usage.model, "m");
    let usage: AssistantUsageData = read(&repeated(r#""unknown":{"a":1}"#, r#""model":"m""#));
    assert_eq!(usage.model, "m");
}

/// The keys that distinguish the variants of a union are repeated many times.
#[test]
fn unions() {
    let read_file = r#""kind":"read","intention":"i","path":"p""#;
    for before in [r#""kind":"shell""#, r#""kind":5"#, r#""path":[]"#] {
        match read(&repeated(before, read_file)) {
            PermissionDetails::Read(request) => assert_eq!(request.path, "p"),
            other => panic!("{other:?}"),
        }
    }
    let server: McpSerializableServerConfig = read(&different("1", r#""command":"c""#));
    assert!(matches!(server, McpSerializableServerConfig::ServerConfigStdio(_)));
    let source: InstalledPluginSource = read(&repeated(r#""path":5"#, r#""source":"local","path":"p""#));
    assert!(matches!(source, InstalledPluginSource::Local(_)));
    // It is none of the variants, so all of it is kept as JSON.
    let unknown: InstalledPluginSource = read(&different("{}", r#""source":"local""#));
    assert!(matches!(unknown, InstalledPluginSource::Unrecognized(_)));
}

/// Lone surrogates, in valid and invalid JSON.
#[test]
fn lone_surrogates() {
    let halves = r"\ud83e".repeat(MANY);
    let text: String = read(&format!("\"{halves}\""));
    assert_eq!(text.chars().filter(|letter| *letter == '\u{fffd}').count(), MANY);
    fails_at::<String>(&format!("\"{halves}"), "$");
    let usage: AssistantUsageData = read(&repeated(r#""\udead":"\udead""#, r#""model":"\udead""#));
    assert_eq!(usage.model, "\u{fffd}");
}

/// The envelope of an event, each key of which is looked for.
#[test]
fn envelopes() {
    let data = r#""data":{"messageId":"1","content":"c"}"#;
    for before in [r#""type":5"#, r#""id":{}"#, r#""\ud800":[]"#, r#""data":[[[]]]"#] {
        let json = repeated(before, &format!(r#""type":"assistant.message",{data}"#));
        let event = SessionEvent::from_json(json).expect("an event");
        match event.data() {
            SessionEventData::AssistantMessage(message) => assert_eq!(message.content, "c"),
            other => panic!("{other:?}"),
        }
    }
}

/// An error has a path without the whole of a long key, however many levels it passes.
#[test]
fn long_keys() {
    type Levels = BTreeMap<String, BTreeMap<String, BTreeMap<String, i64>>>;
    let key = "k".repeat(MANY);
    let error = wire::from_json::<Levels>(&format!(r#"{{"{key}":{{"{key}":{{"{key}":"x"}}}}}}"#));
    let error = error.expect_err("no number");
    assert!(error.path().starts_with("$.kkkk") && error.path().len() < 300, "{}", error.path());
}

/// Nested objects, each after members that do not fit: no level is decoded twice.
#[test]
fn repeated_keys_at_every_level() {
    let nested = (0..120).fold("{}".to_owned(), |inner, _| format!(r#"{{"k":1,"k":[],"k":{inner}}}"#));
    let value: serde_json::Value = read(&nested);
    let depth = std::iter::successors(Some(&value), |value| value.get("k")).count();
    assert_eq!(depth, 121);
}
