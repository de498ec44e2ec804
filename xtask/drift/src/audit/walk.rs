//! Validates a value against its schema, and returns the JSON paths at which they differ.

use std::fmt;

use serde_json::{Map, Value};

use super::schemas::Schemas;

/// The text in a log in place of a secret of any type.
const REDACTED: &str = "[redacted]";

/// The type of a whole event, whose schema depends on its `type` key.
const EVENT: &str = "SessionEvent";

/// A difference from the schema.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    pub kind: Kind,
    /// The message, and the JSON path in it, with `[]` for any item and `*` for any key.
    pub path: String,
    /// The unknown value, or the problem.
    pub detail: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    UnknownMethod,
    UnknownEvent,
    UnknownField,
    UnknownValue,
    Malformed,
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::UnknownMethod => "unknown method",
            Kind::UnknownEvent => "unknown event type",
            Kind::UnknownField => "unknown field",
            Kind::UnknownValue => "unknown value",
            Kind::Malformed => "malformed",
        };
        write!(out, "{kind}: {}", self.path)?;
        if self.detail.is_empty() { Ok(()) } else { write!(out, ": {}", self.detail) }
    }
}

impl Finding {
    pub fn new(kind: Kind, path: &str, detail: impl Into<String>) -> Self {
        Self { kind, path: path.to_owned(), detail: detail.into() }
    }

    /// The weight of a finding as evidence against one of several alternatives at a path.
    fn weight(&self, path: &str) -> usize {
        match self.kind {
            Kind::Malformed if self.path == path => 1000,
            Kind::Malformed => 100,
            Kind::UnknownValue => 10,
            _ => 1,
        }
    }
}

/// Validates an event against the schema of its type.
pub fn event(schemas: &Schemas, event: &Value) -> Vec<Finding> {
    let Some(kind) = event["type"].as_str() else {
        return vec![Finding::new(Kind::Malformed, "event", "it has no type")];
    };
    match schemas.event(kind) {
        Some(schema) => value(schemas, event, schema, &format!("event {kind} $")),
        None => vec![Finding::new(Kind::UnknownEvent, &format!("event {kind}"), "")],
    }
}

/// Validates a value at `path` against a schema.
pub fn value(schemas: &Schemas, value: &Value, schema: &Value, path: &str) -> Vec<Finding> {
    let Some(schema) = schema.as_object().filter(|_| value != REDACTED) else {
        return Vec::new();
    };
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        return referred(schemas, value, reference, path);
    }
    if let Some(wrong) = wrong_type(value, schema) {
        return vec![Finding::new(Kind::Malformed, path, wrong)];
    }
    let mut found = Vec::new();
    if !is_listed(value, schema) {
        found.push(Finding::new(Kind::UnknownValue, path, value.to_string()));
    }
    for union in ["anyOf", "oneOf"] {
        if let Some(alternatives) = schema.get(union).and_then(Value::as_array) {
            found.extend(nearest(schemas, value, alternatives, path));
        }
    }
    match value {
        Value::Object(fields) => found.extend(object(schemas, fields, schema, path)),
        Value::Array(items) => {
            let schema = schema.get("items").unwrap_or(&Value::Null);
            let path = format!("{path}[]");
            found.extend(items.iter().flat_map(|item| self::value(schemas, item, schema, &path)));
        }
        _ => {}
    }
    found
}

fn referred(schemas: &Schemas, value: &Value, reference: &str, path: &str) -> Vec<Finding> {
    let name = reference.rsplit('/').next().unwrap_or_default();
    match schemas.definition(name) {
        _ if name == EVENT => event(schemas, value),
        Some(schema) => self::value(schemas, value, schema, path),
        None => vec![Finding::new(Kind::Malformed, path, format!("the schema has no {name}"))],
    }
}

