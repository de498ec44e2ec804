//! Runs the generator on the real schemas: what is generated must be up to date.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::{fs, io};

use copilot_session_codegen::{Input, Output, Protocol};
use serde_json::Value;

/// The generator's output for the real schemas.
static OUTPUT: LazyLock<Output> = LazyLock::new(output);

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn output() -> Output {
    protocol(|api| api).generate()
}

/// The protocol of the real schemas, `changed` a little.
fn protocol(changed: impl Fn(String) -> String) -> Protocol {
    let read = |name: &str| fs::read_to_string(repository().join("schema").join(name)).expect(name);
    let version: Value = serde_json::from_str(&read("VERSION.json")).expect("VERSION.json is JSON");
    let input = Input {
        version: version["cli"].as_str().expect("VERSION.json names the CLI's version"),
        api: &changed(read("api.schema.json")),
        events: &changed(read("session-events.schema.json")),
        supplement: &read("supplement.schema.json"),
    };
    let mut protocol =
        Protocol::read(input).unwrap_or_else(|error| panic!("the schemas cannot be read: {error}"));
    protocol.allow_older(&read("older.json")).unwrap_or_else(|error| panic!("{error}"));
    protocol
}

#[test]
fn the_same_schemas_produce_the_same_files() {
    assert!(output().files == OUTPUT.files, "two runs gave different files");
}

#[test]
fn generated_code_is_fresh() {
    let folder = repository().join("sdk/src/generated");
    let mut found = BTreeMap::new();
    collect(&folder, "", &mut found).expect("sdk/src/generated can be read");
    let given = &OUTPUT.files;
    let mut paths: Vec<&String> = found.keys().chain(given.keys()).collect();
    paths.sort();
    let stale = paths.into_iter().find_map(|path| match (found.get(path), given.get(path)) {
        (Some(found), Some(given)) if found == given => None,
        (Some(_), Some(_)) => Some(format!("{path} is out of date")),
        (Some(_), None) => Some(format!("{path} is not generated any more")),
        (None, _) => Some(format!("{path} is missing")),
    });
    assert!(stale.is_none(), "sdk/src/generated/{}; run `cargo xtask codegen`", stale.unwrap_or_default());
}

#[test]
fn the_table_for_tests_is_fresh() {
    let path = repository().join("tests/it/generated/round_trip.rs");
    let found = fs::read_to_string(path).expect("the table can be read");
    assert!(found == OUTPUT.table, "tests/it/generated is out of date; run `cargo xtask codegen`");
}

/// Adds the text of every file below `folder`, by its relative path.
fn collect(folder: &Path, prefix: &str, into: &mut BTreeMap<String, String>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = format!("{prefix}{}", path.file_name().unwrap_or_default().to_string_lossy());
        if path.is_dir() {
            collect(&path, &format!("{name}/"), into)?;
        } else {
            into.insert(name, fs::read_to_string(&path)?);
        }
    }
    Ok(())
}

#[test]
fn lists_name_what_the_schemas_have() {
    let unused = |changed: &dyn Fn(String) -> String| {
        let errors = protocol(changed).unused_lists();
        errors.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(unused(&|api| api), [""; 0]);
    // One entry of each kind: a key in order, a key that is no secret, a method and a namespace.
    let renamed = |api: String| {
        let api = api.replace("UIElicitationSchema", "FormSchema").replace("AuthIdentity\"", "Identity\"");
        api.replace("\"session.ui.ephemeralQuery\"", "\"session.ui.query\"")
            .replace("\"session.lsp.", "\"session.ls.")
    };
    let list = |list: &str, entry: &str| {
        format!("codegen/src/{list} names {entry:?}, which the schemas do not have; correct the list")
    };
    assert_eq!(
        unused(&renamed),
        [
            list("flatten.rs: IN_ORDER", "UIElicitationSchema.properties"),
            list("secrets.rs: NOT_SECRET", "AuthIdentity.envVar"),
            list("secrets.rs: NOT_SECRET", "AuthIdentity.registrationId"),
            list("features.rs: OF_SESSIONS", "lsp"),
            list("untimed.rs", "session.ui.ephemeralQuery"),
        ]
    );
}

/// An event request that the supplement does not list would have no handler.
#[test]
fn every_event_request_is_in_the_supplement() {
    let kinds = &OUTPUT.files["kind.rs"];
    let listed = &OUTPUT.files["event_requests.rs"];
    let kinds: Vec<&str> = kinds.split('"').skip(1).step_by(2).collect();
    let is_request =
        |kind: &&&str| [".requested", "_required", ".execute"].iter().any(|end| kind.ends_with(end));
    let requests: Vec<_> = kinds.iter().filter(is_request).collect();
    assert!(!requests.is_empty());
    for kind in requests {
        assert!(listed.contains(&format!("KIND: &'static str = \"{kind}\"")), "{kind}");
    }
}

/// The numbers are those of CLI 1.0.102; a change of the schemas must change them on purpose.
#[test]
fn everything_in_the_schemas_comes_out() {
    let report = &OUTPUT.report;
    let methods = [
        ("server", 249),
        ("session", 332),
        ("clientSession", 24),
        ("clientGlobal", 11),
        ("notifications", 3),
    ];
    assert_eq!(report.methods, methods);
    assert_eq!(report.methods.iter().map(|(_, count)| count).sum::<usize>(), 619);
    assert_eq!(report.events, 163);
    assert_eq!(report.definitions, 2_483);
    assert_eq!(report.types + report.envelopes, report.definitions);
}

/// Every user compiles the types that every build has, so a change of the schemas must change their number on purpose.
#[test]
fn the_feature_full_has_most_types() {
    let count = |folder: &str| {
        let files = OUTPUT
            .files
            .iter()
            .filter(|(path, _)| path.rsplit_once('/').map(|(parent, _)| parent) == Some(folder));
        let lines = files.flat_map(|(_, text)| text.lines());
        lines
            .filter(|line| {
                ["pub struct ", "pub enum ", "pub type "].iter().any(|start| line.starts_with(start))
            })
            .count()
    };
    assert_eq!((count("types"), count("types/full")), (1_209, 1_433));
}

/// A reader finds a type by its namespace, in a file that is neither tiny nor endless.
#[test]
fn files_of_types_have_a_good_size() {
    let files =
        OUTPUT.files.iter().filter(|(path, _)| path.starts_with("types/") && *path != "types/full.rs");
    let odd = files
        .map(|(path, text)| (path, text.lines().count()))
        .filter(|(_, lines)| !(60..2_000).contains(lines));
    assert_eq!(odd.collect::<Vec<_>>(), []);
}
