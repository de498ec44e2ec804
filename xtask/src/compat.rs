//! `cargo xtask compat`: runs the features of a session on many versions of the CLI, and shows which versions have
//! them.

mod explained;
mod markdown;
pub mod scenario;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use semver::Version;

use crate::{cargo, cli, paths, platform, schema};
use scenario::{Outcome, Scenario, Step};

/// The older versions that are run: the oldest that speaks the protocol, and at least one on either side of each change
/// of a feature.
const VERSIONS: [&str; 6] = ["1.0.10", "1.0.40", "1.0.65", "1.0.75", "1.0.81", "1.0.92"];

#[derive(clap::Args)]
pub struct Args {
    /// The versions of the CLI, installed if necessary [default: 1.0.10 1.0.40 1.0.65 1.0.75 1.0.81 1.0.92 and
    /// that of the schemas]
    versions: Vec<String>,
    /// Also write the table to this file, as Markdown
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
}

/// The steps of a version, or the error if it cannot be run.
pub struct Column {
    version: String,
    steps: Result<Vec<Step>, String>,
}

pub fn run(args: &Args) -> Result<()> {
    let versions: Vec<String> = match args.versions.as_slice() {
        [] => default_versions()?,
        given => given.to_vec(),
    };
    check(&versions)?;
    // A run takes about a minute, so a version that cannot be installed fails before the first one.
    let clis = versions.iter().map(|version| cli::install_any(version)).collect::<Result<Vec<_>>>()?;
    let program = cargo::example("compat")?;
    let mut columns = Vec::new();
    for (version, cli) in versions.into_iter().zip(clis) {
        let scenario = Scenario { program: &program, cli: &cli, wire_logs: None };
        let steps = scenario
            .run(&version)
            .map(|steps| steps.into_iter().map(|step| explained::explain(&version, step)).collect());
        let column = Column { version, steps: steps.map_err(|error| format!("{error:#}")) };
        column.print();
        columns.push(column);
    }
    if let Some(path) = &args.markdown {
        let text = markdown::page(&columns, platform::current()?);
        fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    if let Some(failures) = failures(&columns) {
        bail!("{failures}");
    }
    println!("Every version runs every step, or reports that it does not support it.");
    Ok(())
}

/// Some older versions, and the one of the schemas.
fn default_versions() -> Result<Vec<String>> {
    let pinned = schema::pinned_version(&paths::schema_dir())?;
    Ok(VERSIONS.map(str::to_owned).into_iter().chain([pinned]).collect())
}

/// Refuses words that are no versions.
fn check(versions: &[String]) -> Result<()> {
    let wrong = |version: &&String| Version::parse(version).is_err();
    match versions.iter().find(wrong) {
        Some(wrong) => bail!("`{wrong}` is not a version; give an exact one, such as 1.0.102"),
        None => Ok(()),
    }
}

/// The failures in words.
fn failures(columns: &[Column]) -> Option<String> {
    let steps: usize = columns.iter().map(Column::failures).sum();
    let absent = columns.iter().filter(|column| column.steps.is_err()).count();
    let parts: Vec<String> =
        [(steps, "step failed", "steps failed"), (absent, "version cannot be run", "versions cannot be run")]
            .into_iter()
            .filter(|(count, ..)| *count > 0)
            .map(|(count, one, many)| format!("{count} {}", if count == 1 { one } else { many }))
            .collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

impl Column {
    /// Prints a version as soon as it is done, since all of them take minutes.
    fn print(&self) {
        let steps = match &self.steps {
            Ok(steps) => steps,
            Err(error) => return println!("{:<10} cannot be run: {error}", self.version),
        };
        let count = |outcome| steps.iter().filter(|step| step.outcome == outcome).count();
        let (ok, cannot) = (count(Outcome::Ok), count(Outcome::Cannot));
        let (partly, failed) = (count(Outcome::Partly), count(Outcome::Failed));
        let seconds: f64 = steps.iter().map(|step| step.seconds).sum();
        println!(
            "{:<10} {ok} yes, {cannot} no, {partly} partly, {failed} failed, {seconds:.0} s",
            self.version
        );
        for step in steps.iter().filter(|step| step.outcome != Outcome::Ok) {
            println!("    {} {}: {}", step.outcome.word(), step.name, step.reason);
        }
    }

    fn failures(&self) -> usize {
        self.steps.iter().flatten().filter(|step| step.outcome == Outcome::Failed).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_that_cannot_be_run_is_a_failure() {
        let column = |steps| Column { version: "1.0.1".to_owned(), steps };
        let step =
            Step { name: "talk".to_owned(), outcome: Outcome::Failed, reason: String::new(), seconds: 1.0 };
        let failed = || column(Ok(vec![step.clone()]));
        let absent = || column(Err("it hangs".to_owned()));
        assert_eq!(failures(&[column(Ok(Vec::new()))]), None);
        assert_eq!(failures(&[failed()]).as_deref(), Some("1 step failed"));
        assert_eq!(
            failures(&[failed(), failed(), absent()]).as_deref(),
            Some("2 steps failed, 1 version cannot be run")
        );
    }

    #[test]
    fn a_word_that_is_no_version_is_refused() {
        assert!(check(&["1.0.75".to_owned(), "nothere".to_owned()]).is_err());
        assert!(check(&VERSIONS.map(str::to_owned)).is_ok());
    }
}
