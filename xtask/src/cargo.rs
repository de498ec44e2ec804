//! Runs cargo, on this workspace or elsewhere.

use std::env;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::paths;

/// The cargo that runs us.
pub fn anywhere() -> Command {
    Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// The cargo that runs us, started in the workspace's folder.
pub fn command(subcommand: &str) -> Command {
    let mut command = anywhere();
    command.arg(subcommand).current_dir(paths::repo_root());
    command
}

/// Runs a command that talks to the user itself; `failure` says what its failing means.
pub fn run(command: &mut Command, failure: &str) -> Result<()> {
    let status =
        command.status().with_context(|| format!("cannot run {}", command.get_program().display()))?;
    if !status.success() {
        bail!("{failure} ({status}); see above");
    }
    Ok(())
}
