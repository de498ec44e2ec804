//! Changes of every kind in two small sets, checked by the compiler.

use copilot_session_codegen::{Input, Protocol};
use copilot_session_drift::comparison::compare;
use serde_json::{Value, json};

use super::run;

fn set(parts: &Value) -> Protocol {
    let texts = |parts: &Value| {
        let supplement = json!({"definitions": {}});
        [&parts["api"], &parts["events"], &supplement].map(ToString::to_string)
    };
    Protocol::survey(input(&texts(parts))).expect("it is read")
}

fn input([api, events, supplement]: &[String; 3]) -> Input<'_> {
    Input { version: "0.0.0", api, events, supplement }
}

fn object(properties: Value, required: &[&str]) -> Value {
    json!({"type": "object", "properties": properties, "required": required})
}

/// A set in which some definitions are sent and received, with parts of its own.
fn parts(both: Value, received: Value, mut api: Value, events: &[&str]) -> Value {
    let mut definitions = both.as_object().expect("an object").clone();
    for (name, definition) in &both.as_object().expect("an object").clone() {
        let reference = json!({"$ref": format!("#/definitions/{name}")});
        let method = format!("use.{}", name.to_lowercase());
        api["server"]["use"][name.to_lowercase()] =
            json!({"rpcMethod": method, "params": reference, "result": reference});
        definitions.insert(name.clone(), definition.clone());
    }
    for (name, definition) in received.as_object().expect("an object") {
        let method = format!("get.{}", name.to_lowercase());
        let reference = json!({"$ref": format!("#/definitions/{name}")});
        api["server"]["get"][name.to_lowercase()] = json!({"rpcMethod": method, "result": reference});
        definitions.insert(name.clone(), definition.clone());
    }
    api["definitions"] = Value::Object(definitions);
    let mut all = json!({"SessionEvent": {"anyOf": []}});
    for name in events {
        all[format!("{name}Event")] = object(
            json!({"type": {"const": name}, "data": object(json!({"a": {"type": "string"}}), &["a"])}),
            &[],
        );
        let reference = json!({"$ref": format!("#/definitions/{name}Event")});
        all["SessionEvent"]["anyOf"].as_array_mut().expect("a list").push(reference);
    }
    json!({"api": api, "events": {"definitions": all}})
}

fn older() -> Value {
    let text = || json!({"type": "string"});
    let nullable = || json!({"anyOf": [text(), {"type": "null"}]});
    let both = json!({
        "Gone": object(json!({"a": text()}), &["a"]),
        "FieldGone": object(json!({"a": text(), "b": text()}), &["a"]),
        "RequiredCame": object(json!({"a": text()}), &["a"]),
        "OptionalCame": object(json!({"a": text()}), &["a"]),
        "RequiredWent": object(json!({"a": text(), "b": text()}), &["a", "b"]),
        "Demanded": object(json!({"a": text(), "b": text()}), &["a"]),
        "Allowed": object(json!({"a": text(), "b": text()}), &["a", "b"]),
        "MayBeNull": object(json!({"a": text()}), &[]),
        "NullToNothing": object(json!({"a": nullable(), "b": text()}), &["a", "b"]),
        "NullGone": object(json!({"a": nullable()}), &["a"]),
        "AnyGone": object(json!({"a": nullable()}), &[]),
        "Retyped": object(json!({"a": text(), "b": {"type": "integer"}}), &["a"]),
        "Swapped": object(json!({"a": text(), "b": {"type": "boolean"}}), &["a", "b"]),
        "SwappedAlike": object(json!({"a": text(), "b": text()}), &["a", "b"]),
        "SwappedNull": object(json!({"a": text(), "b": nullable()}), &["a", "b"]),
        "Value": {"type": "string", "enum": ["x", "y"]},
        "Joined": {"type": "string", "enum": ["x", "read_only"]},
        "Union": {"anyOf": [
            object(json!({"kind": {"const": "one"}, "a": text()}), &["kind"]),
            object(json!({"kind": {"const": "two"}, "a": text()}), &["kind"]),
        ]},
        "ToUnion": object(json!({"a": text()}), &["a"]),
        "ToEnum": text(),
        "Holder": object(json!({"a": {"$ref": "#/definitions/Gone"}}), &["a"]),
        "Inline": object(json!({"a": object(json!({"b": text()}), &[])}), &["a"]),
        "Rest": {"type": "object", "properties": {"a": text()}, "additionalProperties": text()},
    });
    let received = json!({
        "ReadGone": object(json!({"a": text()}), &["a"]),
        "ReadRequiredCame": object(json!({"a": text()}), &["a"]),
        "ReadMayBeNull": object(json!({"a": text()}), &[]),
        "ReadNullToNothing": object(json!({"a": nullable()}), &["a"]),
        "ReadDemanded": object(json!({"a": text()}), &[]),
        "ReadNullGone": object(json!({"a": nullable()}), &["a"]),
    });
    let api = json!({
        "server": {"x": {
            "went": {"rpcMethod": "x.went"},
            "moved": {"rpcMethod": "x.moved"},
            "asks": {"rpcMethod": "x.asks"},
        }},
        "clientGlobal": {"asked": {"rpcMethod": "asked.thing", "params": object(json!({"a": text()}), &["a"])}},
    });
    parts(both, received, api, &["stays.here", "goes.away"])
}

