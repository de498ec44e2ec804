//! Random JSON that a validator of JSON Schema takes, read and written by the generated types, and validated again.
//!
//! Neither the validator nor the schemas are ours, so they show what the generator and its other tests both
//! misunderstand.

mod instance;

use std::collections::BTreeMap;

use copilot_session_tests::sample::Schemas;
use jsonschema::{Registry, Validator};
use serde_json::{Map, Value, json};

use self::instance::{Instances, difference, local};
use crate::generated::round_trip::TABLE;

/// The valid instances that are tried for each place.
const TRIED: usize = 12;
/// The instances that are made for each place at most.
const MADE: usize = 120;

/// The place of all definitions, for references.
const ALL: &str = "json-schema:///all";

#[test]
fn what_is_valid_is_read_and_written_as_it_is() {
    let schemas = Schemas::read();
    let (definitions, loose) = schemas.schemas();
    let definitions: Map<String, Value> =
        definitions.iter().map(|(name, schema)| (name.clone(), local(schema, "#/definitions/"))).collect();
    let mut instances = Instances::new(&definitions);
    let all = json!({ "definitions": definitions });
    let registry = Registry::new().add(ALL, &all).expect("a schema").prepare().expect("a registry");
    let (mut tried, mut wrong, mut without) = (0, BTreeMap::new(), Vec::new());
    for (place, again) in TABLE {
        let schema = match loose.get(*place) {
            Some(schema) => local(schema, "#/definitions/"),
            None => json!({ "$ref": format!("#/definitions/{place}") }),
        };
        let outside = local(&schema, &format!("{ALL}#/definitions/"));
        let validator = jsonschema::options().with_registry(&registry).build(&outside).expect("a schema");
        let made = (0..MADE).map(|_| instances.of(&schema));
        let valid: Vec<Value> = made.filter(|json| validator.is_valid(json)).take(TRIED).collect();
        if valid.is_empty() {
            without.push(*place);
        }
        for json in valid {
            tried += 1;
            if let Err(problem) = round_trip(&validator, &json, |text| again(text, false)) {
                wrong.entry(*place).or_insert_with(|| format!("{place}: {problem}\n  {json}"));
            }
        }
    }
    eprintln!("{tried} instances of {} places", TABLE.len());
    assert!(without.is_empty(), "no valid instance was made of {}: {without:?}", without.len());
    let shown: Vec<String> = wrong.values().take(20).cloned().collect();
    assert!(wrong.is_empty(), "{} places are wrong:\n{}", wrong.len(), shown.join("\n"));
}

/// Reads and writes an instance, and compares the result.
fn round_trip<E: std::fmt::Display>(
    validator: &Validator,
    json: &Value,
    again: impl Fn(&str) -> Result<String, E>,
) -> Result<(), String> {
    let written = again(&json.to_string()).map_err(|error| format!("is not read: {error}"))?;
    let written: Value = serde_json::from_str(&written).map_err(|error| format!("{error}: {written}"))?;
    if let Some(difference) = difference("$", json, &written) {
        return Err(difference);
    }
    validator.validate(&written).map_err(|error| format!("is written as what is not valid: {error}"))
}
