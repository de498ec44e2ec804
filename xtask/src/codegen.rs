//! `cargo xtask codegen`: writes `sdk/src/generated` from the schemas, or checks that it is up to date.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context, Result, bail, ensure};
use copilot_session_codegen::{Protocol, Report};
use serde_json::Value;

use crate::older::Older;
use crate::tree::{self, Kind, Mode};
use crate::{names, paths, schema};

/// Where the generated code is, in the repository.
const GENERATED: &str = "sdk/src/generated";
/// What the CLI speaks but does not list; edited by hand, so it has no checksum.
const SUPPLEMENT: &str = "supplement.schema.json";

#[derive(clap::Args)]
pub struct Args {
    /// Write nothing, and fail if what is on disk is not what the schemas give
    #[arg(long)]
    check: bool,
    /// Let what had a name get another
    #[arg(long, conflicts_with = "check")]
    accept_names: bool,
}

pub fn run(args: &Args) -> Result<()> {
    let schemas = schema::read_checked(&paths::schema_dir())?;
    let supplement = read_supplement()?;
    let mut protocol = Protocol::read(schemas.input(&supplement))?;
    protocol.allow_older(&Older::read()?.text()?)?;
    let output = protocol.generate();
    println!("Copilot CLI {}: {}", schemas.version, account(&output.report));
    balance(&output.report, &Found::count(&schemas.api, &schemas.events)?)?;

    let names = protocol.names()?;
    if !args.accept_names {
        names::check_moved(&names)?;
    }
    let mode = if args.check { Mode::Check } else { Mode::Write };
    let drifts = tree::sync(&paths::repo_root().join(GENERATED), &output.files, mode)?;
    let all = output.files.len();
    if args.check && !drifts.is_empty() {
        for drift in &drifts {
            eprintln!("{}", drift.describe(GENERATED));
        }
        bail!(
            "{GENERATED} is not what the schemas give, in {}; run `cargo xtask codegen`",
            files(drifts.len())
        );
    }
    if args.check {
        names::check(&names)?;
        println!("{GENERATED}: {}, all as the schemas give them", files(all));
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

/// Writes what the schemas give.
pub fn write(accept_names: bool) -> Result<()> {
    run(&Args { check: false, accept_names })
}

/// What the schemas leave out, for every version.
pub fn read_supplement() -> Result<String> {
    let path = paths::schema_dir().join(SUPPLEMENT);
    fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
}

fn files(count: usize) -> String {
    format!("{} {}", grouped(count), if count == 1 { "file" } else { "files" })
}

/// What the schemas hold, counted here without the generator, which could miss something.
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

/// Counts the methods in a tree of namespaces; what lies inside a method is its schema.
fn methods(tree: &Value) -> usize {
    match tree {
        Value::Object(tree) if tree.get("rpcMethod").is_some_and(Value::is_string) => 1,
        Value::Object(tree) => tree.values().map(methods).sum(),
        _ => 0,
    }
}

/// Makes sure that everything that is in the schemas has come out.
fn balance(report: &Report, found: &Found) -> Result<()> {
    let all: usize = report.methods.iter().map(|(_, count)| count).sum();
    for (what, inside, outside) in [
        ("methods", found.methods, all),
        ("events", found.events, report.events),
        ("definitions", found.definitions, report.definitions),
        ("definitions", found.definitions, report.types + report.envelopes),
    ] {
        ensure!(
            inside == outside,
            "the account does not add up: the schemas hold {} {what}, and {} came out; nothing was written",
            grouped(inside),
            grouped(outside)
        );
    }
    Ok(())
}

/// The account of what was generated, in words.
fn account(report: &Report) -> String {
    let groups = report.methods.iter().map(|(group, count)| format!("{} {}", grouped(*count), words(group)));
    let (definitions, methods, notifications) = report.supplement;
    format!(
        "{} methods ({}), {} events, {} definitions ({} types, {} event envelopes), {} inline types\n\
         supplement: {} definitions, {} methods, {} notifications",
        grouped(report.methods.iter().map(|(_, count)| count).sum()),
        groups.collect::<Vec<_>>().join(", "),
        grouped(report.events),
        grouped(report.definitions),
        grouped(report.types),
        grouped(report.envelopes),
        grouped(report.inline_types),
        grouped(definitions),
        grouped(methods),
        grouped(notifications),
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

/// A number with commas between its thousands.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
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
    fn the_account_is_readable() {
        assert_eq!(
            account(&report()),
            "273 methods (249 server, 24 client session), 163 events, \
             2,483 definitions (2,319 types, 164 event envelopes), 1,000 inline types\n\
             supplement: 40 definitions, 13 methods, 3 notifications"
        );
        assert_eq!([7, 999, 1234567].map(grouped), ["7", "999", "1,234,567"]);
    }

    #[test]
    fn what_does_not_come_out_is_missed() {
        let found = Found { methods: 273, events: 163, definitions: 2483 };
        assert!(balance(&report(), &found).is_ok());
        assert!(balance(&Report { types: 2318, ..report() }, &found).is_err());
        assert!(balance(&Report { events: 162, ..report() }, &found).is_err());
        assert!(balance(&Report { methods: vec![("server", 272)], ..report() }, &found).is_err());
    }

    #[test]
    fn schemas_are_counted_by_their_form() -> Result<()> {
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
