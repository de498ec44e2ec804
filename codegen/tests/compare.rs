//! Comparison of two versions: missing keys, changed kinds of JSON and renamed types. Also: names are stable.

use std::collections::BTreeSet;

use copilot_session_codegen::{Difference, Input, Names, Protocol, Reason, Renamed};
use serde_json::{Value, json};

/// Compares two versions that have the methods `get` and `put` and the given definitions.
fn difference(newer: &Value, older: &Value) -> Difference {
    protocol(newer).compare(&protocol(older))
}

fn protocol(definitions: &Value) -> Protocol {
    // The version is older than the spans of all fixes, except those that always apply.
    let mut all = json!({
        "AgentGetCurrentResult": object(json!({ "agent": { "type": "string" } }), &["agent"]),
        "SamplingRequestedData": object(json!({ "requestId": { "type": "string" } }), &["requestId"]),
    });
    for (name, schema) in definitions.as_object().expect("definitions") {
        all[name] = schema.clone();
    }
    let got = if definitions.get("Got").is_some() { reference("Got") } else { json!({ "type": "string" }) };
    let put = match definitions.get("Put") {
        Some(_) => reference("Put"),
        None => object(json!({ "got": got }), &["got"]),
    };
    let api = json!({
        "definitions": all,
        "server": {
            "get": { "rpcMethod": "get", "result": got },
            "put": { "rpcMethod": "put", "params": put },
        },
    });
    let input = Input {
        version: "1.0.50",
        api: &api.to_string(),
        events: &json!({ "definitions": { "SessionEvent": { "anyOf": [] } } }).to_string(),
        supplement: &json!({ "definitions": {} }).to_string(),
    };
    Protocol::read(input).expect("a protocol")
}

fn object(properties: Value, required: &[&str]) -> Value {
    json!({ "type": "object", "properties": properties, "required": required })
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/definitions/{name}") })
}

fn set(keys: &[&str]) -> BTreeSet<String> {
    keys.iter().map(|&key| key.to_owned()).collect()
}

#[test]
fn keys_that_may_be_missing_or_null_are_found() {
    let text = json!({ "type": "string" });
    let or_null = json!({ "type": ["string", "null"] });
    let keys = ["same", "missing", "optional", "null", "json", "jsonMissing"];
    let newer = object(
        json!({
            "same": text, "missing": text, "optional": text, "null": text, "json": {}, "jsonMissing": {},
            "mayBeMissing": text, "mayBeNull": or_null,
        }),
        &[&keys[..], &["mayBeNull"]].concat(),
    );
    let older = object(
        json!({ "same": text, "optional": text, "null": or_null, "json": or_null }),
        &["same", "null", "json"],
    );
    let found = difference(&json!({ "Got": newer }), &json!({ "Got": older }));
    assert_eq!(found.missing_in_older, set(&["Got.missing", "Got.optional", "Got.null", "Got.jsonMissing"]));
    assert_eq!((found.changed, found.renamed), (set(&[]), BTreeSet::new()));
}

#[test]
fn only_received_types_are_compared() {
    let newer = object(json!({ "key": { "type": "string" } }), &["key"]);
    let older = object(json!({ "key": { "type": "integer" }, "other": { "type": "string" } }), &[]);
    let got = object(json!({}), &[]);
    let sent = difference(&json!({ "Got": got, "Put": newer }), &json!({ "Got": got, "Put": older }));
    assert_eq!((sent.missing_in_older, sent.changed), (set(&[]), set(&[])));
    let received = difference(&json!({ "Got": newer }), &json!({ "Got": older }));
    assert_eq!((received.missing_in_older, received.changed), (set(&["Got.key"]), set(&["Got.key"])));
}

#[test]
fn a_result_that_was_nothing_is_found() {
    let object = json!({ "Got": object(json!({ "key": { "type": "string" } }), &[]) });
    let or_null =
        json!({ "Got": { "anyOf": [reference("Inner"), { "type": "null" }] }, "Inner": object["Got"] });
    let null = json!({ "Got": { "type": "null" } });
    let anything = json!({ "Got": {} });
    for older in [&null, &or_null] {
        assert_eq!(difference(&object, older).missing_in_older, set(&["get: result"]), "{older}");
        assert_eq!(difference(older, &object).missing_in_older, set(&[]), "{older}");
        assert_eq!(difference(&anything, older).missing_in_older, set(&[]), "{older}");
    }
}

