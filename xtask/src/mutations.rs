//! Changed schemas, each of which must be refused with its place, or generate source that compiles and does not lose
//! or falsify what is valid.

#[path = "../../tests/it/oracle/instance.rs"]
mod instance;
mod mutants;
mod odd;
mod places;
mod shared;
mod unions;

use std::collections::BTreeMap;
use std::fs;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;

use copilot_session_codegen::{Error, Input, Protocol};
use jsonschema::Registry;
use serde_json::{Map, Value, json};

use self::instance::{Instances, difference, local};
use self::mutants::Mutant;
use self::places::{ALL, Kind, Place, places};
use crate::standalone;

/// The instances that are made for each type of an accepted schema.
const INSTANCES: usize = 8;

/// The program that reads and writes instances, given as lines of a place, as a JSON string, and JSON.
const AGAIN: &str = r#"
fn main() {
    let table: std::collections::HashMap<_, _> = standalone::round_trip::TABLE.iter().copied().collect();
    let instances = std::env::args().nth(1).expect("a file with instances");
    for line in std::fs::read_to_string(instances).expect("a file").lines() {
        let (place, json) = line.split_once('\t').expect("a place and JSON");
        let place: String = serde_json::from_str(place).expect("a text");
        let again = || match place.strip_prefix("event ") {
            Some(kind) => standalone::events_again::kind(kind, json),
            None => table[&*place](json, false),
        };
        match std::panic::catch_unwind(again) {
            Ok(Ok(json)) => println!("{json}"),
            Ok(Err(error)) => println!("error: {error}"),
            Err(_) => println!("error: panicked"),
        }
    }
}
"#;

/// The module that reads the data of an event by its type.
const EVENTS_AGAIN: &str = r#"
use crate::session_event::SessionEventData;
use crate::wire::{DecodeError, Document};

/// The type of what the data are read as, as JSON.
pub fn kind(kind: &str, data: &str) -> Result<String, DecodeError> {
    let document = Document::parse(data)?;
    let data = SessionEventData::read(kind, document.root())?;
    Ok(crate::wire::quote(data.as_ref().map_or("unrecognized", SessionEventData::kind)))
}
"#;

/// The least numbers of changed schemas, somewhat below those of now, so that the test cannot pass by trying little.
const LEAST: [(&str, usize); 3] = [("refused", 1400), ("accepted", 2200), ("compiled", 2200)];

/// At most one place in this many may have no valid instance: some odd schemas are no strict JSON Schema, and some have
/// no value, such as `not: true` beside a type.
const WITHOUT: usize = 20;

#[test]
fn every_schema_is_refused_or_right() {
    let (mut refused, mut accepted, mut wrong) = (0, Vec::new(), Vec::new());
    let (api, events) = mutants::base();
    read(&api, &events).expect("the schema that is changed is accepted");
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    for mutant in mutants::all() {
        let generated =
            AssertUnwindSafe(|| read(&mutant.api, &mutant.events).map(|protocol| protocol.generate()));
        match panic::catch_unwind(generated) {
            Err(_) => wrong.push(format!("panics: {}", mutant.change)),
            Ok(Ok(_)) => accepted.push(mutant),
            Ok(Err(error)) if has_place(&error) => refused += 1,
            Ok(Err(error)) => wrong.push(format!("refused without a place: {}: {error}", mutant.change)),
        }
    }
    panic::set_hook(hook);
    let count = accepted.len();
    let groups = pack(accepted);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (mut compiled, mut tried, mut without) = (0, BTreeMap::new(), Vec::new());
    for group in &groups {
        if let Some(kinds) = group.check(folder.path(), &mut wrong, &mut without) {
            compiled += group.changes.len();
            kinds.into_iter().for_each(|kind| *tried.entry(kind).or_insert(0) += 1);
        }
    }
    let all = groups.len();
    eprintln!(
        "{refused} refused, {count} accepted, {compiled} compiled in {all} crates, instances: {tried:?}"
    );
    assert!(wrong.is_empty(), "{} are wrong:\n{}", wrong.len(), wrong.join("\n"));
    for ((what, least), found) in LEAST.into_iter().zip([refused, count, compiled]) {
        assert!(found >= least, "only {found} were {what}");
    }
    let places = tried.values().sum::<usize>() / INSTANCES;
    let few = without.len() * WITHOUT <= places;
    assert!(few, "{} places have no instances:\n{}", without.len(), without.join("\n"));
    for kind in Kind::ALL {
        let found = tried.get(&kind).copied().unwrap_or_default();
        assert!(found >= INSTANCES * 2, "only {found} instances of {kind:?}");
    }
}

