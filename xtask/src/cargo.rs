//! Runs cargo, on this workspace or elsewhere.

use std::env;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use cargo_metadata::{Artifact, Message};

use crate::paths;

/// The cargo that runs this program.
pub fn anywhere() -> Command {
    Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// The cargo that runs this program, started in the workspace's folder.
pub fn command(subcommand: &str) -> Command {
    let mut command = anywhere();
    command.arg(subcommand).current_dir(paths::repo_root());
    command
}

/// Runs a command that prints to the user's terminal; `failure` is the error if it fails.
pub fn run(command: &mut Command, failure: &str) -> Result<()> {
    let status =
        command.status().with_context(|| format!("cannot run {}", command.get_program().display()))?;
    if !status.success() {
        bail!("{failure} ({status}); see above");
    }
    Ok(())
}

/// Runs a command in the place of this program, so that a ctrl-c concerns it alone.
#[cfg(unix)]
pub fn replace_by(command: &mut Command, failure: &str) -> Result<()> {
    use std::os::unix::process::CommandExt as _;
    Err(command.exec()).with_context(|| format!("{failure}: cannot run {}", command.get_program().display()))
}

/// Runs a command at the end of this program.
#[cfg(not(unix))]
pub fn replace_by(command: &mut Command, failure: &str) -> Result<()> {
    run(command, failure)
}

/// Builds an example of the tests' crate and returns its path.
pub fn example(name: &str) -> Result<PathBuf> {
    program(name, &["--package", "copilot-session-tests", "--example", name])
}

/// Builds the program that these arguments of `cargo build` select, and returns its path.
pub fn program(name: &str, selected: &[&str]) -> Result<PathBuf> {
    let mut cargo = command("build");
    cargo.args(selected);
    cargo.arg("--message-format=json-render-diagnostics").stderr(Stdio::inherit());
    let output = cargo.output().context("cannot run cargo")?;
    ensure!(output.status.success(), "the program {name} cannot be built ({}); see above", output.status);
    // Build scripts are no programs of their own, and have no executable here.
    let built = artifacts(&output.stdout)?.into_iter().rfind(|artifact| artifact.executable.is_some());
    let executable = built.and_then(|artifact| artifact.executable);
    Ok(executable.with_context(|| format!("cargo built no program {name}"))?.into())
}

/// The artifacts in the JSON messages of cargo.
pub fn artifacts(messages: &[u8]) -> Result<Vec<Artifact>> {
    let artifacts = Message::parse_stream(messages).filter_map(|message| match message {
        Ok(Message::CompilerArtifact(artifact)) => Some(Ok(artifact)),
        Ok(_) => None,
        Err(error) => Some(Err(error)),
    });
    artifacts.collect::<Result<_, _>>().context("cannot read the messages of cargo")
}