#[test]
fn types_are_matched_by_place() {
    let item = |key: &str| object(json!({ key: { "type": "string" } }), &[key]);
    let list = |of: Value| object(json!({ "items": { "type": "array", "items": of } }), &["items"]);
    let newer = json!({ "Got": list(reference("Named")), "Named": item("new"), "Alone": item("new") });
    let older = json!({ "Got": list(item("old")), "Alone": item("old") });
    let found = difference(&newer, &older);
    // Types that no method or event carries are not compared.
    assert_eq!(found.missing_in_older, set(&["Named.new"]));
    let renamed =
        Renamed { older: "GotItemsItem".to_owned(), newer: "Named".to_owned(), reason: Reason::Named };
    assert_eq!(found.renamed, BTreeSet::from([renamed]));
}

#[test]
fn an_object_that_became_a_union_may_be_any_of_its_objects() {
    let of = |flag: bool, more: &str| {
        object(json!({ "done": { "const": flag }, more: { "type": "string" } }), &["done", more])
    };
    let union = json!({ "anyOf": [reference("Yes"), reference("No")] });
    let newer = json!({ "Got": union, "Yes": of(true, "id"), "No": of(false, "why") });
    let older = json!({ "Got": object(json!({ "done": { "type": "boolean" } }), &["done"]) });
    assert_eq!(difference(&newer, &older).missing_in_older, set(&["No.why", "Yes.id"]));
    assert_eq!(difference(&newer, &newer).missing_in_older, set(&[]));
}

#[test]
fn a_changed_kind_of_json_is_reported() {
    let of = |schema: Value| json!({ "Got": object(json!({ "key": schema }), &["key"]) });
    let (text, list) =
        (json!({ "type": "string" }), json!({ "type": "array", "items": { "type": "string" } }));
    let (words, map) = (json!({ "enum": ["a", "b"] }), json!({ "type": "object" }));
    for (one, other) in [(&text, &list), (&list, &map), (&words, &map)] {
        let (one, other) = (of(one.clone()), of(other.clone()));
        assert_eq!(difference(&one, &other).changed, set(&["Got.key"]), "{one} {other}");
        assert_eq!(difference(&other, &one).changed, set(&["Got.key"]), "{other} {one}");
    }
    // An enum of strings is open, and opaque JSON matches everything.
    for other in [&words, &json!({})] {
        assert_eq!(difference(&of(text.clone()), &of(other.clone())).changed, set(&[]), "{other}");
        assert_eq!(difference(&of(other.clone()), &of(text.clone())).changed, set(&[]), "{other}");
    }
}

#[test]
fn a_name_does_not_depend_on_its_neighbours() {
    let object = |keys: &[&str]| {
        let properties: serde_json::Map<String, Value> =
            keys.iter().map(|key| ((*key).to_owned(), json!({ "type": "string" }))).collect();
        let mut object = object(Value::Object(properties), keys);
        object["additionalProperties"] = json!(false);
        object
    };
    let (disk, net) = (object(&["id", "path"]), object(&["id", "url"]));
    let text = json!({ "type": "string" });
    let small = json!({ "Got": { "anyOf": [disk, net] }, "Kind": { "enum": ["a b", "c"] } });
    let large = json!({
        "Alpha": { "anyOf": [disk, text] },
        "Got": { "anyOf": [text, net, object(&["path"]), disk] },
        "Kind": { "enum": ["d", "c", "a b"] },
    });
    let (small, large) = (names(&small), names(&large));
    let expected = [
        ("call get", "server_rpc::ServerRpc::get"),
        ("definition Got", "types::Got"),
        ("inline Got: IdPath", "types::GotIdPath"),
        ("key Got: IdPath.path", "types::GotIdPath::path"),
        ("method put", "methods::server::Put"),
        ("string Kind: a b", "types::Kind::AB"),
        ("variant Got: {id,path}", "types::Got::IdPath"),
        ("variant Got: {id,url}", "types::Got::IdUrl"),
    ];
    for (key, path) in expected {
        assert_eq!(small.get(key).map(String::as_str), Some(path), "{key}");
    }
    let moved: Vec<_> = small.iter().filter(|(key, path)| large.get(*key) != Some(path)).collect();
    assert!(moved.is_empty(), "{moved:?}");
}

fn names(definitions: &Value) -> Names {
    protocol(definitions).names().expect("names")
}