fn has_place(error: &Error) -> bool {
    !matches!(error, Error::Typify(_))
}

fn read(api: &Value, events: &Value) -> Result<Protocol, Error> {
    let supplement = json!({ "definitions": {} }).to_string();
    let (api, events) = (api.to_string(), events.to_string());
    // The version is older than all that needs a fix.
    Protocol::read(Input { version: "0.0.1", api: &api, events: &events, supplement: &supplement })
}

/// Several schemas that are compiled as one.
#[derive(Clone)]
struct Group {
    api: Value,
    events: Value,
    /// By the number in the names of what is changed.
    changes: BTreeMap<usize, String>,
}

/// The mutants that are compiled together at most.
const TOGETHER: usize = 1000;

/// Joins the schemas, what is changed in each under names of its own, in as few groups as the changed names allow.
fn pack(mutants: Vec<Mutant>) -> Vec<Group> {
    let mut kinds: BTreeMap<_, Vec<Group>> = BTreeMap::new();
    for (index, mutant) in mutants.into_iter().enumerate() {
        let (api, events) = shared::with_own_names(&mutant.api, &mutant.events, index);
        kinds.entry(mutant.kind).or_default().push(Group {
            api,
            events,
            changes: BTreeMap::from([(index, mutant.change)]),
        });
    }
    let chunks = kinds.values().flat_map(|all| all.chunks(TOGETHER));
    chunks.flat_map(halved).collect()
}

/// One group if that is accepted, and else those of each half.
fn halved(groups: &[Group]) -> Vec<Group> {
    if let Some(all) = joined(groups) {
        return vec![all];
    }
    let (first, second) = groups.split_at(groups.len() / 2);
    [first, second].into_iter().filter(|half| !half.is_empty()).flat_map(halved).collect()
}

/// The groups as one, if no names meet in it.
fn joined(groups: &[Group]) -> Option<Group> {
    let (first, others) = groups.split_first()?;
    let mut all = first.clone();
    for other in others {
        join(&mut all.api, &other.api)?;
        join(&mut all.events, &other.events)?;
        all.changes.extend(other.changes.clone());
    }
    (others.is_empty() || read(&all.api, &all.events).is_ok()).then_some(all)
}

