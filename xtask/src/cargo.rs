//! Runs cargo, on this workspace or elsewhere.

use std::env;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

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

/// Builds an example of the tests' crate and gives its path.
pub fn example(name: &str, arguments: &[&str]) -> Result<PathBuf> {
    let mut cargo = command("build");
    cargo.args(["--package", "copilot-session-tests", "--example", name]).args(arguments);
    cargo.arg("--message-format=json-render-diagnostics").stderr(Stdio::inherit());
    let output = cargo.output().context("cannot run cargo")?;
    ensure!(output.status.success(), "the program {name} cannot be built ({}); see above", output.status);
    let messages = String::from_utf8_lossy(&output.stdout);
    let executable = messages.lines().find_map(|line| {
        let message: Value = serde_json::from_str(line).ok()?;
        let ours = message["target"]["name"] == name;
        ours.then(|| message["executable"].as_str().map(PathBuf::from)).flatten()
    });
    executable.with_context(|| format!("cargo built no program {name}"))
}
