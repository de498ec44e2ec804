//! The schemas of all places whose JSON is read and written.

use serde_json::{Value, json};

use super::instance::local;

/// The place of all definitions, for references.
pub const ALL: &str = "json-schema:///all#/definitions/";

/// A place with a type in the table.
#[derive(Debug, Clone)]
pub struct Place {
    /// The name in the table, or the type of an event.
    pub name: String,
    pub kind: Kind,
    pub schema: Value,
}

/// The kind of a place. Each must be tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Definition,
    /// Params, a result or data with a structure of their own.
    Inline,
    /// Params that repeat a definition.
    Titled,
    /// Data that are read by the type of their event.
    Event,
}

impl Kind {
    pub const ALL: [Self; 4] = [Self::Definition, Self::Inline, Self::Titled, Self::Event];
}

/// The places of schemas from which `table` was generated.
pub fn places(api: &Value, events: &Value, table: &str) -> Vec<Place> {
    let mut places = definitions(api);
    let is_new =
        |place: &Place| api["definitions"].get(&place.name).is_none() && !place.name.ends_with("Event");
    places.extend(definitions(events).into_iter().filter(is_new));
    places.extend(of_events(events));
    for group in ["server", "session", "clientSession", "clientGlobal"] {
        of_methods(&api[group], group, &api["definitions"], &mut places);
    }
    // A row that is too long has its place on a line of its own.
    let table = &table.replace("(\n        \"", "(\"");
    let has = |place: &Place| place.kind == Kind::Event || table.contains(&format!("({:?},", place.name));
    places.into_iter().filter(has).collect()
}

fn place(name: impl Into<String>, kind: Kind, schema: &Value) -> Place {
    Place { name: name.into(), kind, schema: local(schema, ALL) }
}

fn definitions(file: &Value) -> Vec<Place> {
    let all = file["definitions"].as_object().expect("definitions");
    let schema = |name: &str| json!({ "$ref": format!("#/definitions/{name}") });
    all.keys().map(|name| place(name, Kind::Definition, &schema(name))).collect()
}

/// The data of each event.
fn of_events(events: &Value) -> Vec<Place> {
    let envelopes = events["definitions"].as_object().expect("definitions").values();
    let places = envelopes.filter_map(|envelope| {
        let (kind, data) = (&envelope["properties"]["type"]["const"], &envelope["properties"]["data"]);
        let kind = kind.as_str().filter(|_| data.is_object())?;
        Some([place(kind, Kind::Event, data), place(format!("{kind}: data"), Kind::Inline, data)])
    });
    places.flatten().collect()
}

/// The params and the results of the methods in a tree.
fn of_methods(tree: &Value, group: &str, definitions: &Value, places: &mut Vec<Place>) {
    let Some(method) = tree["rpcMethod"].as_str() else {
        let below = tree.as_object().into_iter().flatten();
        return below.for_each(|(_, below)| of_methods(below, group, definitions, places));
    };
    let params = match group {
        "session" | "clientSession" => without_id(&tree["params"]),
        _ => tree["params"].clone(),
    };
    match params["title"].as_str().filter(|title| definitions.get(title).is_some()) {
        Some(title) => places.push(place(title, Kind::Titled, &params)),
        None => places.push(place(format!("{method}: params"), Kind::Inline, &params)),
    }
    places.push(place(format!("{method}: result"), Kind::Inline, &tree["result"]));
}

/// The params of a method of a session without the session's id, which the SDK adds.
fn without_id(params: &Value) -> Value {
    let mut params = params.clone();
    if let Some(properties) = params.pointer_mut("/properties").and_then(Value::as_object_mut) {
        properties.remove("sessionId");
    }
    if let Some(required) = params.pointer_mut("/required").and_then(Value::as_array_mut) {
        required.retain(|key| key != "sessionId");
    }
    params
}
