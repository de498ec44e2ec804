//! Stage one: parses the schema texts into definitions, methods and events.

use std::collections::{BTreeMap, BTreeSet};

use semver::Version;
use serde_json::{Map, Value};

use crate::json::parse;
use crate::model::Origin;
use crate::names::is_visible;
use crate::schema::{bare, branches, target};
use crate::supplement::{self, Upstream};
use crate::{Error, Input, keywords, versions};

/// The contents of the schema files, still as JSON.
#[derive(Debug)]
pub struct Source {
    pub version: Version,
    pub definitions: BTreeMap<String, Definition>,
    pub methods: Vec<MethodSource>,
    pub events: Vec<EventSource>,
    /// The supplement's requests that come as events, by event type.
    pub event_requests: Map<String, Value>,
    /// Definitions in the CLI's two files, with the envelopes.
    pub upstream_definitions: usize,
    /// Definitions that are only an event's envelope around its data.
    pub envelopes: usize,
    /// Keys that the supplement describes for other versions only, as `Type.key`.
    pub unspecified_keys: BTreeSet<String>,
}

#[derive(Debug)]
pub struct Definition {
    pub schema: Value,
    pub origin: Origin,
}

#[derive(Debug, Clone)]
pub struct MethodSource {
    pub name: String,
    pub group: Group,
    pub leaf: Map<String, Value>,
    pub supplement: bool,
}

#[derive(Debug, Clone)]
pub struct EventSource {
    /// The type on the wire.
    pub name: String,
    /// The envelope's definition, for messages.
    pub envelope: String,
    pub data: Value,
    pub schema: Map<String, Value>,
}

/// The direction and scope of a method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// Calls of the client for the whole server.
    Server,
    /// Calls of the client for one session.
    Session,
    /// Requests of the CLI for one session.
    ClientSession,
    /// Requests of the CLI for the client.
    ClientGlobal,
    /// Notifications of the CLI, which have no response.
    Notification,
}

impl Group {
    /// All groups.
    pub const ALL: [Self; 5] =
        [Self::Server, Self::Session, Self::ClientSession, Self::ClientGlobal, Self::Notification];

    /// The key of the group's tree in the schema.
    pub fn key(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Session => "session",
            Self::ClientSession => "clientSession",
            Self::ClientGlobal => "clientGlobal",
            Self::Notification => "notifications",
        }
    }

    /// Returns true if the params carry the session's id, which the SDK's session adds.
    pub fn has_session(self) -> bool {
        matches!(self, Self::Session | Self::ClientSession)
    }

    /// Returns true if the client is the caller.
    pub fn is_ours(self) -> bool {
        matches!(self, Self::Server | Self::Session)
    }
}

/// Keys that are allowed beside the trees and definitions.
const HEADER: &[&str] = &["$schema", "title", "description", "$ref", "definitions", "$comment"];

/// The key of the supplement's requests that come as events.
const EVENT_REQUESTS: &str = "eventRequests";

