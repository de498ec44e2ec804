//! `cargo xtask versions`: generates and compiles the code of several CLI versions, and writes the keys that the older
//! ones omit.

use std::collections::BTreeSet;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use copilot_session_codegen::{Protocol, Reason, Renamed};

use crate::older::{self, Older};
use crate::schema::{NoSchemas, SchemaSet};
use crate::standalone::{self, Files};
use crate::table::{self, row};
use crate::{codegen, names, paths, process, schema};

const HEADINGS: [&str; 7] = ["version", "generated", "lines", "compiled", "names", "moved", "renamed"];

const COLUMNS: &str = "\
The columns:
  generated  the time to generate the code, or `no`
  lines      the lines of generated code
  compiled   the time to compile it, or `no`
  names      the number of generated items with a name
  moved      `some` if an item has another name than in the version before, which is an error
  renamed    the number of types with another name in the schemas than in the version before (--renamed lists them)";

#[derive(clap::Args)]
#[command(after_help = COLUMNS)]
pub struct Args {
    /// Use these versions only, and do not write schema/older.json
    #[arg(value_name = "VERSION")]
    versions: Vec<String>,
    /// Write nothing, and fail if schema/older.json is not up to date
    #[arg(long)]
    check: bool,
    /// Do not compile
    #[arg(long)]
    no_compile: bool,
    /// Show the types with other names in the version before
    #[arg(long)]
    renamed: bool,
}

/// The results for one version.
struct Row {
    version: String,
    lines: usize,
    generated: Result<f64>,
    compiled: Option<Result<f64>>,
    names: Result<Comparison>,
}

/// A comparison of the names of a version with those of the version before it.
#[derive(Default)]
struct Comparison {
    /// The number of names.
    all: usize,
    /// Types with another name at the same place of the wire.
    renamed: BTreeSet<Renamed>,
}

pub fn run(args: &Args) -> Result<()> {
    let mut versions = args.versions.clone();
    if versions.is_empty() {
        versions.push(older::NOT_READ.to_owned());
        versions.extend(older::read()?.versions);
        versions.push(schema::pinned_version(&paths::schema_dir())?);
    }
    let supplement = codegen::read_supplement()?;
    let (mut protocols, mut failed): (Vec<(String, Protocol)>, usize) = (Vec::new(), 0);
    if args.versions.is_empty() {
        println!(
            "{} is not supported, but its schemas have an older form, which the generator must still accept.",
            older::NOT_READ
        );
    }
    println!("{}", row(HEADINGS.map(str::to_owned)));
    for version in versions {
        let schemas = match schema::of_version(&version) {
            Err(error) if error.is::<NoSchemas>() && !args.versions.is_empty() => {
                println!("{}\n{error}", row([&*version, "no", "-", "-", "-", "-", "-"].map(str::to_owned)));
                continue;
            }
            found => found.with_context(|| format!("no schemas of {version}"))?,
        };
        let before = protocols.last().map(|(_, protocol)| protocol);
        let (row, protocol) = examine(&schemas, &supplement, before, !args.no_compile);
        println!("{}", row.line());
        if let (true, Ok(names)) = (args.renamed, &row.names) {
            names.renamed.iter().for_each(|renamed| println!("  {}", describe(renamed)));
        }
        for error in row.errors() {
            failed += 1;
            println!("{error:#}");
        }
        protocols.extend(protocol.map(|protocol| (version, protocol)));
    }
    ensure!(failed == 0, "{failed} steps failed");
    if args.versions.is_empty() { update_older(&protocols, args.check) } else { Ok(()) }
}

/// Writes the keys that the older versions omit, or checks that the file has them.
fn update_older(protocols: &[(String, Protocol)], check: bool) -> Result<()> {
    let ((_, newest), older) = protocols.split_last().context("no version was read")?;
    let older = older.iter().filter(|(version, _)| version != older::NOT_READ);
    let right = Older::of(newest, older.map(|(version, protocol)| (version.as_str(), protocol)))?;
    let differences = right.differences(&older::read()?);
    if differences.is_empty() {
        return Ok(());
    }
    let list: String = differences.iter().map(|difference| format!("\n  {difference}")).collect();
    ensure!(!check, "schema/older.json is not up to date; run `cargo xtask versions`{list}");
    older::write(&right)?;
    println!("schema/older.json has changed; run `cargo xtask codegen`. It had{list}");
    Ok(())
}

