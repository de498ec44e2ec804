//! `cargo xtask audit`: validates the messages of the CLI against the schemas.
//!
//! It runs the scenario of `cargo xtask compat` with a wire log, and validates each message against the schema of
//! its event, response or request.

mod known;
mod schemas;
mod traffic;
mod walk;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, anyhow, bail, ensure};

use crate::compat::scenario::{Outcome, Scenario};
use crate::{cargo, cli, older, paths, schema};
use schemas::Schemas;
use traffic::Audit;
use walk::Finding;

#[derive(clap::Args)]
pub struct Args {
    /// The version of the CLI to run, installed if need be [default: the CLI in COPILOT_CLI_PATH or on PATH]
    #[arg(long, conflicts_with = "logs")]
    version: Option<String>,
    /// Check the wire logs in this folder, `*.jsonl`, instead of running a CLI
    #[arg(long, value_name = "FOLDER")]
    logs: Option<PathBuf>,
}

pub fn run(args: &Args) -> Result<()> {
    let folder = paths::schema_dir();
    let mut schemas = Schemas::read(&folder)?;
    schemas.allow(older::read()?.left_out.keys().map(String::as_str));
    println!("Validating against the schemas of Copilot CLI {}", schema::pinned_version(&folder)?);
    let mut audit = Audit::new(&schemas);
    match &args.logs {
        Some(folder) => read_logs(&mut audit, folder)?,
        None => {
            let folder = tempfile::tempdir().context("cannot create a temporary folder")?;
            run_scenario(args.version.as_deref(), folder.path())?;
            read_logs(&mut audit, folder.path())?;
        }
    }
    let (messages, findings) = audit.finish();
    ensure!(messages > 0, "there are no messages to validate");
    println!("{messages} messages from the CLI");
    report(&findings)
}

/// Runs the scenario with its wire logs in the folder.
fn run_scenario(version: Option<&str>, folder: &Path) -> Result<()> {
    let pinned = schema::pinned_version(&paths::schema_dir())?;
    let cli = match version {
        Some(version) => cli::install_any(version)?,
        None => {
            let program = cli::found().map_err(|error| {
                anyhow!("{error:#}; give a version to install with --version, such as {pinned}")
            })?;
            cli::Installed { program, node: None }
        }
    };
    let own_version = match version {
        Some(version) => version.to_owned(),
        None => {
            let temp = tempfile::tempdir().context("cannot create a temporary folder")?;
            cli::own_version(Command::new(&cli.program), temp.path())?
        }
    };
    println!("Running Copilot CLI {own_version}: {}", cli.program.display());
    let program = cargo::example("compat")?;
    let scenario = Scenario { program: &program, cli: &cli, wire_logs: Some(folder) };
    for step in scenario.run(version.unwrap_or_default())? {
        if step.outcome != Outcome::Ok {
            println!("    {} {}: {}", step.outcome.word(), step.name, step.reason);
        }
    }
    Ok(())
}

fn read_logs(audit: &mut Audit<'_>, folder: &Path) -> Result<()> {
    let failed = || format!("cannot read {}", folder.display());
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(failed)? {
        let path = entry.with_context(failed)?.path();
        if path.extension().is_some_and(|extension| extension == "jsonl") {
            files.push(path);
        }
    }
    files.sort();
    for file in files {
        let text = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
        audit.log(&String::from_utf8_lossy(&text));
    }
    Ok(())
}

/// Shows the findings, and fails unless all of them are known.
fn report(findings: &BTreeMap<Finding, u64>) -> Result<()> {
    let mut known: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let mut new = 0;
    for (finding, count) in findings {
        let line = format!("{count:>6} × {finding}");
        match known::reason(finding) {
            Some(reason) => known.entry(reason).or_default().push(line),
            None => {
                println!("{line}");
                new += 1;
            }
        }
    }
    for (reason, lines) in &known {
        println!("\nKnown: {reason}\n{}", lines.join("\n"));
    }
    if new > 0 {
        bail!("{new} findings are not known; see above");
    }
    let everything = if known.is_empty() { "Everything" } else { "\nEverything else" };
    println!("{everything} is valid.");
    Ok(())
}
