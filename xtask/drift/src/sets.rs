//! The sets of schemas that the command line can name.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use anyhow::{Context, Result, anyhow, ensure};
use copilot_session_codegen::Protocol;
use semver::Version;

use crate::cli;
use crate::ours::{self, Ours};
use crate::schema::{self, API, EVENTS, SchemaSet};
use crate::source::{Source, package_version};

/// The word for the schemas that the SDK was generated from.
pub const SDK: &str = "sdk";

/// The name of a set in a report, from the word for it and its version.
pub fn label(word: &str, version: &str) -> String {
    match word {
        "latest" => version.to_owned(),
        word if word == version => version.to_owned(),
        SDK => format!("{version} (SDK)"),
        word => format!("{version} ({word})"),
    }
}

/// A set, its protocol, and its name in a report.
pub struct Side {
    pub label: String,
    pub set: SchemaSet,
    pub protocol: Protocol,
}

impl Side {
    /// Finds and reads the set for a word on the command line.
    pub fn read(word: &str, ours: &Ours) -> Result<Self> {
        let set = match word {
            SDK => ours.set.clone(),
            word => find(word)?,
        };
        let protocol = ours.survey(&set)?;
        Ok(Self { label: label(word, &set.version), set, protocol })
    }
}

/// Reads the two sets of a comparison. The keys of the SDK's own set that older versions omit are optional.
pub fn read(from: &str, to: &str, ours: &Ours) -> Result<(Side, Side)> {
    // npm takes as long for the newest version as reading a set takes.
    let (older, newer) = thread::scope(|scope| {
        let older = scope.spawn(|| Side::read(from, ours));
        let newer = Side::read(to, ours);
        (older.join(), newer)
    });
    let (mut older, newer) = (older.map_err(|_| anyhow!("the older set cannot be read"))??, newer?);
    if from == SDK {
        ours.allow_older(&mut older.protocol);
    }
    Ok((older, newer))
}

/// Finds the set for a word on the command line, other than [`SDK`].
pub fn find(word: &str) -> Result<SchemaSet> {
    match word {
        "latest" => schema::of_version(&cli::latest()?),
        "installed" => installed(),
        version if Version::parse(version).is_ok() => schema::of_version(version),
        folder => in_folder(Path::new(folder)),
    }
}

/// The schemas in a folder, or in the `schemas` folder in it.
pub fn in_folder(folder: &Path) -> Result<SchemaSet> {
    ensure!(
        folder.is_dir(),
        "`{}` is neither a version, such as 1.0.102, nor a folder, nor `sdk`, `latest` or `installed`",
        folder.display()
    );
    // A checksum in the folder is ignored, so that an edited set can be compared.
    let inner = folder.join("schemas");
    let place = [folder, &inner].into_iter().find(|place| place.join(API).is_file());
    let place = place.with_context(|| format!("there is no {API} in {}", folder.display()))?;
    let read = |name: &str| {
        let path = place.join(name);
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
    };
    let version = schema::pinned_version(place).or_else(|_| package_version(folder));
    let version = match version {
        Ok(version) => version,
        Err(_) => {
            let ours = ours::version()?;
            eprintln!("note: nothing in {} has the version, so it is read as {ours}", folder.display());
            ours
        }
    };
    // It becomes a part of generated code.
    cli::check_version(&version)?;
    Ok(SchemaSet { version, api: read(API)?, events: read(EVENTS)? })
}

/// The schemas of the CLI on this machine.
fn installed() -> Result<SchemaSet> {
    let binary = installed_binary()?;
    let package = binary.parent().context("the binary has no folder")?;
    if package.join("schemas").join(API).is_file() {
        return in_folder(package);
    }
    let version = version_of(&binary)?;
    // Schemas that are incomplete or were changed in the cache are replaced.
    match schema::cached(&version) {
        Ok(Some(set)) => Ok(set),
        _ => schema::keep(&Source::from_package(&binary, &version)?),
    }
}

/// The schemas of the CLI on this machine as it has them, whatever is in the cache.
pub fn installed_itself() -> Result<SchemaSet> {
    let binary = installed_binary()?;
    schema::keep(&Source::from_package(&binary, &version_of(&binary)?)?)
}

/// The binary of the CLI on this machine.
fn installed_binary() -> Result<PathBuf> {
    let found = cli::found()?;
    // On the PATH npm has a link into the package.
    fs::canonicalize(&found).with_context(|| format!("cannot use {}", found.display()))
}

/// The version of a binary, by its package or its own word.
fn version_of(binary: &Path) -> Result<String> {
    if let Some(Ok(version)) = binary.parent().map(package_version) {
        return Ok(version);
    }
    let temp = tempfile::tempdir().context("cannot create a temporary folder")?;
    cli::own_version(Command::new(binary), temp.path())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_neither_version_nor_folder_is_refused_with_the_choice() {
        let error = find("1.0").err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains("neither a version") && error.contains("installed"), "{error}");
    }

    #[test]
    fn an_edited_folder_is_read_and_named() -> Result<()> {
        let folder = tempfile::tempdir()?;
        assert!(in_folder(folder.path()).is_err());
        fs::write(folder.path().join(API), "{}")?;
        fs::write(folder.path().join(EVENTS), "{}")?;
        assert_eq!(in_folder(folder.path())?.version, ours::version()?);
        fs::write(folder.path().join("package.json"), r#"{"version": "1.0.2"}"#)?;
        assert_eq!(in_folder(folder.path())?.version, "1.0.2");
        fs::write(folder.path().join("VERSION.json"), r#"{"cli": "1.0.3", "files": {}}"#)?;
        assert_eq!(in_folder(folder.path())?.version, "1.0.3");
        fs::write(folder.path().join("VERSION.json"), r#"{"cli": "1.0.3\nfn main() {}", "files": {}}"#)?;
        assert!(in_folder(folder.path()).is_err(), "it is no version");
        Ok(())
    }
}
