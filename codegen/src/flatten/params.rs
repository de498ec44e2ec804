//! The params of methods, most of which repeat a definition.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Flattener;
use crate::names::type_name;
use crate::read::{Group, MethodSource};
use crate::schema::{bare, contains, is_object, optional_object, reference};
use crate::{Error, keywords, union};

impl Flattener<'_> {
    /// The params of a session's method repeat a definition with the session's id added. The SDK's session adds the id,
    /// so the params are the definition without it.
    pub(super) fn params(&mut self, method: &MethodSource, name: &str) -> Result<Value, Error> {
        let place = format!("{}: params", method.name);
        let params = match method.leaf.get("params") {
            None | Some(Value::Null) => return Ok(Value::Null),
            Some(params) => params,
        };
        let branch = params_object(params);
        self.check_params(params, branch, &place);
        // The CLI may also give the definition by name, id and all.
        let target = union::resolve(self.source, branch);
        let has_id = target.pointer("/properties/sessionId").is_some();
        let branch = if method.group == Group::Session && has_id { target } else { branch };
        let Some(properties) = branch.get("properties").and_then(Value::as_object) else {
            return Ok(self.normalize(params, name, &place)?.0);
        };
        let mut own = properties.clone();
        if method.group.has_session() {
            own.shift_remove("sessionId");
        }
        if own.is_empty()
            && is_object(branch)
            && branch.get("additionalProperties") == Some(&Value::Bool(false))
        {
            return Ok(Value::Null);
        }
        if let Some(definition) = self.definition_of(method, params, branch, &place)? {
            return Ok(definition);
        }
        let mut schema = branch.clone();
        if let Some(required) = schema.get_mut("required").and_then(Value::as_array_mut) {
            required.retain(|key| key != "sessionId" || own.contains_key("sessionId"));
        }
        schema["properties"] = Value::Object(own);
        Ok(self.normalize(&schema, name, &place)?.0)
    }

    /// Returns a reference to the definition that the title of params names, if there is one. It must be the same
    /// `object`, apart from the session's id.
    fn definition_of(
        &self,
        method: &MethodSource,
        params: &Value,
        object: &Value,
        place: &str,
    ) -> Result<Option<Value>, Error> {
        let title = params.get("title").and_then(Value::as_str).unwrap_or_default();
        let Some(definition) = self.source.definitions.get(title) else { return Ok(None) };
        let schema = optional_object(&definition.schema).unwrap_or(&definition.schema);
        // Requests of the CLI carry the id anyway, so there the definition may have it.
        let all = method.group == Group::ClientSession;
        let defined = required_and_optional(schema);
        let mut given = required_and_optional(object);
        if !(all && defined == given) {
            given.retain(|(key, _), _| *key != "sessionId" || !method.group.has_session());
        }
        let differ = match (defined == given, beside_properties(schema) == beside_properties(object)) {
            (false, _) => "properties",
            (_, false) => "keywords",
            _ => return Ok(Some(reference(&type_name(title)))),
        };
        Err(Error::shape(place, format!("the {differ} are not those of its title {title}")))
    }

    /// Checks the keywords of params, of the `object` in them and of the session's id: params that repeat a definition
    /// are not read any further, nor are those without another key.
    fn check_params(&mut self, params: &Value, object: &Value, place: &str) {
        let mut around = params.clone();
        // Up to 1.0.75 the session's id is beside the union with the object.
        if params != object
            && let Some(around) = around.as_object_mut()
        {
            around.retain(|keyword, _| !["properties", "additionalProperties"].contains(&keyword.as_str()));
        }
        let id = object.pointer("/properties/sessionId");
        for schema in [Some(&around), Some(object), id].into_iter().flatten().filter_map(Value::as_object) {
            let known = keywords::check(schema, place);
            self.record_error(known, ());
        }
    }
}

/// The object of params. Up to 1.0.75 the session's id is beside a union with an optional object.
fn params_object(params: &Value) -> &Value {
    let beside = params.get("properties").and_then(Value::as_object);
    let beside = beside.is_some_and(|properties| properties.keys().eq(["sessionId"]));
    let branches = params.get("anyOf").and_then(Value::as_array).filter(|_| beside);
    let inner = branches.and_then(|all| match all.as_slice() {
        [nothing, object] | [object, nothing] if nothing.get("not") == Some(&json!({})) => {
            object.get("properties").map(|_| object)
        }
        _ => None,
    });
    optional_object(params).or(inner).unwrap_or(params)
}

/// The schemas of an object's properties without documentation, by key and whether the key is required.
fn required_and_optional(schema: &Value) -> BTreeMap<(&str, bool), Value> {
    let properties = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
    let required = |key: &str| schema.get("required").is_some_and(|list| contains(list, key));
    properties.map(|(key, property)| ((key.as_str(), required(key)), bare(property))).collect()
}

/// The keywords of an object without documentation, apart from those that describe its properties.
fn beside_properties(schema: &Value) -> Value {
    let mut keywords = bare(schema);
    if let Some(keywords) = keywords.as_object_mut() {
        keywords.retain(|keyword, _| !["properties", "required"].contains(&keyword.as_str()));
    }
    keywords
}
