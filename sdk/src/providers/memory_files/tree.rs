//! Files and folders by path.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::runtime::date;
use crate::types::{SessionFsError, SessionFsErrorCode, SessionFsStatResult};

pub(super) type Result<T> = std::result::Result<T, SessionFsError>;

/// The bytes that a file or folder counts in addition to its path and content.
const OVERHEAD: usize = 128;
/// The longest path, as on Linux. It also limits the folders that one write makes.
const MAX_PATH: usize = 4096;

/// Every folder above a file or folder is in it, except for the root.
pub(super) struct Tree {
    /// By absolute path.
    nodes: BTreeMap<String, Node>,
    pub bytes: usize,
    max_bytes: usize,
}

#[derive(Clone)]
struct Node {
    /// None for a folder.
    content: Option<String>,
    created: SystemTime,
    modified: SystemTime,
}

impl Node {
    fn new(content: Option<String>) -> Self {
        let now = SystemTime::now();
        Self { content, created: now, modified: now }
    }
}

/// The properties of the root, which always existed, or of what does not exist.
pub(super) fn timeless(is_folder: bool) -> SessionFsStatResult {
    SessionFsStatResult::new(false, is_folder, 0, iso(UNIX_EPOCH), iso(UNIX_EPOCH))
}

impl Tree {
    pub fn new(max_bytes: usize) -> Self {
        Self { nodes: BTreeMap::new(), bytes: 0, max_bytes }
    }

    pub fn files(&self) -> BTreeMap<String, String> {
        let nodes = self.nodes.iter();
        nodes.filter_map(|(path, node)| Some((path.clone(), node.content.clone()?))).collect()
    }

    pub fn read(&self, path: &str) -> Result<&str> {
        let node = self.nodes.get(&normal(path)?).ok_or_else(missing)?;
        node.content.as_deref().ok_or_else(|| failed("a folder is no file"))
    }

    /// Writes a file, in place of its content or after it.
    pub fn write(&mut self, path: &str, content: &str, after: bool) -> Result<()> {
        let path = normal(path)?;
        let folders = self.folders_to_make(&path)?;
        let old = match self.nodes.get(&path) {
            Some(Node { content: None, .. }) => return Err(failed("a folder has this path")),
            Some(Node { content: Some(old), .. }) => Some(old.len()),
            None if path == "/" => return Err(failed("a folder has this path")),
            None => None,
        };
        let kept = old.filter(|_| after).unwrap_or(0);
        let removed = old.map_or(0, |old| cost(&path, old));
        self.count(removed, cost(&path, kept + content.len()), &folders)?;
        self.make(folders);
        let node = self.nodes.entry(path).or_insert_with(|| Node::new(None));
        let text = node.content.get_or_insert_default();
        if !after {
            // Not cleared: that would keep memory that the limit does not count.
            *text = String::new();
        }
        text.push_str(content);
        node.modified = SystemTime::now();
        Ok(())
    }

    pub fn stat(&self, path: &str) -> Result<SessionFsStatResult> {
        let path = normal(path)?;
        let node = match self.nodes.get(&path) {
            Some(node) => node,
            None if path == "/" => return Ok(timeless(true)),
            None => return Err(missing()),
        };
        let (modified, created) = (iso(node.modified), iso(node.created));
        Ok(match &node.content {
            Some(content) => SessionFsStatResult::new(true, false, content.len() as i64, modified, created),
            None => SessionFsStatResult::new(false, true, 0, modified, created),
        })
    }

    pub fn make_folder(&mut self, path: &str, recursive: bool) -> Result<()> {
        let path = normal(path)?;
        match self.nodes.get(&path) {
            Some(Node { content: Some(_), .. }) => Err(failed("a file has this path")),
            None if path != "/" => {
                let mut folders = self.folders_to_make(&path)?;
                folders.push(path);
                self.count(0, 0, &folders)?;
                self.make(folders);
                Ok(())
            }
            _ if recursive => Ok(()),
            _ => Err(failed("the folder exists")),
        }
    }

    /// Returns the names in a folder, and if each is that of a file.
    pub fn names(&self, path: &str) -> Result<Vec<(String, bool)>> {
        let path = normal(path)?;
        match self.nodes.get(&path) {
            Some(Node { content: Some(_), .. }) => return Err(failed("a file is no folder")),
            None if path != "/" => return Err(missing()),
            _ => {}
        }
        let below = self.below(&path).filter(|(name, _)| !name.contains('/'));
        Ok(below.map(|(name, node)| (name.to_owned(), node.content.is_some())).collect())
    }

    /// Moves a file, or a folder with all that is in it. It replaces a file by a file, and an empty folder by a folder.
    pub fn rename(&mut self, from: &str, to: &str) -> Result<()> {
        let (from, to) = (normal(from)?, normal(to)?);
        let is_file = self.nodes.get(&from).ok_or_else(missing)?.content.is_some();
        if from == to {
            return Ok(());
        }
        if to == "/" || inside(&from, &to).is_some() {
            return Err(failed("a folder cannot be moved there"));
        }
        let folders = self.folders_to_make(&to)?;
        let replaced = match self.nodes.get(&to).map(|node| node.content.as_ref()) {
            Some(Some(old)) if is_file => cost(&to, old.len()),
            Some(None) if !is_file && self.below(&to).next().is_none() => cost(&to, 0),
            Some(_) => return Err(failed("the new path is taken")),
            None => 0,
        };
        let mut moved = vec![(from.clone(), to.clone())];
        moved.extend(self.below(&from).map(|(rest, _)| (format!("{from}/{rest}"), format!("{to}/{rest}"))));
        let removed: usize = moved.iter().map(|(old, _)| old.len()).sum();
        let added: usize = moved.iter().map(|(_, new)| new.len()).sum();
        self.count(removed + replaced, added, &folders)?;
        self.make(folders);
        for (old, new) in moved {
            let node = self.nodes.remove(&old);
            self.nodes.extend(node.map(|node| (new, node)));
        }
        Ok(())
    }

