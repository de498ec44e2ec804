//! Changed schemas, each of which must be refused with its place, or generate source that compiles and does not lose
//! or falsify what is valid.

#[path = "../../tests/it/oracle/instance.rs"]
mod instance;
mod mutants;
mod shared;

use std::collections::BTreeMap;
use std::fs;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;

use copilot_session_codegen::{Error, Input, Protocol};
use jsonschema::Registry;
use serde_json::{Map, Value, json};

use self::instance::{Instances, difference, local};
use self::mutants::Mutant;
use crate::standalone;

/// The instances that are made for each type of an accepted schema.
const INSTANCES: usize = 8;

/// The place of all definitions, for references.
const ALL: &str = "json-schema:///all";

/// The program that reads and writes instances, given as lines of a place and JSON.
const AGAIN: &str = r#"
fn main() {
    let table: std::collections::HashMap<_, _> = standalone::round_trip::TABLE.iter().copied().collect();
    let instances = std::env::args().nth(1).expect("a file with instances");
    for line in std::fs::read_to_string(instances).expect("a file").lines() {
        let (place, json) = line.split_once('\t').expect("a place and JSON");
        match std::panic::catch_unwind(|| table[place](json, false)) {
            Ok(Ok(json)) => println!("{json}"),
            Ok(Err(error)) => println!("error: {error}"),
            Err(_) => println!("error: panicked"),
        }
    }
}
"#;

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
    let mut tried = 0;
    for group in &groups {
        tried += group.check(folder.path(), &mut wrong);
    }
    eprintln!("{refused} refused, {count} accepted in {} crates, {tried} instances", groups.len());
    assert!(wrong.is_empty(), "{} are wrong:\n{}", wrong.len(), wrong.join("\n"));
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
    changes: Vec<String>,
}

/// The mutants that are compiled together at most.
const TOGETHER: usize = 1000;

/// Joins the schemas, what is changed in each under names of its own, in as few groups as the changed names allow.
fn pack(mutants: Vec<Mutant>) -> Vec<Group> {
    let mut kinds: BTreeMap<_, Vec<Group>> = BTreeMap::new();
    for (index, mutant) in mutants.into_iter().enumerate() {
        let (api, events) = shared::with_own_names(&mutant.api, &mutant.events, index);
        kinds.entry(mutant.kind).or_default().push(Group { api, events, changes: vec![mutant.change] });
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
        all.changes.extend(other.changes.iter().cloned());
    }
    (others.is_empty() || read(&all.api, &all.events).is_ok()).then_some(all)
}

impl Group {
    /// Compiles the source, reads and writes instances, and returns their number.
    fn check(&self, folder: &Path, wrong: &mut Vec<String>) -> usize {
        let output = read(&self.api, &self.events).expect("it was accepted").generate();
        let more = [("examples/again.rs", AGAIN), ("src/round_trip.rs", &*output.table)];
        standalone::write(folder, &output.files, &more).expect("the crate is written");
        let mut build = standalone::command(folder, "build");
        let output = build.args(["--example", "again"]).output().expect("cargo runs");
        if !output.status.success() {
            let stderr: String = String::from_utf8_lossy(&output.stderr).chars().take(4000).collect();
            wrong.push(format!("does not compile: {stderr}\nof {}", self.changes.join("\n  ")));
            return 0;
        }
        let (instances, lines) = self.instances();
        let file = folder.join("instances");
        fs::write(&file, lines).expect("a file is written");
        let mut run = standalone::command(folder, "run");
        let output = run.args(["--example", "again", "--"]).arg(&file).output().expect("cargo runs");
        let stdout = String::from_utf8_lossy(&output.stdout);
        let written: Vec<&str> = stdout.lines().collect();
        assert_eq!(written.len(), instances.len(), "{}", String::from_utf8_lossy(&output.stderr));
        for ((place, json), written) in instances.iter().zip(written) {
            let difference = match serde_json::from_str(written) {
                Ok(written) => difference("$", json, &written),
                Err(_) => Some(written.to_owned()),
            };
            wrong.extend(difference.map(|difference| format!("{place}: {difference}: {json}")));
        }
        instances.len()
    }

    /// Valid instances of the definitions, each with its place, and the lines that give them to the program.
    fn instances(&self) -> (Vec<(String, Value)>, String) {
        let mut definitions = Map::new();
        for file in [&self.events, &self.api] {
            let all = file["definitions"].as_object().expect("definitions");
            definitions
                .extend(all.iter().map(|(name, schema)| (name.clone(), local(schema, "#/definitions/"))));
        }
        definitions.retain(|name, _| !name.ends_with("Event"));
        // Some are fixed by the generator, so that its types allow more.
        let all = json!({ "definitions": definitions });
        let registry = Registry::new().add(ALL, &all).expect("a schema").prepare().expect("a registry");
        let mut random = Instances::new(&definitions);
        let (mut found, mut lines) = (Vec::new(), String::new());
        for place in definitions.keys() {
            let schema = json!({ "$ref": format!("{ALL}#/definitions/{place}") });
            let validator = jsonschema::options().with_registry(&registry).build(&schema).expect("a schema");
            for _ in 0..INSTANCES {
                let json = random.of(&schema);
                if validator.is_valid(&json) {
                    lines += &format!("{place}\t{json}\n");
                    found.push((place.clone(), json));
                }
            }
        }
        (found, lines)
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
