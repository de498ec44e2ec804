//! The schema files, and the samples made from them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::{Sample, Spot, Step, What};

/// Keys that the schemas require but CLIs may leave out; see `codegen/src/fix.rs`.
const LEFT_OUT: [(&str, &str); 14] = [
    ("BuiltinToolInputSchema", "type"),
    ("AttachmentFile", "displayName"),
    ("AttachmentDirectory", "displayName"),
    ("AttachmentSelection", "displayName"),
    ("ApiKeyAuthInfo", "apiKey"),
    ("EnvAuthInfo", "token"),
    ("GhCliAuthInfo", "token"),
    ("HMACAuthInfo", "hmac"),
    ("TokenAuthInfo", "token"),
    ("GitHubTelemetryClientInfo", "cli_version"),
    ("GitHubTelemetryClientInfo", "os_platform"),
    ("GitHubTelemetryClientInfo", "os_version"),
    ("GitHubTelemetryClientInfo", "os_arch"),
    ("GitHubTelemetryClientInfo", "node_version"),
];

/// Keys that CLIs may set to `null` although the schemas forbid it; see `codegen/src/fix.rs`.
const NULL_ALLOWED: [(&str, &str); 2] =
    [("AgentGetCurrentResult", "agent"), ("BuiltinToolDescriptor", "hasSummariseIntention")];

/// Objects that may have other keys although the schemas forbid them; see `codegen/src/fix.rs`.
const OPEN: [&str; 1] = ["SendRequest"];

/// Keys that the newest schemas require but other supported CLIs leave out, as definition and key.
fn left_out_by_older() -> Vec<(String, String)> {
    let older: Value = read("older.json");
    let keys = older["leftOut"].as_object().expect("a map of keys").keys();
    let keys = keys.filter(|key| !key.ends_with(": result"));
    let parts = keys.map(|key| key.split_once('.').expect("a definition and a key"));
    parts.map(|(definition, key)| (definition.to_owned(), key.to_owned())).collect()
}

