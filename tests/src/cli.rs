//! Finds the Copilot CLI for the tests. A missing CLI fails the test: no test is skipped.

use std::collections::BTreeMap;
use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock, PoisonError};

/// The environment variable that names a CLI binary to use as it is.
pub const CLI_PATH_VARIABLE: &str = "COPILOT_CLI_PATH";

/// The variables that would lead the CLI to another account than a program names.
pub const TOKENS: [&str; 3] = ["COPILOT_GITHUB_TOKEN", "GH_TOKEN", "GITHUB_TOKEN"];

/// The CLI to test with: the one that `COPILOT_CLI_PATH` names, else the one of `cargo xtask cli`. Panics if
/// there is none.
pub fn cli_path() -> PathBuf {
    static FOUND: OnceLock<PathBuf> = OnceLock::new();
    FOUND
        .get_or_init(|| match env::var_os(CLI_PATH_VARIABLE) {
            Some(path) if !path.is_empty() => {
                let path = PathBuf::from(path);
                assert!(path.is_file(), "{CLI_PATH_VARIABLE} is {path:?}, which is not a file");
                path
            }
            _ => ask_xtask(&[]),
        })
        .clone()
}

/// The CLI of exactly this version, from `cargo xtask cli --version`, whatever the environment variable says.
/// Panics if there is none.
pub fn cli_path_of(version: &str) -> PathBuf {
    static FOUND: Mutex<BTreeMap<String, PathBuf>> = Mutex::new(BTreeMap::new());
    // Locked while xtask runs, so that concurrent tests download a version only once.
    let mut found = FOUND.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(path) = found.get(version) {
        return path.clone();
    }
    let path = ask_xtask(&["--version", version]);
    found.insert(version.to_owned(), path.clone());
    path
}

/// Runs `cargo xtask cli` in the workspace and returns the path it prints.
fn ask_xtask(arguments: &[&str]) -> PathBuf {
    let shown = format!("cargo xtask cli {}", arguments.join(" "));
    let shown = shown.trim_end();
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");

    let output = Command::new(cargo)
        .args(["xtask", "cli"])
        .args(arguments)
        .current_dir(root)
        .output()
        .unwrap_or_else(|error| panic!("`{shown}` could not be started: {error}"));
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "`{shown}` failed ({}), so there is no Copilot CLI to test with; \
         set {CLI_PATH_VARIABLE} to use one of your own\n{stderr}",
        output.status
    );

    let path = PathBuf::from(stdout.trim());
    assert!(path.is_file(), "`{shown}` printed {stdout:?}, which is not the path of a file\n{stderr}");
    path
}