    pub fn remove(&mut self, path: &str, recursive: bool, force: bool) -> Result<()> {
        let path = normal(path)?;
        if path != "/" && !self.nodes.contains_key(&path) {
            return if force { Ok(()) } else { Err(missing()) };
        }
        if !recursive && self.below(&path).next().is_some() {
            return Err(failed("the folder is not empty"));
        }
        let mut bytes = self.bytes;
        self.nodes.retain(|other, node| {
            let stays = *other != path && inside(&path, other).is_none();
            bytes -= if stays { 0 } else { cost(other, node.content.as_ref().map_or(0, String::len)) };
            stays
        });
        self.bytes = bytes;
        Ok(())
    }

    /// Returns what is below a folder, by the rest of the path.
    fn below(&self, folder: &str) -> impl Iterator<Item = (&str, &Node)> {
        let start = format!("{}/", folder.trim_end_matches('/'));
        self.nodes
            .range(start.clone()..)
            .map_while(move |(path, node)| Some((path.strip_prefix(&start)?, node)))
    }

    /// Returns the folders above a path that do not exist.
    fn folders_to_make(&self, path: &str) -> Result<Vec<String>> {
        let mut folders = Vec::new();
        for (end, _) in path.match_indices('/').skip(1) {
            match self.nodes.get(&path[..end]) {
                Some(Node { content: Some(_), .. }) => return Err(failed("there is a file above this path")),
                Some(_) => {}
                None => folders.push(path[..end].to_owned()),
            }
        }
        Ok(folders)
    }

    fn make(&mut self, folders: Vec<String>) {
        self.nodes.extend(folders.into_iter().map(|path| (path, Node::new(None))));
    }

    /// Counts bytes that are removed and added, and new folders. Fails, and counts nothing, if there is no room.
    fn count(&mut self, removed: usize, added: usize, folders: &[String]) -> Result<()> {
        let folders: usize = folders.iter().map(|path| cost(path, 0)).sum();
        let bytes = (self.bytes - removed).saturating_add(added).saturating_add(folders);
        if bytes > self.max_bytes {
            return Err(failed("there is no room for it in memory"));
        }
        self.bytes = bytes;
        Ok(())
    }
}

fn cost(path: &str, content: usize) -> usize {
    OVERHEAD + path.len() + content
}

/// Returns the path from a folder to what is below it.
fn inside<'a>(folder: &str, path: &'a str) -> Option<&'a str> {
    path.strip_prefix(folder.trim_end_matches('/'))?.strip_prefix('/')
}

/// Returns the path without `.`, `..` and doubled slashes. Nothing is above the root.
fn normal(path: &str) -> Result<String> {
    if path.len() > MAX_PATH {
        return Err(failed("the path is too long"));
    }
    let mut names = Vec::new();
    for name in path.split('/') {
        match name {
            "" | "." => {}
            ".." => _ = names.pop(),
            name => names.push(name),
        }
    }
    Ok(format!("/{}", names.join("/")))
}

fn missing() -> SessionFsError {
    SessionFsError::new(SessionFsErrorCode::Enoent)
}

fn failed(reason: &str) -> SessionFsError {
    SessionFsError::new(SessionFsErrorCode::Unknown).message(reason)
}

/// Returns a time as the CLI writes it, such as `2026-01-31T00:00:00.000Z`.
fn iso(time: SystemTime) -> String {
    /// The end of the year 9999.
    const LAST: Duration = Duration::from_secs(253_402_300_799);
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default().min(LAST);
    date::rfc3339(since.as_millis() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (1_767_225_599, "2025-12-31T23:59:59.000Z"),
            (u64::MAX / 4, "9999-12-31T23:59:59.000Z"),
        ] {
            let time = UNIX_EPOCH.checked_add(Duration::from_secs(seconds));
            assert_eq!(time.map(iso).as_deref(), Some(text), "{seconds}");
        }
    }

    /// Whatever happens, the bytes are those of what is there.
    fn assert_counted(tree: &Tree) {
        let all =
            tree.nodes.iter().map(|(path, node)| cost(path, node.content.as_ref().map_or(0, String::len)));
        assert_eq!(tree.bytes, all.sum::<usize>());
        for path in tree.nodes.keys() {
            assert!(tree.folders_to_make(path).is_ok_and(|folders| folders.is_empty()), "{path}");
        }
    }

    /// Any order of changes keeps the count and the folders right, and the limit.
    #[test]
    fn changes_in_any_order() {
        const PATHS: [&str; 9] =
            ["/", "/a", "/a/b", "/a/b/c", "/a/b/c/d", "/b", "/b/../a/./x", "/ab", "/a/b/ü"];
        let mut tree = Tree::new(1500);
        let mut state: u32 = 1;
        let mut next = move |below: usize| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as usize % below
        };
        let (mut done, mut refused) = (0, 0);
        for _ in 0..20_000 {
            let (path, other) = (PATHS[next(PATHS.len())], PATHS[next(PATHS.len())]);
            let flag = next(2) == 0;
            let outcome = match next(6) {
                0 | 1 => tree.write(path, &"x".repeat(next(300)), flag),
                2 => tree.make_folder(path, flag),
                3 => tree.rename(path, other),
                _ => tree.remove(path, flag, false),
            };
            *(if outcome.is_ok() { &mut done } else { &mut refused }) += 1;
            assert_counted(&tree);
            assert!(tree.bytes <= tree.max_bytes);
        }
        assert!(done > 3000 && refused > 3000, "{done} {refused}");
    }
}