impl Group {
    /// Compiles the source, reads and writes instances, and returns the kind of each; none if it does not compile.
    fn check(&self, folder: &Path, wrong: &mut Vec<String>, without: &mut Vec<String>) -> Option<Vec<Kind>> {
        let output = read(&self.api, &self.events).expect("it was accepted").generate();
        let table = &*output.table;
        let more = [
            ("examples/again.rs", AGAIN),
            ("src/round_trip.rs", table),
            ("src/events_again.rs", EVENTS_AGAIN),
        ];
        standalone::write(folder, &output.files, &more).expect("the crate is written");
        let mut build = standalone::command(folder, "build");
        let built = build.args(["--example", "again"]).output().expect("cargo runs");
        if !built.status.success() {
            let stderr: String = String::from_utf8_lossy(&built.stderr).chars().take(4000).collect();
            let changes: Vec<&str> = self.changes.values().map(String::as_str).collect();
            wrong.push(format!("does not compile: {stderr}\nof {}", changes.join("\n  ")));
            return None;
        }
        let instances = self.instances(places(&self.api, &self.events, table), without);
        let lines = instances.iter().map(|(place, json)| match place.kind {
            Kind::Event => format!("{}\t{json}\n", json!(format!("event {}", place.name))),
            _ => format!("{}\t{json}\n", json!(place.name)),
        });
        let file = folder.join("instances");
        fs::write(&file, lines.collect::<String>()).expect("a file is written");
        let mut run = standalone::command(folder, "run");
        let output = run.args(["--example", "again", "--"]).arg(&file).output().expect("cargo runs");
        let stdout = String::from_utf8_lossy(&output.stdout);
        let written: Vec<&str> = stdout.lines().collect();
        assert_eq!(written.len(), instances.len(), "{}", String::from_utf8_lossy(&output.stderr));
        for ((place, json), written) in instances.iter().zip(written) {
            let difference = match (serde_json::from_str::<Value>(written), place.kind) {
                (Ok(written), Kind::Event) => difference("$", &json!(place.name), &written),
                (Ok(written), _) => difference("$", json, &written),
                (Err(_), _) => Some(written.to_owned()),
            };
            wrong.extend(difference.map(|difference| {
                format!("{}: {difference}: {json}, where {}", place.name, self.change(&place.name))
            }));
        }
        Some(instances.iter().map(|(place, _)| place.kind).collect())
    }

    /// The change of which a place has the number in its name.
    fn change(&self, place: &str) -> &str {
        let place = place.to_lowercase();
        let own = self.changes.iter().find(|(index, _)| place.contains(&format!("probe{index}x")));
        own.map_or("nothing is changed", |(_, change)| change)
    }

    /// Valid instances of each place. A place without one is added to a list.
    fn instances(&self, places: Vec<Place>, without: &mut Vec<String>) -> Vec<(Place, Value)> {
        let mut definitions = Map::new();
        for file in [&self.events, &self.api] {
            let all = file["definitions"].as_object().expect("definitions");
            definitions
                .extend(all.iter().map(|(name, schema)| (name.clone(), local(schema, "#/definitions/"))));
        }
        definitions.retain(|name, _| !name.ends_with("Event"));
        // Some are fixed by the generator, so that its types allow more.
        let all = json!({ "definitions": definitions });
        let uri = ALL.split('#').next().expect("an address");
        let registry = Registry::new().add(uri, &all).expect("a schema").prepare().expect("a registry");
        let mut random = Instances::new(&definitions);
        let mut found = Vec::new();
        for place in places {
            let schema = &place.schema;
            // JSON-RPC has no params that are `null`: they are absent.
            let is_params = place.kind == Kind::Titled || place.name.ends_with(": params");
            let validator = jsonschema::options().with_registry(&registry).build(schema);
            let is_valid = |json: &Value| validator.as_ref().is_ok_and(|validator| validator.is_valid(json));
            let fits = |json: &Value| is_valid(json) && !(is_params && json.is_null());
            let instances: Vec<Value> = (0..INSTANCES).map(|_| random.of(schema)).filter(fits).collect();
            if instances.is_empty() {
                without.push(format!("{}, where {}", place.name, self.change(&place.name)));
            }
            found.extend(instances.into_iter().map(|json| (place.clone(), json)));
        }
        found
    }
}

/// Adds the keys of one object to another, and the items of one list to another; `None` if both have something else
/// in one place.
fn join(into: &mut Value, from: &Value) -> Option<()> {
    match (into, from) {
        (into, from) if into == from => Some(()),
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                match into.get_mut(key) {
                    Some(there) => join(there, value)?,
                    None => drop(into.insert(key.clone(), value.clone())),
                }
            }
            Some(())
        }
        (Value::Array(into), Value::Array(from)) => {
            let new: Vec<Value> = from.iter().filter(|item| !into.contains(item)).cloned().collect();
            into.extend(new);
            Some(())
        }
        _ => None,
    }
}
