//! Runs npm, which uses the settings of the user and verifies what it downloads.

use std::fmt;
use std::io::ErrorKind;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, anyhow};
use serde_json::Value;

use crate::process;

/// On Windows npm is a script, which is found only by its full name.
const NPM: &str = if cfg!(windows) { "npm.cmd" } else { "npm" };

/// The number of npm's own lines that an error shows.
const SHOWN_LINES: usize = 6;

/// The error of a failed npm command.
#[derive(Debug)]
pub struct Failure {
    code: String,
    lines: Vec<String>,
}

impl Failure {
    /// Returns true if npm found no such package or version.
    pub fn not_published(&self) -> bool {
        matches!(self.code.as_str(), "ETARGET" | "E404")
    }

    /// Reads npm's error output without stack traces.
    fn parse(stderr: &str) -> Self {
        let mut code = String::new();
        let mut lines = Vec::new();
        for line in stderr.lines() {
            let line = without_prefix(line);
            if let Some(found) = line.strip_prefix("code ") {
                code = found.trim().to_owned();
            } else if is_essential(line) && lines.len() < SHOWN_LINES {
                lines.push(without_heading(line).trim().to_owned());
            }
        }
        Self { code, lines }
    }

    fn headline(&self) -> &'static str {
        match self.code.as_str() {
            "ETARGET" | "E404" => "npm found no such package",
            "EINTEGRITY" => "the download does not match its checksum, so nothing was installed",
            "EBADPLATFORM" => "npm says that the package is not for this machine",
            "E401" | "E403" | "E407" => "npm was refused access to its registry",
            "ENOTFOUND" | "EAI_AGAIN" | "ECONNREFUSED" | "ECONNRESET" | "ETIMEDOUT" | "EIDLETIMEOUT"
            | "ECONNECTIONTIMEOUT" | "ENETUNREACH" | "EHOSTUNREACH" | "ERR_SOCKET_TIMEOUT" => {
                "npm could not reach its registry; check the network, and `proxy` and `registry` in `npm config list`"
            }
            _ => "npm failed",
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.headline())?;
        if !self.code.is_empty() {
            write!(out, " ({})", self.code)?;
        }
        for line in &self.lines {
            write!(out, "\n  {line}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Failure {}

/// Removes npm's prefix of an error line.
fn without_prefix(line: &str) -> &str {
    // The second form is that of npm before version 10.
    ["npm error", "npm ERR!"]
        .iter()
        .find_map(|prefix| line.strip_prefix(prefix))
        .map_or(line, |rest| rest.strip_prefix(' ').unwrap_or(rest))
}

/// Removes the first word that npm writes in lines of some kinds of error.
fn without_heading(line: &str) -> &str {
    ["network ", "notarget ", "notsup ", "404 "]
        .iter()
        .find_map(|heading| line.strip_prefix(heading))
        .unwrap_or(line)
}

/// Returns true if a line of npm's error output is useful to the user.
fn is_essential(line: &str) -> bool {
    // Stack traces and dumped objects are indented; a lone word is the heading of an empty line.
    !line.starts_with([' ', '\t'])
        && line.trim().contains(' ')
        && !line.starts_with("errno ")
        && !line.starts_with("syscall ")
        && !line.contains("complete log of this run")
}

/// Installs one package below `folder`.
pub fn install(spec: &str, folder: &Path) -> Result<()> {
    let mut command = npm("install");
    command
        .args(["--no-save", "--no-package-lock", "--no-bin-links"])
        .args(["--no-audit", "--no-fund", "--ignore-scripts"])
        // The package must be a real folder, whatever layout the user's settings ask for.
        .arg("--install-strategy=hoisted")
        .arg("--prefix")
        .arg(folder)
        .arg(spec)
        .current_dir(folder);
    run(&mut command)?;
    Ok(())
}

/// The checksum of a package's archive, which [`install`] compares.
pub fn integrity(spec: &str) -> Result<Option<String>> {
    Ok(view(spec, "dist.integrity")?.as_str().map(str::to_owned))
}

/// The address of a package's archive; none if npm has no such package or version.
pub fn archive(spec: &str) -> Result<Option<String>> {
    match view(spec, "dist.tarball") {
        Err(error) if error.downcast_ref().is_some_and(Failure::not_published) => Ok(None),
        found => Ok(found?.as_str().map(str::to_owned)),
    }
}

/// The version that npm installs by default.
pub fn latest(package: &str) -> Result<String> {
    let answer = view(package, "dist-tags.latest")?;
    Ok(answer.as_str().context("npm did not print the newest version")?.to_owned())
}

/// Every published version of a package.
pub fn versions(package: &str) -> Result<Vec<String>> {
    Ok(match view(package, "versions")? {
        Value::String(only) => vec![only],
        Value::Array(all) => all.iter().filter_map(|version| version.as_str().map(str::to_owned)).collect(),
        _ => Vec::new(),
    })
}

fn view(spec: &str, field: &str) -> Result<Value> {
    // Without the settings of a project, which could name another registry.
    let temp = tempfile::tempdir().context("cannot create a temporary folder")?;
    let mut command = npm("view");
    command.args([spec, field, "--json", "--prefix"]).arg(temp.path()).current_dir(temp.path());
    let answer = run(&mut command)?;
    // npm prints nothing for a missing field.
    if answer.trim().is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_str(&answer).with_context(|| format!("npm view {spec} did not answer in JSON"))
}

fn npm(subcommand: &str) -> Command {
    let mut command = Command::new(NPM);
    // The settings of the user could hide the lines of errors.
    command.args([subcommand, "--loglevel=error", "--color=false"]);
    // By default npm waits 10 and then 60 seconds before it tries again, and says nothing.
    command.args(["--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=5000"]);
    command
}

/// Runs npm and returns its output. If npm fails, the error is a [`Failure`].
fn run(command: &mut Command) -> Result<String> {
    let output = process::run(command, None).map_err(|error| match error.kind() {
        ErrorKind::NotFound => {
            anyhow!("npm is not installed or not on the PATH; it comes with Node.js (https://nodejs.org)")
        }
        _ => anyhow!(error).context("cannot run npm"),
    })?;
    if output.status.success() { Ok(output.stdout) } else { Err(Failure::parse(&output.stderr).into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_failure_is_named_without_its_stack() {
        let failure = Failure::parse(
            "npm error code ECONNREFUSED\n\
             npm error syscall connect\n\
             npm error errno ECONNREFUSED\n\
             npm error FetchError: request failed, reason: connect ECONNREFUSED\n\
             npm error     at ClientRequest.emit (node:events:524:28) {\n\
             npm error   code: 'ECONNREFUSED',\n\
             npm error }\n\
             npm error\n\
             npm error A complete log of this run can be found in: /somewhere\n",
        );
        assert!(!failure.not_published());
        assert_eq!(
            failure.to_string(),
            "npm could not reach its registry; check the network, and `proxy` and `registry` in `npm config list` \
             (ECONNREFUSED)\n  \
             FetchError: request failed, reason: connect ECONNREFUSED"
        );
    }

    #[test]
    fn a_missing_version_is_recognized_for_every_npm() {
        for prefix in ["npm error", "npm ERR!"] {
            let failure = Failure::parse(&format!(
                "{prefix} code ETARGET\n{prefix} notarget No matching version\n{prefix} notarget\n"
            ));
            assert!(failure.not_published());
            assert_eq!(failure.lines, ["No matching version"]);
        }
    }

    #[test]
    fn lines_that_are_not_from_npm_are_kept() {
        let failure = Failure::parse("env: 'node': No such file or directory\n");
        assert_eq!(failure.to_string(), "npm failed\n  env: 'node': No such file or directory");
    }
}
