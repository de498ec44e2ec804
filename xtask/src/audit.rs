//! `cargo xtask audit`: checks that what the CLI sends is what the schemas say.
//!
//! It runs the scenario of `cargo xtask compat` with the messages written down, and holds each against the
//! schema of its event, its answer or its request.

mod known;
mod schemas;
mod traffic;
mod walk;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use crate::compat::scenario::{Outcome, Scenario};
use crate::{cargo, cli, paths};
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
    let schemas = Schemas::read(&paths::schema_dir())?;
    let mut audit = Audit::new(&schemas);
    match &args.logs {
        Some(folder) => read_logs(&mut audit, folder)?,
        None => {
            let folder = tempfile::tempdir().context("no folder for the messages")?;
            run_scenario(args.version.as_deref(), folder.path())?;
            read_logs(&mut audit, folder.path())?;
        }
    }
    let (messages, findings) = audit.finish();
    ensure!(messages > 0, "there are no messages to check");
    println!("{messages} messages from the CLI");
    report(&findings)
}

/// Runs the scenario and has it write its messages into the folder.
fn run_scenario(version: Option<&str>, folder: &Path) -> Result<()> {
    let cli = match version {
        Some(version) => cli::install_any(version)?,
        None => {
            let program = cli::found().context("give a version with --version, or a CLI")?;
            cli::Installed { program, node: None }
        }
    };
    println!("Running {}", cli.program.display());
    let program = cargo::example("compat", &[])?;
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

/// Shows what was found, and fails when it is not all known.
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
        bail!("{new} kinds of thing are not what the schemas say");
    }
    println!("\nNothing else is not what the schemas say.");
    Ok(())
}
