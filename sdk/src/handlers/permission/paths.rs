//! Checks that a path lies in a folder, in whatever form it is written and wherever its links lead.

use std::borrow::Cow;
use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

/// The target of a path that lies in the folder.
pub(super) struct Place {
    /// The path relative to the folder, with every link resolved.
    pub below: PathBuf,
    /// The whole path, with every link resolved.
    pub real: PathBuf,
    /// The names in the path as it was written and cleaned, without those of the folder if possible.
    pub written: Vec<String>,
}

/// Returns the place of a path in a folder. None if it lies elsewhere or cannot be resolved safely: a relative path
/// without a base, an ambiguous form, a dangling link, a folder that cannot be read, a path through `/proc`.
///
/// A path that does not exist lies where its existing part lies.
pub(super) fn place(path: &str, base: Option<&str>, folder: &Path) -> Option<Place> {
    const WINDOWS: bool = cfg!(windows);
    let whole = absolute(path, base, WINDOWS)?;
    let cleaned = clean(&whole, WINDOWS)?;
    let folder = std::path::absolute(folder).ok()?;
    let real_folder = folder.canonicalize().ok()?;
    if is_on_another_share(&cleaned, [&folder, &real_folder].map(|folder| folder.to_string_lossy()), WINDOWS)
        || leads_through_proc(Path::new(&whole))?
        || leads_through_proc(Path::new(&cleaned))?
    {
        return None;
    }
    let real = resolve(Path::new(&cleaned))?;
    // A `..` after a link leads elsewhere for the system than for a program that cleans the path first.
    if let Some(other) = has_parents(&whole, WINDOWS).then(|| resolve(Path::new(&whole))) {
        other?.strip_prefix(&real_folder).ok()?;
    }
    let below = real.strip_prefix(&real_folder).ok()?.to_path_buf();
    let written = Path::new(&cleaned);
    let written = written.strip_prefix(&folder).or_else(|_| written.strip_prefix(&real_folder));
    let written = match written {
        Ok(below) => below.iter().map(|name| name.to_string_lossy().into_owned()).collect(),
        Err(_) => cleaned.rsplit(['/', '\\']).next().map(str::to_owned).into_iter().collect(),
    };
    Some(Place { below, real, written })
}

/// Returns the absolute path.
fn absolute(path: &str, base: Option<&str>, windows: bool) -> Option<String> {
    if path.is_empty() || path.contains('\0') {
        return None;
    }
    if is_absolute(path, windows) {
        return Some(path.to_owned());
    }
    // Some programs read these as a home directory, a URL or a drive.
    let first = path.split(['/', '\\']).next().unwrap_or_default();
    let base = base.filter(|base| is_absolute(base, windows))?;
    if first.is_empty() || first.starts_with('~') || first.contains(':') {
        return None;
    }
    Some(format!("{base}{}{path}", if windows { '\\' } else { '/' }))
}

fn is_absolute(path: &str, windows: bool) -> bool {
    match windows {
        true => split_root(&path.replace('/', "\\")).is_some(),
        false => path.starts_with('/'),
    }
}

fn has_parents(path: &str, windows: bool) -> bool {
    path.split(|letter| letter == '/' || (windows && letter == '\\')).any(|name| name == "..")
}

/// Returns the path without `.`, `..` and empty names. None if its form is ambiguous.
fn clean(path: &str, windows: bool) -> Option<String> {
    if !windows {
        // A program written for Windows may read a backslash as a separator, and file names rarely contain one.
        let plain = path.starts_with('/') && !path.contains(['\\', '\0']);
        return plain.then(|| format!("/{}", names(path, '/').join("/")));
    }
    let path = path.replace('/', "\\");
    let (root, rest) = split_root(&path)?;
    let names = names(rest, '\\');
    names.iter().all(|name| is_plain_on_windows(name)).then(|| format!("{root}{}", names.join("\\")))
}

/// Returns the names in a path. `..` removes the name before it.
fn names(path: &str, separator: char) -> Vec<&str> {
    let mut names = Vec::new();
    for name in path.split(separator) {
        match name {
            "" | "." => {}
            ".." => drop(names.pop()),
            name => names.push(name),
        }
    }
    names
}

