//! Makes a folder hold exactly the generated files, or tells how it differs from them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::files;

/// How much of a long line is shown.
const SHOWN_CHARS: usize = 160;

/// What to do about differences.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Only tell them.
    Check,
    /// Remove them.
    Write,
}

/// A file that is not as it should be.
#[derive(Debug, PartialEq, Eq)]
pub struct Drift {
    /// The path below the folder.
    pub path: PathBuf,
    /// What is wrong with it.
    pub kind: Kind,
}

/// What can be wrong with a file.
#[derive(Debug, PartialEq, Eq)]
pub enum Kind {
    /// It should be there.
    Missing,
    /// It should not be there.
    Stray,
    /// It should have another text.
    Differs(Line),
}

/// The first line in which two texts differ.
#[derive(Debug, PartialEq, Eq)]
pub struct Line {
    number: usize,
    want: Option<String>,
    have: Option<String>,
}

/// Compares a folder with the files it should hold, in both directions, and writes what differs if asked to.
pub fn sync(root: &Path, files: &BTreeMap<String, String>, mode: Mode) -> Result<Vec<Drift>> {
    // Paths compare the same with either kind of slash.
    let files = files.iter().map(|(name, text)| (PathBuf::from(name), text.as_str())).collect();
    let drifts = compare(root, &files)?;
    if mode == Mode::Write {
        // A stray file may stand where a folder is needed and the other way round, so strays go first.
        for drift in drifts.iter().filter(|drift| drift.kind == Kind::Stray) {
            let path = root.join(&drift.path);
            fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
        }
        remove_empty_folders(root)?;
        // What is equal is not touched, so that cargo builds nothing for nothing.
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
            Kind::Differs(first_difference(want, &String::from_utf8_lossy(&have)))
        } else {
            Kind::Missing
        };
        drifts.push(Drift { path: path.clone(), kind });
    }
    drifts.extend(on_disk.into_iter().map(|path| Drift { path, kind: Kind::Stray }));
    drifts.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(drifts)
}

/// Collects the files below a folder by their paths from `root`; links are not followed.
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

/// Removes the folders below a folder that hold no file at any depth.
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

/// Splits at line feeds only, so that a carriage return is a difference too.
fn first_difference(want: &str, have: &str) -> Line {
    let (mut wants, mut haves) = (want.split('\n'), have.split('\n'));
    let mut number = 0;
    loop {
        number += 1;
        let (want, have) = (wants.next(), haves.next());
        if want != have || want.is_none() {
            return Line { number, want: want.map(shown), have: have.map(shown) };
        }
    }
}

/// A line as it is shown: invisible characters visible, and not too long.
fn shown(line: &str) -> String {
    if line.is_empty() {
        return "(an empty line)".to_owned();
    }
    let mut text: String = line.chars().take(SHOWN_CHARS).collect();
    if text.len() < line.len() {
        text.push('…');
    }
    text.replace('\r', "\\r").replace('\t', "\\t")
}

impl Drift {
    /// The difference in words, for a folder called `root`.
    pub fn describe(&self, root: &str) -> String {
        let path = self.path.display().to_string().replace('\\', "/");
        match &self.kind {
            Kind::Missing => format!("{root}/{path} is missing"),
            Kind::Stray => format!("{root}/{path} is not a generated file"),
            Kind::Differs(line) => format!("{root}/{path}{line}"),
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |line: &Option<String>| line.clone().unwrap_or_else(|| "(the file has ended)".to_owned());
        write!(out, ":{} differs\n  want: {}\n  have: {}", self.number, text(&self.want), text(&self.have))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(list: &[(&str, &str)]) -> BTreeMap<String, String> {
        list.iter().map(|&(path, text)| (path.to_owned(), text.to_owned())).collect()
    }

    fn told(drifts: &[Drift]) -> Vec<String> {
        drifts.iter().map(|drift| drift.describe("out")).collect()
    }

    #[test]
    fn every_kind_of_drift_is_told_and_then_mended() -> Result<()> {
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
            "out/a.rs:2 differs\n  want: 2\n  have: x",
            "out/b/c.rs is missing",
            "out/old/deep/gone.rs is not a generated file",
        ];
        assert_eq!(told(&sync(&root, &want, Mode::Check)?), expected);
        assert_eq!(told(&sync(&root, &want, Mode::Write)?), expected);
        assert!(sync(&root, &want, Mode::Check)?.is_empty());
        assert!(!root.join("old").exists());
        assert_eq!(fs::metadata(root.join("same.rs"))?.modified()?, untouched);
        Ok(())
    }

    #[test]
    fn a_file_and_a_folder_may_change_places() -> Result<()> {
        let temp = tempfile::tempdir()?;
        let root = temp.path();
        sync(root, &files(&[("a/b.rs", "1"), ("c", "2")]), Mode::Write)?;
        let swapped = files(&[("a", "1"), ("c/d.rs", "2")]);
        sync(root, &swapped, Mode::Write)?;
        assert!(sync(root, &swapped, Mode::Check)?.is_empty());
        Ok(())
    }

    #[test]
    fn the_first_difference_is_found_wherever_it_is() {
        let line = |want, have| first_difference(want, have).to_string();
        assert_eq!(
            line("a\nb\n", "a\nb\n\n"),
            ":4 differs\n  want: (the file has ended)\n  have: (an empty line)"
        );
        assert_eq!(line("a\nb", "a"), ":2 differs\n  want: b\n  have: (the file has ended)");
        assert_eq!(line("a\n", "a\r\n"), ":1 differs\n  want: a\n  have: a\\r");
        assert!(line(&"x".repeat(500), "").len() < 250);
    }
}