/// The problem with a value that is of none of the types in its schema.
fn wrong_type(value: &Value, schema: &Map<String, Value>) -> Option<String> {
    if schema.contains_key("not") {
        return Some("no value is allowed".to_owned());
    }
    let types: Vec<&str> = match schema.get("type")? {
        Value::Array(types) => types.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().collect(),
    };
    let is = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.as_f64().is_some_and(|number| number.fract() == 0.0) => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let fits = |wanted: &&str| *wanted == is || (*wanted == "number" && is == "integer");
    (!types.iter().any(fits)).then(|| format!("{is} instead of {}", types.join(" or ")))
}

/// Returns true if a value is one of those that its schema lists, or if it lists none.
fn is_listed(value: &Value, schema: &Map<String, Value>) -> bool {
    let in_list =
        |key: &str| schema.get(key).and_then(Value::as_array).is_none_or(|list| list.contains(value));
    schema.get("const").is_none_or(|only| only == value) && in_list("enum") && in_list("x-extensible-enum")
}

/// The findings for the best of several alternatives.
fn nearest(schemas: &Schemas, value: &Value, alternatives: &[Value], path: &str) -> Vec<Finding> {
    let is_other = |schema: &&Value| is_other_kind(schemas, value, schema);
    let (others, own): (Vec<_>, Vec<_>) = alternatives.iter().partition(is_other);
    let candidates = if own.is_empty() { others } else { own };
    let each = candidates.into_iter().map(|schema| self::value(schemas, value, schema, path));
    let weight = |found: &Vec<Finding>| found.iter().map(|finding| finding.weight(path)).sum::<usize>();
    each.min_by_key(weight).unwrap_or_default()
}

/// Returns true if a value is of another alternative, by its type or by a key that is constant in this one.
fn is_other_kind(schemas: &Schemas, value: &Value, schema: &Value) -> bool {
    let reference = schema["$ref"].as_str().and_then(|reference| reference.rsplit('/').next());
    let schema = reference.and_then(|name| schemas.definition(name)).unwrap_or(schema);
    let mut properties = schema["properties"].as_object().into_iter().flatten();
    let is_of_other_type = schema.as_object().is_some_and(|schema| wrong_type(value, schema).is_some());
    is_of_other_type
        || properties.any(|(key, property)| match (value.get(key), property.get("const")) {
            (Some(is), Some(only)) => is != only,
            _ => false,
        })
}

