//! Checksums of installed packages, so that no changed program of the cache is run.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The checksums of a package, in a file beside its folder.
#[derive(Serialize, Deserialize)]
struct Record {
    /// The checksum of the archive, which npm verified.
    #[serde(skip_serializing_if = "Option::is_none")]
    integrity: Option<String>,
    /// The checksum of the unpacked folder.
    sha256: String,
}

/// Stores the checksum of an installed package.
pub fn keep(package: &Path, integrity: Option<String>) -> Result<()> {
    let failed = || format!("cannot store the checksum of {}", package.display());
    let record = Record { integrity, sha256: of_folder(package).with_context(failed)? };
    fs::write(record_of(package), serde_json::to_string_pretty(&record)?).with_context(failed)
}

/// Deletes the checksum of a package that is about to be replaced.
pub fn forget(package: &Path) {
    // The file may not exist, and one that cannot be deleted is overwritten later.
    let _ = fs::remove_file(record_of(package));
}

/// Returns true if a package has the stored checksum, and false if it has none.
///
/// # Errors
///
/// If the package was changed.
pub fn check(package: &Path) -> Result<bool> {
    let record = fs::read(record_of(package)).ok();
    let Some(record) = record.and_then(|text| serde_json::from_slice::<Record>(&text).ok()) else {
        return Ok(false);
    };
    let found = of_folder(package).with_context(|| format!("cannot read all of {}", package.display()))?;
    if found != record.sha256 {
        bail!(
            "{} was changed after it was installed, so it is not run\n  \
             its checksum is {found} and was {}\n  \
             to install it again, remove that folder",
            package.display(),
            record.sha256
        );
    }
    Ok(true)
}

fn record_of(package: &Path) -> PathBuf {
    let mut name = package.file_name().map(OsString::from).unwrap_or_default();
    name.push(".sum.json");
    package.with_file_name(name)
}

/// The checksum of all names and contents in a folder.
fn of_folder(folder: &Path) -> io::Result<String> {
    let mut hash = Sha256::new();
    add_folder(&mut hash, folder)?;
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

fn add_folder(hash: &mut Sha256, folder: &Path) -> io::Result<()> {
    let mut entries = fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    add(hash, b"folder", &entries.len().to_le_bytes());
    for entry in entries {
        add(hash, b"name", entry.file_name().as_encoded_bytes());
        let kind = entry.file_type()?;
        if kind.is_dir() {
            add_folder(hash, &entry.path())?;
        } else if kind.is_file() {
            add_file(hash, &entry.path())?;
        } else if kind.is_symlink() {
            add(hash, b"link", fs::read_link(entry.path())?.as_os_str().as_encoded_bytes());
        } else {
            return Err(io::Error::other(format!("{} is no file", entry.path().display())));
        }
    }
    Ok(())
}

fn add_file(hash: &mut Sha256, path: &Path) -> io::Result<()> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    add(hash, b"file", &length.to_le_bytes());
    let mut chunk = vec![0; 1 << 20];
    loop {
        match file.read(&mut chunk)? {
            0 => return Ok(()),
            count => hash.update(&chunk[..count]),
        }
    }
}

/// Adds a part with its kind and length, so that no two folders have the same input.
fn add(hash: &mut Sha256, kind: &[u8], bytes: &[u8]) {
    hash.update(kind);
    hash.update(bytes.len().to_le_bytes());
    hash.update(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A package of two files, one of them in a folder.
    fn package(cache: &Path) -> Result<PathBuf> {
        let package = cache.join("package");
        fs::create_dir_all(package.join("inner"))?;
        fs::write(package.join("program"), "runs")?;
        fs::write(package.join("inner").join("part"), "of it")?;
        Ok(package)
    }

    #[test]
    fn a_package_is_checked_by_its_checksum() -> Result<()> {
        let cache = tempfile::tempdir()?;
        let package = package(cache.path())?;
        assert!(!check(&package)?, "there is no checksum");
        keep(&package, Some("sha512-x".to_owned()))?;
        assert!(check(&package)?);
        forget(&package);
        assert!(!check(&package)?, "it was deleted");
        fs::write(record_of(&package), "half of a rec")?;
        assert!(!check(&package)?, "an incomplete record is ignored");
        Ok(())
    }

    #[test]
    fn any_change_is_found() -> Result<()> {
        let changes: [fn(&Path) -> io::Result<()>; 6] = [
            |package| fs::write(package.join("program"), "RUNS"),
            |package| fs::write(package.join("inner").join("part"), "of"),
            |package| fs::write(package.join("more"), ""),
            |package| fs::remove_file(package.join("inner").join("part")),
            |package| fs::rename(package.join("program"), package.join("q")),
            |package| fs::rename(package.join("inner"), package.join("other")),
        ];
        for change in changes {
            let cache = tempfile::tempdir()?;
            let package = package(cache.path())?;
            keep(&package, None)?;
            change(&package)?;
            let error = check(&package).expect_err("it was changed").to_string();
            assert!(error.contains("was changed after it was installed"), "{error}");
            assert!(error.contains("remove that folder"), "{error}");
        }
        Ok(())
    }

    #[cfg(unix)]
    #[test]
    fn a_link_in_place_of_a_file_is_found() -> Result<()> {
        let cache = tempfile::tempdir()?;
        let package = package(cache.path())?;
        keep(&package, None)?;
        fs::rename(package.join("program"), cache.path().join("elsewhere"))?;
        std::os::unix::fs::symlink(cache.path().join("elsewhere"), package.join("program"))?;
        assert!(check(&package).is_err());
        Ok(())
    }
}
