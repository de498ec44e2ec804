//! The sources of schemas: the CLI's npm package, or a folder.

use std::fs;
use std::io;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use semver::Version;
use serde_json::Value;

use crate::schema::{API, EVENTS, LICENSE};
use crate::unpack;

/// The schemas of one version of the CLI, unchanged.
pub struct Source {
    pub version: String,
    pub api: Vec<u8>,
    pub events: Vec<u8>,
    /// The CLI's licence, if it is in the same package.
    pub license: Option<Vec<u8>>,
}

impl Source {
    /// Reads the schemas from the package of a binary or, since 1.0.85, from the binary itself.
    pub fn from_package(binary: &Path, version: &str) -> Result<Self> {
        let package = binary.parent().context("the binary has no folder")?;
        let license = read_optional(&package.join(LICENSE))?;
        let packed = package.join("schemas");
        if packed.is_dir() {
            return read_source(&packed, version.to_owned(), license);
        }
        eprintln!("Starting Copilot CLI {version} once to unpack its schemas");
        let unpacked = unpack::schemas(binary, version)?;
        read_source(&unpacked.schemas, version.to_owned(), license)
    }

    /// Reads the schemas from a folder, or from the `schemas` folder in it.
    pub fn from_folder(folder: &Path, version: Option<&str>) -> Result<Self> {
        ensure!(
            folder.is_dir(),
            "`{}` is neither a version, such as 1.0.102, nor a folder",
            folder.display()
        );
        // The parent is needed below, which `.` does not have.
        let folder = &std::path::absolute(folder)
            .with_context(|| format!("cannot use the folder {}", folder.display()))?;
        let inner = folder.join("schemas");
        let schemas = [folder, &inner]
            .into_iter()
            .find(|dir| dir.join(API).is_file())
            .with_context(|| format!("there is no {API} in {} or its schemas folder", folder.display()))?;
        // Only a folder named `schemas` is part of a package.
        let package = match schemas.parent() {
            Some(parent) if schemas.ends_with("schemas") => parent,
            _ => schemas,
        };
        let version = match version {
            Some(version) => version.to_owned(),
            None => package_version(package)?,
        };
        ensure!(Version::parse(&version).is_ok(), "`{version}` is not a version, such as 1.0.102");
        read_source(schemas, version, read_optional(&package.join(LICENSE))?)
    }

    /// Checks that the files are the two schemas.
    pub fn check(&self) -> Result<()> {
        check(API, &self.api, api_problem)?;
        check(EVENTS, &self.events, events_problem)
    }
}

/// The version in the manifest of a package.
pub fn package_version(package: &Path) -> Result<String> {
    let path = package.join("package.json");
    let Some(bytes) = read_optional(&path)? else {
        bail!("there is no {} with the version of the schemas; give it with --version", path.display());
    };
    let json: Value =
        serde_json::from_slice(&bytes).with_context(|| format!("{} is not valid JSON", path.display()))?;
    let version = json["version"]
        .as_str()
        .with_context(|| format!("{} has no version; give it with --version", path.display()))?;
    Ok(version.to_owned())
}

fn read_source(schemas: &Path, version: String, license: Option<Vec<u8>>) -> Result<Source> {
    let read = |name| {
        let path = schemas.join(name);
        fs::read(&path).with_context(|| format!("cannot read {}", path.display()))
    };
    Ok(Source { version, api: read(API)?, events: read(EVENTS)?, license })
}

fn read_optional(path: &Path) -> Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

fn check(name: &str, bytes: &[u8], problem: fn(&Value) -> Option<String>) -> Result<()> {
    let schema: Value = serde_json::from_slice(bytes).with_context(|| format!("{name} is not valid JSON"))?;
    match problem(&schema) {
        Some(problem) => bail!("{name} is another schema: {problem}"),
        None => Ok(()),
    }
}

fn api_problem(schema: &Value) -> Option<String> {
    if schema["title"] != "CopilotApi" {
        return Some("its title is not CopilotApi".to_owned());
    }
    let required = ["server", "session", "definitions"].into_iter().find(|key| !schema[key].is_object());
    // Older versions of the CLI send no requests to their client and lack these.
    let optional = ["clientSession", "clientGlobal"]
        .into_iter()
        .find(|&key| schema.get(key).is_some_and(|value| !value.is_object()));
    let key = required.or(optional)?;
    Some(format!("it has no object `{key}`"))
}

fn events_problem(schema: &Value) -> Option<String> {
    let event = &schema["definitions"]["SessionEvent"];
    (!event.is_object()).then(|| "it has no object `definitions.SessionEvent`".to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_api_schema_has_its_parts() {
        let old = json!({"title": "CopilotApi", "server": {}, "session": {}, "definitions": {}});
        assert_eq!(api_problem(&old), None);
        for (key, value) in [("title", json!("Other")), ("session", Value::Null), ("clientGlobal", json!([]))]
        {
            let mut wrong = old.clone();
            wrong[key] = value;
            assert!(api_problem(&wrong).is_some(), "{key}");
        }
        assert!(api_problem(&json!([])).is_some());
    }

    #[test]
    fn an_events_schema_defines_the_event() {
        assert_eq!(events_problem(&json!({"definitions": {"SessionEvent": {}}})), None);
        assert!(events_problem(&json!({"definitions": {}})).is_some());
        assert!(events_problem(&json!(1)).is_some());
    }

    #[test]
    fn the_version_of_a_folder_is_found_or_given() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let schemas = folder.path().join("schemas");
        fs::create_dir(&schemas)?;
        assert!(Source::from_folder(folder.path(), None).is_err());
        fs::write(schemas.join(API), "{}")?;
        fs::write(schemas.join(EVENTS), "{}")?;
        assert!(Source::from_folder(folder.path(), None).is_err());
        assert_eq!(Source::from_folder(folder.path(), Some("1.0.1"))?.version, "1.0.1");
        fs::write(folder.path().join("package.json"), r#"{"version": "1.0.2"}"#)?;
        fs::write(folder.path().join(LICENSE), "text")?;
        for place in [folder.path(), &schemas] {
            let source = Source::from_folder(place, None)?;
            assert_eq!(source.version, "1.0.2");
            assert_eq!(source.license.as_deref(), Some(b"text".as_slice()));
        }
        Ok(())
    }
}
