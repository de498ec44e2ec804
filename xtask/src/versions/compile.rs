//! Lets the compiler check the whole generated code of a version, without the hand-written code around it,
//! which names types and methods that other versions do not have.
//!
//! What generated code needs is little: the `wire` module, which is the SDK's own, and a handful of types that
//! only have to have the right signatures, which `stub.rs` has.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result, bail};

use crate::tree::{self, Mode};
use crate::{cargo, paths, process};

/// The crate around the generated code.
const LIB: &str = include_str!("stub.rs");
/// With every feature on that generated code knows, so that nothing is left out.
const MANIFEST: &str = r#"[package]
name = "generated"
version = "0.0.0"
edition = "2024"

[features]
default = ["round-trip", "serde", "testing"]
round-trip = []
serde = []
testing = []

[dependencies]
serde_core = { version = "1.0.228", default-features = false, features = ["std"] }
serde_json = { version = "1.0.145", features = ["raw_value"] }

[workspace]
"#;

/// Compiles generated files, as `cargo check` does.
pub fn check(generated: &BTreeMap<String, String>) -> Result<()> {
    let folder = paths::target_dir().join("versions");
    let root = paths::repo_root();
    let mut files = BTreeMap::from([
        ("Cargo.toml".to_owned(), MANIFEST.to_owned()),
        ("src/lib.rs".to_owned(), LIB.to_owned()),
    ]);
    // The workspace's, so that the crates it needs are there already.
    for (from, to) in [("Cargo.lock", "Cargo.lock"), ("sdk/src/generated.rs", "src/generated.rs")] {
        files.insert(to.to_owned(), read(&root.join(from))?);
    }
    files.insert("src/wire.rs".to_owned(), read(&root.join("sdk/src/wire.rs"))?);
    let wire = root.join("sdk/src/wire");
    for entry in fs::read_dir(&wire).with_context(|| format!("cannot list {}", wire.display()))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        files.insert(format!("src/wire/{name}"), read(&path)?);
    }
    files.extend(generated.iter().map(|(path, text)| (format!("src/generated/{path}"), text.clone())));
    let package = folder.join("package");
    tree::sync(&package, &files, Mode::Write)?;

    let mut command = cargo::anywhere();
    command.args(["check", "--quiet", "--manifest-path"]).arg(package.join("Cargo.toml"));
    command.arg("--target-dir").arg(folder.join("target")).current_dir(&package);
    let output = process::run(&mut command, || true).context("cannot run cargo")?;
    if !output.status.success() {
        bail!("the generated code does not compile; it is in {}\n{}", package.display(), output.stderr);
    }
    Ok(())
}

fn read(path: &std::path::Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}
