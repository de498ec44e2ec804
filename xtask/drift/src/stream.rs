//! The schemas of a published version, read from its package while that downloads.
//!
//! They are the same on all platforms, and in one of two packages: up to 1.0.50 in that of the CLI's script, and in all
//! versions in that of Linux, either beside the binary or, since 1.0.85, in the archive inside of it. As gzip cannot be
//! read from the middle, everything before the schemas is downloaded, which is 38 to 75 % of a package, and nothing
//! after them.
//!
//! A download that ends early cannot be compared with npm's checksum of the package. It is protected by HTTPS, and what
//! is read must be the two schemas. This is enough for a comparison; for the files of the repository,
//! `cargo xtask bump` and `schema` use the package that npm verified.

use std::fmt;
use std::io::{self, BufReader, Cursor, Read};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use flate2::read::GzDecoder;
use tar::Archive;

use crate::process::Stopped;
use crate::schema::{API, EVENTS};
use crate::source::Source;
use crate::{cli, npm, platform};

/// The platform whose package has the schemas of every version.
const PLATFORM: &str = "linux-x64";
/// The name of the archive in a binary, which stands before its length of 8 bytes and its content.
const PACKED: &[u8] = b"copilot.tgz";
/// The bytes that every gzip file begins with.
const GZIP: &[u8] = &[0x1f, 0x8b, 0x08];
/// The bytes of a binary that are searched at once.
const CHUNK: usize = 1 << 16;

/// Downloads the package of a version until its schemas were read.
pub fn schemas(version: &str) -> Result<Source> {
    for package in [cli::PACKAGE.to_owned(), platform::package(PLATFORM)] {
        let spec = format!("{package}@{version}");
        let Some(url) = npm::archive(&spec)? else { continue };
        ensure!(url.starts_with("https://"), "{spec} is not downloaded over HTTPS");
        let mut download = Download::start(&url)?;
        let found = Found::read(&mut download).with_context(|| format!("cannot read {url}"))?;
        if let Found { api: Some(api), events: Some(events) } = found {
            return Ok(Source { version: version.to_owned(), api, events, license: None });
        }
    }
    Err(NoSchemas(version.to_owned()).into())
}

/// The error for a version that was published without the packages that have schemas.
#[derive(Debug)]
pub struct NoSchemas(String);

impl fmt::Display for NoSchemas {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "no package of Copilot CLI {} has schemas", self.0)
    }
}

impl std::error::Error for NoSchemas {}

/// A running download, which ends when the value is dropped.
struct Download(Stopped);

impl Download {
    fn start(url: &str) -> Result<Self> {
        let mut curl = Command::new("curl");
        // Only an error is printed; the pipe that is closed early is none.
        curl.args(["--fail", "--silent", "--location", "--proto", "=https", "--connect-timeout", "30"])
            // A server that no longer sends is left.
            .args(["--speed-limit", "1000", "--speed-time", "30", "--url", url]);
        let child = curl.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        Ok(Self(Stopped(child.context("cannot run curl")?)))
    }
}

impl Read for Download {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.0.stdout.as_mut().map_or(Ok(0), |pipe| pipe.read(into))
    }
}

/// The schemas that were found so far.
#[derive(Default)]
struct Found {
    api: Option<Vec<u8>>,
    events: Option<Vec<u8>>,
}

impl Found {
    /// Reads a package up to the end of its schemas.
    fn read(package: &mut dyn Read) -> Result<Self> {
        let mut found = Self::default();
        found.search(package, true)?;
        Ok(found)
    }

    /// Reads an archive and, if there are no schemas before it, the one in the binary.
    fn search(&mut self, archive: &mut dyn Read, in_binary: bool) -> Result<()> {
        for entry in Archive::new(GzDecoder::new(archive)).entries()? {
            let mut entry = entry?;
            let path = entry.path()?.into_owned();
            if let Some(place) = self.place(&path) {
                let mut bytes = Vec::new();
                entry.read_to_end(&mut bytes)?;
                *place = Some(bytes);
            } else if in_binary
                && path == Path::new("package/copilot")
                && let Some(mut inner) = packed(entry)?
            {
                self.search(&mut inner, false)?;
            }
            if self.api.is_some() && self.events.is_some() {
                break;
            }
        }
        Ok(())
    }

