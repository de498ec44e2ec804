//! Random JSON for a schema, and the comparison of such JSON with what was made of it.
//!
//! Not all of it is valid, since some keywords are not looked at.

use std::collections::BTreeMap;

use fastrand::Rng;
use serde_json::{Map, Value, json};

/// The depth from which on only what is required is made.
const DEPTH: usize = 5;

/// The depth from which on nothing is made, since some schemas have no finite value.
const DEEPEST: usize = 60;

/// Texts for schemas with a `pattern` or a `format`.
const TEXTS: &[&str] = &[
    "a",
    "12",
    "urn:air:a.b:c:d",
    "${secret:a}",
    "abc-1",
    "Abc_1",
    "a/b",
    "owner/name",
    "1.2.3",
    "2025-01-02T03:04:05Z",
    "2025-01-02",
    "3f2504e0-4f89-41d3-9a0c-0305e82c3301",
    "https://example.com/a?b=c",
    "https://example.com",
    "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "da39a3ee5e6b4b0d3255bfef95601890afd80709",
    "application/json",
    "AAAA",
    "/a/b",
    "name@example.com",
    "AB12-CD34",
];

/// Keys beside those that an object lists, which another branch of a union may list.
const UNLISTED: &[&str] = &["a", "b", "c", "t", "x", "y"];

pub struct Instances<'s> {
    definitions: &'s Map<String, Value>,
    /// The texts that match a schema with a `pattern`.
    matching: BTreeMap<String, Vec<&'static str>>,
    random: Rng,
}

impl<'s> Instances<'s> {
    pub fn new(definitions: &'s Map<String, Value>) -> Self {
        Self { definitions, matching: BTreeMap::new(), random: Rng::with_seed(102) }
    }

    pub fn of(&mut self, schema: &Value) -> Value {
        self.value(schema, 0)
    }

    fn value(&mut self, schema: &Value, depth: usize) -> Value {
        if depth > DEEPEST {
            return Value::Null;
        }
        let keyword = |key: &str| schema.get(key);
        if let Some(only) = keyword("const") {
            return only.clone();
        }
        if let Some(name) = keyword("$ref").and_then(Value::as_str).and_then(|path| path.rsplit('/').next()) {
            let definitions = self.definitions;
            return self.value(&definitions[name], depth + 1);
        }
        if let Some(values) = keyword("enum").or(keyword("x-extensible-enum")).and_then(Value::as_array) {
            let other = keyword("enum").is_none() && self.random.bool();
            return if other {
                json!("other")
            } else {
                self.random.choice(values).cloned().unwrap_or_default()
            };
        }
        let branches = keyword("anyOf").or(keyword("oneOf")).and_then(Value::as_array);
        if let (Some(branches), None) = (branches, keyword("properties")) {
            let something = branches.iter().filter(|branch| branch.get("not").is_none());
            let branch = self.random.choice(something.collect::<Vec<_>>());
            return branch.map_or(Value::Null, |branch| self.value(branch, depth));
        }
        match keyword("type") {
            Some(Value::Array(kinds)) => {
                let kind = self.random.choice(kinds).cloned().unwrap_or_default();
                self.of_kind(&kind, schema, depth)
            }
            Some(kind) => self.of_kind(kind, schema, depth),
            None if keyword("properties").is_some() => self.object(schema, depth),
            None => self.any(),
        }
    }

    fn of_kind(&mut self, kind: &Value, schema: &Value, depth: usize) -> Value {
        match kind.as_str() {
            Some("string") => self.text(schema).into(),
            Some("integer") => self.integer(schema).into(),
            Some("number") => self.number(schema),
            Some("boolean") => self.random.bool().into(),
            Some("array") => self.list(schema, depth),
            Some("object") => self.object(schema, depth),
            Some("null") => Value::Null,
            _ => self.any(),
        }
    }

    fn any(&mut self) -> Value {
        let all =
            [json!(null), json!(true), json!("text"), json!(-1.5), json!([{}]), json!({ "a": { "b": [1] } })];
        self.random.choice(all).unwrap_or_default()
    }

    fn text(&mut self, schema: &Value) -> String {
        if schema.get("pattern").is_some() || schema.get("format").is_some() {
            let key = schema.to_string();
            let matching = self.matching.entry(key).or_insert_with(|| {
                let validator = jsonschema::validator_for(schema);
                let fits = |text: &&str| validator.as_ref().is_ok_and(|of| of.is_valid(&json!(text)));
                TEXTS.iter().copied().filter(fits).collect()
            });
            return self.random.choice(matching.iter()).copied().unwrap_or_default().to_owned();
        }
        let least = schema.get("minLength").and_then(Value::as_u64).unwrap_or(0);
        let most = schema.get("maxLength").and_then(Value::as_u64).unwrap_or(least + 12);
        let length = self.random.u64(least..=most.clamp(least, least + 12));
        let letters = ['a', 'Z', ' ', '"', '\\', '\n', '\u{1}', 'é', '🦀', '/', '\u{2028}'];
        (0..length).filter_map(|_| self.random.choice(letters)).collect()
    }

