//! Questions to a JSON schema.

use serde_json::{Map, Value, json};

use crate::Error;
use crate::model::Doc;

/// The starts of references to a definition, in the same file or in that of the events.
const DEFINITIONS: [&str; 2] = ["#/definitions/", "session-events.schema.json#/definitions/"];

/// The name of the definition to which a schema refers.
pub fn target(schema: &Value) -> Option<&str> {
    let path = schema.get("$ref")?.as_str()?;
    DEFINITIONS.iter().find_map(|start| path.strip_prefix(start))
}

/// The branches of a union, without `null` and without the branch for an absent value.
pub struct Branches<'a> {
    pub values: Vec<&'a Value>,
    pub nullable: bool,
}

/// Returns the branches of an `anyOf` or `oneOf`; none if the schema has properties, since there the branches only list
/// which keys go together.
pub fn branches(schema: &Value) -> Option<Branches<'_>> {
    if schema.get("properties").is_some() {
        return None;
    }
    let list = schema.get("anyOf").or_else(|| schema.get("oneOf"))?.as_array()?;
    let nullable = list.iter().any(|branch| branch.get("type") == Some(&json!("null")));
    let something =
        |branch: &&Value| branch.get("type") != Some(&json!("null")) && branch.get("not") != Some(&json!({}));
    Some(Branches { values: list.iter().filter(something).collect(), nullable })
}

/// The object of a union of an object and an absent value, which is the schema of optional params.
pub fn optional_object(schema: &Value) -> Option<&Value> {
    match branches(schema)?.values.as_slice() {
        [one] if may_be_nothing(schema) && one.get("properties").is_some() => Some(one),
        _ => None,
    }
}

/// Returns true if the value may be absent according to one of the branches.
pub fn may_be_nothing(schema: &Value) -> bool {
    let branches = schema.get("anyOf").and_then(Value::as_array);
    branches.is_some_and(|branches| branches.iter().any(|branch| branch.get("not") == Some(&json!({}))))
}

/// Returns true if the values of a schema with properties are objects, and nothing else.
pub fn is_object(schema: &Value) -> bool {
    let may_be = |of: &Value| of == "object" || *of == json!(["object"]);
    schema.get("properties").is_some() && schema.get("type").is_none_or(may_be) && !may_be_null(schema)
}

/// Returns true if the schema itself lists `null` among its types, values or branches.
pub fn may_be_null(schema: &Value) -> bool {
    schema.get("type").is_some_and(|of| contains(of, "null"))
        || lists_null(schema)
        || branches(schema).is_some_and(|branches| branches.nullable)
}

/// The keywords that list the values of an enum.
const VALUES: [&str; 2] = ["enum", "x-extensible-enum"];

fn values(schema: &Value) -> Option<&Vec<Value>> {
    VALUES.iter().find_map(|keyword| schema.get(keyword))?.as_array()
}

/// Returns true if `null` is among the values of an enum.
fn lists_null(schema: &Value) -> bool {
    values(schema).is_some_and(|values| values.contains(&Value::Null))
}

/// A string enum without `null`, and whether `null` is among its values.
pub fn string_enum(schema: &Value) -> Option<(Value, bool)> {
    let mut strings = schema.clone();
    for keyword in VALUES {
        if let Some(values) = strings.get_mut(keyword).and_then(Value::as_array_mut) {
            values.retain(|value| !value.is_null());
        }
    }
    string_values(&strings).filter(|values| !values.is_empty())?;
    Some((strings, lists_null(schema)))
}

/// The values of a string enum, with their docs.
pub fn string_values(schema: &Value) -> Option<Vec<(String, String)>> {
    let list = values(schema)?;
    let docs = schema.get("x-enumDescriptions");
    let doc =
        |value: &str| docs.and_then(|docs| docs.get(value)).and_then(Value::as_str).unwrap_or("").to_owned();
    list.iter().map(|value| value.as_str().map(|value| (value.to_owned(), doc(value)))).collect()
}

pub fn contains(list: &Value, key: &str) -> bool {
    list.as_array().is_some_and(|list| list.iter().any(|item| item == key))
}

/// A normalized schema that allows `null` if the flag says so.
pub fn or_null((schema, nullable): (Value, bool)) -> Value {
    if nullable { json!({ "oneOf": [schema, { "type": "null" }] }) } else { schema }
}

pub fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/definitions/{name}") })
}

pub fn object<'v>(schema: &'v Value, place: &str) -> Result<&'v Map<String, Value>, Error> {
    schema.as_object().ok_or_else(|| Error::shape(place, "not a schema"))
}

pub fn doc(schema: &Map<String, Value>) -> Doc {
    Doc {
        text: schema.get("description").and_then(Value::as_str).unwrap_or_default().to_owned(),
        internal: schema.get("visibility") == Some(&json!("internal")),
        deprecated: schema.get("deprecated") == Some(&json!(true)),
        stability: schema.get("stability").and_then(Value::as_str).map(str::to_owned),
    }
}

/// The schema without documentation.
pub fn bare(schema: &Value) -> Value {
    const PROSE: &[&str] = &["description", "x-enumDescriptions", "stability", "title", "visibility"];
    without(schema, &|keyword| PROSE.contains(&keyword))
}

/// Returns the schema without some keywords, at all levels.
pub fn without(schema: &Value, is_dropped: &dyn Fn(&str) -> bool) -> Value {
    // The keys below `properties` are the protocol's, so a `title` there is no keyword.
    let below = |keyword: &str, value: &Value| match value {
        Value::Object(map) if keyword == "properties" => {
            Value::Object(map.iter().map(|(key, value)| (key.clone(), without(value, is_dropped))).collect())
        }
        other => without(other, is_dropped),
    };
    match schema {
        Value::Object(map) => {
            let kept = map.iter().filter(|(key, _)| !is_dropped(key));
            Value::Object(kept.map(|(key, value)| (key.clone(), below(key, value))).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(|item| without(item, is_dropped)).collect()),
        other => other.clone(),
    }
}
