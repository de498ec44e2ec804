//! `schema/older.json`: the older versions of the CLI that the SDK supports, and what these leave out of what the newest
//! always sends.
//!
//! `cargo xtask bump` and `cargo xtask versions` write it from the schemas of all these versions; `cargo xtask codegen`
//! reads it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};
use copilot_session_codegen::Protocol;
use semver::Version;
use serde::{Deserialize, Serialize};

use crate::{cli, files, paths, schema};

/// A version that the generator understands too, but whose messages the SDK's types cannot read: before 1.0.65 times
/// were numbers.
pub const NOT_READ: &str = "1.0.50";

const NAME: &str = "older.json";
const ABOUT: &str = "The versions of the CLI before that of VERSION.json whose every message the SDK reads, as far as \
                     their schemas say; and the keys and results that the newest always sends and these leave out, \
                     each with the last version that does. Written by `cargo xtask versions`, but for the list of \
                     versions, to which `cargo xtask bump` adds.";

/// What the file holds.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Older {
    description: String,
    /// The oldest first.
    pub versions: Vec<String>,
    /// The last version by `place.key`, or by `method: result`.
    pub left_out: BTreeMap<String, String>,
}

impl Older {
    pub fn read() -> Result<Self> {
        let path = path();
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let older: Self = serde_json::from_str(&text)
            .with_context(|| format!("{} is not as it should be", path.display()))?;
        let versions: Vec<Version> =
            older.versions.iter().map(|version| Version::parse(version)).collect::<Result<_, _>>()?;
        if let Some((first, second)) = unordered(&versions) {
            bail!("in {}, {first} stands before {second}; the oldest comes first, each once", path.display());
        }
        Ok(older)
    }

    /// What older versions, given the oldest first, leave out of what the newest sends.
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
                "{version} sends JSON of another kind: {}; a fix in codegen/src/fix.rs has both read, or {version} and \
                 what is older leave the versions in schema/{NAME}",
                changed.join(", ")
            );
            left_out.extend(difference.left_out.into_iter().map(|key| (key, version.to_owned())));
            versions.push(version.to_owned());
        }
        Ok(Self { description: ABOUT.to_owned(), versions, left_out })
    }

    /// The list for schemas of a newer version than those so far, which were of `before`: that joins the versions, with
    /// those published between, which may leave out more than either.
    pub fn after(&self, before: &str, newest: &Protocol, version: &str, supplement: &str) -> Result<Self> {
        let parse =
            |version: &str| Version::parse(version).with_context(|| format!("`{version}` is no version"));
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
                // Some versions were published without a binary for this platform, and without schemas.
                Err(error) if *version > before => eprintln!("note: {name} is not looked at: {error:#}"),
                Err(error) => return Err(error),
            }
        }
        Self::of(newest, protocols.iter().map(|(version, protocol)| (version.as_str(), protocol)))
    }

    /// Where another is not the same: which versions and keys it lacks, has too many, or lists otherwise.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let mut told = Vec::new();
        let mut tell = |what: &str, items: Vec<String>| {
            if !items.is_empty() {
                told.push(format!("{what}: {}", items.join(", ")));
            }
        };
        let lacking = |these: &[String], those: &[String]| -> Vec<String> {
            these.iter().filter(|version| !those.contains(version)).cloned().collect()
        };
        tell("versions that are missing", lacking(&self.versions, &other.versions));
        tell("versions too many", lacking(&other.versions, &self.versions));
        let keys = |these: &Self, those: &Self| -> Vec<String> {
            let keys = these.left_out.iter().filter(|(key, _)| !those.left_out.contains_key(*key));
            keys.map(|(key, version)| format!("{key} ({version})")).collect()
        };
        tell("keys that are missing", keys(self, other));
        tell("keys too many", keys(other, self));
        let moved = self.left_out.iter().filter_map(|(key, version)| {
            let listed = other.left_out.get(key).filter(|listed| *listed != version)?;
            Some(format!("{key} ({listed}, and it is {version})"))
        });
        tell("keys with another version", moved.collect());
        if told.is_empty() && self != other {
            told.push("the description is another".to_owned());
        }
        told
    }

    /// The text of the file.
    pub fn text(&self) -> Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    pub fn write(&self) -> Result<()> {
        let path = path();
        files::replace(&path, self.text()?.as_bytes())
            .with_context(|| format!("cannot write {}", path.display()))
    }
}

/// Two neighbours that are not in their order, or the same.
fn unordered(versions: &[Version]) -> Option<(&Version, &Version)> {
    versions.windows(2).map(|pair| (&pair[0], &pair[1])).find(|(first, second)| first >= second)
}

fn path() -> PathBuf {
    paths::schema_dir().join(NAME)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_list_is_of_versions_between_the_oldest_and_the_newest() -> Result<()> {
        let older = Older::read()?;
        assert_eq!(older.versions.first().map(String::as_str), Some("1.0.65"));
        assert_eq!(older.description, ABOUT);
        let pinned = Version::parse(&schema::pinned_version(&paths::schema_dir())?)?;
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
    fn each_difference_is_told() {
        let right = list(&["1.0.1", "1.0.2"], &[("A.a", "1.0.1"), ("A.b", "1.0.2")]);
        let wrong = list(&["1.0.1", "1.0.3"], &[("A.b", "1.0.1"), ("A.c", "1.0.1")]);
        assert!(right.differences(&right).is_empty());
        assert_eq!(
            right.differences(&wrong),
            [
                "versions that are missing: 1.0.2",
                "versions too many: 1.0.3",
                "keys that are missing: A.a (1.0.1)",
                "keys too many: A.c (1.0.1)",
                "keys with another version: A.b (1.0.1, and it is 1.0.2)",
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
