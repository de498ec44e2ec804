//! The changes to a project that is to use vendored sources.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::project::Sdk;

/// The sources of dependencies from crates.io.
const CRATES_IO: [&str; 2] =
    ["registry+https://github.com/rust-lang/crates.io-index", "sparse+https://index.crates.io/"];

/// Says what to change so that the project uses the sources in a folder.
pub fn to_use(sdk: &Sdk, out: &Path) -> String {
    if fs::canonicalize(&sdk.folder).is_ok_and(|used| fs::canonicalize(out).is_ok_and(|out| out == used)) {
        return "The project uses this folder already.\n".to_owned();
    }
    let path_from = |manifest: &Path| relative(manifest.parent().unwrap_or(Path::new("")), out);
    let mut text = String::new();
    let sources = sdk.dependencies.iter().filter_map(|dependency| dependency.source.as_deref());
    let tables: BTreeSet<String> = sources.map(table).collect();
    if !tables.is_empty() {
        let root = sdk.root.join("Cargo.toml");
        // Writing to a string does not fail.
        let _ = writeln!(text, "To use it, write into {}:", root.display());
        for table in tables {
            let _ =
                writeln!(text, "\n[patch.{table}]\ncopilot-session = {{ path = {:?} }}", path_from(&root));
        }
    }
    let by_path = sdk.dependencies.iter().filter(|dependency| dependency.source.is_none());
    let manifests: BTreeSet<&Path> = by_path.map(|dependency| &*dependency.manifest).collect();
    if !manifests.is_empty() {
        text += "To use it, change the path of copilot-session, as no [patch] replaces a dependency with a path:\n\n";
        for manifest in &manifests {
            let _ = writeln!(text, "{}: path = {:?}", manifest.display(), path_from(manifest));
        }
        if manifests.iter().any(|manifest| manifest.parent() != Some(&sdk.root)) {
            let root = sdk.root.join("Cargo.toml");
            let path = path_from(&root);
            let _ = writeln!(
                text,
                "\nFor one with `workspace = true` that is {}: path = {path:?}",
                root.display()
            );
        }
    }
    text
}

/// The name of the table of patches for a source.
fn table(source: &str) -> String {
    if CRATES_IO.contains(&source) {
        return "crates-io".to_owned();
    }
    let url = match source.strip_prefix("git+") {
        // The branch or the tag does not count.
        Some(url) => url.split(['?', '#']).next().unwrap_or(url),
        None => source.strip_prefix("registry+").unwrap_or(source),
    };
    format!("{url:?}")
}

/// The path from a folder to another, both of them absolute. It is the absolute path if they have only the root in
/// common.
fn relative(from: &Path, to: &Path) -> PathBuf {
    let same = from.components().zip(to.components()).take_while(|(one, other)| one == other);
    let names = same.clone().filter(|(part, _)| matches!(part, Component::Normal(_))).count();
    if names == 0 {
        return to.to_owned();
    }
    let same = same.count();
    let up = from.components().skip(same).map(|_| Component::ParentDir);
    up.chain(to.components().skip(same)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::Dependency;

    fn advice(sources: &[(&str, Option<&str>)]) -> String {
        let dependencies = sources.iter().map(|(manifest, source)| Dependency {
            manifest: manifest.into(),
            source: source.map(str::to_owned),
        });
        let sdk = Sdk {
            version: String::new(),
            made_for: String::new(),
            folder: PathBuf::from("/nowhere"),
            root: PathBuf::from("/p"),
            target: PathBuf::new(),
            dependencies: dependencies.collect(),
        };
        to_use(&sdk, Path::new("/p/vendor/sdk"))
    }

    #[cfg(unix)]
    #[test]
    fn the_advice_fits_the_dependency() {
        let patch = |table: &str| {
            format!(
                "To use it, write into /p/Cargo.toml:\n\n[patch.{table}]\ncopilot-session = {{ path = \"vendor/sdk\" }}\n"
            )
        };
        let registry = Some(CRATES_IO[0]);
        assert_eq!(advice(&[("/p/Cargo.toml", registry), ("/p/a/Cargo.toml", registry)]), patch("crates-io"));
        let git = Some("git+https://example.com/sdk?branch=main#0123");
        assert_eq!(advice(&[("/p/Cargo.toml", git)]), patch("\"https://example.com/sdk\""));
        let other = Some("registry+https://example.com/index");
        assert_eq!(advice(&[("/p/Cargo.toml", other)]), patch("\"https://example.com/index\""));
        let path = advice(&[("/p/Cargo.toml", None)]);
        assert!(
            !path.contains("[patch.") && path.ends_with("\n/p/Cargo.toml: path = \"vendor/sdk\"\n"),
            "{path}"
        );
        let member = advice(&[("/p/a/Cargo.toml", None)]);
        assert!(member.contains("\n/p/a/Cargo.toml: path = \"../vendor/sdk\"\n"), "{member}");
        assert!(member.ends_with(" is /p/Cargo.toml: path = \"vendor/sdk\"\n"), "{member}");
    }

    #[cfg(unix)]
    #[test]
    fn a_path_leads_from_one_folder_to_another() {
        let relative = |from: &str, to: &str| relative(Path::new(from), Path::new(to));
        assert_eq!(relative("/a/b", "/a/c"), Path::new("../c"));
        assert_eq!(relative("/a", "/b"), Path::new("/b"));
    }
}
