//! `schema/older.json`: the older versions of the CLI that the SDK supports, and the keys that they omit and the newest
//! always sends.
//!
//! `cargo xtask bump` and `cargo xtask versions` write it from the schemas of these versions, and `cargo xtask codegen`
//! reads it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail, ensure};
use copilot_session_codegen::Protocol;
use semver::Version;
use serde::{Deserialize, Serialize};

use crate::{cli, schema};

/// A version whose schemas the generator supports, but whose messages the SDK cannot decode: before 1.0.65 times were
/// numbers.
pub const NOT_READ: &str = "1.0.50";

/// The name of the file.
pub const NAME: &str = "older.json";
const ABOUT: &str = "The older versions of the CLI whose messages the SDK decodes, according to their schemas; and the keys \
                     and results that the newest version always sends and these omit, each with the last version that \
                     omits it. `cargo xtask versions` writes this file, except for the list of versions, to which \
                     `cargo xtask bump` adds.";

/// The contents of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Older {
    description: String,
    /// The oldest first.
    pub versions: Vec<String>,
    /// The last version that omits a key, by `place.key`, or a result, by `method: result`.
    pub left_out: BTreeMap<String, String>,
}

impl Older {
    /// Reads the text of the file.
    pub fn parse(text: &str) -> Result<Self> {
        let older: Self =
            serde_json::from_str(text).with_context(|| format!("{NAME} does not have the expected form"))?;
        let versions: Vec<Version> =
            older.versions.iter().map(|version| Version::parse(version)).collect::<Result<_, _>>()?;
        if let Some((first, second)) = unordered(&versions) {
            bail!(
                "in {NAME}, {first} comes before {second}; the oldest must be first, and each must be there once"
            );
        }
        Ok(older)
    }

    /// The keys that older versions omit and the newest always sends. The oldest version must be first.
    pub fn of<'p>(
        newest: &Protocol,
        older: impl IntoIterator<Item = (&'p str, &'p Protocol)>,
    ) -> Result<Self> {
        let (mut versions, mut left_out) = (Vec::new(), BTreeMap::new());
        for (version, protocol) in older {
            let difference = newest.compare(protocol);
            let changed: Vec<String> = difference.changed.into_iter().collect();
            ensure!(
                changed.is_empty(),
                "{version} sends other JSON types: {}; add a fix to codegen/src/fix.rs, or remove {version} and the older \
                 versions from schema/{NAME}",
                changed.join(", ")
            );
            left_out.extend(difference.missing_in_older.into_iter().map(|key| (key, version.to_owned())));
            versions.push(version.to_owned());
        }
        Ok(Self { description: ABOUT.to_owned(), versions, left_out })
    }

    /// The file for the schemas of a newer version than `before`. It adds `before` and the versions published between,
    /// which may omit more keys than either.
    pub fn after(&self, before: &str, newest: &Protocol, version: &str, supplement: &str) -> Result<Self> {
        let parse =
            |version: &str| Version::parse(version).with_context(|| format!("`{version}` is not a version"));
        let (before, newest_version) = (parse(before)?, parse(version)?);
        let mut versions =
            self.versions.iter().map(|version| parse(version)).collect::<Result<BTreeSet<_>>>()?;
        if before < newest_version {
            let published = cli::published()?.into_iter().filter_map(|version| Version::parse(&version).ok());
            versions.extend(published.filter(|version| *version > before));
        }
        versions.insert(before.clone());
        let mut protocols = Vec::new();
        for version in versions.iter().filter(|version| **version < newest_version) {
            let name = version.to_string();
            match schema::of_version(&name) {
                Ok(schemas) => {
                    let protocol = Protocol::read(schemas.input(supplement));
                    let protocol = protocol.with_context(|| format!("cannot read the schemas of {name}"))?;
                    protocols.push((name, protocol));
                }
                // Some versions were published without schemas and without a binary for this platform.
                Err(error) if *version > before => eprintln!("note: {name} is skipped: {error:#}"),
                Err(error) => return Err(error),
            }
        }
        Self::of(newest, protocols.iter().map(|(version, protocol)| (version.as_str(), protocol)))
    }

    /// The versions and keys that differ from another file.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let mut differences = Vec::new();
        let mut add = |what: &str, items: Vec<String>| {
            if !items.is_empty() {
                differences.push(format!("{what}: {}", items.join(", ")));
            }
        };
        let lacking = |these: &[String], those: &[String]| -> Vec<String> {
            these.iter().filter(|version| !those.contains(version)).cloned().collect()
        };
        add("missing versions", lacking(&self.versions, &other.versions));
        add("superfluous versions", lacking(&other.versions, &self.versions));
        let keys = |these: &Self, those: &Self| -> Vec<String> {
            let keys = these.left_out.iter().filter(|(key, _)| !those.left_out.contains_key(*key));
            keys.map(|(key, version)| format!("{key} ({version})")).collect()
        };
        add("missing keys", keys(self, other));
        add("superfluous keys", keys(other, self));
        let moved = self.left_out.iter().filter_map(|(key, version)| {
            let listed = other.left_out.get(key).filter(|listed| *listed != version)?;
            Some(format!("{key} ({listed} instead of {version})"))
        });
        add("keys with another version", moved.collect());
        if differences.is_empty() && self != other {
            differences.push("another description".to_owned());
        }
        differences
    }

    /// The text of the file.
    pub fn text(&self) -> Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }
}

