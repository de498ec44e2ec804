//! The scenario: the example `compat`, which prints a line of JSON for each step.

use std::env;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::{cli, process};

/// The time limit of the scenario on one version. It passes only if something hangs.
const LIMIT: Duration = Duration::from_secs(1800);

/// The result of a step.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Step {
    #[serde(rename = "step")]
    pub name: String,
    pub outcome: Outcome,
    /// The reason for any other outcome than `Ok`.
    #[serde(default, deserialize_with = "or_empty")]
    pub reason: String,
    pub seconds: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    Ok,
    /// The version does not support the step, and the error has the version.
    Cannot,
    /// The failure is known; see `explained`.
    #[serde(skip)]
    Partly,
    Failed,
}

impl Outcome {
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "yes",
            Self::Cannot => "no",
            Self::Partly => "partly",
            Self::Failed => "FAILED",
        }
    }
}

fn or_empty<'de, D: serde::Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

pub struct Scenario<'a> {
    /// The example.
    pub program: &'a Path,
    pub cli: &'a cli::Installed,
    /// The folder for wire logs.
    pub wire_logs: Option<&'a Path>,
}

impl Scenario<'_> {
    /// Runs the scenario on a CLI of this version, or of any version if the text is empty. A crash of the program is
    /// one more failed step.
    pub fn run(&self, version: &str) -> Result<Vec<Step>> {
        let started = Instant::now();
        let mut command = Command::new(self.program);
        command.args(["--expect", version]).env(cli::PATH_VARIABLE, &self.cli.program);
        if let Some(folder) = self.wire_logs {
            command.arg("--wire-logs").arg(folder);
        }
        if let Some(node) = &self.cli.node {
            let path = env::var_os("PATH").unwrap_or_default();
            let folders = [node.clone()].into_iter().chain(env::split_paths(&path));
            command.env("PATH", env::join_paths(folders).context("the folder of Node cannot be on PATH")?);
        }
        let output = process::run(&mut command, Some(LIMIT))
            .with_context(|| format!("cannot run {}", self.program.display()))?;
        let mut steps = read(&output.stdout)?;
        if !output.status.success() {
            let reason = format!("{}: {}", output.status, output.stderr.trim());
            let seconds = started.elapsed().as_secs_f64();
            steps.push(Step { name: "the program".to_owned(), outcome: Outcome::Failed, reason, seconds });
        }
        ensure!(!steps.is_empty(), "the scenario has no steps");
        Ok(steps)
    }
}

fn read(output: &str) -> Result<Vec<Step>> {
    let step = |line: &str| serde_json::from_str(line).with_context(|| format!("not a step: {line}"));
    output.lines().map(step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_read() -> Result<()> {
        let steps = read(concat!(
            r#"{"step":"create","outcome":"ok","reason":null,"seconds":0.5}"#,
            "\n",
            r#"{"step":"shell","outcome":"failed","reason":"no","seconds":1}"#,
        ))?;
        assert_eq!(steps.len(), 2);
        assert_eq!((steps[0].outcome, &*steps[0].reason), (Outcome::Ok, ""));
        assert_eq!((steps[1].outcome, &*steps[1].reason), (Outcome::Failed, "no"));
        assert!(read("nonsense").is_err());
        Ok(())
    }
}