fn newer() -> Value {
    let text = || json!({"type": "string"});
    let both = json!({
        "Arrived": object(json!({"z": {"type": "boolean"}}), &["z"]),
        "FieldGone": object(json!({"a": text()}), &["a"]),
        "RequiredCame": object(json!({"a": text(), "b": text()}), &["a", "b"]),
        "OptionalCame": object(json!({"a": text(), "b": text()}), &["a"]),
        "RequiredWent": object(json!({"a": text()}), &["a"]),
        "Demanded": object(json!({"a": text(), "b": text()}), &["a", "b"]),
        "Allowed": object(json!({"a": text(), "b": text()}), &["a"]),
        "MayBeNull": object(json!({"a": {"anyOf": [text(), {"type": "null"}]}}), &[]),
        "NullToNothing": object(json!({"a": text(), "b": text()}), &["b"]),
        "NullGone": object(json!({"a": text()}), &["a"]),
        "AnyGone": object(json!({"a": text()}), &["a"]),
        "Retyped": object(json!({"a": text(), "b": {"type": "number"}}), &["a"]),
        "Swapped": object(json!({"b": {"type": "boolean"}, "a": text()}), &["a", "b"]),
        "SwappedAlike": object(json!({"b": text(), "a": text()}), &["a", "b"]),
        "SwappedNull": object(
            json!({"b": {"anyOf": [text(), {"type": "null"}]}, "a": text()}),
            &["a", "b"],
        ),
        "Value": {"type": "string", "enum": ["x", "z"]},
        "Joined": {"type": "string", "enum": ["x", "readonly"]},
        "Union": {"anyOf": [
            object(json!({"kind": {"const": "one"}, "a": text()}), &["kind"]),
            object(json!({"kind": {"const": "three"}, "q": text()}), &["kind"]),
        ]},
        "ToUnion": {"anyOf": [
            object(json!({"kind": {"const": "one"}, "a": text()}), &["kind", "a"]),
            object(json!({"kind": {"const": "two"}, "a": text()}), &["kind", "a"]),
        ]},
        "ToEnum": {"type": "string", "enum": ["x", "y"]},
        "Holder": object(json!({"a": {"$ref": "#/definitions/Arrived"}}), &["a"]),
        "Named": object(json!({"b": text()}), &[]),
        "Inline": object(json!({"a": {"$ref": "#/definitions/Named"}}), &["a"]),
        "Rest": {"type": "object", "properties": {"a": text()}},
    });
    let received = json!({
        "ReadGone": object(json!({}), &[]),
        "ReadRequiredCame": object(json!({"a": text(), "b": text()}), &["a", "b"]),
        "ReadMayBeNull": object(json!({"a": {"anyOf": [text(), {"type": "null"}]}}), &[]),
        "ReadNullToNothing": object(json!({"a": text()}), &[]),
        "ReadDemanded": object(json!({"a": text()}), &["a"]),
        "ReadNullGone": object(json!({"a": text()}), &["a"]),
    });
    let api = json!({
        "server": {"x": {"asks": {"rpcMethod": "x.asks", "params": object(json!({"a": text()}), &[])}}},
        "session": {"x": {"moved": {"rpcMethod": "x.moved"}}},
        "clientGlobal": {"asked": {"rpcMethod": "asked.thing", "params": object(json!({"a": text()}), &[])}},
    });
    parts(both, received, api, &["stays.here", "comes.new"])
}

#[test]
fn the_compiler_agrees_on_changes_of_every_kind() {
    let (older, newer) = (older(), newer());
    let (old, mut new) = (set(&older), set(&newer));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let changes = compare(&old, &new).changes;
    let missing_in_older = new.compare(&old).missing_in_older;
    new.make_optional(missing_in_older.iter().map(|key| (key.as_str(), "0.0.0")));
    let outcome = run(folder.path(), &old, &changes, &new).expect("the compiler runs");
    assert!(outcome.agrees(), "{}", outcome.text());
    assert!(outcome.failed > 25 && outcome.failed < outcome.uses, "{}", outcome.text());
    // Without the changes, every failure is missed.
    let outcome = run(folder.path(), &old, &[], &new).expect("the compiler runs");
    assert_eq!(outcome.missed.len(), outcome.failed, "{}", outcome.text());
}
