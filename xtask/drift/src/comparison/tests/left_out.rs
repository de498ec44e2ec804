//! Keys and results that the newer set always sends and the older one omits.

use copilot_session_codegen::{Input, Protocol};
use serde_json::{Value, json};

use super::super::compare::{Comparison, compare};
use super::super::report::Report;
use super::object;

const SUPPLEMENT: &str = r#"{"definitions": {}}"#;
const EVENTS: &str = r#"{"definitions": {"SessionEvent": {"anyOf": []}}}"#;

/// A set in which definitions are received (`Got`) and sent (`Put`).
fn set(definitions: &Value, more: &Value) -> String {
    let get = json!({"rpcMethod": "get", "result": {"$ref": "#/definitions/Got"}});
    let put = json!({"rpcMethod": "put", "params": {"$ref": "#/definitions/Put"}});
    let mut server = json!({"get": get, "put": put});
    server.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    // The part that a fix of the generator requires in every version.
    let mut all = json!({
        "AgentGetCurrentResult": object(json!({"agent": {"type": "string"}}), &["agent"]),
        "SamplingRequestedData": object(json!({"requestId": {"type": "string"}}), &["requestId"]),
        "Got": object(json!({}), &[]),
        "Put": object(json!({}), &[]),
    });
    all.as_object_mut().expect("an object").extend(definitions.as_object().expect("an object").clone());
    json!({"title": "CopilotApi", "server": server, "session": {}, "definitions": all}).to_string()
}

fn input(api: &str) -> Input<'_> {
    Input { version: "1.0.50", api, events: EVENTS, supplement: SUPPLEMENT }
}

fn compared(old: &str, new: &str) -> Comparison {
    let read = |api| Protocol::survey(input(api)).expect("the schemas are of the right form");
    compare(&read(old), &read(new))
}

/// The keys that are found, and the changes that are marked for them.
fn found(old: &str, new: &str) -> (Vec<String>, Vec<String>) {
    let compared = compared(old, new);
    let marked = compared.changes.iter().filter(|change| change.left_out);
    let marked = marked.map(|change| change.item.clone()).collect();
    (compared.left_out.into_iter().collect(), marked)
}

/// The keys that the generator finds, for `schema/older.json`.
fn listed(old: &str, new: &str) -> Vec<String> {
    let read = |api| Protocol::read(input(api)).expect("a protocol");
    read(new).compare(&read(old)).missing_in_older.into_iter().collect()
}

#[test]
fn keys_that_are_new_or_no_longer_optional_or_null_are_found() {
    let text = || json!({"type": "string"});
    let or_null = || json!({"anyOf": [text(), {"type": "null"}]});
    let older = object(
        json!({"optional": text(), "null": or_null(), "same": text(), "theName": text(), "json": or_null(),
            "constant": {"const": "a"}}),
        &["null", "same", "theName", "json", "constant"],
    );
    let properties = json!({"new": text(), "optional": text(), "null": text(), "same": text(),
        "theNewName": text(), "json": {}, "constant": text(), "mayBeMissing": text(), "mayBeNull": or_null()});
    let required = ["new", "optional", "null", "same", "theNewName", "json", "constant", "mayBeNull"];
    let newer = object(properties, &required);
    let (old, new) = (json!({"Got": older, "Put": older}), json!({"Got": newer, "Put": newer}));
    let (old, new) = (set(&old, &json!({})), set(&new, &json!({})));
    let keys = ["Got.new", "Got.null", "Got.optional", "Got.theNewName"].map(str::to_owned).to_vec();
    // Parts are reported under their older name.
    let changes = ["Got.new", "Got.null", "Got.optional", "Got.theName"].map(str::to_owned).to_vec();
    let (found, mut marked) = found(&old, &new);
    assert_eq!(found, keys);
    assert_eq!(found, listed(&old, &new));
    marked.sort();
    assert_eq!(marked, changes);
}