    fn integer(&mut self, schema: &Value) -> i64 {
        let limit = |key: &str| schema.get(key).and_then(Value::as_f64).map(|limit| limit as i64);
        let above = limit("exclusiveMinimum").map(|limit| limit.saturating_add(1));
        let least = limit("minimum").or(above).unwrap_or(-9);
        let most = limit("maximum").unwrap_or(1 << 53).max(least);
        if self.random.bool() { self.random.i64(least..=most) } else { most.min(least.saturating_add(3)) }
    }

    fn number(&mut self, schema: &Value) -> Value {
        let limit = |key: &str| schema.get(key).and_then(Value::as_f64);
        let least = limit("minimum").or(limit("exclusiveMinimum")).unwrap_or(-2.0);
        let most = limit("maximum").unwrap_or(least + 1e6);
        json!(least + (most - least) * self.random.f64())
    }

    fn list(&mut self, schema: &Value, depth: usize) -> Value {
        let least = schema.get("minItems").and_then(Value::as_u64).unwrap_or(0);
        let most =
            schema.get("maxItems").and_then(Value::as_u64).unwrap_or(least + 2).clamp(least, least + 2);
        let length = if depth > DEPTH { least } else { self.random.u64(least..=most) };
        let items = schema.get("items").unwrap_or(&Value::Bool(true));
        (0..length).map(|_| self.value(items, depth + 1)).collect()
    }

    fn object(&mut self, schema: &Value, depth: usize) -> Value {
        let required = schema.get("required").and_then(Value::as_array);
        let required = |key: &str| required.is_some_and(|required| required.iter().any(|name| name == key));
        let mut object = Map::new();
        for (key, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
            if required(key) || (depth <= DEPTH && self.random.bool()) {
                object.insert(key.clone(), self.value(property, depth + 1));
            }
        }
        let rest = schema.get("additionalProperties").unwrap_or(&Value::Bool(true));
        let keys = if rest == &Value::Bool(false) || depth > DEPTH { 0 } else { self.random.usize(0..3) };
        for _ in 0..keys {
            let key = format!("key {}", self.random.u8(..));
            let key = self
                .random
                .choice(UNLISTED)
                .filter(|_| self.random.bool())
                .map_or(key, |&key| key.to_owned());
            let value = self.value(rest, depth + 1);
            object.entry(key).or_insert(value);
        }
        Value::Object(object)
    }
}

/// The first difference of two values, other than an absent key for a `null` and another form of a number.
pub fn difference(path: &str, one: &Value, other: &Value) -> Option<String> {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            let mut keys: Vec<&String> = one.keys().chain(other.keys()).collect();
            keys.sort();
            keys.dedup();
            let of = |map: &Map<String, Value>, key: &str| map.get(key).cloned().unwrap_or_default();
            keys.into_iter()
                .find_map(|key| difference(&format!("{path}.{key}"), &of(one, key), &of(other, key)))
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            let pairs = one.iter().zip(other).enumerate();
            pairs
                .into_iter()
                .find_map(|(index, (one, other))| difference(&format!("{path}[{index}]"), one, other))
        }
        (Value::Number(one), Value::Number(other)) if one.as_f64() == other.as_f64() => None,
        (one, other) => (one != other).then(|| format!("at {path}, {one} became {other}")),
    }
}

/// The schema with references to definitions by the name below `base`. The hand-written event is one of a
/// type that is not known.
pub fn local(schema: &Value, base: &str) -> Value {
    match schema {
        Value::Object(map) => match map.get("$ref").and_then(Value::as_str) {
            Some(target) if target.ends_with("/SessionEvent") => {
                json!({ "const": { "type": "from.the.future", "id": "1", "data": {} } })
            }
            Some(target) => {
                let mut map = map.clone();
                map["$ref"] = format!("{base}{}", target.rsplit('/').next().unwrap_or_default()).into();
                Value::Object(map)
            }
            None => map.iter().map(|(key, value)| (key.clone(), local(value, base))).collect(),
        },
        Value::Array(items) => items.iter().map(|item| local(item, base)).collect(),
        other => other.clone(),
    }
}
