//! `cargo xtask api`: writes the public items of the SDK into a file, or checks that they are those in it.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use public_api::{PublicApi, PublicItem};
use serde::Deserialize;
use serde_json::Value;

use crate::{cargo, diff, files, paths};

/// Where the list is, in the repository.
const LIST: &str = "sdk/api.txt";
/// What is left out of it, as the compiler names the files.
const GENERATED: &str = "sdk/src/generated/";
/// The first lines of the list.
const HEAD: &str = "\
# The public items of the SDK with all features, without those in src/generated, which follow the schemas.
# Written by `cargo xtask api`; a line that goes or changes here may break who uses the crate.
";
/// The format of rustdoc's JSON that the crate `public-api` reads, at the version in xtask/Cargo.toml.
const FORMAT: u64 = 57;

#[derive(clap::Args)]
pub struct Args {
    /// Write nothing, and fail if the public items are not those in sdk/api.txt
    #[arg(long)]
    check: bool,
}

pub fn run(args: &Args) -> Result<()> {
    let now = list(&document()?)?;
    let path = paths::repo_root().join(LIST);
    if !args.check {
        files::replace(&path, now.as_bytes()).with_context(|| format!("cannot write {LIST}"))?;
        println!("{LIST}: {} lines", now.lines().count());
        return Ok(());
    }
    let before = fs::read_to_string(&path).with_context(|| format!("cannot read {LIST}"))?;
    if before == now {
        println!("{LIST}: the public items are those");
        return Ok(());
    }
    eprint!("{}", diff::unified(LIST, &before, &now));
    bail!("the public items are not those in {LIST}; if this is meant, run `cargo xtask api` and commit it")
}

/// Has rustdoc write what it knows of the SDK, and returns the file.
fn document() -> Result<PathBuf> {
    // A folder of its own, since what is built elsewhere would be built anew for the variable below.
    let target = paths::target_dir().join("api");
    let mut command = cargo::command("rustdoc");
    command.args(["--quiet", "--package", "copilot-session", "--lib", "--all-features", "--target-dir"]);
    command.arg(&target).args(["--", "-Z", "unstable-options", "--output-format", "json"]);
    // The JSON is not stable: a stable compiler writes it only if told that it is known.
    command.env("RUSTC_BOOTSTRAP", "1");
    cargo::run(
        &mut command,
        "rustdoc wrote no JSON; `cargo xtask api` needs the Rust of rust-toolchain.toml",
    )?;
    Ok(target.join("doc/copilot_session.json"))
}

/// The list of what is in a file of rustdoc.
fn list(path: &Path) -> Result<String> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let crate_: Crate = serde_json::from_str(&text).context("rustdoc's JSON is of another form")?;
    ensure!(
        crate_.format_version == FORMAT,
        "this Rust writes format {} of rustdoc's JSON, and format {FORMAT} is needed; use the Rust of \
         rust-toolchain.toml, or update `public-api` in xtask/Cargo.toml and the format in xtask/src/api.rs",
        crate_.format_version
    );
    let api = public_api::Builder::from_rustdoc_json(path)
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .build()
        .context("rustdoc's JSON cannot be read")?;
    Ok(lines(&api, &crate_))
}

/// The lines of the list.
fn lines(api: &PublicApi, crate_: &Crate) -> String {
    let kept = api.items().filter(|item| crate_.keeps(item)).map(ToString::to_string);
    let kept = kept.filter(|line| !line.starts_with("impl core::marker::StructuralPartialEq for "));
    kept.fold(HEAD.to_owned(), |text, line| text + &line + "\n")
}

/// What the list needs of rustdoc's JSON, beside what `public-api` makes of it.
#[derive(Deserialize)]
struct Crate {
    format_version: u64,
    #[serde(default)]
    index: HashMap<u32, Item>,
}

#[derive(Deserialize)]
struct Item {
    span: Option<Span>,
    inner: Value,
}

#[derive(Deserialize)]
struct Span {
    filename: String,
}

impl Crate {
    /// Whether an item is listed: not if it is generated, nor if it is a function that a trait calls for, since the
    /// line of the `impl` says as much.
    fn keeps(&self, item: &PublicItem) -> bool {
        let (id, parent) = (item.id().0, item.parent_id().map(|id| id.0));
        let of_trait = parent.and_then(|id| self.index.get(&id)).is_some_and(Item::implements_trait);
        let Some(item) = self.index.get(&id) else { return true };
        let implied = of_trait && item.inner.get("function").is_some();
        !implied && !item.is_generated()
    }
}

impl Item {
    fn is_generated(&self) -> bool {
        self.span.as_ref().is_some_and(|span| span.filename.replace('\\', "/").contains(GENERATED))
    }

    fn implements_trait(&self) -> bool {
        self.inner.get("impl").is_some_and(|inner| !inner["trait"].is_null())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_form_of_the_json_is_told() -> Result<()> {
        let file = files::temporary(&std::env::temp_dir(), br#"{"format_version": 58, "index": {}}"#)?;
        let error = list(file.path()).expect_err("it cannot be read").to_string();
        assert!(error.contains("format 58") && error.contains("rust-toolchain.toml"), "{error}");
        Ok(())
    }

    #[test]
    fn generated_items_are_known_by_their_file() -> Result<()> {
        let item = |file: &str| -> Result<Item> {
            Ok(serde_json::from_value(serde_json::json!({"span": {"filename": file}, "inner": {}}))?)
        };
        assert!(item("sdk/src/generated/types/a.rs")?.is_generated());
        assert!(item("sdk\\src\\generated\\types.rs")?.is_generated());
        assert!(!item("sdk/src/generated.rs")?.is_generated());
        Ok(())
    }
}
