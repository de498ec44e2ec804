//! The definitions, methods and events of the schema files.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::ours::Ours;

/// The trees of methods in them.
const TREES: [&str; 5] = ["server", "session", "clientSession", "clientGlobal", "notifications"];

/// The contents of all files. A reference is looked up by its name, which is unique among the files.
#[derive(Default)]
pub struct Schemas {
    definitions: BTreeMap<String, Value>,
    /// The methods by their name on the wire.
    methods: BTreeMap<String, Value>,
    /// The envelopes of the events, by type.
    events: BTreeMap<String, Value>,
}

impl Schemas {
    /// Those that the SDK was generated from, with what its generator fixes in them, since it decodes that.
    pub fn of(ours: &Ours) -> Result<Self> {
        let mut schemas = Self::default();
        for text in [&ours.set.api, &ours.set.events, &ours.supplement] {
            schemas.add(&serde_json::from_str(text).context("a schema is not valid JSON")?);
        }
        schemas.definitions.extend(copilot_session_codegen::fixed(ours.set.input(&ours.supplement))?);
        schemas.allow(ours.older.left_out.keys().map(String::as_str));
        Ok(schemas)
    }

    pub fn add(&mut self, file: &Value) {
        for (name, definition) in file["definitions"].as_object().into_iter().flatten() {
            let kind = &definition["properties"]["type"]["const"];
            if let (Some(kind), true) = (kind.as_str(), is_envelope(definition)) {
                self.events.insert(kind.to_owned(), definition.clone());
            }
            self.definitions.insert(name.clone(), definition.clone());
        }
        for tree in TREES {
            self.add_methods(&file[tree]);
        }
    }

    /// Makes keys and results optional that older versions omit, as the SDK does.
    pub fn allow<'k>(&mut self, keys: impl IntoIterator<Item = &'k str>) {
        for key in keys {
            if let Some(method) = key.strip_suffix(": result").and_then(|name| self.methods.get_mut(name)) {
                let result = method["result"].take();
                method["result"] = json!({"anyOf": [result, {"type": "null"}]});
            } else if let Some((name, key)) = key.split_once('.')
                && let Some(definition) = self.definitions.get_mut(name)
                && let Some(required) = definition["required"].as_array_mut()
            {
                required.retain(|name| name != key);
            }
        }
    }

    fn add_methods(&mut self, tree: &Value) {
        match tree["rpcMethod"].as_str() {
            Some(method) => drop(self.methods.insert(method.to_owned(), tree.clone())),
            None => tree.as_object().into_iter().flatten().for_each(|(_, below)| self.add_methods(below)),
        }
    }

    pub fn method(&self, name: &str) -> Option<&Value> {
        self.methods.get(name)
    }

    pub fn event(&self, kind: &str) -> Option<&Value> {
        self.events.get(kind)
    }

    pub fn definition(&self, name: &str) -> Option<&Value> {
        self.definitions.get(name)
    }
}

/// Returns true if a definition is an event with its envelope.
fn is_envelope(definition: &Value) -> bool {
    ["data", "id", "timestamp"].iter().all(|key| definition["properties"].get(key).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_generator_fixes_is_valid() -> Result<()> {
        let ours = Ours::built_in()?;
        let file = |schemas: &Schemas| schemas.definition("AttachmentFile").cloned().unwrap_or_default();
        let mut unchanged = Schemas::default();
        unchanged.add(&serde_json::from_str(&ours.set.api)?);
        let name = json!("displayName");
        let is_required =
            |definition: Value| definition["required"].as_array().is_some_and(|all| all.contains(&name));
        assert!(is_required(file(&unchanged)) && !is_required(file(&Schemas::of(&ours)?)));
        Ok(())
    }

    #[test]
    fn keys_that_older_versions_omit_may_be_missing() {
        let mut schemas = Schemas::default();
        schemas.add(&json!({
            "server": {"get": {"rpcMethod": "get", "result": {"type": "object"}}},
            "definitions": {"Got": {"required": ["a", "b"]}},
        }));
        schemas.allow(["get: result", "Got.a", "Other.a"]);
        let method = schemas.method("get").expect("the method");
        assert_eq!(method["result"], json!({"anyOf": [{"type": "object"}, {"type": "null"}]}));
        assert_eq!(schemas.definition("Got").expect("the definition")["required"], json!(["b"]));
    }
}
