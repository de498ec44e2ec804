//! The schema keywords that the generator supports. Any other one is an error.

use serde_json::{Map, Value};

use crate::Error;

/// Keywords that decide what a type looks like.
const STRUCTURE: &[&str] = &[
    "$ref",
    "additionalProperties",
    "anyOf",
    "const",
    "enum",
    "items",
    "not",
    "oneOf",
    "properties",
    "required",
    "type",
    "x-extensible-enum",
];

/// Keywords that become documentation or marks.
const DOCUMENTATION: &[&str] = &[
    "default",
    "deprecated",
    "description",
    "stability",
    "title",
    "visibility",
    "x-enumDescriptions",
    "x-secret",
    "x-seen",
    "x-sent",
    "x-since",
    "x-until",
];

/// Keywords that only restrict the valid values; received values are not checked against them.
const VALIDATION: &[&str] = &[
    "allOf",
    "contains",
    "contentEncoding",
    "exclusiveMinimum",
    "format",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minItems",
    "minLength",
    "minimum",
    "pattern",
    "propertyNames",
    "uniqueItems",
];

/// Marks for other generators, which do not affect the JSON.
const MARKS: &[&str] = &[
    "x-copilot-sdk-append-last",
    "x-legacy-parameters",
    "x-opaque-in-process",
    "x-opaque-json",
    "x-typescript-type",
];

/// Returns the keywords that restrict the values of a schema, and its default. Those of a nested schema are named by
/// the path to it, such as `items.maxLength`; those of properties are not included.
pub fn limits(schema: &Map<String, Value>) -> Map<String, Value> {
    let limits = schema.iter().filter(|(key, _)| *key == "default" || VALIDATION.contains(&key.as_str()));
    let mut limits: Map<String, Value> = limits.map(|(key, value)| (key.clone(), value.clone())).collect();
    let mut inside = |name: &str, schema: &Map<String, Value>| {
        let found = self::limits(schema).into_iter().filter(|(key, _)| key != "default");
        limits.extend(found.map(|(key, value)| (format!("{name}.{key}"), value)));
    };
    for key in ["items", "additionalProperties"] {
        if let Some(schema) = schema.get(key).and_then(Value::as_object) {
            inside(key, schema);
        }
    }
    let branches = ["anyOf", "oneOf"].into_iter().filter_map(|key| schema.get(key)?.as_array()).flatten();
    let kind =
        |branch: &Map<String, Value>| branch.get("type").and_then(Value::as_str).unwrap_or("any").to_owned();
    let branches: Vec<_> =
        branches.filter_map(Value::as_object).filter(|branch| kind(branch) != "null").collect();
    match branches.as_slice() {
        // The schema itself, or `null`.
        [only] => limits.extend(self::limits(only)),
        all => all.iter().for_each(|branch| inside(&kind(branch), branch)),
    }
    limits
}

/// Refuses a schema with a keyword that is in none of the lists.
pub fn check(schema: &Map<String, Value>, path: &str) -> Result<(), Error> {
    for keyword in schema.keys() {
        let keyword = keyword.as_str();
        let known = [STRUCTURE, DOCUMENTATION, VALIDATION, MARKS];
        if !known.iter().any(|list| list.contains(&keyword)) {
            return Err(Error::shape(path, format!("unknown keyword `{keyword}`")));
        }
    }
    // Without a `type` beside it, `allOf` would decide the structure, which is unsupported.
    if schema.contains_key("allOf") && !schema.contains_key("type") {
        return Err(Error::shape(path, "`allOf` without `type`"));
    }
    Ok(())
}
