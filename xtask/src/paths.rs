//! The folders of the repository and the user's cache.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The variable that moves the cache to another folder.
const CACHE_VARIABLE: &str = "COPILOT_SESSION_CACHE";

/// The folder of the workspace, for any current folder.
pub fn repo_root() -> PathBuf {
    // Cargo sets the variable at run time; the built-in value is for a binary that is started directly.
    let manifest = env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    let root = manifest.ancestors().find(|dir| is_workspace(dir));
    root.unwrap_or(&manifest).to_path_buf()
}

fn is_workspace(dir: &Path) -> bool {
    fs::read_to_string(dir.join("Cargo.toml"))
        .is_ok_and(|text| text.lines().any(|line| line.trim() == "[workspace]"))
}

/// The folder of the committed schemas.
pub fn schema_dir() -> PathBuf {
    repo_root().join("schema")
}

/// The target folder of cargo.
pub fn target_dir() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| repo_root().join("target"), PathBuf::from)
}

/// The folder of the installed versions of the CLI, as an absolute path.
pub fn cli_cache() -> Result<PathBuf> {
    Ok(cache()?.join("cli"))
}

/// The folder of the schemas of other versions than the committed one, as an absolute path.
pub fn schema_cache() -> Result<PathBuf> {
    Ok(cache()?.join("schema"))
}

fn cache() -> Result<PathBuf> {
    let cache = match env::var_os(CACHE_VARIABLE).filter(|value| !value.is_empty()) {
        Some(dir) => PathBuf::from(dir),
        None => dirs::cache_dir()
            .with_context(|| format!("this user has no cache folder; set {CACHE_VARIABLE} to a folder"))?
            .join("copilot-session"),
    };
    std::path::absolute(&cache).with_context(|| format!("cannot use the cache folder {}", cache.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_is_the_workspace() {
        assert!(is_workspace(&repo_root()));
    }
}