/// Reads the definitions, methods and events. Skips everything unsupported, and returns its errors beside the rest.
///
/// Fails only if a text is not a schema of the CLI.
pub fn read(input: Input<'_>) -> Result<(Source, Vec<Error>), Error> {
    let api = parse("api.schema.json", input.api)?;
    let events = parse("session-events.schema.json", input.events)?;
    let supplement = parse("supplement.schema.json", input.supplement)?;

    let version = versions::read(input.version, "version")?;
    let mut source = Source {
        version,
        definitions: BTreeMap::new(),
        methods: Vec::new(),
        events: Vec::new(),
        event_requests: Map::new(),
        upstream_definitions: 0,
        envelopes: 0,
        unspecified_keys: BTreeSet::new(),
    };
    let mut problems = Vec::new();
    // The first definition of a name is used; a later one must describe the same JSON.
    define(&mut source, &api, "api", Origin::Definition, &mut problems)?;
    define(&mut source, &events, "session-events", Origin::Definition, &mut problems)?;
    source.upstream_definitions = source.definitions.len();
    trees(&mut source, &api, "api", false, &mut problems);
    let definitions = source.definitions.keys().cloned().collect();
    take_events(&mut source, &mut problems)?;
    let upstream = Upstream {
        definitions,
        events: source.events.iter().map(|event| event.name.clone()).collect(),
        methods: source.methods.iter().map(|method| method.name.clone()).collect(),
    };
    let narrowed = supplement::narrow(supplement, &source.version, &upstream);
    let (supplement, unspecified_keys) = narrowed.unwrap_or_else(|problem| {
        problems.push(problem);
        (Map::from_iter([("definitions".to_owned(), Value::Object(Map::new()))]), BTreeSet::new())
    });
    source.unspecified_keys = unspecified_keys;
    define(&mut source, &supplement, "supplement", Origin::Supplement, &mut problems)?;
    let mut supplement = supplement;
    if let Some(Value::Object(requests)) = supplement.shift_remove(EVENT_REQUESTS) {
        source.event_requests = requests;
    }
    trees(&mut source, &supplement, "supplement", true, &mut problems);
    cut_circles(&mut source, &mut problems);
    Ok((source, problems))
}

/// The definitions through which another one may be named, so that to follow them exhausts neither stack nor time.
const DEEPEST: usize = 8;

/// Replaces by any JSON each definition that is only another name of itself, or a union of itself, and then each that
/// is named through too many others. Circles come first: a name of one is right once the circle is cut.
fn cut_circles(source: &mut Source, problems: &mut Vec<Error>) {
    let circle = "a definition that is only another name of itself, or a union of itself";
    cut(source, circle, problems, |source, name| {
        layers(source, name).iter().any(|layer| layer.contains(name))
    });
    let too_many = "a definition that is only a name of others, through too many of them";
    cut(source, too_many, problems, |source, name| {
        layers(source, name).last().is_some_and(|last| !last.is_empty())
    });
}

/// Replaces the definitions that are wrong by any JSON.
fn cut(
    source: &mut Source,
    problem: &str,
    problems: &mut Vec<Error>,
    is_wrong: impl Fn(&Source, &str) -> bool,
) {
    let names = source.definitions.keys();
    let wrong: Vec<String> = names.filter(|name| is_wrong(source, name)).cloned().collect();
    for name in wrong {
        problems.push(Error::shape(&name, problem));
        if let Some(definition) = source.definitions.get_mut(&name) {
            definition.schema = Value::Bool(true);
        }
    }
}

/// The definitions whose values are values of this one, by the number of those between.
fn layers<'s>(source: &'s Source, name: &'s str) -> Vec<BTreeSet<&'s str>> {
    let next =
        |layer: &BTreeSet<&'s str>| Some(layer.iter().flat_map(|name| same_value(source, name)).collect());
    std::iter::successors(next(&BTreeSet::from([name])), next).take(DEEPEST).collect()
}

/// The definitions whose values are values of this one.
fn same_value<'s>(source: &'s Source, name: &str) -> Vec<&'s str> {
    source.definitions.get(name).map(|definition| whole_references(&definition.schema)).unwrap_or_default()
}

/// The definitions to which a schema refers as a whole, or by the branches of its union.
fn whole_references(schema: &Value) -> Vec<&str> {
    let parts = branches(schema).map(|parts| parts.values).unwrap_or_default();
    parts.into_iter().flat_map(whole_references).chain(target(schema)).collect()
}

