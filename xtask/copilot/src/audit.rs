//! `cargo copilot audit`: validates what the CLI really sends against the schemas.

mod scenario;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use copilot_session::WireLog;
use copilot_session_drift::{audit, cli};
use tokio::runtime::Runtime;

use crate::project;

const ABOUT: &str = "\
It starts the installed CLI in a temporary folder, with a scripted model and without a login, for a turn with a tool, a
shell command (`echo`) and some calls. With --logs it starts nothing and reads what your program has written with
`WireLog`, which may have seen more.

Exit codes:
  0  everything is as in the schemas of the project's copilot-session, but for differences that are known
  1  something is not
  3  the CLI cannot be run, or the logs cannot be read";

#[derive(clap::Args)]
#[command(after_help = ABOUT)]
pub struct Args {
    /// The version of the CLI to run, installed if need be [default: the installed one]
    #[arg(long, value_name = "VERSION", conflicts_with = "logs")]
    cli: Option<String>,
    /// Read this wire log, or those in this folder, `*.jsonl`, instead of running a CLI
    #[arg(long, value_name = "PATH")]
    logs: Option<PathBuf>,
    /// The Cargo.toml of the project [default: that of the current folder]
    #[arg(long, value_name = "PATH")]
    manifest_path: Option<PathBuf>,
}

pub fn run(args: &Args) -> Result<u8> {
    let ours = project::ours(args.manifest_path.as_deref())?;
    let (audited, ran) = match &args.logs {
        Some(path) => (audit::logs(&ours, path)?, Ok(())),
        None => {
            let temp = tempfile::tempdir().context("cannot create a temporary folder")?;
            // What was sent before an error is validated as well.
            let ran = run_cli(args.cli.as_deref(), temp.path())?;
            match audit::logs(&ours, temp.path()) {
                Ok(audited) => (audited, ran),
                // A CLI that did not start has sent nothing.
                Err(error) => return Err(ran.err().unwrap_or(error)),
            }
        }
    };
    crate::print(&audited.to_string())?;
    ran.context("the run ended early, so the CLI may send more")?;
    Ok(u8::from(audited.new_findings() > 0))
}

/// Runs a CLI with a wire log in the folder, and returns the result of the run.
fn run_cli(version: Option<&str>, folder: &Path) -> Result<Result<()>> {
    let program = match version {
        Some(version) => cli::install(version)?,
        None => cli::found()?,
    };
    let temp = tempfile::tempdir().context("cannot create a temporary folder")?;
    let version = cli::own_version(Command::new(&program), temp.path())?;
    eprintln!("Running Copilot CLI {version}: {}", program.display());
    let log = File::create(folder.join("scenario.jsonl")).context("cannot write a wire log")?;
    let runtime = Runtime::new().context("cannot start a runtime")?;
    Ok(runtime.block_on(scenario::run(&program, WireLog::new(log))))
}
