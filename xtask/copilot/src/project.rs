//! The `copilot-session` that the project in the current folder uses.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, anyhow, bail, ensure};
use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};
use copilot_session_drift::ours::Ours;

const CRATE: &str = "copilot-session";
/// The file with the version of the CLI.
const VERSION: &str = "src/generated/version.rs";

/// The crate as cargo resolved it, by Cargo.lock and patches.
pub struct Sdk {
    pub version: String,
    /// The version of the CLI that it is made for.
    pub made_for: String,
    pub folder: PathBuf,
    /// The folder of the project's Cargo.lock.
    pub root: PathBuf,
    /// The project's target folder.
    pub target: PathBuf,
    pub dependencies: Vec<Dependency>,
}

/// A dependency on the crate, as a manifest has it.
pub struct Dependency {
    pub manifest: PathBuf,
    /// The registry or repository, as cargo writes it; none if the dependency has a path.
    pub source: Option<String>,
}

impl Sdk {
    /// The crate of the project; none if the current folder has no project that depends on it.
    ///
    /// # Errors
    /// If the project that `manifest` names does not depend on it, or cannot be read.
    pub fn find(manifest: Option<&Path>) -> Result<Option<Self>> {
        if manifest.is_none() && !is_project(&env::current_dir().context("there is no current folder")?) {
            return Ok(None);
        }
        let metadata = metadata(manifest)?;
        let mut found = metadata.packages.iter().filter(|package| *package.name == CRATE);
        let Some(package) = found.next() else {
            ensure!(manifest.is_none(), "the project does not use {CRATE}");
            return Ok(None);
        };
        if let Some(other) = found.next() {
            bail!(
                "the project uses {CRATE} {} and {}; only one can be compared",
                package.version,
                other.version
            );
        }
        let folder = package.manifest_path.parent().context("the crate has no folder")?;
        Ok(Some(Self {
            made_for: made_for(folder.as_std_path())?,
            version: package.version.to_string(),
            folder: folder.into(),
            root: metadata.workspace_root.clone().into(),
            target: metadata.target_directory.clone().into(),
            dependencies: dependencies(&metadata),
        }))
    }
}

/// All dependencies on the crate that count for the project: not those of the crate itself, nor of the tests of others.
fn dependencies(metadata: &Metadata) -> Vec<Dependency> {
    let mut all = Vec::new();
    for package in metadata.packages.iter().filter(|package| *package.name != CRATE) {
        let is_member = metadata.workspace_members.contains(&package.id);
        let of_crate = package.dependencies.iter().filter(|dependency| {
            dependency.name == CRATE && (is_member || dependency.kind != DependencyKind::Development)
        });
        all.extend(of_crate.map(|dependency| Dependency {
            manifest: package.manifest_path.clone().into(),
            source: dependency.source.as_ref().map(|source| source.repr.clone()),
        }));
    }
    all
}

/// The schemas that the project's crate was generated from.
pub fn ours(manifest: Option<&Path>) -> Result<Ours> {
    match Sdk::find(manifest)? {
        Some(sdk) => {
            eprintln!("copilot-session {}, made for Copilot CLI {}", sdk.version, sdk.made_for);
            Ours::made_for(&sdk.made_for)
        }
        None => {
            let ours = Ours::built_in()?;
            eprintln!(
                "note: no project with copilot-session in this folder; `sdk` is that of copilot-session {}, made for \
                 Copilot CLI {}",
                env!("CARGO_PKG_VERSION"),
                ours.set.version
            );
            Ok(ours)
        }
    }
}

/// The version of the CLI that the crate in a folder is made for.
fn made_for(folder: &Path) -> Result<String> {
    let path = folder.join(VERSION);
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let version = constant(&text);
    version.map(str::to_owned).with_context(|| format!("{} has no version of a CLI", path.display()))
}

/// The value of the one constant in a text.
fn constant(text: &str) -> Option<&str> {
    text.split_once("CLI_VERSION: &str = \"")?.1.split_once('"').map(|(version, _)| version)
}

fn is_project(folder: &Path) -> bool {
    folder.ancestors().any(|folder| folder.join("Cargo.toml").is_file())
}

fn metadata(manifest: Option<&Path>) -> Result<Metadata> {
    let mut command = MetadataCommand::new();
    if let Some(manifest) = manifest {
        command.manifest_path(manifest);
    }
    let metadata = command.exec().map_err(|error| match error {
        cargo_metadata::Error::CargoMetadata { stderr } => {
            anyhow!("{}", stderr.trim().trim_start_matches("error: "))
        }
        other => {
            anyhow!("cannot run `cargo metadata`, which finds the copilot-session of a project: {other}")
        }
    });
    metadata.context("cannot read the project")
}

/// The cargo that runs this program.
pub fn cargo(command: &str) -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.arg(command);
    cargo
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_the_value_of_the_constant() {
        let text = "/// Of 1.0.9.\npub const CLI_VERSION: &str = \"1.0.102\";\n";
        assert_eq!(constant(text), Some("1.0.102"));
        assert_eq!(constant("pub const OTHER: &str = \"1\";"), None);
    }
}
