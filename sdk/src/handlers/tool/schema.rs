//! The schema of a tool's arguments, in the form that the CLI accepts.
//!
//! The CLI offers the model a tool without a schema, and one whose schema has `"type": "object"` at its root. It
//! silently omits any other. So the type is added to a schema that can only mean an object, and a tool with any other
//! schema is refused.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::error::Error;
use crate::types::ToolDeclaration;

/// Keywords that apply to objects only.
const OF_OBJECTS: [&str; 4] = ["properties", "required", "additionalProperties", "patternProperties"];

/// Keywords that combine schemas.
const BRANCHES: [&str; 3] = ["anyOf", "oneOf", "allOf"];

/// Maximum depth of branches and references that are followed. Deeper ones are taken to be circular.
const LEVELS: usize = 8;

/// Returns the declared parameters of a tool whose arguments have this schema; none for any JSON. [`check`] fails if
/// the model would not see the tool.
pub(super) fn of_arguments(schema: Value) -> Option<BTreeMap<String, Value>> {
    let mut schema = match schema {
        Value::Bool(true) => return None,
        Value::Object(schema) => schema,
        // Nothing matches `false`. A value that is no schema is treated as `false`.
        _ => Map::from_iter([("not".to_owned(), Map::new().into())]),
    };
    // These do not help the model.
    schema.retain(|key, _| key != "$schema" && key != "title");
    let mut schema = resolved(schema);
    // The schema of an `Option` is a choice between its value and null.
    if let Some(object) = only_object(&schema) {
        schema = object;
    }
    if means_object(&schema, &schema, LEVELS) || is_nothing(&schema) {
        schema.insert("type".to_owned(), "object".into());
    }
    Some(schema.into_iter().collect())
}

/// Removes the format of a number, such as `uint32`. JSON Schema has formats of strings only, and a model provider may
/// refuse a strict schema with any other.
#[cfg(feature = "schemars")]
pub(super) fn without_format_of_numbers(schema: &mut schemars::Schema) {
    let is_number = |kind: &Value| kind == "integer" || kind == "number";
    let kind = schema.get("type");
    if kind.is_some_and(|kind| {
        is_number(kind) || kind.as_array().is_some_and(|kinds| kinds.iter().any(is_number))
    }) {
        schema.remove("format");
    }
}

/// Checks that the model will see a tool.
///
/// # Errors
/// [`Error::Invalid`], which names the tool and suggests a remedy.
pub(super) fn check(tool: &ToolDeclaration) -> Result<(), Error> {
    let Some(parameters) = &tool.parameters else { return Ok(()) };
    let found = match parameters.get("type") {
        Some(Value::String(kind)) if kind == "object" => return Ok(()),
        Some(kind) => format!("of the type {kind}"),
        None => "not always an object".to_owned(),
    };
    Err(Error::Invalid(format!(
        "tool {}: the schema of its arguments is {found}, and the CLI offers the model only tools whose arguments are \
         an object; use a struct with a field for each value, or a schema of the type object",
        tool.name
    )))
}

/// Returns the schema with its `$ref` replaced by the target. The definitions are kept for other references.
fn resolved(mut schema: Map<String, Value>) -> Map<String, Value> {
    for _ in 0..LEVELS {
        let target =
            schema.get("$ref").and_then(Value::as_str).and_then(|path| target(&schema, path)).cloned();
        let Some(Value::Object(target)) = target else { break };
        schema.remove("$ref");
        for (key, value) in target {
            // Keywords beside the reference take precedence.
            schema.entry(key).or_insert(value);
        }
    }
    schema
}

/// Returns the target of a reference within the schema.
fn target<'s>(schema: &'s Map<String, Value>, path: &str) -> Option<&'s Value> {
    let (kind, name) = path.strip_prefix("#/")?.split_once('/')?;
    schema.get(kind)?.get(name)
}

/// Returns the only object among the branches of a choice, if all others are null.
fn only_object(schema: &Map<String, Value>) -> Option<Map<String, Value>> {
    let branches = schema.get("anyOf").or_else(|| schema.get("oneOf"))?.as_array()?;
    let [Value::Object(something)] =
        branches.iter().filter(|branch| branch["type"] != "null").collect::<Vec<_>>()[..]
    else {
        return None;
    };
    let mut whole = schema.clone();
    whole.retain(|key, _| !BRANCHES.contains(&key.as_str()));
    whole.extend(something.clone());
    let whole = resolved(whole);
    means_object(&whole, &whole, LEVELS).then_some(whole)
}

/// Returns true if only objects match the schema, or also null, which the CLI passes as an empty object.
fn means_object(schema: &Map<String, Value>, root: &Map<String, Value>, levels: usize) -> bool {
    let means = |schema: &Value| {
        schema.as_object().is_some_and(|schema| levels > 0 && means_object(schema, root, levels - 1))
    };
    match schema.get("type") {
        Some(Value::String(kind)) => return kind == "object",
        Some(Value::Array(kinds)) => {
            return kinds.contains(&"object".into())
                && kinds.iter().all(|kind| kind == "object" || kind == "null");
        }
        Some(_) => return false,
        None => {}
    }
    let branches =
        |key: &str| schema.get(key).and_then(Value::as_array).filter(|branches| !branches.is_empty());
    let reference = schema.get("$ref").and_then(Value::as_str).and_then(|path| target(root, path));
    reference.is_some_and(means)
        || branches("allOf").is_some_and(|branches| branches.iter().any(means))
        || ["anyOf", "oneOf"].into_iter().filter_map(branches).any(|branches| {
            branches.iter().any(means)
                && branches.iter().all(|branch| means(branch) || branch["type"] == "null")
        })
        || branches("enum").is_some_and(|values| values.iter().all(Value::is_object))
        || schema.get("const").is_some_and(Value::is_object)
        || (OF_OBJECTS.iter().any(|key| schema.contains_key(*key)) && !says_more(schema))
}

/// Returns true if keywords other than those of objects restrict the schema.
fn says_more(schema: &Map<String, Value>) -> bool {
    ["$ref", "enum", "const"].into_iter().chain(BRANCHES).any(|key| schema.contains_key(key))
}

/// Returns true if the schema is that of no arguments (`()`), or of any JSON, which the CLI passes as an object.
fn is_nothing(schema: &Map<String, Value>) -> bool {
    let about = ["description", "default", "examples", "definitions", "$defs", "$id", "$comment"];
    match schema.get("type") {
        Some(kind) => kind == "null",
        None => schema.keys().all(|key| about.contains(&key.as_str())),
    }
}
