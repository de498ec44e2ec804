//! The namespaces that changes are listed under.

use std::collections::{BTreeMap, BTreeSet};

use copilot_session_codegen::model::{Group, Model};

pub const EVENTS: &str = "events";
/// The heading of types that more than one namespace uses.
const SHARED: &str = "shared types";
/// The heading of types that no method and no event uses.
const UNUSED: &str = "unused types";

/// The namespaces of the types of one set, by name.
pub type Places = BTreeMap<String, BTreeSet<String>>;

/// The namespace of a method: `session.model` for `session.model.switchTo`.
pub fn of_method(name: &str, group: Group) -> String {
    let mut words = name.split('.');
    let (first, second, third) = (words.next().unwrap_or(name), words.next(), words.next());
    match group {
        Group::Session if first == "session" => match (second, third) {
            (Some(second), Some(_)) => format!("session.{second}"),
            _ => "session".to_owned(),
        },
        Group::Session | Group::Server if second.is_some() => first.to_owned(),
        Group::Session | Group::Server => "server".to_owned(),
        Group::ClientSession | Group::ClientGlobal if second.is_some() => format!("client: {first}"),
        Group::ClientSession | Group::ClientGlobal => "client".to_owned(),
        Group::Notification => "notifications".to_owned(),
    }
}

/// The namespaces from which each type is reached.
pub fn of_types(model: &Model) -> Places {
    let mut roots: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (name, method) in &model.methods {
        let types = method.params.named().into_iter().chain(method.result.named());
        roots.entry(of_method(name, method.group)).or_default().extend(types);
    }
    let events = model.events.values().filter_map(|event| event.data.named());
    roots.entry(EVENTS.to_owned()).or_default().extend(events);
    let mut places: Places = BTreeMap::new();
    for (namespace, types) in roots {
        for name in model.reach(types) {
            places.entry(name.to_owned()).or_default().insert(namespace.clone());
        }
    }
    places
}

/// The heading for the changes of a type.
pub fn of_type(name: &str, places: &[&Places]) -> String {
    let all: BTreeSet<&String> = places.iter().filter_map(|places| places.get(name)).flatten().collect();
    match all.first() {
        None => UNUSED.to_owned(),
        Some(only) if all.len() == 1 => (*only).clone(),
        Some(_) => SHARED.to_owned(),
    }
}