#[test]
fn types_are_paired_by_place_and_not_by_name() {
    let text = || json!({"type": "string"});
    let reference = |name: &str| json!({"$ref": format!("#/definitions/{name}")});
    let branch = |kind: &str, key: &str| {
        object(json!({"kind": {"const": kind}, key: text(), "both": text()}), &["kind", key, "both"])
    };
    let older = json!({
        "Got": object(json!({
            "list": {"type": "array", "items": reference("Before")},
            "map": {"type": "object", "additionalProperties": object(json!({}), &[])},
            "union": {"anyOf": [branch("a", "x"), branch("b", "x")]},
            "becomesUnion": object(json!({"kind": text(), "both": text()}), &["kind", "both"]),
            "becomesObject": {"anyOf": [branch("a", "x"), branch("b", "x")]},
        }), &[]),
        "Before": object(json!({"a": text()}), &["a"]),
        // Both sets have the name, but the newer one receives it in another place.
        "Elsewhere": object(json!({"a": text()}), &["a"]),
    });
    let newer = json!({
        "Got": object(json!({
            "list": {"type": "array", "items": reference("After")},
            "map": {"type": "object", "additionalProperties": object(json!({"in": text()}), &["in"])},
            "union": {"anyOf": [branch("a", "x"), branch("b", "y")]},
            "becomesUnion": {"anyOf": [branch("a", "x"), branch("b", "y")]},
            "becomesObject": object(json!({"x": text(), "z": text()}), &["x", "z"]),
        }), &[]),
        "After": object(json!({"a": text(), "b": text()}), &["a", "b"]),
        "Elsewhere": object(json!({"a": text(), "b": text()}), &["a", "b"]),
    });
    let old = set(&older, &json!({"was": {"rpcMethod": "was", "result": reference("Elsewhere")}}));
    let new = set(&newer, &json!({"is": {"rpcMethod": "is", "result": reference("Elsewhere")}}));
    let (found, _) = found(&old, &new);
    assert_eq!(found, listed(&old, &new));
    assert!(found.contains(&"After.b".to_owned()), "{found:?}");
    assert!(!found.iter().any(|key| key.starts_with("Elsewhere")), "{found:?}");
    assert_eq!(found.len(), 6, "{found:?}");
}

#[test]
fn a_result_that_was_nothing_is_found() {
    let result = || json!({"$ref": "#/definitions/Got"});
    let with = |result: Value| json!({"do": {"rpcMethod": "do", "result": result}});
    let null = set(&json!({}), &with(json!({"type": "null"})));
    let object = set(&json!({}), &with(result()));
    let either = set(&json!({}), &with(json!({"anyOf": [result(), {"type": "null"}]})));
    let expected = (vec!["do: result".to_owned()], vec!["do".to_owned()]);
    assert_eq!(found(&null, &object), expected);
    assert_eq!(found(&either, &object), expected);
    for (old, new) in [(&null, &either), (&object, &null), (&object, &object)] {
        assert_eq!(found(old, new), (Vec::new(), Vec::new()));
    }
}

#[test]
fn every_report_lists_the_keys() {
    let old = set(&json!({}), &json!({}));
    let new = set(&json!({"Got": object(json!({"a": {"type": "string"}}), &["a"])}), &json!({}));
    let compared = compared(&old, &new);
    let protocol = Protocol::survey(input(&new)).expect("a protocol");
    let report = Report { from: "1", to: "2", compared: &compared, new: &protocol };
    for text in [report.text(), report.markdown()] {
        assert!(
            text.contains("One key is always sent by 2, but may be missing or `null` in what 1 sends."),
            "{text}"
        );
        assert!(text.contains("(`schema/older.json`): `Got.a`."), "{text}");
    }
    let json: Value = serde_json::from_str(&report.json().expect("JSON")).expect("JSON");
    assert_eq!(json["leftOut"], json!(["Got.a"]));
    assert_eq!(json["changes"][0]["leftOut"], json!(true));
    let back = serde_json::to_value(&self::compared(&new, &old).changes[0]).expect("JSON");
    assert_eq!((&back["item"], back.get("leftOut")), (&json!("Got.a"), None));
}