fn object(
    schemas: &Schemas,
    fields: &Map<String, Value>,
    schema: &Map<String, Value>,
    path: &str,
) -> Vec<Finding> {
    let empty = Map::new();
    let properties = schema.get("properties").and_then(Value::as_object);
    let others = schema.get("additionalProperties");
    let required = schema.get("required").and_then(Value::as_array);
    let mut found = Vec::new();
    for key in required.into_iter().flatten().filter_map(Value::as_str) {
        if !fields.contains_key(key) {
            found.push(Finding::new(Kind::Malformed, &format!("{path}.{key}"), "it is missing"));
        }
    }
    // An object without properties in its schema may have any keys.
    let is_closed = others == Some(&Value::Bool(false)) || (others.is_none() && properties.is_some());
    let properties = properties.unwrap_or(&empty);
    // With another value for the key that distinguishes alternatives, the other keys are not those of this one.
    let mut tags = Vec::new();
    for (key, field) in fields {
        let place = format!("{path}.{key}");
        match (properties.get(key), others) {
            (Some(schema), _) => {
                let below = value(schemas, field, schema, &place);
                if !below.is_empty() && schema.get("const").is_some() {
                    tags.extend(below);
                } else {
                    found.extend(below);
                }
            }
            (None, Some(schema)) if schema.is_object() => {
                found.extend(value(schemas, field, schema, &format!("{path}.*")));
            }
            (None, _) if is_closed => found.push(Finding::new(Kind::UnknownField, &place, "")),
            (None, _) => {}
        }
    }
    if tags.is_empty() { found } else { tags }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schemas() -> Schemas {
        let mut schemas = Schemas::default();
        let envelope = json!({
            "type": "object",
            "properties": {
                "type": { "type": "string", "const": "bird.seen" },
                "id": { "type": "string" },
                "timestamp": { "type": "string" },
                "data": { "$ref": "#/definitions/BirdData" },
            },
            "required": ["type", "id", "timestamp", "data"],
            "additionalProperties": false,
        });
        let bird = json!({
            "type": "object",
            "properties": {
                "kind": { "type": "string", "enum": ["heron", "egret"] },
                "legs": { "type": ["integer", "null"] },
                "seen": { "type": "array", "items": { "type": "object", "properties": { "at": {} } } },
                "notes": { "type": "object", "additionalProperties": { "type": "string" } },
                "place": { "anyOf": [
                    { "type": "object", "properties": { "in": { "const": "air" }, "height": {} }, "required": ["height"] },
                    { "type": "object", "properties": { "in": { "const": "water" } } },
                    { "type": "null" },
                ] },
            },
            "required": ["kind"],
            "additionalProperties": false,
        });
        schemas.add(&json!({ "definitions": { "BirdEvent": envelope, "BirdData": bird } }));
        schemas
    }

    /// The findings for an event with these data, as text.
    fn found(data: Value) -> Vec<String> {
        let whole = json!({ "type": "bird.seen", "id": "1", "timestamp": "t", "data": data });
        let mut found: Vec<_> = event(&schemas(), &whole).iter().map(Finding::to_string).collect();
        found.sort();
        found
    }

    #[test]
    fn valid_values_have_no_findings() {
        let none: [String; 0] = [];
        assert_eq!(found(json!({ "kind": "heron" })), none);
        let full = json!({
            "kind": "egret", "legs": 2.0, "seen": [{ "at": 1 }], "notes": { "any": "text" },
            "place": { "in": "air", "height": 3 },
        });
        assert_eq!(found(full), none);
        assert_eq!(found(json!({ "kind": "heron", "legs": null, "place": null })), none);
        assert_eq!(found(json!("[redacted]")), none);
    }

    #[test]
    fn each_difference_has_its_path() {
        let data = json!({
            "kind": "stork", "legs": "two", "seen": [{ "at": 1 }, { "by": 2 }], "notes": { "a": 1, "b": 2 },
            "wings": 2,
        });
        assert_eq!(
            found(data),
            [
                "malformed: event bird.seen $.data.legs: string instead of integer or null",
                "malformed: event bird.seen $.data.notes.*: integer instead of string",
                "malformed: event bird.seen $.data.notes.*: integer instead of string",
                "unknown field: event bird.seen $.data.seen[].by",
                "unknown field: event bird.seen $.data.wings",
                "unknown value: event bird.seen $.data.kind: \"stork\"",
            ]
        );
        assert_eq!(found(json!({})), ["malformed: event bird.seen $.data.kind: it is missing"]);
    }

    #[test]
    fn a_value_is_validated_against_its_own_alternative() {
        let place = |place: Value| found(json!({ "kind": "heron", "place": place }));
        assert_eq!(
            place(json!({ "in": "water", "deep": 1 })),
            ["unknown field: event bird.seen $.data.place.deep"]
        );
        assert_eq!(
            place(json!({ "in": "air" })),
            ["malformed: event bird.seen $.data.place.height: it is missing"]
        );
        assert_eq!(
            place(json!({ "in": "mud", "deep": 1 })),
            ["unknown value: event bird.seen $.data.place.in: \"mud\""]
        );
        assert_eq!(place(json!(1)), ["malformed: event bird.seen $.data.place: integer instead of object"]);
    }

    #[test]
    fn an_event_without_a_schema_is_one_finding() {
        let unknown = event(&schemas(), &json!({ "type": "bird.lost", "data": { "x": 1 } }));
        let shown: Vec<_> = unknown.iter().map(Finding::to_string).collect();
        assert_eq!(shown, ["unknown event type: event bird.lost"]);
    }
}