/// Reads the schemas of a version, and generates and compiles its code.
fn examine(
    schemas: &SchemaSet,
    supplement: &str,
    before: Option<&Protocol>,
    compiles: bool,
) -> (Row, Option<Protocol>) {
    let mut row = Row::new(&schemas.version);
    let start = Instant::now();
    let protocol = match Protocol::read(schemas.input(supplement)) {
        Ok(protocol) => protocol,
        Err(error) => {
            row.generated = Err(error.into());
            return (row, None);
        }
    };
    let files = protocol.generate().files;
    row.generated = Ok(start.elapsed().as_secs_f64());
    row.names = compare_names(&protocol, before);
    row.lines = files.values().map(|text| text.lines().count()).sum();
    if compiles {
        let start = Instant::now();
        let compiled = compile(&files);
        row.compiled = Some(compiled.map(|()| start.elapsed().as_secs_f64()));
    }
    (row, Some(protocol))
}

/// Compiles the generated code of a version.
fn compile(generated: &Files) -> Result<()> {
    let folder = paths::target_dir().join("versions");
    let mut command = standalone::write(&folder, generated, &[])?;
    let output = process::run(&mut command, None).context("cannot run cargo")?;
    if !output.status.success() {
        bail!("the generated code does not compile; it is in {}\n{}", folder.display(), output.stderr);
    }
    Ok(())
}

/// Compares the names with those of the version before. Items of both must have the same name.
fn compare_names(protocol: &Protocol, before: Option<&Protocol>) -> Result<Comparison> {
    let names = protocol.names()?;
    let Some(before) = before else {
        return Ok(Comparison { all: names.len(), ..Comparison::default() });
    };
    let names_before = before.names()?;
    let moved = names::moved(&names_before, &names);
    ensure!(moved.is_empty(), "names have changed\n{}", names::describe(&moved));
    Ok(Comparison { all: names.len(), renamed: protocol.compare(before).renamed })
}

fn describe(Renamed { older, newer, reason }: &Renamed) -> String {
    let why = match reason {
        Reason::Definition => "other definitions",
        Reason::Named => "inline in one, a definition in the other",
        Reason::Inline => "inline in types of other names",
    };
    format!("{older} is now {newer}: {why}")
}

impl Row {
    fn new(version: &str) -> Self {
        let names = Ok(Comparison::default());
        Self { version: version.to_owned(), lines: 0, generated: Ok(0.0), compiled: None, names }
    }

    fn line(&self) -> String {
        let time = |result: &Result<f64>| match result {
            Ok(seconds) => table::seconds(*seconds),
            Err(_) => "no".to_owned(),
        };
        let compiled = self.compiled.as_ref().map_or_else(|| "-".to_owned(), time);
        let (all, moved, renamed) = match &self.names {
            Ok(Comparison { all, renamed }) => (all.to_string(), "0".to_owned(), renamed.len().to_string()),
            Err(_) => ("-".to_owned(), "some".to_owned(), "-".to_owned()),
        };
        let lines = self.lines.to_string();
        row([self.version.clone(), time(&self.generated), lines, compiled, all, moved, renamed])
    }

    fn errors(&self) -> impl Iterator<Item = &anyhow::Error> {
        let compiled = self.compiled.as_ref().and_then(|result| result.as_ref().err());
        self.generated.as_ref().err().into_iter().chain(compiled).chain(self.names.as_ref().err())
    }
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn a_row_shows_successes_and_failures() {
        let words = |row: &Row| row.line().split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let mut row = Row { lines: 7, compiled: Some(Ok(2.0)), ..Row::new("1.0.1") };
        let (older, newer) = ("A".to_owned(), "B".to_owned());
        let renamed = Renamed { older, newer, reason: Reason::Definition };
        assert_eq!(describe(&renamed), "A is now B: other definitions");
        row.names = Ok(Comparison { all: 9, renamed: BTreeSet::from([renamed]) });
        assert_eq!(words(&row), ["1.0.1", "0.0", "s", "7", "2.0", "s", "9", "0", "1"]);
        assert_eq!(row.errors().count(), 0);
        row.compiled = Some(Err(anyhow!("does not compile")));
        row.names = Err(anyhow!("a name moved"));
        assert_eq!(words(&row), ["1.0.1", "0.0", "s", "7", "no", "-", "some", "-"]);
        let errors: Vec<String> = row.errors().map(ToString::to_string).collect();
        assert_eq!(errors, ["does not compile", "a name moved"]);
    }
}