fn define(
    source: &mut Source,
    schema: &Map<String, Value>,
    file: &str,
    origin: Origin,
    problems: &mut Vec<Error>,
) -> Result<(), Error> {
    let Some(Value::Object(definitions)) = schema.get("definitions") else {
        return Err(Error::shape(file, "no definitions"));
    };
    for (name, schema) in definitions {
        match source.definitions.get_mut(name) {
            None => {
                let schema = schema.clone();
                source.definitions.insert(name.clone(), Definition { schema, origin });
            }
            Some(first) if bare(&first.schema) == bare(schema) && first.origin == origin => {}
            Some(first) => match merge(&first.schema, schema) {
                Some(both) if first.origin == origin => first.schema = both,
                _ => {
                    let place = format!("{file}: {name}");
                    problems.push(Error::shape(place, "differs from an earlier definition of the same name"));
                }
            },
        }
    }
    Ok(())
}

/// Merges two definitions of an object that differ only in optional properties which one of them lacks, since one of
/// the CLI's files may be less complete than the other.
fn merge(first: &Value, second: &Value) -> Option<Value> {
    let parts = |schema: &Value| {
        let Value::Object(mut rest) = bare(schema) else { return None };
        let properties = rest.remove("properties").unwrap_or_default();
        Some((schema["properties"].as_object()?.clone(), properties, rest))
    };
    let ((own, own_bare, rest), (others, others_bare, other_rest)) = (parts(first)?, parts(second)?);
    let is_optional = |key: &str| {
        let mut required = rest.get("required").and_then(Value::as_array).into_iter().flatten();
        required.all(|name| name != key)
    };
    let keys: BTreeSet<&String> = own.keys().chain(others.keys()).collect();
    let fits = |key: &&String| match (own_bare.get(key), others_bare.get(key)) {
        (Some(own), Some(other)) => own == other,
        _ => is_optional(key),
    };
    if rest != other_rest || !keys.iter().all(fits) {
        return None;
    }
    let mut both = first.clone();
    let more = others.iter().filter(|(key, _)| !own.contains_key(*key));
    let more: Vec<_> = more.map(|(key, schema)| (key.clone(), schema.clone())).collect();
    both["properties"].as_object_mut()?.extend(more);
    Some(both)
}

/// Collects the methods of a file.
fn trees(
    source: &mut Source,
    schema: &Map<String, Value>,
    file: &str,
    supplement: bool,
    problems: &mut Vec<Error>,
) {
    for (key, tree) in schema {
        if let Some(group) = Group::ALL.into_iter().find(|group| group.key() == key) {
            methods(source, (group, supplement), tree, key, problems);
        } else if !HEADER.contains(&key.as_str()) {
            problems.push(Error::shape(file, format!("unknown key `{key}`")));
        }
    }
}

/// Collects the methods of one tree, whose leaves carry `rpcMethod`.
fn methods(source: &mut Source, of: (Group, bool), tree: &Value, path: &str, problems: &mut Vec<Error>) {
    let Value::Object(tree) = tree else {
        return problems.push(Error::shape(path, "neither a method nor a namespace"));
    };
    if let Some(Value::String(name)) = tree.get("rpcMethod") {
        const KNOWN: &[&str] = &[
            "rpcMethod",
            "description",
            "params",
            "result",
            "stability",
            "visibility",
            "notification",
            "deprecated",
            "x-seen",
            "x-since",
            "x-until",
        ];
        if let Some(key) = tree.keys().find(|key| !KNOWN.contains(&key.as_str())) {
            problems.push(Error::shape(path, format!("unknown key `{key}` of a method")));
        }
        let (group, supplement) = of;
        if !name.chars().all(is_visible) {
            problems.push(Error::shape(path, format!("the name {name:?} has characters that are not shown")));
        }
        if let Some(other) = source.methods.iter().find(|other| other.name == *name) {
            let of = if other.supplement { "the supplement" } else { "the CLI's own schema" };
            problems.push(Error::shape(path, format!("{of} has the method {name} already")));
        }
        // The CLI's schema lists notifications among its requests, each with a mark.
        let group =
            if tree.get("notification") == Some(&Value::Bool(true)) { Group::Notification } else { group };
        return source.methods.push(MethodSource {
            name: name.clone(),
            group,
            leaf: tree.clone(),
            supplement,
        });
    }
    for (key, branch) in tree {
        methods(source, of, branch, &format!("{path}.{key}"), problems);
    }
}

