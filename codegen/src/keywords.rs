//! Which schema keywords the generator understands. Any other stops generation.

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

/// Keywords that only narrow which values are valid; received values are not refused for them.
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

/// Marks for other generators that change nothing in the JSON.
const MARKS: &[&str] = &[
    "x-copilot-sdk-append-last",
    "x-legacy-parameters",
    "x-opaque-in-process",
    "x-opaque-json",
    "x-typescript-type",
];

/// What narrows the values of a schema, and what stands for an absent one.
pub fn limits(schema: &Map<String, Value>) -> Map<String, Value> {
    let limits = schema.iter().filter(|(key, _)| *key == "default" || VALIDATION.contains(&key.as_str()));
    limits.map(|(key, value)| (key.clone(), value.clone())).collect()
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
    // Without a type of its own, `allOf` would decide the structure, which nothing here handles.
    if schema.contains_key("allOf") && !schema.contains_key("type") {
        return Err(Error::shape(path, "`allOf` without `type`"));
    }
    Ok(())
}