/// Splits a path of Windows, with backslashes only, into `C:\` or `\\server\share\` and the rest. None if it is
/// relative or a device (`\\.\`, and most of `\\?\`).
fn split_root(path: &str) -> Option<(String, &str)> {
    let Some(verbatim) = path.strip_prefix(r"\\?\") else {
        return match path.strip_prefix(r"\\") {
            Some(share) => split_share(share),
            None => split_drive(path),
        };
    };
    // Windows does not clean such a path, so `..` in it is a name.
    if has_parents(verbatim, true) {
        return None;
    }
    match verbatim.strip_prefix(r"UNC\") {
        Some(share) => split_share(share),
        None => split_drive(verbatim),
    }
}

fn split_drive(path: &str) -> Option<(String, &str)> {
    let (drive, rest) = path.split_once('\\')?;
    let letter = drive.strip_suffix(':')?;
    let is_drive = letter.len() == 1 && letter.starts_with(|letter: char| letter.is_ascii_alphabetic());
    is_drive.then(|| (format!(r"{drive}\"), rest))
}

fn split_share(path: &str) -> Option<(String, &str)> {
    let (server, rest) = path.split_once('\\')?;
    let (share, rest) = rest.split_once('\\').unwrap_or((rest, ""));
    let is_share = [server, share].iter().all(|name| !name.is_empty() && is_plain_on_windows(name));
    is_share.then(|| (format!(r"\\{server}\{share}\"), rest))
}

/// Returns true if a cleaned path is on a share of a server, and these forms of the folder are not. Windows sends the
/// login of this process to a server whose files it is to look at, and the model may have chosen the server.
fn is_on_another_share(path: &str, folders: [Cow<'_, str>; 2], windows: bool) -> bool {
    let root = |path: &str| split_root(path).map(|(root, _)| root.to_lowercase());
    match root(path).filter(|root| windows && root.starts_with(r"\\")) {
        Some(share) => !folders.iter().any(|folder| root(folder).as_ref() == Some(&share)),
        None => false,
    }
}

/// Returns true if Windows does not change the meaning of a name: no stream (`a:b`), no end that is cut off (`a.`),
/// no device.
fn is_plain_on_windows(name: &str) -> bool {
    const DEVICES: [&str; 6] = ["con", "prn", "aux", "nul", "conin$", "conout$"];
    let stem = name.split('.').next().unwrap_or_default().trim_end().to_ascii_lowercase();
    let numbered = |prefix: &str| {
        stem.strip_prefix(prefix).is_some_and(|number| number.chars().count() == 1 && number != "0")
    };
    let odd = |letter: char| matches!(letter, ':' | '<' | '>' | '"' | '|' | '?' | '*') || letter.is_control();
    !name.contains(odd)
        && !name.ends_with(['.', ' '])
        && !DEVICES.contains(&&*stem)
        && !numbered("com")
        && !numbered("lpt")
}

/// Returns the path with its links resolved, as far as it exists.
fn resolve(path: &Path) -> Option<PathBuf> {
    let (mut existing, mut missing) = (path, Vec::new());
    loop {
        match existing.canonicalize() {
            Ok(real) => return Some(missing.iter().rev().fold(real, |path, name| path.join(name))),
            // Writing to a dangling link creates its target, so such a link does not count as missing.
            Err(error) if error.kind() == ErrorKind::NotFound && existing.symlink_metadata().is_err() => {
                // None for `..`: the parent of a folder that does not exist is not known.
                missing.push(existing.file_name()?);
                existing = existing.parent()?;
            }
            Err(_) => return None,
        }
    }
}

/// Returns true if the system opens this path through `/proc`, even by a link. There `self/cwd`, `self/fd/7` and
/// others lead elsewhere for the process of the CLI than for this one. None if there are too many links to follow.
fn leads_through_proc(path: &Path) -> Option<bool> {
    const MOST_LINKS: usize = 40;
    let (mut at, mut links) = (PathBuf::new(), 0);
    let mut ahead = names_to_go(path);
    while let Some(name) = ahead.pop() {
        if name == ".." {
            at.pop();
            continue;
        }
        at.push(name);
        if cfg!(unix) && at.starts_with("/proc") {
            return Some(true);
        }
        if let Ok(target) = at.read_link() {
            links += 1;
            if links > MOST_LINKS {
                return None;
            }
            at.pop();
            ahead.extend(names_to_go(&target));
        }
    }
    Some(false)
}

/// Returns the parts of a path in reverse order.
fn names_to_go(path: &Path) -> Vec<OsString> {
    let parts = path.components().rev().filter(|part| *part != Component::CurDir);
    parts.map(|part| part.as_os_str().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_unix() {
        let cases = [
            ("/a/b", Some("/a/b")),
            ("/a/./b//c/", Some("/a/b/c")),
            ("/a/../b", Some("/b")),
            ("/../..", Some("/")),
            ("/a\\..\\b", None),
            ("a/b", None),
            ("C:\\a", None),
            ("\\\\?\\C:\\a", None),
            ("", None),
        ];
        for (path, cleaned) in cases {
            assert_eq!(clean(path, false).as_deref(), cleaned, "{path}");
        }
        assert_eq!(absolute("a/b", Some("/project"), false).as_deref(), Some("/project/a/b"));
        for (path, base) in [
            ("a", None),
            ("a", Some("work")),
            ("~/a", Some("/project")),
            ("file:///a", Some("/project")),
            ("", Some("/project")),
        ] {
            assert_eq!(absolute(path, base, false), None, "{path} in {base:?}");
        }
    }

    #[test]
    fn paths_of_windows() {
        let cases = [
            (r"C:\a\b", Some(r"C:\a\b")),
            (r"C:/a\.\../b/", Some(r"C:\b")),
            (r"C:\..\..", Some(r"C:\")),
            (r"\\?\C:\a", Some(r"C:\a")),
            (r"\\?\C:\a\..\b", None),
            (r"\\server\share\a\..\b", Some(r"\\server\share\b")),
            (r"\\server\share\..\..\b", Some(r"\\server\share\b")),
            (r"\\?\UNC\server\share\a", Some(r"\\server\share\a")),
            (r"//server/share/a", Some(r"\\server\share\a")),
            (r"\\server", None),
            (r"\\?\GLOBALROOT\Device\x", None),
            (r"\\.\C:\a", None),
            (r"C:a", None),
            (r"\a", None),
            (r"a\b", None),
            (r"C:\a\b:stream", None),
            (r"C:\a\b::$DATA", None),
            (r"C:\a\b.", None),
            (r"C:\a. \b", None),
            (r"C:\a\NUL", None),
            (r"C:\a\com1.txt", None),
            (r"C:\a\nul .txt", None),
            (r"C:\a\comics.txt", Some(r"C:\a\comics.txt")),
        ];
        for (path, cleaned) in cases {
            assert_eq!(clean(path, true).as_deref(), cleaned, "{path}");
        }
        assert_eq!(absolute(r"a\b", Some(r"C:\work"), true).as_deref(), Some(r"C:\work\a\b"));
        assert_eq!(absolute(r"D:b", Some(r"C:\work"), true), None);
        assert_eq!(absolute(r"\b", Some(r"C:\work"), true), None);
    }

    #[test]
    fn shares_of_windows() {
        let (drive, share) = ([r"C:\work", r"\\?\C:\work"], [r"Z:\work", r"\\?\UNC\Server\share\work"]);
        for (path, folders, is_other) in [
            (r"\\evil\share\a", drive, true),
            (r"\\evil\share\a", share, true),
            (r"\\server\other\a", share, true),
            (r"\\server\SHARE\a", share, false),
            (r"C:\work\a", drive, false),
            (r"D:\a", share, false),
        ] {
            let other = is_on_another_share(path, folders.map(Cow::Borrowed), true);
            assert_eq!(other, is_other, "{path} for {folders:?}");
        }
        assert!(!is_on_another_share(r"\\evil\share\a", drive.map(Cow::Borrowed), false));
    }
}
