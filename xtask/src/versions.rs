//! `cargo xtask versions`: generates and compiles the code of every CLI version that is looked at, and writes down
//! what the older ones leave out of what they send.

mod compile;

use std::collections::BTreeMap;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use copilot_session_codegen::Protocol;

use crate::schema::SchemaSet;
use crate::{codegen, older, paths, schema};

#[derive(clap::Args)]
pub struct Args {
    /// Look at these versions only, and leave schema/older.json alone
    #[arg(value_name = "VERSION")]
    versions: Vec<String>,
    /// Write nothing, and fail if schema/older.json is not what the schemas give
    #[arg(long)]
    check: bool,
    /// Only generate
    #[arg(long)]
    no_compile: bool,
}

/// What became of one version.
struct Row {
    version: String,
    lines: usize,
    generated: Result<f64>,
    compiled: Option<Result<f64>>,
}

pub fn run(args: &Args) -> Result<()> {
    let mut versions = args.versions.clone();
    if versions.is_empty() {
        versions.extend(older::VERSIONS.map(str::to_owned));
        versions.push(schema::pinned_version(&paths::schema_dir())?);
    }
    let supplement = codegen::read_supplement()?;
    let (mut protocols, mut failed) = (BTreeMap::new(), 0);
    println!("{}", heading());
    for version in versions {
        let schemas = schema::of_version(&version).with_context(|| format!("no schemas of {version}"))?;
        let (row, protocol) = look_at(&schemas, &supplement, !args.no_compile);
        println!("{}", row.line());
        for error in row.errors() {
            failed += 1;
            println!("{error:#}");
        }
        protocols.extend(protocol.map(|protocol| (version, protocol)));
    }
    ensure!(failed == 0, "{failed} of these did not work");
    if args.versions.is_empty() { settle_older(&protocols, args.check) } else { Ok(()) }
}

/// Writes what the older versions leave out, or makes sure that it is written down.
fn settle_older(protocols: &BTreeMap<String, Protocol>, check: bool) -> Result<()> {
    let newest = schema::pinned_version(&paths::schema_dir())?;
    let newest = protocols.get(&newest).context("the newest version was not read")?;
    let older = older::supported().iter().filter_map(|version| Some((*version, protocols.get(*version)?)));
    let text = older::text(newest, older)?;
    if check {
        return older::check(&older::read()?, &text);
    }
    if older::write(&text)? {
        println!("schema/older.json has changed; run `cargo xtask codegen`");
    }
    Ok(())
}

/// Reads the schemas of a version, and generates and compiles its code.
fn look_at(schemas: &SchemaSet, supplement: &str, compile: bool) -> (Row, Option<Protocol>) {
    let mut row = Row { version: schemas.version.clone(), lines: 0, generated: Ok(0.0), compiled: None };
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
    row.lines = files.values().map(|text| text.lines().count()).sum();
    if compile {
        let start = Instant::now();
        let compiled = compile::check(&files);
        row.compiled = Some(compiled.map(|()| start.elapsed().as_secs_f64()));
    }
    (row, Some(protocol))
}

fn heading() -> String {
    format!("{:<10}{:>11}{:>9}{:>11}", "version", "generated", "lines", "compiled")
}

impl Row {
    fn line(&self) -> String {
        let time = |result: &Result<f64>| match result {
            Ok(seconds) => format!("{seconds:.1} s"),
            Err(_) => "no".to_owned(),
        };
        let compiled = self.compiled.as_ref().map_or_else(|| "-".to_owned(), time);
        format!("{:<10}{:>11}{:>9}{:>11}", self.version, time(&self.generated), self.lines, compiled)
    }

    fn errors(&self) -> impl Iterator<Item = &anyhow::Error> {
        let compiled = self.compiled.as_ref().and_then(|result| result.as_ref().err());
        self.generated.as_ref().err().into_iter().chain(compiled)
    }
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn a_row_tells_what_worked_and_what_did_not() {
        let words = |row: &Row| row.line().split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let mut row =
            Row { version: "1.0.1".to_owned(), lines: 7, generated: Ok(0.25), compiled: Some(Ok(2.0)) };
        assert_eq!(words(&row), ["1.0.1", "0.2", "s", "7", "2.0", "s"]);
        assert_eq!(row.errors().count(), 0);
        assert_eq!(row.line().len(), heading().len());
        row.compiled = Some(Err(anyhow!("does not compile")));
        assert_eq!(words(&row), ["1.0.1", "0.2", "s", "7", "no"]);
        assert_eq!(row.errors().map(ToString::to_string).collect::<Vec<_>>(), ["does not compile"]);
    }
}
