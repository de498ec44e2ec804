//! The sets of schemas that the command line can name.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use semver::Version;

use crate::cli;
use crate::paths;
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

/// Finds the set for a word on the command line.
pub fn find(word: &str) -> Result<SchemaSet> {
    match word {
        SDK => in_folder(&paths::schema_dir()),
        "latest" => schema::of_version(&cli::latest()?),
        "installed" => installed(),
        version if Version::parse(version).is_ok() => schema::of_version(version),
        folder => in_folder(Path::new(folder)),
    }
}

/// The schemas in a folder, or in the `schemas` folder in it.
fn in_folder(folder: &Path) -> Result<SchemaSet> {
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
            let ours = schema::pinned_version(&paths::schema_dir())?;
            eprintln!("note: nothing in {} has the version, so it is read as {ours}", folder.display());
            ours
        }
    };
    Ok(SchemaSet { version, api: read(API)?, events: read(EVENTS)? })
}

/// The schemas of the CLI on this machine.
fn installed() -> Result<SchemaSet> {
    let found = cli::found()?;
    // On the PATH npm has a link into the package.
    let binary = fs::canonicalize(&found).with_context(|| format!("cannot use {}", found.display()))?;
    let package = binary.parent().context("the binary has no folder")?;
    if package.join("schemas").join(API).is_file() {
        return in_folder(package);
    }
    let version = match package_version(package) {
        Ok(version) => version,
        Err(_) => {
            let temp = tempfile::tempdir().context("cannot create a temporary folder")?;
            cli::own_version(Command::new(&binary), temp.path())?
        }
    };
    // Schemas that are incomplete or were changed in the cache are replaced.
    match schema::cached(&version) {
        Ok(Some(set)) => Ok(set),
        _ => schema::keep(&Source::from_package(&binary, &version)?),
    }
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
        assert_eq!(in_folder(folder.path())?.version, schema::pinned_version(&paths::schema_dir())?);
        fs::write(folder.path().join("package.json"), r#"{"version": "1.0.2"}"#)?;
        assert_eq!(in_folder(folder.path())?.version, "1.0.2");
        fs::write(folder.path().join("VERSION.json"), r#"{"cli": "1.0.3", "files": {}}"#)?;
        assert_eq!(in_folder(folder.path())?.version, "1.0.3");
        Ok(())
    }
}