/// A file in the folder `schema` of the repository.
fn read(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schema").join(name);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The definitions, methods and events of the schema files.
pub struct Schemas {
    definitions: Map<String, Value>,
    /// The data of each event, by type.
    events: BTreeMap<String, Value>,
    /// Schemas without a definition, as `method: params`, `method: result` or `event: data`.
    loose: BTreeMap<String, Value>,
    /// The methods that the CLI calls on a client, by name.
    client_methods: BTreeMap<String, ClientMethod>,
}

/// The schemas of a method that the CLI calls on a client.
struct ClientMethod {
    of_session: bool,
    params: Value,
    result: Value,
}

impl Schemas {
    /// Reads the files in the folder `schema` of the repository. Panics if they do not exist.
    pub fn read() -> Self {
        let [api, events, supplement] =
            ["api", "session-events", "supplement"].map(|name| read(&format!("{name}.schema.json")));
        let mut schemas = Self {
            definitions: Map::new(),
            events: BTreeMap::new(),
            loose: BTreeMap::new(),
            client_methods: BTreeMap::new(),
        };
        for file in [&supplement, &events, &api] {
            schemas.definitions.extend(file["definitions"].as_object().cloned().unwrap_or_default());
        }
        for (definition, key) in LEFT_OUT {
            let required = schemas.definitions[definition]["required"].as_array_mut();
            required.expect("a list of keys").retain(|name| name != key);
        }
        for (definition, key) in left_out_by_older() {
            let definition = &mut schemas.definitions[&definition];
            let object =
                if definition["anyOf"].is_array() { &mut definition["anyOf"][0] } else { definition };
            let required = object["required"].as_array_mut().expect("a list of keys");
            required.retain(|name| *name != key);
        }
        for (definition, key) in NULL_ALLOWED {
            let property = &mut schemas.definitions[definition]["properties"][key];
            *property = json!({ "anyOf": [property.take(), { "type": "null" }] });
        }
        for definition in OPEN {
            schemas.definitions[definition]["additionalProperties"] = true.into();
        }
        schemas.fix_tags();
        schemas.take_events();
        for (group, tree) in [&api, &supplement].into_iter().filter_map(Value::as_object).flatten() {
            let of_session = matches!(group.as_str(), "session" | "clientSession");
            if group != "definitions" {
                schemas.take_methods(tree, of_session);
            }
            if group.starts_with("client") {
                schemas.take_client_methods(tree, of_session);
            }
        }
        schemas
    }

    /// Every place with a type of its own: the definitions, and schemas without one.
    pub fn places(&self) -> BTreeSet<&str> {
        self.definitions.keys().chain(self.loose.keys()).map(String::as_str).collect()
    }

    /// Samples of a place: the first is the fullest, the last the smallest.
    pub fn of_place(&self, place: &str) -> Vec<Sample> {
        let definition = self.definitions.get(place);
        let mut samples = self.samples(definition.or_else(|| self.loose.get(place)).unwrap_or(&Value::Null));
        // The places that refer to a definition say if it may be null.
        samples.retain(|sample| definition.is_none() || !sample.json.is_null());
        samples
    }

    /// The descriptions of the properties of a place, including those of the variants of a union.
    pub fn descriptions(&self, place: &str) -> Vec<(&str, &str)> {
        let schema = self.definitions.get(place).or_else(|| self.loose.get(place)).unwrap_or(&Value::Null);
        let properties = schema["anyOf"]
            .as_array()
            .into_iter()
            .flatten()
            .chain([schema])
            .filter_map(|schema| schema["properties"].as_object());
        properties
            .flatten()
            .filter_map(|(key, schema)| Some((&**key, schema["description"].as_str()?)))
            .collect()
    }

    /// The schemas of all places: those of definitions by name, and the others.
    pub fn schemas(&self) -> (&Map<String, Value>, &BTreeMap<String, Value>) {
        (&self.definitions, &self.loose)
    }

    /// The types of all events, each with samples of its data.
    pub fn events(&self) -> impl Iterator<Item = (&str, Vec<Sample>)> {
        self.events.iter().map(|(kind, data)| (kind.as_str(), self.samples(self.resolve(data))))
    }

    /// The methods that the CLI calls on a client. For each: its name, true if it is a method of a session,
    /// the fullest params without the `sessionId` of a session, and the fullest result.
    pub fn client_methods(&self) -> impl Iterator<Item = (&str, bool, Value, Value)> {
        let full = |schema: &Value| {
            let samples = self.samples(self.resolve(optional(schema)));
            samples.into_iter().next().map(|sample| sample.json).unwrap_or_default()
        };
        self.client_methods.iter().map(move |(name, method)| {
            let mut params = full(&method.params);
            if let Some(params) = params.as_object_mut().filter(|_| method.of_session) {
                params.remove("sessionId");
            }
            (name.as_str(), method.of_session, params, full(&method.result))
        })
    }

    fn take_client_methods(&mut self, tree: &Value, of_session: bool) {
        let Some(name) = tree.get("rpcMethod").and_then(Value::as_str) else {
            let inner = tree.as_object().into_iter().flatten();
            return inner.for_each(|(_, tree)| self.take_client_methods(tree, of_session));
        };
        if tree.get("notification") == Some(&true.into()) {
            return;
        }
        let (params, result) = (tree["params"].clone(), tree["result"].clone());
        self.client_methods.insert(name.to_owned(), ClientMethod { of_session, params, result });
    }

    /// Makes a key a constant that has one value in a branch of a union, and others in the other branches. Elsewhere an
    /// enum of one value is open.
    fn fix_tags(&mut self) {
        let mut found = Vec::new();
        for union in self.definitions.values().filter_map(|schema| schema["anyOf"].as_array()) {
            let names: Vec<&str> = union.iter().filter_map(reference).collect();
            for (name, key, property) in names.iter().flat_map(|name| self.properties_of(name)) {
                let Some([only]) = self.values_of(property) else { continue };
                let mut others = names.iter().filter(|other| **other != name).flat_map(|other| {
                    let property = self.properties_of(other).find(|(_, other, _)| *other == key);
                    property.and_then(|(.., property)| self.values_of(property))
                });
                let first = others.next();
                if first.is_some() && first.into_iter().chain(others).all(|values| !values.contains(only)) {
                    found.push((name.to_owned(), key.clone(), only.clone()));
                }
            }
        }
        for (name, key, only) in found {
            self.definitions[&name]["properties"][&key] = json!({ "const": only });
        }
    }

    /// The properties of a definition, each with the definition's name.
    fn properties_of<'s>(&'s self, name: &'s str) -> impl Iterator<Item = (&'s str, &'s String, &'s Value)> {
        let properties = self.definitions.get(name).and_then(|schema| schema["properties"].as_object());
        properties.into_iter().flatten().map(move |(key, property)| (name, key, property))
    }

    /// The strings that a property may have, if the schema lists them.
    fn values_of<'s>(&'s self, property: &'s Value) -> Option<&'s [Value]> {
        match property.get("const") {
            Some(only) => Some(std::slice::from_ref(only)),
            None => values(self.resolve(property)).map(Vec::as_slice),
        }
    }

    /// Moves the data of the events out of the definitions: the crate has one type for all envelopes.
    fn take_events(&mut self) {
        let union = self.definitions.remove("SessionEvent").unwrap_or_default();
        for branch in union["anyOf"].as_array().into_iter().flatten() {
            let envelope =
                reference(branch).and_then(|name| self.definitions.remove(name)).unwrap_or_default();
            let kind = envelope["properties"]["type"]["const"].as_str().unwrap_or_default().to_owned();
            let data = envelope["properties"]["data"].clone();
            if is_own(&data) {
                self.loose.insert(format!("{kind}: data"), data.clone());
            }
            self.events.insert(kind, data);
        }
    }

    fn take_methods(&mut self, tree: &Value, of_session: bool) {
        let Some(name) = tree.get("rpcMethod").and_then(Value::as_str) else {
            let inner = tree.as_object().into_iter().flatten();
            return inner.for_each(|(_, tree)| self.take_methods(tree, of_session));
        };
        let mut params = optional(&tree["params"]).clone();
        let titled = params["title"].as_str().or(tree["params"]["title"].as_str());
        let is_defined = titled.is_some_and(|title| self.definitions.contains_key(title));
        if let Some(properties) = params.get_mut("properties").and_then(Value::as_object_mut) {
            // The SDK sets the session's id.
            of_session.then(|| properties.remove("sessionId"));
            if is_defined || properties.is_empty() {
                params = Value::Null;
            }
        }
        if let Some(required) = params.get_mut("required").and_then(Value::as_array_mut) {
            required.retain(|key| !of_session || key != "sessionId");
        }
        for (part, schema) in [("params", &params), ("result", &tree["result"])] {
            if is_own(schema) {
                self.loose.insert(format!("{name}: {part}"), schema.clone());
            }
        }
    }

    fn resolve<'s>(&'s self, schema: &'s Value) -> &'s Value {
        match reference(schema).and_then(|name| self.definitions.get(name)) {
            Some(definition) => self.resolve(definition),
            None => schema,
        }
    }

    fn samples(&self, schema: &Value) -> Vec<Sample> {
        if let Some(value) = schema.get("const") {
            return vec![Sample::of(value.clone(), if value.is_string() { What::Text } else { What::Flag })];
        }
        if reference(schema) == Some("SessionEvent") {
            return vec![Sample::opaque(
                json!({"type": "from.the.future", "id": "1", "data": {"list": [null]}}),
            )];
        }
        if reference(schema).is_some() {
            return self.samples(self.resolve(schema)).pop().map(Sample::closed).into_iter().collect();
        }
        if schema.get("properties").is_some() {
            return self.record(schema);
        }
        if let Some(branches) = schema.get("anyOf").and_then(Value::as_array) {
            return self.union(branches);
        }
        if let Some(values) = values(schema) {
            return values.iter().map(|value| Sample::of(value.clone(), What::Enum)).collect();
        }
        match &schema["type"] {
            Value::Array(kinds) => kinds.iter().flat_map(|kind| self.of_kind(kind, schema)).collect(),
            kind => self.of_kind(kind, schema),
        }
    }

    fn of_kind(&self, kind: &Value, schema: &Value) -> Vec<Sample> {
        vec![match kind.as_str() {
            Some("string") => Sample::of(json!("text \"æ\" \\ \u{1} \n 🦀"), What::Text),
            Some("integer") => Sample::of(json!(7), What::Integer),
            Some("number") => Sample::of(json!(2.5), What::Number),
            Some("boolean") => Sample::of(json!(true), What::Flag),
            Some("null") => Sample::opaque(Value::Null),
            Some("array") => return self.container(schema.get("items"), What::List),
            Some("object") => return self.container(schema.get("additionalProperties"), What::Map),
            _ => Sample::opaque(json!({"any": [1, 2.5, null, {"json": true}]})),
        }]
    }

    /// A list or map around each sample of its content, and an empty one.
    fn container(&self, holds: Option<&Value>, what: What) -> Vec<Sample> {
        let (empty, step) = match what {
            What::List => (Sample::of(json!([]), what), Step::Item(0)),
            _ => (Sample::of(json!({}), what), Step::Key("any key".to_owned())),
        };
        let inner = self.samples(holds.unwrap_or(&Value::Bool(true)));
        inner.iter().map(|inner| empty.clone().holding(&step, inner)).chain([empty.clone()]).collect()
    }

    fn union(&self, branches: &[Value]) -> Vec<Sample> {
        let is_null = |branch: &Value| branch["type"] == "null";
        let values = branches.iter().filter(|branch| branch.get("not").is_none() && !is_null(branch));
        let mut samples = match values.collect::<Vec<_>>().as_slice() {
            [one] => self.samples(one),
            // A branch for any value makes the others irrelevant.
            values if values.iter().any(|value| is_anything(value)) => self.samples(&Value::Bool(true)),
            values => self.variants(values),
        };
        samples.extend(branches.iter().any(is_null).then(|| Sample::opaque(Value::Null)));
        samples
    }

    fn variants(&self, values: &[&Value]) -> Vec<Sample> {
        let is_tag = |spot: &Spot| spot.what == What::Constant && spot.at.len() == 1;
        let mut variants: Vec<Vec<Sample>> =
            values.iter().map(|value| self.samples(self.resolve(value))).collect();
        // A variant without a constant may accept values with unknown ones.
        let tagged =
            variants.iter().all(|samples| samples.iter().all(|sample| sample.spots.iter().any(is_tag)));
        for spot in variants.iter_mut().flatten().flat_map(|sample| &mut sample.spots) {
            spot.in_union = true;
            if tagged && is_tag(spot) {
                spot.what = What::Tag;
            }
        }
        variants.concat()
    }

    /// The fullest object, one for each further sample of a property, and the smallest.
    fn record(&self, schema: &Value) -> Vec<Sample> {
        let required = schema["required"].as_array().map_or(&[][..], Vec::as_slice);
        // An object without the keyword is open.
        let rest = schema.get("additionalProperties").unwrap_or(&Value::Bool(true));
        let open = Some(rest).filter(|rest| *rest != &Value::Bool(false));
        let empty = Sample::of(json!({}), What::Record { open: open.is_some() });
        let part = |(key, property): (&String, &Value)| {
            let required = required.iter().any(|name| name == key);
            (Step::Key(key.clone()), required, self.property(property, required))
        };
        let mut parts: Vec<_> = schema["properties"].as_object().into_iter().flatten().map(part).collect();
        if let Some(rest) = open {
            parts.push((Step::Key("open key".to_owned()), false, self.samples(rest)));
        }
        // The first sample of every property except one.
        let full = |(other, index): (usize, usize)| {
            parts.iter().enumerate().fold(empty.clone(), |sample, (at, (step, _, values))| {
                sample.holding(step, &values[if at == other { index } else { 0 }])
            })
        };
        let others =
            |(at, part): (usize, &(_, _, Vec<Sample>))| (1..part.2.len()).map(move |index| (at, index));
        let others = parts.iter().enumerate().flat_map(others);
        let mut samples: Vec<Sample> = [(0, 0)].into_iter().chain(others).map(full).collect();
        let needed = parts.iter().filter(|(_, required, _)| *required);
        samples.push(
            needed.fold(empty, |sample, (step, _, values)| sample.holding(step, &values[values.len() - 1])),
        );
        samples
    }

    /// The samples of a property, with a spot for its key.
    fn property(&self, schema: &Value, required: bool) -> Vec<Sample> {
        let mut samples = self.samples(schema);
        let nullable = samples.iter().any(|sample| sample.json.is_null() || sample.spots.is_empty());
        if !required && samples.len() > 1 {
            // A receiver reads null like an absent key.
            samples.retain(|sample| !sample.json.is_null());
        }
        let constant = required && schema.get("const").is_some();
        for sample in &mut samples {
            let own = sample.spots.iter_mut().filter(|spot| constant && spot.at.is_empty());
            own.for_each(|spot| spot.what = What::Constant);
            let what = What::Key { required, nullable };
            sample.spots.push(Spot { at: Vec::new(), what, in_union: false });
        }
        samples
    }
}

/// Returns true if a schema describes an object, enum or union inline, or in a list or map.
fn is_own(schema: &Value) -> bool {
    let inner = [schema.get("items"), schema.get("additionalProperties")];
    schema.get("properties").is_some()
        || values(schema).is_some()
        || schema["anyOf"].as_array().is_some_and(|branches| branches.iter().any(is_own))
        || inner.into_iter().flatten().any(is_own)
}

/// The schema of a value that may be absent.
fn optional(schema: &Value) -> &Value {
    let is_nothing = |branch: &Value| branch.get("not").is_some();
    match schema["anyOf"].as_array().map(Vec::as_slice) {
        Some([nothing, one] | [one, nothing]) if is_nothing(nothing) => one,
        _ => schema,
    }
}

/// The name of the definition that a schema refers to.
fn reference(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str()?.rsplit('/').next()
}

fn values(schema: &Value) -> Option<&Vec<Value>> {
    schema.get("enum").or_else(|| schema.get("x-extensible-enum"))?.as_array()
}

fn is_anything(schema: &Value) -> bool {
    ["type", "$ref", "const", "enum", "anyOf"].iter().all(|keyword| schema.get(keyword).is_none())
}
