//! `schema/older.json`: what the CLIs that the SDK supports leave out of what the newest always sends.
//!
//! `cargo xtask versions` writes it from the schemas of all these versions, and `cargo xtask codegen` reads it.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result, bail, ensure};
use copilot_session_codegen::Protocol;
use serde_json::{Value, json};

use crate::{files, paths, schema};

/// The versions that are looked at beside that of the committed schemas, the oldest first. The generator
/// understands all of them. When the committed schemas become another version's, theirs so far joins the list.
pub const VERSIONS: [&str; 8] =
    ["1.0.50", "1.0.65", "1.0.70", "1.0.75", "1.0.80", "1.0.81", "1.0.84-4", "1.0.92"];
/// How many of the oldest may send what the SDK's types cannot read: before 1.0.65 times were numbers.
const UNSUPPORTED: usize = 1;

const NAME: &str = "older.json";
const ABOUT: &str = "Keys that the CLI of VERSION.json always sends and an older one that is supported leaves \
                     out, each with the last of the versions below that does. Written by `cargo xtask versions`.";

/// The versions whose every message the SDK's types can read, as far as their schemas say, the oldest first.
pub fn supported() -> &'static [&'static str] {
    &VERSIONS[UNSUPPORTED..]
}

pub fn read() -> Result<String> {
    let path = paths::schema_dir().join(NAME);
    fs::read_to_string(&path)
        .with_context(|| format!("cannot read {} (run `cargo xtask versions`)", path.display()))
}

/// Writes the text and says whether it was another before.
pub fn write(text: &str) -> Result<bool> {
    let path = paths::schema_dir().join(NAME);
    let changed = !fs::read_to_string(&path).is_ok_and(|before| before == text);
    if changed {
        files::replace(&path, text.as_bytes()).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(changed)
}

/// Makes sure that a text is what the schemas give.
pub fn check(text: &str, right: &str) -> Result<()> {
    if text != right {
        bail!("schema/{NAME} is not what the older schemas give; run `cargo xtask versions`");
    }
    Ok(())
}

/// The text for a version and the supported ones before it, given the oldest first.
pub fn text<'p>(newest: &Protocol, older: impl Iterator<Item = (&'p str, &'p Protocol)>) -> Result<String> {
    let (mut versions, mut left_out) = (Vec::new(), BTreeMap::new());
    for (version, protocol) in older {
        let difference = newest.compare(protocol);
        let changed: Vec<String> = difference.changed.into_iter().collect();
        ensure!(changed.is_empty(), "{version} sends other JSON that nothing reads: {}", changed.join(", "));
        left_out.extend(difference.left_out.into_iter().map(|key| (key, version)));
        versions.push(version);
    }
    let json = json!({"description": ABOUT, "versions": versions, "leftOut": left_out});
    Ok(serde_json::to_string_pretty(&json)? + "\n")
}

/// The text by the schemas in the user's cache; none when one is not there.
pub fn text_by_cache(newest: &Protocol, supplement: &str) -> Result<Option<String>> {
    let mut older = Vec::new();
    for version in supported() {
        let Some(schemas) = schema::cached(version)? else { return Ok(None) };
        older.push((*version, Protocol::read(schemas.input(supplement))?));
    }
    text(newest, older.iter().map(|(version, protocol)| (*version, protocol))).map(Some)
}

/// Makes sure that a text was made for the versions that are supported.
pub fn check_versions(text: &str) -> Result<()> {
    let json: Value = serde_json::from_str(text).with_context(|| format!("{NAME} is not JSON"))?;
    ensure!(
        json["versions"] == json!(supported()),
        "schema/{NAME} is of other versions than are supported; run `cargo xtask versions`"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_list_is_of_the_supported_versions() -> Result<()> {
        assert_eq!(supported().first(), Some(&"1.0.65"));
        check_versions(&read()?)?;
        assert!(check_versions(r#"{"versions": ["1.0.65"]}"#).is_err());
        assert!(check_versions("1.0.65").is_err());
        Ok(())
    }

    #[test]
    fn versions_stand_in_their_order() -> Result<()> {
        let versions = VERSIONS.map(semver::Version::parse).into_iter().collect::<Result<Vec<_>, _>>()?;
        assert!(versions.is_sorted());
        let pinned = semver::Version::parse(&schema::pinned_version(&paths::schema_dir())?)?;
        assert!(versions.iter().all(|version| *version < pinned));
        Ok(())
    }
}
