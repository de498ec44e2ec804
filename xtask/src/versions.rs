//! `cargo xtask versions`: generates the code of every CLI version from 1.0.50 on that is looked at, and compiles it.

mod compile;

use std::time::Instant;

use anyhow::{Context, Result, bail};
use copilot_session_codegen::generate;

use crate::{codegen, paths, schema};

/// The versions that are looked at beside that of the committed schemas, the oldest first.
pub const OLDER: [&str; 8] =
    ["1.0.50", "1.0.65", "1.0.70", "1.0.75", "1.0.80", "1.0.81", "1.0.84-4", "1.0.92"];

#[derive(clap::Args)]
pub struct Args {
    /// Look at these versions only [default: those that the SDK is held against, and its own]
    #[arg(value_name = "VERSION")]
    versions: Vec<String>,
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
        versions.extend(OLDER.map(str::to_owned));
        versions.push(schema::pinned_version(&paths::schema_dir())?);
    }
    let mut failed = 0;
    println!("{}", heading());
    for version in versions {
        let row = look_at(version, !args.no_compile)?;
        println!("{}", row.line());
        for error in row.errors() {
            failed += 1;
            println!("{error:#}");
        }
    }
    if failed > 0 {
        bail!("{failed} of these did not work");
    }
    Ok(())
}

/// Generates the code of a version; an error is only what keeps it from being tried.
fn look_at(version: String, compile: bool) -> Result<Row> {
    let schemas = schema::of_version(&version).with_context(|| format!("no schemas of {version}"))?;
    let supplement = codegen::read_supplement()?;
    let start = Instant::now();
    let output = generate(schemas.input(&supplement));
    let seconds = start.elapsed().as_secs_f64();
    let mut row = Row { version, lines: 0, generated: Ok(seconds), compiled: None };
    match output {
        Err(error) => row.generated = Err(error.into()),
        Ok(output) => {
            row.lines = output.files.values().map(|text| text.lines().count()).sum();
            if compile {
                let start = Instant::now();
                let compiled = compile::check(&output.files);
                row.compiled = Some(compiled.map(|()| start.elapsed().as_secs_f64()));
            }
        }
    }
    Ok(row)
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
