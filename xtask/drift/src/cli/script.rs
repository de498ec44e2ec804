//! The CLI as a script with the Node that runs it, for versions without a binary for this platform.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, anyhow, bail, ensure};
use tempfile::TempDir;

use super::{Fetched, Installed, PACKAGE, cached, intact, published, verify};
use crate::{cache, platform};

/// The version of Node that runs the scripts, all of which require at least 24.
const NODE: &str = "24.9.0";

/// The script of a version and its Node, if both are installed. A file that was changed since is an error.
pub fn installed(version: &str) -> Result<Option<Installed>> {
    let Some(script) = intact(&folder(version)?, script_of)? else { return Ok(None) };
    let node = intact(&node_folder()?, node_of)?;
    Ok(node.map(|node| with_node(script, &node)))
}

/// The script of a version and its Node, which are installed if necessary.
pub fn install(version: &str) -> Result<Installed> {
    let node = install_node().context("this version of the Copilot CLI is a script, which needs Node")?;
    let script = cached(&folder(version)?, script_of, |temp| {
        eprintln!("Installing Copilot CLI {version} with npm, as a script");
        let package = fetch_package(PACKAGE, version, temp)?;
        let mut command = Command::new(&node);
        command.arg(script_of(&package.folder)?);
        verify(command, version, temp)?;
        Ok(package)
    })?;
    Ok(with_node(script, &node))
}

/// Returns true if the version exists.
pub fn is_published(version: &str) -> Result<bool> {
    Ok(published()?.iter().any(|other| other == version))
}

/// Downloads the package of a version to a temporary folder, and returns the script in it.
pub fn fetch(version: &str, temp: &TempDir) -> Result<PathBuf> {
    eprintln!("Fetching Copilot CLI {version} with npm, as a script");
    let script = script_of(&fetch_package(PACKAGE, version, temp)?.folder);
    script.map_err(|_| {
        anyhow!("npm has neither a binary of Copilot CLI {version} for this platform nor a script")
    })
}

fn install_node() -> Result<PathBuf> {
    let platform = platform::current()?;
    let Some(package) = platform::node_package(platform) else {
        bail!("npm has no Node for {platform}");
    };
    cached(&node_folder()?, node_of, |temp| {
        eprintln!("Installing Node {NODE} with npm");
        fetch_package(&package, NODE, temp)
    })
}

fn fetch_package(package: &str, version: &str, temp: &TempDir) -> Result<Fetched> {
    let spec = format!("{package}@{version}");
    super::fetch_package(package, &spec, temp).with_context(|| format!("cannot install {spec}"))
}

fn with_node(program: PathBuf, node: &Path) -> Installed {
    Installed { program, node: node.parent().map(Path::to_owned) }
}

fn folder(version: &str) -> Result<PathBuf> {
    Ok(cache::clis()?.join(version).join("script"))
}

fn node_folder() -> Result<PathBuf> {
    Ok(cache::clis()?.join(format!("node-{NODE}")).join(platform::current()?))
}

/// The script of the CLI; another one in the package looks for a binary first.
fn script_of(package: &Path) -> Result<PathBuf> {
    file(package.join("index.js"))
}

fn node_of(package: &Path) -> Result<PathBuf> {
    file(package.join("bin").join(if cfg!(windows) { "node.exe" } else { "node" }))
}

fn file(path: PathBuf) -> Result<PathBuf> {
    ensure!(path.is_file(), "there is no file {}", path.display());
    Ok(path)
}
