//! `cargo xtask compat`: goes through what a session does on many versions of the CLI, and shows which can
//! do what.

mod explained;
mod markdown;
pub mod scenario;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::{cargo, cli, paths, platform, schema};
use scenario::{Outcome, Scenario, Step};

/// From the oldest that speaks the protocol on, before the one of the schemas: each border of a feature has a
/// version on either side.
const VERSIONS: [&str; 6] = ["1.0.10", "1.0.40", "1.0.65", "1.0.75", "1.0.81", "1.0.92"];

#[derive(clap::Args)]
pub struct Args {
    /// The versions of the CLI, installed if need be [default: 1.0.10 1.0.40 1.0.65 1.0.75 1.0.81 1.0.92 and
    /// that of the schemas]
    versions: Vec<String>,
    /// Write the table to this file, too, as Markdown
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
}

/// What a version did, step by step; or why there was nothing to run.
pub struct Column {
    version: String,
    steps: Result<Vec<Step>, String>,
}

pub fn run(args: &Args) -> Result<()> {
    let program = cargo::example("compat", &[])?;
    let versions = match args.versions.as_slice() {
        [] => {
            let pinned = schema::pinned_version(&paths::schema_dir())?;
            VERSIONS.map(str::to_owned).into_iter().chain([pinned]).collect()
        }
        given => given.to_vec(),
    };
    let mut columns = Vec::new();
    for version in versions {
        let steps = cli::install_any(&version).and_then(|cli| {
            let scenario = Scenario { program: &program, cli: &cli, wire_logs: None };
            let steps = scenario.run(&version)?;
            Ok(steps.into_iter().map(|step| explained::explain(&version, step)).collect())
        });
        let column = Column { version, steps: steps.map_err(|error| format!("{error:#}")) };
        column.print();
        columns.push(column);
    }
    if let Some(path) = &args.markdown {
        let text = markdown::page(&columns, platform::current()?);
        fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    let failures: usize = columns.iter().map(Column::failures).sum();
    if failures > 0 {
        bail!("{failures} steps failed");
    }
    println!("Every version does every step, or says that it cannot.");
    Ok(())
}

impl Column {
    /// The whole takes minutes, so each version is shown when it is done.
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
        match &self.steps {
            Ok(steps) => steps.iter().filter(|step| step.outcome == Outcome::Failed).count(),
            Err(_) => 1,
        }
    }
}
