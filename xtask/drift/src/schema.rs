//! The CLI's protocol schemas: a folder with those of one version and their checksums, and the user's cache of such
//! folders.

use std::fs;
use std::io;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use copilot_session_codegen::Input;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use crate::source::Source;
pub use crate::stream::NoSchemas;
use crate::{cache, cli, files, ours, stream};

pub const API: &str = "api.schema.json";
pub const EVENTS: &str = "session-events.schema.json";
pub const LICENSE: &str = "LICENSE.md";
/// The schema of what the CLI does not document. It is edited by hand, so it has no checksum.
pub const SUPPLEMENT: &str = "supplement.schema.json";
const RECORD: &str = "VERSION.json";

/// The schemas of one version of the CLI.
#[derive(Debug, Clone)]
pub struct SchemaSet {
    pub version: String,
    pub api: String,
    pub events: String,
}

impl SchemaSet {
    /// The input of the generator.
    pub fn input<'a>(&'a self, supplement: &'a str) -> Input<'a> {
        Input { version: &self.version, api: &self.api, events: &self.events, supplement }
    }
}

/// The schemas of a version: the SDK's own, or those in the user's cache, which are added if necessary.
pub fn of_version(version: &str) -> Result<SchemaSet> {
    cli::check_version(version)?;
    if let Some(found) = cached(version)? {
        return Ok(found);
    }
    let source = stream::schemas(version).or_else(|error| {
        eprintln!("note: {error:#}; the whole package is installed");
        installed(version).map_err(|other| {
            if !error.is::<NoSchemas>() {
                return other;
            }
            // It may also be the network, or the disk.
            eprintln!("note: {other:#}");
            error
        })
    });
    keep(&source?)
}

/// The schemas of a version from its whole package, which npm verified.
pub fn installed(version: &str) -> Result<Source> {
    Source::from_package(&cli::borrow(version)?.program, version)
}

/// Writes schemas to the user's cache and reads them from there.
pub fn keep(source: &Source) -> Result<SchemaSet> {
    cli::check_version(&source.version)?;
    source.check()?;
    let folder = cache::schemas()?.join(&source.version);
    write(&folder, source)?;
    read_checked(&folder)
}

/// The schemas of a version, if they are the SDK's own or in the user's cache.
pub fn cached(version: &str) -> Result<Option<SchemaSet>> {
    cli::check_version(version)?;
    let own = ours::schemas()?;
    if own.version == version {
        return Ok(Some(own));
    }
    let folder = cache::schemas()?.join(version);
    if folder.join(RECORD).exists() { read_checked(&folder).map(Some) } else { Ok(None) }
}

/// Reads the schemas and verifies their checksums.
pub fn read_checked(dir: &Path) -> Result<SchemaSet> {
    let record = read_record(dir)?;
    let version = recorded_version(dir, &record)?;
    let read = |name: &str| {
        let path = dir.join(name);
        let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        ensure!(
            record["files"][name]["sha256"] == sha256(&bytes),
            "{} is not the file that {RECORD} records",
            path.display()
        );
        String::from_utf8(bytes).with_context(|| format!("{} is not UTF-8", path.display()))
    };
    Ok(SchemaSet { api: read(API)?, events: read(EVENTS)?, version })
}

/// The version of the schemas in a folder.
pub fn pinned_version(dir: &Path) -> Result<String> {
    recorded_version(dir, &read_record(dir)?)
}

fn read_record(dir: &Path) -> Result<Value> {
    let path = dir.join(RECORD);
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is not valid JSON", path.display()))
}

fn recorded_version(dir: &Path, record: &Value) -> Result<String> {
    let version = record["cli"].as_str().with_context(|| {
        let path = dir.join(RECORD);
        format!("{} has no version", path.display())
    })?;
    Ok(version.to_owned())
}

/// Writes all files, and leaves the folder unchanged if one of them cannot be written.
pub fn write(out: &Path, source: &Source) -> Result<()> {
    fs::create_dir_all(out).with_context(|| format!("cannot create {}", out.display()))?;
    let record = record(source)?;
    let license = source.license.as_deref();
    // The record is last: until it is written, `read_checked` refuses the other files.
    let texts = [(API, Some(source.api.as_slice()))]
        .into_iter()
        .chain([(EVENTS, Some(source.events.as_slice()))])
        .chain([(LICENSE, license), (RECORD, Some(record.as_bytes()))]);
    let mut ready = Vec::new();
    for (name, bytes) in texts {
        if let Some(bytes) = bytes {
            let path = out.join(name);
            let file = files::temporary(out, bytes)
                .and_then(synced)
                .with_context(|| format!("cannot write {}", path.display()))?;
            ready.push((file, path));
        }
    }
    for (file, path) in ready {
        file.persist(&path).with_context(|| format!("cannot replace {}", path.display()))?;
    }
    Ok(())
}

/// Syncs a file to the disk before it is renamed.
fn synced(file: NamedTempFile) -> io::Result<NamedTempFile> {
    file.as_file().sync_all()?;
    Ok(file)
}

/// The text of VERSION.json.
fn record(source: &Source) -> Result<String> {
    let record = json!({
        "cli": source.version,
        "files": {
            API: {"sha256": sha256(&source.api)},
            EVENTS: {"sha256": sha256(&source.events)},
        },
    });
    Ok(serde_json::to_string_pretty(&record)? + "\n")
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source() -> Source {
        Source {
            version: "1.2.3".to_owned(),
            api: b"{\"a\": 1}".to_vec(),
            events: b"{}".to_vec(),
            license: None,
        }
    }

    #[test]
    fn the_checksum_is_sha_256_in_hex() {
        assert_eq!(sha256(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn schemas_are_read_back() -> Result<()> {
        let out = tempfile::tempdir()?;
        fs::write(out.path().join(LICENSE), "kept")?;
        fs::write(out.path().join("supplement.schema.json"), "kept")?;
        write(out.path(), &source())?;
        let set = read_checked(out.path())?;
        assert_eq!((set.version.as_str(), set.api.as_str()), ("1.2.3", "{\"a\": 1}"));
        assert_eq!(pinned_version(out.path())?, "1.2.3");
        assert_eq!(fs::read_to_string(out.path().join(LICENSE))?, "kept");
        assert_eq!(fs::read_dir(out.path())?.count(), 5);
        Ok(())
    }

    #[test]
    fn a_changed_file_is_an_error() -> Result<()> {
        let out = tempfile::tempdir()?;
        write(out.path(), &source())?;
        fs::write(out.path().join(EVENTS), "{ }")?;
        let error = read_checked(out.path()).err().map(|error| error.to_string());
        let error = error.unwrap_or_default();
        assert!(error.contains(EVENTS), "{error}");
        Ok(())
    }

    #[test]
    fn an_error_leaves_the_folder_unchanged() -> Result<()> {
        let out = tempfile::tempdir()?;
        let file = out.path().join("file");
        fs::write(&file, "")?;
        assert!(write(&file, &source()).is_err());
        assert!(read_checked(out.path()).is_err());
        assert_eq!(fs::read_dir(out.path())?.count(), 1);
        Ok(())
    }
}
