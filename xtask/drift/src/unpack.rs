//! The schemas inside of a CLI binary, which unpacks itself to its cache at its first start.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::cli;

/// Unpacked schemas, which are deleted with this value.
pub struct Unpacked {
    pub schemas: PathBuf,
    _temp: TempDir,
}

/// Starts a binary of the given version with an empty cache and finds the schemas that it unpacks there.
pub fn schemas(binary: &Path, version: &str) -> Result<Unpacked> {
    let temp = tempfile::tempdir().context("cannot create a temporary folder")?;
    let found = cli::own_version(Command::new(binary), temp.path())?;
    ensure!(found == version, "the Copilot CLI {version} started as version {found}");
    let schemas = find(&temp.path().join("cache").join("pkg"), version)
        .with_context(|| format!("the Copilot CLI {version} did not unpack any schemas"))?;
    Ok(Unpacked { schemas, _temp: temp })
}

/// Finds `<platform>/<version>/schemas`, under any name of a platform.
fn find(packages: &Path, version: &str) -> Option<PathBuf> {
    fs::read_dir(packages)
        .ok()?
        .flatten()
        .map(|platform| platform.path().join(version).join("schemas"))
        .find(|schemas| schemas.is_dir())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schemas_are_found_for_their_version() -> Result<()> {
        let temp = tempfile::tempdir()?;
        let schemas = temp.path().join("linux-x64").join("1.0.102").join("schemas");
        fs::create_dir_all(&schemas)?;
        assert_eq!(find(temp.path(), "1.0.102"), Some(schemas));
        assert_eq!(find(temp.path(), "1.0.81"), None);
        Ok(())
    }
}
