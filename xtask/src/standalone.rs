//! A crate with the generated code of any version and its few dependencies, to be compiled.
//!
//! The hand-written code of the SDK uses types and methods that other versions do not have, so it is not included. The
//! generated code needs only the SDK's `wire` module and some types with the right signatures, which are in `stub.rs`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::tree::{self, Mode};
use crate::{cargo, paths};

/// File text by path.
pub type Files = BTreeMap<String, String>;

/// The crate around the generated code.
const LIB: &str = include_str!("standalone/stub.rs");
/// It has every feature that generated code uses, so that all of it is compiled.
const MANIFEST: &str = r#"[package]
name = "standalone"
version = "0.0.0"
edition = "2024"

[features]
default = ["full", "serde", "testing"]
full = []
serde = []
testing = []

[dependencies]
serde_core = { version = "1.0.228", default-features = false, features = ["std"] }
serde_json = { version = "1.0.145", features = ["raw_value"] }

[profile.dev]
debug = 0
incremental = false

[workspace]
"#;

/// Writes the crate into a folder, with `more` files, and returns the command that checks it. A file in `src` is a
/// module.
pub fn write(folder: &Path, generated: &Files, more: &[(&str, &str)]) -> Result<Command> {
    let root = paths::repo_root();
    let modules = more.iter().filter_map(|(path, _)| path.strip_prefix("src/")?.strip_suffix(".rs"));
    let modules: String = modules.map(|name| format!("\npub mod {name};\n")).collect();
    let mut files = Files::from([
        ("Cargo.toml".to_owned(), MANIFEST.to_owned()),
        // The dependencies of the workspace are already downloaded.
        ("Cargo.lock".to_owned(), read(&root.join("Cargo.lock"))?),
        ("src/lib.rs".to_owned(), LIB.to_owned() + &modules),
    ]);
    files.extend(more.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())));
    let sdk = root.join("sdk/src");
    for path in borrowed(&sdk)? {
        let name = path.strip_prefix(&sdk)?.to_string_lossy().replace('\\', "/");
        files.insert(format!("src/{name}"), read(&path)?);
    }
    files.extend(generated.iter().map(|(path, text)| (format!("src/generated/{path}"), text.clone())));
    let package = folder.join("package");
    tree::sync(&package, &files, Mode::Write)?;
    Ok(command(folder, "check"))
}

/// The command that runs a command of cargo on the crate in a folder.
pub fn command(folder: &Path, name: &str) -> Command {
    let mut command = cargo::anywhere();
    command.args([name, "--quiet", "--target-dir"]).arg(folder.join("target"));
    command.current_dir(folder.join("package"));
    // The variable is that of the workspace.
    command.env_remove("CARGO_MANIFEST_DIR");
    command
}

/// The files of the SDK that generated code needs.
fn borrowed(sdk: &Path) -> Result<Vec<PathBuf>> {
    let mut paths = ["generated.rs", "printable.rs", "wire.rs"].map(|name| sdk.join(name)).to_vec();
    let mut folders = vec![sdk.join("wire")];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))?;
        for entry in entries {
            let entry = entry?;
            let into = if entry.file_type()?.is_dir() { &mut folders } else { &mut paths };
            into.push(entry.path());
        }
    }
    Ok(paths)
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}
