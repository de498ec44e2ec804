//! `cargo xtask audit`: validates the messages of the CLI against the schemas.
//!
//! It runs the scenario of `cargo xtask compat` with a wire log, and validates each message against the schema of
//! its event, response or request.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, anyhow, ensure};
use copilot_session_drift::audit;
use copilot_session_drift::ours::Ours;

use crate::compat::scenario::{Outcome, Scenario};
use crate::{cargo, cli, paths, schema};

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
    let ours = Ours::in_folder(&paths::schema_dir())?;
    println!("Validating against the schemas of Copilot CLI {}", ours.set.version);
    let audited = match &args.logs {
        Some(folder) => audit::logs(&ours, folder)?,
        None => {
            let folder = tempfile::tempdir().context("cannot create a temporary folder")?;
            run_scenario(args.version.as_deref(), folder.path())?;
            audit::logs(&ours, folder.path())?
        }
    };
    print!("{audited}");
    ensure!(audited.new_findings() == 0, "not all findings are known; see above");
    Ok(())
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
