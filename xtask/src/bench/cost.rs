//! The counts that stand for the time of a user's build.
//!
//! They are the same on a busy machine and on a quiet one, which seconds are not: the functions that are compiled stand
//! for the back end of the compiler, the metadata of the crate for its front end.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use super::build;
use crate::paths;

/// The growth in percent that fails.
const MOST_GROWTH: f64 = 5.0;

/// The error without limits.
const NO_COUNTS: &str = "no counts were accepted; run `cargo xtask bench cost --accept`";

/// The size of the code that the build of a program compiles.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Cost {
    functions_of_the_crate: usize,
    functions_of_the_program: usize,
    metadata_bytes: usize,
}

/// The sizes by the features of the crate.
type Costs = BTreeMap<String, Cost>;

pub fn run(accept: bool) -> Result<()> {
    let path = paths::repo_root().join("xtask/build-cost.json");
    let now: Costs = [("default", &[][..]), ("full", &["full"])]
        .into_iter()
        .map(|(name, features)| Ok((name.to_owned(), measure(features)?)))
        .collect::<Result<_>>()?;
    if accept {
        return Ok(fs::write(&path, serde_json::to_string_pretty(&now)? + "\n")?);
    }
    let limits: Costs = serde_json::from_str(&fs::read_to_string(&path).context(NO_COUNTS)?)?;
    let mut has_grown = false;
    for (features, now) in &now {
        let limit = limits.get(features).with_context(|| format!("{features}: {NO_COUNTS}"))?;
        has_grown |= compare(
            &format!("functions of the crate, {features}"),
            now.functions_of_the_crate,
            limit.functions_of_the_crate,
        );
        has_grown |= compare(
            &format!("functions of a program, {features}"),
            now.functions_of_the_program,
            limit.functions_of_the_program,
        );
        has_grown |=
            compare(&format!("bytes of metadata, {features}"), now.metadata_bytes, limit.metadata_bytes);
    }
    ensure!(
        !has_grown,
        "a user's build has grown by more than {MOST_GROWTH} %; if that is worth it to every user, run `cargo xtask bench \
         cost --accept`"
    );
    Ok(())
}

/// Prints a count beside its limit. Returns true if it has grown too much.
fn compare(what: &str, now: usize, limit: usize) -> bool {
    let growth = (now as f64 / limit as f64 - 1.0) * 100.0;
    println!("{what:<40}{now:>12}{limit:>12}{growth:>+8.1} %");
    growth > MOST_GROWTH
}

fn measure(features: &[&str]) -> Result<Cost> {
    let program = build::ours(features)?;
    let project = build::project(&program)?;
    let functions_of_the_program = functions(project.path(), &["--bin", "probe"])?;
    let metadata_bytes = metadata(project.path())?;
    // By its own manifest, since cargo builds a dependency alone with its default features.
    let manifest = paths::repo_root().join("sdk/Cargo.toml");
    let manifest = manifest.to_str().context("the path of the repository is not Unicode")?;
    let library = ["--manifest-path", manifest, "--lib", "--features", &features.join(",")];
    let functions_of_the_crate = functions(project.path(), &library)?;
    Ok(Cost { functions_of_the_crate, functions_of_the_program, metadata_bytes })
}

/// The number of functions that the compiler makes of a target.
fn functions(project: &Path, target: &[&str]) -> Result<usize> {
    let mut command = build::command(project);
    command.args(["rustc", "--quiet"]).args(target).args(["--", "-Zprint-mono-items=yes"]);
    // The flag is unstable.
    command.env("RUSTC_BOOTSTRAP", "1").stderr(Stdio::inherit());
    let output = command.output().context("cannot run cargo")?;
    ensure!(output.status.success(), "the build failed ({}); see above", output.status);
    let functions = output.stdout.split(|byte| *byte == b'\n');
    let count = functions.filter(|line| line.starts_with(b"MONO_ITEM fn")).count();
    ensure!(count > 0, "the compiler listed no functions");
    Ok(count)
}

/// The size of the crate's metadata.
fn metadata(project: &Path) -> Result<usize> {
    for entry in fs::read_dir(project.join("target/debug/deps"))? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("libcopilot_session") && name.ends_with(".rmeta") {
            return Ok(usize::try_from(entry.metadata()?.len())?);
        }
    }
    anyhow::bail!("the crate has no metadata")
}
