//! `cargo xtask codegen`: writes `sdk/src/generated` from the schemas, or checks that it is up to date.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use anyhow::{Context, Result, bail, ensure};
use copilot_session_codegen::{Protocol, Report};
use copilot_session_drift::schema::SUPPLEMENT;
use serde_json::Value;

use crate::tree::{self, Kind, Mode};
use crate::{names, older, paths, schema};

/// The folder of the generated code in the repository.
const GENERATED: &str = "sdk/src/generated";
/// The folder of the table of all types, and the table's file.
const TABLE: (&str, &str) = ("tests/it/generated", "round_trip.rs");

#[derive(clap::Args)]
pub struct Args {
    /// Write nothing, and fail if the files on disk are not up to date
    #[arg(long)]
    check: bool,
    /// Allow generated items to change their names
    #[arg(long, conflicts_with = "check")]
    accept_names: bool,
}

pub fn run(args: &Args) -> Result<()> {
    let schemas = schema::read_checked(&paths::schema_dir())?;
    let supplement = read_supplement()?;
    let mut protocol = Protocol::read(schemas.input(&supplement))?;
    if let Some(unused) = protocol.unused_lists().into_iter().next() {
        return Err(unused.into());
    }
    protocol.allow_older(&older::read()?.text()?)?;
    let output = protocol.generate();
    println!("Copilot CLI {}: {}", schemas.version, summary(&output.report));
    balance(&output.report, &Found::count(&schemas.api, &schemas.events)?)?;

    let names = protocol.names()?;
    if !args.accept_names {
        names::check_moved(&names)?;
    }
    let mode = if args.check { Mode::Check } else { Mode::Write };
    let drifts = tree::sync(&paths::repo_root().join(GENERATED), &output.files, mode)?;
    let table = BTreeMap::from([(TABLE.1.to_owned(), output.table)]);
    let of_table = tree::sync(&paths::repo_root().join(TABLE.0), &table, mode)?;
    let all = output.files.len();
    let stale = drifts.len() + of_table.len();
    if args.check && stale > 0 {
        drifts.iter().for_each(|drift| eprintln!("{}", drift.describe(GENERATED)));
        of_table.iter().for_each(|drift| eprintln!("{}", drift.describe(TABLE.0)));
        bail!("the generated code is not up to date, in {}; run `cargo xtask codegen`", files(stale));
    }
    if args.check {
        names::check(&names)?;
        println!("{GENERATED}: {}, all up to date", files(all));
        return Ok(());
    }
    let removed = drifts.iter().filter(|drift| drift.kind == Kind::Stray).count();
    let written = drifts.len() - removed;
    println!(
        "{GENERATED}: {}, {written} written, {removed} removed, {} unchanged",
        files(all),
        all - written
    );
    names::write(&names)
}

/// Writes the generated code.
pub fn write(accept_names: bool) -> Result<()> {
    run(&Args { check: false, accept_names })
}

/// The text of the supplement, which is for every version.
pub fn read_supplement() -> Result<String> {
    let path = paths::schema_dir().join(SUPPLEMENT);
    fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
}

fn files(count: usize) -> String {
    format!("{} {}", count, if count == 1 { "file" } else { "files" })
}

/// The number of items in the schemas, counted without the generator, which could miss some.
#[derive(Debug, PartialEq, Eq)]
struct Found {
    methods: usize,
    events: usize,
    definitions: usize,
}

impl Found {
    fn count(api: &str, events: &str) -> Result<Self> {
        let api: Value = serde_json::from_str(api).context("api.schema.json is not JSON")?;
        let events: Value = serde_json::from_str(events).context("session-events.schema.json is not JSON")?;
        let names = [&api, &events].into_iter().filter_map(|schema| schema["definitions"].as_object());
        let names: BTreeSet<&String> = names.flat_map(|definitions| definitions.keys()).collect();
        let groups = api.as_object().into_iter().flatten().filter(|(key, _)| *key != "definitions");
        Ok(Self {
            methods: groups.map(|(_, tree)| methods(tree)).sum(),
            events: events["definitions"]["SessionEvent"]["anyOf"].as_array().map_or(0, Vec::len),
            definitions: names.len(),
        })
    }
}

/// Counts the methods in a tree of namespaces. A method contains only its schema.
fn methods(tree: &Value) -> usize {
    match tree {
        Value::Object(tree) if tree.get("rpcMethod").is_some_and(Value::is_string) => 1,
        Value::Object(tree) => tree.values().map(methods).sum(),
        _ => 0,
    }
}

/// Checks that everything in the schemas was generated.
fn balance(report: &Report, found: &Found) -> Result<()> {
    let all: usize = report.methods.iter().map(|(_, count)| count).sum();
    for (what, expected, generated) in [
        ("methods", found.methods, all),
        ("events", found.events, report.events),
        ("definitions", found.definitions, report.definitions),
        ("definitions", found.definitions, report.types + report.envelopes),
    ] {
        ensure!(
            expected == generated,
            "the schemas have {expected} {what}, and {generated} were generated; nothing was written"
        );
    }
    Ok(())
}

/// The numbers of generated items, in words.
fn summary(report: &Report) -> String {
    let groups = report.methods.iter().map(|(group, count)| format!("{} {}", *count, words(group)));
    let (definitions, methods, notifications) = report.supplement;
    format!(
        "{} methods ({}), {} events, {} definitions ({} types, {} event envelopes), {} inline types\n\
         supplement: {} definitions, {} methods, {} notifications",
        report.methods.iter().map(|(_, count)| count).sum::<usize>(),
        groups.collect::<Vec<_>>().join(", "),
        report.events,
        report.definitions,
        report.types,
        report.envelopes,
        report.inline_types,
        definitions,
        methods,
        notifications,
    )
}

/// Splits the schema's `clientSession` into words.
fn words(key: &str) -> String {
    key.chars().fold(String::new(), |mut text, c| {
        if c.is_uppercase() {
            text.push(' ');
        }
        text.extend(c.to_lowercase());
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        Report {
            definitions: 2483,
            types: 2319,
            envelopes: 164,
            inline_types: 1000,
            methods: vec![("server", 249), ("clientSession", 24)],
            events: 163,
            supplement: (40, 13, 3),
        }
    }

    #[test]
    fn the_summary_is_readable() {
        assert_eq!(
            summary(&report()),
            "273 methods (249 server, 24 client session), 163 events, \
             2483 definitions (2319 types, 164 event envelopes), 1000 inline types\n\
             supplement: 40 definitions, 13 methods, 3 notifications"
        );
    }

    #[test]
    fn items_that_are_not_generated_are_missed() {
        let found = Found { methods: 273, events: 163, definitions: 2483 };
        assert!(balance(&report(), &found).is_ok());
        assert!(balance(&Report { types: 2318, ..report() }, &found).is_err());
        assert!(balance(&Report { events: 162, ..report() }, &found).is_err());
        assert!(balance(&Report { methods: vec![("server", 272)], ..report() }, &found).is_err());
    }

    #[test]
    fn the_items_of_schemas_are_counted() -> Result<()> {
        let api = r#"{
            "title": "CopilotApi",
            "server": {"ping": {"rpcMethod": "ping", "params": {"rpcMethod": "no"}}, "a": {"b": {"rpcMethod": "a.b"}}},
            "definitions": {"Both": {}, "One": {"rpcMethod": "no"}}
        }"#;
        let events = r#"{"definitions": {"Both": {}, "SessionEvent": {"anyOf": [{}, {}]}}}"#;
        assert_eq!(Found::count(api, events)?, Found { methods: 2, events: 2, definitions: 3 });
        Ok(())
    }
}