/// The first two neighbours that are equal or in the wrong order.
fn unordered(versions: &[Version]) -> Option<(&Version, &Version)> {
    versions.windows(2).map(|pair| (&pair[0], &pair[1])).find(|(first, second)| first >= second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_file_has_versions_between_the_oldest_and_the_newest() -> Result<()> {
        let older = crate::ours::Ours::built_in()?.older;
        assert_eq!(older.versions.first().map(String::as_str), Some("1.0.65"));
        assert_eq!(older.description, ABOUT);
        let pinned = Version::parse(&crate::ours::schemas()?.version)?;
        for version in older.versions.iter().chain(older.left_out.values()) {
            assert!(Version::parse(version)? < pinned, "{version}");
            assert!(older.versions.contains(version), "{version}");
        }
        Ok(())
    }

    fn list(versions: &[&str], left_out: &[(&str, &str)]) -> Older {
        Older {
            description: ABOUT.to_owned(),
            versions: versions.iter().map(ToString::to_string).collect(),
            left_out: left_out.iter().map(|(key, last)| (key.to_string(), last.to_string())).collect(),
        }
    }

    #[test]
    fn each_difference_is_listed() {
        let right = list(&["1.0.1", "1.0.2"], &[("A.a", "1.0.1"), ("A.b", "1.0.2")]);
        let wrong = list(&["1.0.1", "1.0.3"], &[("A.b", "1.0.1"), ("A.c", "1.0.1")]);
        assert!(right.differences(&right).is_empty());
        assert_eq!(
            right.differences(&wrong),
            [
                "missing versions: 1.0.2",
                "superfluous versions: 1.0.3",
                "missing keys: A.a (1.0.1)",
                "superfluous keys: A.c (1.0.1)",
                "keys with another version: A.b (1.0.1 instead of 1.0.2)",
            ]
        );
    }

    #[test]
    fn versions_out_of_order_are_found() -> Result<()> {
        let parse = |versions: &[&str]| -> Result<Vec<Version>> {
            Ok(versions.iter().map(|version| Version::parse(version)).collect::<Result<_, _>>()?)
        };
        assert_eq!(unordered(&parse(&["1.0.9", "1.0.84-4", "1.0.84"])?), None);
        let wrong = parse(&["1.0.65", "1.0.92", "1.0.81"])?;
        assert_eq!(unordered(&wrong), Some((&wrong[1], &wrong[2])));
        Ok(())
    }
}
