//! The schema keywords that the generator supports. Any other one is an error.

use serde_json::{Map, Value};

use crate::Error;
use crate::schema::contains;

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
    "x-left-out",
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
    "exclusiveMaximum",
    "exclusiveMinimum",
    "format",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "multipleOf",
    "pattern",
    "propertyNames",
    "uniqueItems",
];

/// Marks for people and other generators, which do not affect the JSON.
const MARKS: &[&str] = &[
    "$comment",
    "examples",
    "readOnly",
    "writeOnly",
    "x-copilot-sdk-append-last",
    "x-legacy-parameters",
    "x-opaque-in-process",
    "x-opaque-json",
    "x-typescript-type",
];

/// Returns true for a keyword that decides the shape of a type.
pub fn is_structure(keyword: &str) -> bool {
    STRUCTURE.contains(&keyword)
}

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

/// Refuses a schema with a keyword that is in none of the lists, or with two that decide its structure.
pub fn check(schema: &Map<String, Value>, path: &str) -> Result<(), Error> {
    known(schema, path)?;
    if let Some((keyword, _)) = schema.iter().find(|(keyword, value)| !fits(keyword, value)) {
        return Err(Error::shape(path, format!("the value of `{keyword}` is of the wrong kind, or empty")));
    }
    of_type(schema, path)?;
    required(schema, path)?;
    // Without a `type` beside it, `allOf` would decide the structure, which is unsupported.
    if schema.contains_key("allOf") && !schema.contains_key("type") {
        return Err(Error::shape(path, "`allOf` without `type`"));
    }
    let beside = |first: &str, others: &[&str]| {
        let other = schema.keys().find(|key| others.contains(&key.as_str()));
        other.filter(|_| schema.contains_key(first)).map(|other| format!("`{first}` beside `{other}`"))
    };
    // What a reference leads to decides the structure; a constant is one of its values.
    let others: Vec<&str> =
        STRUCTURE.iter().copied().filter(|key| !["$ref", "const"].contains(key)).collect();
    if let Some(problem) = beside("$ref", &others) {
        return Err(Error::shape(path, problem));
    }
    // The branches may list the keys that go together, and no more.
    let branches = |keyword: &str| {
        let branches = schema.get(keyword).and_then(Value::as_array);
        branches.into_iter().flatten().filter_map(Value::as_object)
    };
    let has_structure = |keyword: &str| {
        let own = |key: &String| key != "required" && key != "not" && STRUCTURE.contains(&key.as_str());
        branches(keyword).any(|branch| branch.keys().any(|key| own(key) || key == "allOf"))
    };
    for keyword in ["anyOf", "oneOf"].into_iter().filter(|keyword| has_structure(keyword)) {
        if let Some(problem) = beside(keyword, &["properties", "additionalProperties", "items", "enum"]) {
            return Err(Error::shape(path, problem));
        }
    }
    if let Some(problem) = beside("anyOf", &["oneOf"]) {
        return Err(Error::shape(path, problem));
    }
    if has_structure("allOf") {
        return Err(Error::shape(path, "`allOf` with a structure of its own"));
    }
    // Branches with a structure are checked where they are read. Those of `allOf` add no key.
    for keyword in ["anyOf", "oneOf"].into_iter().filter(|keyword| !has_structure(keyword)) {
        branches(keyword).try_for_each(|branch| known(branch, path))?;
    }
    beyond_i64(schema, path)
}

/// Refuses a keyword that is in none of the lists.
fn known(schema: &Map<String, Value>, path: &str) -> Result<(), Error> {
    let is_known = |keyword: &str| {
        [STRUCTURE, DOCUMENTATION, VALIDATION, MARKS].iter().any(|list| list.contains(&keyword))
    };
    match schema.keys().find(|keyword| !is_known(keyword)) {
        Some(keyword) => Err(Error::shape(path, format!("unknown keyword `{keyword}`"))),
        None => Ok(()),
    }
}

/// Returns true if a keyword may have this value.
fn fits(keyword: &str, value: &Value) -> bool {
    let list = || value.as_array().is_some_and(|list| !list.is_empty());
    let is_schema = |value: &Value| value.is_object() || value.is_boolean();
    let schemas = || value.as_array().is_some_and(|list| list.iter().all(is_schema));
    match keyword {
        "$ref" | "contentEncoding" | "description" | "format" | "pattern" | "stability" | "title" => {
            value.is_string()
        }
        "deprecated" | "readOnly" | "uniqueItems" | "writeOnly" => value.is_boolean(),
        "exclusiveMaximum" | "maximum" | "minimum" | "multipleOf" => value.is_number(),
        // Up to 1.0.50 it says whether the minimum itself is left out.
        "exclusiveMinimum" => value.is_number() || value.is_boolean(),
        "maxItems" | "maxLength" | "maxProperties" | "minItems" | "minLength" | "minProperties" => {
            value.is_u64()
        }
        "additionalProperties" | "contains" | "not" | "propertyNames" => is_schema(value),
        "items" => is_schema(value) || schemas(),
        "properties" => value.as_object().is_some_and(|all| all.values().all(is_schema)),
        "type" => {
            value.is_string()
                || value.as_array().is_some_and(|kinds| kinds.iter().all(Value::is_string) && list())
        }
        "allOf" => list() && schemas(),
        "enum" | "x-extensible-enum" => list(),
        "required" => value.as_array().is_some_and(|list| list.iter().all(Value::is_string)),
        "anyOf" | "oneOf" => schemas(),
        _ => true,
    }
}

/// Refuses keywords of objects and arrays beside another `type`.
fn of_type(schema: &Map<String, Value>, path: &str) -> Result<(), Error> {
    // Other strings may come, and so may all other values of its type.
    if schema.contains_key("x-extensible-enum") && schema.get("type").is_none_or(|of| of != "string") {
        return Err(Error::shape(path, "`x-extensible-enum` without the type \"string\""));
    }
    let Some(of) = schema.get("type") else { return Ok(()) };
    let parts = [
        ("additionalProperties", "object"),
        ("items", "array"),
        ("properties", "object"),
        ("required", "object"),
    ];
    let is_other = |kind: &str| of != kind && !contains(of, kind);
    match parts.into_iter().find(|(keyword, kind)| schema.contains_key(*keyword) && is_other(kind)) {
        Some((keyword, _)) => Err(Error::shape(path, format!("`{keyword}` beside the type {of}"))),
        None => Ok(()),
    }
}

/// Refuses a required key that is not described.
fn required(schema: &Map<String, Value>, path: &str) -> Result<(), Error> {
    let Some(properties) = schema.get("properties") else { return Ok(()) };
    let mut required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
    match required.find(|key| key.as_str().is_none_or(|key| properties.get(key).is_none())) {
        Some(key) => Err(Error::shape(path, format!("{key} is required, and not among the properties"))),
        None => Ok(()),
    }
}

/// Refuses integers that the schema lets grow beyond `i64`.
fn beyond_i64(schema: &Map<String, Value>, path: &str) -> Result<(), Error> {
    let is_integer = schema.get("type").is_some_and(|of| of == "integer" || contains(of, "integer"));
    let keys = ["const", "exclusiveMaximum", "exclusiveMinimum", "maximum", "minimum"];
    let listed = schema.get("enum").and_then(Value::as_array).into_iter().flatten();
    let mut values = keys.into_iter().filter_map(|key| schema.get(key)).chain(listed);
    if !is_integer || values.all(|value| !value.is_number() || value.as_i64().is_some()) {
        return Ok(());
    }
    Err(Error::shape(path, "an integer beyond the range of `i64`"))
}