    fn place(&mut self, path: &Path) -> Option<&mut Option<Vec<u8>>> {
        let name = path.strip_prefix("package/schemas").ok()?;
        match name.to_str()? {
            API => Some(&mut self.api),
            EVENTS => Some(&mut self.events),
            _ => None,
        }
    }
}

/// The archive in a binary, which is read up to its start.
fn packed<R: Read>(binary: R) -> io::Result<Option<impl Read>> {
    let mut binary = BufReader::new(binary);
    let mut bytes = Vec::new();
    loop {
        let length = bytes.len();
        (&mut binary).take(CHUNK as u64).read_to_end(&mut bytes)?;
        if bytes.len() == length {
            return Ok(None);
        }
        if let Some(start) = memchr::memmem::find_iter(&bytes, PACKED)
            .map(|at| at + PACKED.len() + 8)
            .find(|&start| bytes.get(start..).is_some_and(|rest| rest.starts_with(GZIP)))
        {
            return Ok(Some(Cursor::new(bytes.split_off(start)).chain(binary)));
        }
        // A name at the end may be followed by its archive in the next bytes.
        bytes.drain(..bytes.len().saturating_sub(PACKED.len() + 8 + GZIP.len()));
    }
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn archive(files: &[(&str, &[u8])]) -> Result<Vec<u8>> {
        // Uncompressed, so that a place in the archive is one in the download.
        let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::none()));
        for (name, content) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            archive.append_data(&mut header, format!("package/{name}"), *content)?;
        }
        Ok(archive.into_inner()?.finish()?)
    }

    fn read(package: &[u8]) -> Result<Option<(Vec<u8>, Vec<u8>)>> {
        let Found { api, events } = Found::read(&mut &package[..])?;
        Ok(api.zip(events))
    }

    const SCHEMAS: [(&str, &[u8]); 3] = [
        ("schemas/api.schema.json", b"api"),
        ("copilot-sdk/schemas/api.schema.json", b"other"),
        ("schemas/session-events.schema.json", b"events"),
    ];

    #[test]
    fn schemas_beside_a_binary_are_read_and_nothing_after_them() -> Result<()> {
        let rest = vec![7; 10 * CHUNK];
        let binary: &[u8] = b"a program that names copilot.tgz";
        let files = [[("copilot", binary)].as_slice(), &SCHEMAS, &[("runtime.node", &rest)]].concat();
        let mut package = archive(&files)?;
        package.truncate(5 * CHUNK);
        assert_eq!(read(&package)?, Some((b"api".to_vec(), b"events".to_vec())));
        package.truncate(1000);
        assert!(read(&package).is_err(), "it ends before the schemas");
        Ok(())
    }

    #[test]
    fn schemas_in_a_binary_are_read_wherever_its_archive_begins() -> Result<()> {
        let inner = archive(&SCHEMAS)?;
        for before in (CHUNK - 40..CHUNK + 4).chain([0, 1, 3 * CHUNK]) {
            let length = (inner.len() as u64).to_le_bytes();
            let binary =
                [&vec![b'c'; before], PACKED, b" is no archive here", PACKED, &length, &inner, b"the end"];
            let package = archive(&[("copilot", &binary.concat())])?;
            assert_eq!(read(&package)?, Some((b"api".to_vec(), b"events".to_vec())), "{before}");
        }
        Ok(())
    }

    #[test]
    fn a_package_may_have_no_schemas() -> Result<()> {
        assert_eq!(read(&archive(&[("npm-loader.js", b"copilot"), SCHEMAS[0]])?)?, None);
        assert!(read(b"no archive").is_err());
        Ok(())
    }
}
