//! The figures that a program prints about a run.

use std::env;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::process::{self, Output};

/// A run that takes longer hangs.
const TIMEOUT: Duration = Duration::from_secs(300);

/// The figures of a run, for all its operations.
#[derive(Debug, Deserialize)]
pub struct Figures {
    pub operations: f64,
    pub seconds: f64,
    pub cpu_seconds: f64,
    pub resident_bytes: f64,
    pub peak_bytes: f64,
    pub allocations: f64,
    pub allocated_bytes: f64,
    pub live_bytes: f64,
    pub polls: f64,
    pub stolen: f64,
    pub parks: f64,
    /// Of a flood: the missed events that were reported to the fast and to the slow subscriber.
    #[serde(default)]
    pub missed: [f64; 2],
    /// The part of its text that they got.
    #[serde(default)]
    pub text: [f64; 2],
}

/// Runs a program on a row.
pub fn run(program: &Path, cli: &Path, row: &str, size: u64, options: &[&str]) -> Result<Figures> {
    Ok(run_in(Command::new(program), cli, row, size, options)?.0)
}

/// Runs a command that ends with a program.
pub fn run_in(
    mut command: Command,
    cli: &Path,
    row: &str,
    size: u64,
    options: &[&str],
) -> Result<(Figures, Output)> {
    command.arg(cli).args([row, &size.to_string()]).args(options);
    // A child gets a copy of it, and its size is work.
    command.env_clear().envs(env::var_os("PATH").map(|path| ("PATH", path)));
    let output = process::run(&mut command, Some(TIMEOUT)).with_context(|| format!("cannot run `{row}`"))?;
    let failure = || format!("`{row}` failed: {}", output.stderr);
    ensure!(output.status.success(), failure());
    let figures = serde_json::from_str(&output.stdout).with_context(failure)?;
    Ok((figures, output))
}
