//! The CLI as a script, for versions that were published without a binary for this platform, and the Node
//! that runs it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, anyhow, bail, ensure};
use tempfile::TempDir;

use super::{Installed, PACKAGE, cached, published, verify};
use crate::progress::Progress;
use crate::{npm, paths, platform};

/// The Node that runs scripts. The oldest that all of them take is 24, as they say themselves.
const NODE: &str = "24.9.0";

/// The script of a version and its Node, when both are installed.
pub fn installed(version: &str) -> Result<Option<Installed>> {
    let (script, node) = (script_of(&folder(version)?), node_of(&node_folder()?));
    Ok(script.and_then(|script| Ok(with_node(script, &node?))).ok())
}

/// The script of a version and its Node, installed first where they are not there yet.
pub fn install(version: &str) -> Result<Installed> {
    let node = install_node().context("this version of the Copilot CLI is a script, which Node runs")?;
    let script = cached(&folder(version)?, script_of, |temp| {
        eprintln!("Installing Copilot CLI {version} with npm, as a script");
        let package = fetch_package(PACKAGE, version, temp)?;
        let mut command = Command::new(&node);
        command.arg(script_of(&package)?);
        verify(command, version, temp)?;
        Ok(package)
    })?;
    Ok(with_node(script, &node))
}

/// Whether there is such a version at all.
pub fn is_published(version: &str) -> Result<bool> {
    Ok(published()?.iter().any(|other| other == version))
}

/// Brings the package of a version into a temporary folder, and gives the script in it.
pub fn fetch(version: &str, temp: &TempDir) -> Result<PathBuf> {
    eprintln!("Fetching Copilot CLI {version} with npm, as a script");
    let script = script_of(&fetch_package(PACKAGE, version, temp)?);
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

fn fetch_package(package: &str, version: &str, temp: &TempDir) -> Result<PathBuf> {
    let spec = format!("{package}@{version}");
    let failed = || format!("cannot install {spec}");
    let size = npm::unpacked_size(&spec).with_context(failed)?;
    let mut progress = Progress::of_folder(temp.path(), size);
    let result = npm::install(&spec, temp.path(), || progress.tick());
    progress.finish();
    result.with_context(failed)?;
    Ok(temp.path().join("node_modules").join(package))
}

fn with_node(program: PathBuf, node: &Path) -> Installed {
    Installed { program, node: node.parent().map(Path::to_owned) }
}

fn folder(version: &str) -> Result<PathBuf> {
    Ok(paths::cli_cache()?.join(version).join("script"))
}

fn node_folder() -> Result<PathBuf> {
    Ok(paths::cli_cache()?.join(format!("node-{NODE}")).join(platform::current()?))
}

/// The script itself, and not the one beside it that looks for a binary first.
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
