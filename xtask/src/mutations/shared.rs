//! Names that keep changed schemas apart when they are compiled as one.
//!
//! Only what is changed, and what refers to it, gets a name of its own. The rest is the same in all of them and stands
//! there once, so that it is compiled once.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::mutants;

/// The start of a reference to a definition.
const REFERENCE: &str = "#/definitions/";

/// The two files of a mutant, with names of its own for what is not in the unchanged ones.
pub fn with_own_names(api: &Value, events: &Value, index: usize) -> (Value, Value) {
    let (base_api, base_events) = mutants::base();
    let mut changed = BTreeSet::new();
    for (file, base) in [(api, &base_api), (events, &base_events)] {
        let definitions = definitions(file);
        let new = definitions.filter(|(name, schema)| base["definitions"].get(name) != Some(schema));
        changed.extend(new.map(|(name, _)| name.as_str()));
    }
    loop {
        let refers = |(_, schema): &(&String, &Value)| refers(schema, &changed);
        let more: Vec<&str> = [api, events]
            .into_iter()
            .flat_map(|file| definitions(file).filter(refers))
            .map(|(name, _)| name.as_str())
            .collect();
        let before = changed.len();
        changed.extend(more);
        if changed.len() == before {
            break;
        }
    }
    let own = Own { changed, index };
    (own.file(api, &base_api), own.file(events, &base_events))
}

fn definitions(file: &Value) -> impl Iterator<Item = (&String, &Value)> {
    // It is there in all forms, and contains the other definitions.
    file["definitions"].as_object().into_iter().flatten().filter(|(name, _)| *name != "SessionEvent")
}

/// Returns true if a schema refers to one of these definitions, or repeats it.
fn refers(schema: &Value, names: &BTreeSet<&str>) -> bool {
    if schema["title"].as_str().is_some_and(|title| names.contains(title)) {
        return true;
    }
    match schema {
        Value::String(text) => text.strip_prefix(REFERENCE).is_some_and(|name| names.contains(name)),
        Value::Array(items) => items.iter().any(|item| refers(item, names)),
        Value::Object(keys) => keys.values().any(|value| refers(value, names)),
        _ => false,
    }
}

/// The items of one mutant that get other names.
struct Own<'m> {
    changed: BTreeSet<&'m str>,
    index: usize,
}

impl Own<'_> {
    fn name(&self, name: &str) -> String {
        let Self { index, .. } = self;
        name.replace("Probe", &format!("Probe{index}X")).replace("probe", &format!("probe{index}X"))
    }

    fn file(&self, file: &Value, base: &Value) -> Value {
        let keys = file.as_object().expect("an object").iter().map(|(key, value)| {
            let value = match key.as_str() {
                "definitions" => self.definitions(value),
                _ => self.methods(value, &base[key]),
            };
            (key.clone(), value)
        });
        Value::Object(keys.collect())
    }

    fn definitions(&self, definitions: &Value) -> Value {
        let all = definitions.as_object().expect("an object").iter().map(|(name, schema)| {
            let mut schema = self.references(schema);
            if !self.changed.contains(name.as_str()) {
                return (name.clone(), schema);
            }
            // Each event is of a type of its own.
            if let Some(Value::String(event)) = schema.pointer_mut("/properties/type/const")
                && name.ends_with("Event")
            {
                *event = self.name(event);
            }
            (self.name(name), schema)
        });
        Value::Object(all.collect())
    }

    /// A tree of methods, those that are changed under names of their own.
    fn methods(&self, tree: &Value, base: &Value) -> Value {
        let Value::Object(keys) = tree else { return tree.clone() };
        let mut own = Map::new();
        for (key, value) in keys {
            let is_method = value.get("rpcMethod").is_some();
            if is_method && base.get(key) == Some(value) && !refers(value, &self.changed) {
                own.insert(key.clone(), value.clone());
            } else if is_method {
                let mut method = self.references(value);
                if let Some(Value::String(name)) = method.get_mut("rpcMethod") {
                    *name = self.name(name);
                }
                own.insert(format!("{key}{}", self.index), method);
            } else {
                own.insert(key.clone(), self.methods(value, &base[key]));
            }
        }
        Value::Object(own)
    }

    fn references(&self, schema: &Value) -> Value {
        match schema {
            Value::String(text) => match text.strip_prefix(REFERENCE) {
                Some(name) if self.changed.contains(name) => format!("{REFERENCE}{}", self.name(name)).into(),
                _ => schema.clone(),
            },
            Value::Array(items) => items.iter().map(|item| self.references(item)).collect(),
            Value::Object(keys) => {
                let own = |(key, value): (&String, &Value)| match value {
                    // The title of params names the definition that they repeat.
                    Value::String(title) if key == "title" && self.changed.contains(title.as_str()) => {
                        (key.clone(), self.name(title).into())
                    }
                    value => (key.clone(), self.references(value)),
                };
                Value::Object(keys.iter().map(own).collect())
            }
            _ => schema.clone(),
        }
    }
}

#[test]
fn what_is_changed_and_what_refers_to_it_has_names_of_its_own() {
    let (mut api, events) = mutants::base();
    api["definitions"]["ProbeEnum"]["enum"][1] = "three".into();
    let (own, own_events) = with_own_names(&api, &events, 7);
    let names: Vec<&str> =
        definitions(&own).map(|(name, _)| name.as_str()).filter(|name| name.contains('7')).collect();
    assert_eq!(names, ["Probe7XEnum", "Probe7XAlias", "Probe7XRecord"]);
    let kind = &own["definitions"]["Probe7XRecord"]["properties"]["kind"];
    assert_eq!(kind["$ref"], "#/definitions/Probe7XEnum");
    assert_eq!(own["server"]["probe"]["get7"]["rpcMethod"], "probe7X.get");
    assert_eq!(own["server"]["probe"]["inner"], api["server"]["probe"]["inner"]);
    assert_eq!(own_events, events);
}