/// Moves the event union and its envelopes from the definitions to the events.
fn take_events(source: &mut Source, problems: &mut Vec<Error>) -> Result<(), Error> {
    let path = "session-events: SessionEvent";
    let union = source.definitions.remove("SessionEvent").ok_or_else(|| Error::shape(path, "missing"))?;
    problems.extend(union.schema.as_object().and_then(|union| keywords::check(union, path).err()));
    let branches = union.schema["anyOf"].as_array().ok_or_else(|| Error::shape(path, "no anyOf"))?;
    for branch in branches {
        let name = target(branch).ok_or_else(|| Error::shape(path, "a branch is not a reference"))?;
        let envelope =
            source.definitions.remove(name).ok_or_else(|| Error::shape(path, "dangling reference"))?;
        let event = event(name, &envelope.schema, problems)?;
        if let Some(other) = source.events.iter().find(|other| other.name == event.name) {
            let problem = format!("{} has the type {:?}, too", other.envelope, event.name);
            problems.push(Error::shape(format!("session-events: {name}"), problem));
        }
        source.events.push(event);
    }
    // `SessionEvent` itself counts as an envelope, too.
    source.envelopes = source.events.len() + 1;
    source.events.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(())
}

fn event(envelope: &str, schema: &Value, problems: &mut Vec<Error>) -> Result<EventSource, Error> {
    let path = format!("session-events: {envelope}");
    let (Value::Object(schema), Some(properties)) = (schema, schema["properties"].as_object()) else {
        return Err(Error::shape(path, "an envelope without properties"));
    };
    problems.extend(keywords::check(schema, &path).err());
    for (key, property) in properties.iter().filter(|(key, _)| *key != "data") {
        problems.extend(envelope_key(key, property, &format!("{path}.{key}")).err());
    }
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let name = properties.get("type").and_then(|of| text(of.get("const")?));
    let (name, data) = name
        .zip(properties.get("data").cloned())
        .ok_or_else(|| Error::shape(&path, "an envelope without a constant `type` or without `data`"))?;
    Ok(EventSource { name, envelope: envelope.to_owned(), data, schema: schema.clone() })
}

/// Refuses a key of an envelope that the hand-written one lacks, or reads as something else.
fn envelope_key(key: &str, property: &Value, path: &str) -> Result<(), Error> {
    let expected: &[&str] = match key {
        "id" | "timestamp" | "agentId" | "type" => &["string"],
        "parentId" => &["string", "null"],
        "ephemeral" => &["boolean"],
        _ => return Err(Error::shape(path, "the envelope has a new key: add it to sdk/src/events/event.rs")),
    };
    property.as_object().map_or(Ok(()), |property| keywords::check(property, path))?;
    let found = kinds(property);
    if !found.is_empty() && found.iter().all(|kind| expected.contains(kind)) {
        return Ok(());
    }
    let problem = format!("the key is not of type {}, as in sdk/src/events/event.rs", expected.join(" or "));
    Err(Error::shape(path, problem))
}

/// The JSON types that a schema allows.
fn kinds(schema: &Value) -> Vec<&str> {
    match (schema.get("type"), schema.get("const"), schema.get("anyOf")) {
        (Some(Value::String(kind)), ..) => vec![kind],
        (Some(Value::Array(kinds)), ..) => kinds.iter().filter_map(Value::as_str).collect(),
        (None, Some(Value::String(_)), _) => vec!["string"],
        (None, Some(Value::Bool(_)), _) => vec!["boolean"],
        (None, None, Some(Value::Array(branches))) => branches.iter().flat_map(kinds).collect(),
        _ => Vec::new(),
    }
}
