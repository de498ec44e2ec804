//! Unions whose branches differ in odd ways, or not at all.

use serde_json::{Value, json};

use super::mutants::Changed;

/// The places of a union.
const PLACES: [&str; 3] =
    ["/definitions/ProbeEither", "/definitions/ProbeRecord/properties/either", "/server/probe/get/result"];

/// The schemas with each union in each place.
pub fn all(api: &Value, events: &Value) -> Vec<Changed> {
    let mut changed = Vec::new();
    for branches in unions() {
        for place in PLACES {
            for keyword in ["anyOf", "oneOf"] {
                let mut api = api.clone();
                let union = json!({ keyword: branches });
                let change = format!("{place} is {union}");
                // Both files have the definition.
                let mut events = events.clone();
                if place.ends_with("ProbeEither") {
                    events["definitions"]["ProbeEither"] = union.clone();
                }
                *api.pointer_mut(place).expect("the place of a union") = union;
                changed.push((change, api, events));
            }
        }
    }
    changed
}

/// A closed object with these properties, of which the ones without a `?` are required.
fn closed(keys: &[(&str, Value)]) -> Value {
    let required: Vec<&str> = keys.iter().map(|(key, _)| *key).filter(|key| !key.ends_with('?')).collect();
    let properties = keys.iter().map(|(key, schema)| (key.trim_end_matches('?').to_owned(), schema.clone()));
    let properties: serde_json::Map<String, Value> = properties.collect();
    json!({ "type": "object", "required": required, "properties": properties, "additionalProperties": false })
}

fn open(keys: &[(&str, Value)]) -> Value {
    let mut schema = closed(keys);
    schema["additionalProperties"] = json!(true);
    schema
}

/// An object with these properties, and texts under other keys.
fn map_with(keys: &[(&str, Value)]) -> Value {
    let mut schema = closed(keys);
    schema["additionalProperties"] = json!({ "type": "string" });
    schema
}

/// The branches of each union.
fn unions() -> Vec<Value> {
    let (text, number) = (|| json!({ "type": "string" }), || json!({ "type": "integer" }));
    let one = |value: &str| json!({ "type": "string", "const": value });
    let list = |values: &[&str]| json!({ "type": "string", "enum": values });
    let reference = |name: &str| json!({ "$ref": format!("#/definitions/{name}") });
    let map = || json!({ "type": "object", "additionalProperties": { "type": "string" } });
    vec![
        // Objects by their keys.
        json!([
            closed(&[("a", text()), ("b", text())]),
            closed(&[("a", text()), ("b?", text()), ("c?", text())])
        ]),
        json!([closed(&[("a", text())]), closed(&[("b", text())])]),
        json!([closed(&[("a", text()), ("b?", text())]), closed(&[("b", text()), ("a?", text())])]),
        json!([closed(&[("a", text())]), closed(&[("a", number()), ("b", text())])]),
        json!([closed(&[("a", text()), ("b", text())]), closed(&[("b", text()), ("a?", number())])]),
        json!([closed(&[("a", text())]), open(&[("b", text())])]),
        json!([open(&[("a", text())]), open(&[("b", text())])]),
        json!([open(&[("a", text())]), closed(&[("b", text()), ("a?", text())])]),
        json!([closed(&[("a/b", text())]), closed(&[("c", text())])]),
        json!([closed(&[("a", closed(&[("x", text())]))]), closed(&[("a", closed(&[("y", text())]))])]),
        json!([
            closed(&[("a", closed(&[("x", text())]))]),
            closed(&[("a", closed(&[("x?", text()), ("y", text())]))])
        ]),
        json!([map(), closed(&[("a", number())])]),
        json!([map_with(&[("a", text())]), closed(&[("a", one("x"))])]),
        json!([map_with(&[("a", text())]), closed(&[("a", text()), ("b", text())])]),
        json!([{ "type": "object" }, closed(&[("a", text())])]),
        json!([closed(&[]), closed(&[("a", text())])]),
        // Objects by the values of a key.
        json!([closed(&[("t", one("a"))]), closed(&[("t", one("a")), ("b", text())])]),
        json!([closed(&[("t?", one("a")), ("x", text())]), closed(&[("t?", one("b")), ("y", text())])]),
        json!([closed(&[("t?", one("a")), ("x?", text())]), closed(&[("t", one("b")), ("y?", text())])]),
        json!([closed(&[("t", list(&["a", "b"]))]), closed(&[("t", list(&["b", "c"])), ("x?", text())])]),
        json!([closed(&[("t", list(&["a", "b"]))]), closed(&[("t", list(&["c", "d"])), ("x?", text())])]),
        json!([
            closed(&[("t", json!({ "const": true }))]),
            closed(&[("t", json!({ "const": false })), ("x?", text())])
        ]),
        json!([closed(&[("t", json!({ "const": 1 }))]), closed(&[("t", json!({ "const": 2 }))])]),
        json!([closed(&[("t", one("a-b"))]), closed(&[("t", one("a_b"))])]),
        json!([closed(&[("t", one("unrecognized"))]), closed(&[("t", one("self"))])]),
        json!([closed(&[("t", one("a")), ("u", one("x"))]), closed(&[("t", one("a")), ("u", one("y"))])]),
        // Unions of unions.
        json!([reference("ProbeUnion"), closed(&[("type", one("c"))])]),
        json!([reference("ProbeUnion"), closed(&[("type", one("a"))])]),
        json!([reference("ProbeUnion"), closed(&[("other", text())])]),
        json!([reference("ProbeUnion"), text()]),
        json!([reference("ProbeA"), { "anyOf": [{ "anyOf": [reference("ProbeB"), { "type": "null" }] }] }]),
        json!([closed(&[("a", text())]), { "anyOf": [closed(&[("a", text()), ("c?", text())]), closed(&[("b", text())])] }]),
        json!([{ "anyOf": [text(), number()] }, { "type": "boolean" }]),
        json!([{ "anyOf": [closed(&[("t", one("a"))]), closed(&[("t", one("b"))])] }, closed(&[("t", one("c"))])]),
        json!([{ "oneOf": [text(), { "type": "null" }] }, number()]),
        json!([{ "allOf": [text()] }, number()]),
        // Other kinds.
        json!([text(), list(&["a"])]),
        json!([number(), { "type": "number" }]),
        json!([one("a"), one("b")]),
        json!([{ "type": ["string", "null"] }, number()]),
        json!([{ "type": "array", "items": text() }, { "type": "array", "items": number() }]),
        json!([{ "type": "array", "items": reference("ProbeA") }, reference("ProbeA"), text(), number(), { "type": "boolean" }]),
        json!([{ "type": "null" }, { "type": "null" }]),
        json!([text(), {}]),
        json!([text(), true]),
        json!([text(), false]),
        json!([text(), null]),
        json!([text(), { "not": { "type": "string" } }]),
        json!([reference("SessionEvent"), text()]),
        json!([reference("ProbeEnum"), reference("ProbeA")]),
        json!([reference("ProbeList"), reference("ProbeA")]),
        json!([reference("ProbeA"), reference("ProbeA")]),
    ]
}
