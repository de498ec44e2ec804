//! `cargo xtask api`: writes the lists of the packages' public items to files, or checks that they are up to date.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use public_api::{PublicApi, PublicItem};
use serde::Deserialize;
use serde_json::Value;

use crate::{cargo, diff, files, paths};

/// The packages that others depend on, each with the path of its list in the repository and the words for its items.
const LISTS: [(&str, &str, &str); 4] = [
    (
        "copilot-session",
        "sdk/api.txt",
        "the SDK with all features, without those in src/generated, which follow the schemas",
    ),
    ("copilot-session-drift", "xtask/drift/api.txt", "copilot-session-drift"),
    ("copilot-session-model", "tests/model/api.txt", "copilot-session-model"),
    ("copilot-session-view", "xtask/view/api.txt", "copilot-session-view"),
];
/// The folder whose items are not listed, in the compiler's form.
const GENERATED: &str = "sdk/src/generated/";
/// The second line of each list.
const NOTE: &str =
    "# Written by `cargo xtask api`. A removed or changed line may break users of the crate.\n";
/// The format of rustdoc's JSON that the crate `public-api` reads, at the version in xtask/Cargo.toml.
const FORMAT: u64 = 57;

#[derive(clap::Args)]
pub struct Args {
    /// Write nothing, and fail if the public items are not those in the lists
    #[arg(long)]
    check: bool,
}

pub fn run(args: &Args) -> Result<()> {
    let mut stale = Vec::new();
    for (package, file, words) in LISTS {
        let head = format!("# The public items of {words}.\n{NOTE}");
        let now = head + &list(&document(package)?)?;
        let path = paths::repo_root().join(file);
        if !args.check {
            files::replace(&path, now.as_bytes()).with_context(|| format!("cannot write {file}"))?;
            println!("{file}: {} lines", now.lines().count());
            continue;
        }
        let before = fs::read_to_string(&path).with_context(|| format!("cannot read {file}"))?;
        if before == now {
            println!("{file} is up to date");
        } else {
            eprint!("{}", diff::unified(file, &before, &now));
            stale.push(file);
        }
    }
    let stale = stale.join(", ");
    ensure!(
        stale.is_empty(),
        "not up to date: {stale}; if the change is intended, run `cargo xtask api` and commit the files"
    );
    Ok(())
}

/// Runs rustdoc on a package and returns its JSON file.
fn document(package: &str) -> Result<PathBuf> {
    // A target folder of its own, since the variable below would have everything in the other built again.
    let target = paths::target_dir().join("api");
    let mut command = cargo::command("rustdoc");
    command.args(["--quiet", "--package", package, "--lib", "--all-features", "--target-dir"]);
    command.arg(&target).args(["--", "-Z", "unstable-options", "--output-format", "json"]);
    // The JSON is unstable, and a stable compiler writes it only with this variable.
    command.env("RUSTC_BOOTSTRAP", "1");
    cargo::run(
        &mut command,
        "rustdoc wrote no JSON; `cargo xtask api` needs the Rust of rust-toolchain.toml",
    )?;
    Ok(target.join("doc").join(package.replace('-', "_")).with_extension("json"))
}

/// The list of the items in a JSON file of rustdoc.
fn list(path: &Path) -> Result<String> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let crate_: Crate = serde_json::from_str(&text).context("rustdoc's JSON has an unknown format")?;
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
    kept.fold(String::new(), |text, line| text + &line + "\n")
}

/// The parts of rustdoc's JSON that `public-api` does not provide.
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
    /// Returns true if an item is listed. Generated items are not, nor are the functions of a trait's `impl`, which
    /// has a line itself.
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
    fn another_format_of_the_json_is_an_error() -> Result<()> {
        let file = files::temporary(&std::env::temp_dir(), br#"{"format_version": 58, "index": {}}"#)?;
        let error = list(file.path()).expect_err("it cannot be read").to_string();
        assert!(error.contains("format 58") && error.contains("rust-toolchain.toml"), "{error}");
        Ok(())
    }

    #[test]
    fn generated_items_are_recognized_by_their_file() -> Result<()> {
        let item = |file: &str| -> Result<Item> {
            Ok(serde_json::from_value(serde_json::json!({"span": {"filename": file}, "inner": {}}))?)
        };
        assert!(item("sdk/src/generated/types/a.rs")?.is_generated());
        assert!(item("sdk\\src\\generated\\types.rs")?.is_generated());
        assert!(!item("sdk/src/generated.rs")?.is_generated());
        Ok(())
    }
}
