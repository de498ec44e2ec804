//! Makes a folder contain exactly the generated files, or lists the differences.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::{diff, files};

/// The treatment of differences.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Only list them.
    Check,
    /// Remove them.
    Write,
}

/// A file that differs.
#[derive(Debug, PartialEq, Eq)]
pub struct Drift {
    /// The path below the folder.
    pub path: PathBuf,
    /// The kind of difference.
    pub kind: Kind,
}

/// A kind of difference.
#[derive(Debug, PartialEq, Eq)]
pub enum Kind {
    /// The file does not exist.
    Missing,
    /// The file is not a generated one.
    Stray,
    /// The file has another text.
    Differs { on_disk: String, expected: String },
}

/// Compares a folder with the files that it should contain, and in the mode `Write` removes the differences.
pub fn sync(root: &Path, files: &BTreeMap<String, String>, mode: Mode) -> Result<Vec<Drift>> {
    // A path is the same with either kind of slash.
    let files = files.iter().map(|(name, text)| (PathBuf::from(name), text.as_str())).collect();
    let drifts = compare(root, &files)?;
    if mode == Mode::Write {
        // A stray file may be in the place of a folder, and the reverse, so strays are removed first.
        for drift in drifts.iter().filter(|drift| drift.kind == Kind::Stray) {
            let path = root.join(&drift.path);
            fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
        }
        remove_empty_folders(root)?;
        // Equal files are not touched, so that cargo does not rebuild them.
        for drift in &drifts {
            let Some(text) = files.get(&drift.path) else { continue };
            let path = root.join(&drift.path);
            files::replace(&path, text.as_bytes())
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
    }
    Ok(drifts)
}

/// Every difference, in the order of the paths.
fn compare(root: &Path, files: &BTreeMap<PathBuf, &str>) -> Result<Vec<Drift>> {
    let mut on_disk = BTreeSet::new();
    if root.exists() {
        list(root, Path::new(""), &mut on_disk)?;
    }
    let mut drifts = Vec::new();
    for (path, want) in files {
        let kind = if on_disk.remove(path) {
            let place = root.join(path);
            let have = fs::read(&place).with_context(|| format!("cannot read {}", place.display()))?;
            if have == want.as_bytes() {
                continue;
            }
            Kind::Differs {
                on_disk: String::from_utf8_lossy(&have).into_owned(),
                expected: (*want).to_owned(),
            }
        } else {
            Kind::Missing
        };
        drifts.push(Drift { path: path.clone(), kind });
    }
    drifts.extend(on_disk.into_iter().map(|path| Drift { path, kind: Kind::Stray }));
    drifts.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(drifts)
}

/// Lists the files below a folder by their paths from `root`, without following links.
fn list(root: &Path, folder: &Path, found: &mut BTreeSet<PathBuf>) -> Result<()> {
    let place = root.join(folder);
    let failed = || format!("cannot list {}", place.display());
    for entry in fs::read_dir(&place).with_context(failed)? {
        let entry = entry.with_context(failed)?;
        let path = folder.join(entry.file_name());
        if entry.file_type().with_context(failed)?.is_dir() {
            list(root, &path, found)?;
        } else {
            found.insert(path);
        }
    }
    Ok(())
}

/// Removes the folders below a folder that contain no files.
fn remove_empty_folders(folder: &Path) -> Result<()> {
    if !folder.exists() {
        return Ok(());
    }
    let failed = || format!("cannot clear {}", folder.display());
    for entry in fs::read_dir(folder).with_context(failed)? {
        let entry = entry.with_context(failed)?;
        if !entry.file_type().with_context(failed)?.is_dir() {
            continue;
        }
        remove_empty_folders(&entry.path())?;
        if fs::read_dir(entry.path()).with_context(failed)?.next().is_none() {
            fs::remove_dir(entry.path()).with_context(failed)?;
        }
    }
    Ok(())
}

impl Drift {
    /// The difference in words, for a folder called `root`.
    pub fn describe(&self, root: &str) -> String {
        let path = self.path.display().to_string().replace('\\', "/");
        match &self.kind {
            Kind::Missing => format!("{root}/{path} is missing"),
            Kind::Stray => format!("{root}/{path} is not a generated file"),
            Kind::Differs { on_disk, expected } => {
                diff::unified(&format!("{root}/{path}"), on_disk, expected)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(list: &[(&str, &str)]) -> BTreeMap<String, String> {
        list.iter().map(|&(path, text)| (path.to_owned(), text.to_owned())).collect()
    }

    fn described(drifts: &[Drift]) -> Vec<String> {
        drifts.iter().map(|drift| drift.describe("out")).collect()
    }

    #[test]
    fn every_kind_of_drift_is_described_and_removed() -> Result<()> {
        let temp = tempfile::tempdir()?;
        let root = temp.path().join("out");
        let want = files(&[("a.rs", "1\n2\n"), ("b/c.rs", "c\n"), ("same.rs", "s\n")]);
        assert_eq!(sync(&root, &want, Mode::Write)?.len(), 3);
        fs::write(root.join("a.rs"), "1\nx\n")?;
        fs::remove_file(root.join("b/c.rs"))?;
        fs::create_dir_all(root.join("old/deep"))?;
        fs::write(root.join("old/deep/gone.rs"), "")?;
        let untouched = fs::metadata(root.join("same.rs"))?.modified()?;
        let expected = [
            "--- out/a.rs\n+++ expected\n@@ -1,2 +1,2 @@\n 1\n-x\n+2\n",
            "out/b/c.rs is missing",
            "out/old/deep/gone.rs is not a generated file",
        ];
        assert_eq!(described(&sync(&root, &want, Mode::Check)?), expected);
        assert_eq!(described(&sync(&root, &want, Mode::Write)?), expected);
        assert!(sync(&root, &want, Mode::Check)?.is_empty());
        assert!(!root.join("old").exists());
        assert_eq!(fs::metadata(root.join("same.rs"))?.modified()?, untouched);
        Ok(())
    }

    #[test]
    fn a_file_and_a_folder_may_swap_places() -> Result<()> {
        let temp = tempfile::tempdir()?;
        let root = temp.path();
        sync(root, &files(&[("a/b.rs", "1"), ("c", "2")]), Mode::Write)?;
        let swapped = files(&[("a", "1"), ("c/d.rs", "2")]);
        sync(root, &swapped, Mode::Write)?;
        assert!(sync(root, &swapped, Mode::Check)?.is_empty());
        Ok(())
    }
}
