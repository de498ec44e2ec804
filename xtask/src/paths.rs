//! The folders of the repository.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_is_the_workspace() {
        assert!(is_workspace(&repo_root()));
    }
}
