//! A file system in memory for the sessions of a client.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use copilot_session::methods::client::{
    SessionFsAppendFile, SessionFsExists, SessionFsMkdir, SessionFsReadFile, SessionFsReaddir,
    SessionFsReaddirWithTypes, SessionFsRename, SessionFsRm, SessionFsStat, SessionFsWriteFile,
};
use copilot_session::types::*;
use copilot_session::{ClientBuilder, SessionBuilder};

/// Files and folders by path; a folder has no content.
#[derive(Clone, Default)]
pub struct Memory(Arc<Mutex<BTreeMap<String, Option<String>>>>);

/// Registers handlers on either builder for all methods of the session file system, except those for SQLite
/// and for bytes, which the CLI calls only if the client announces them.
macro_rules! serve {
    ($builder:ident, $memory:ident, $($method:ident $answer:ident),*) => {{
        $(
            let memory = $memory.clone();
            let $builder = $builder.handle::<$method>(move |params, _| {
                let answer = memory.$answer(params);
                async { Ok(answer) }
            });
        )*
        $builder
    }};
}

macro_rules! serve_all {
    ($builder:ident, $memory:ident) => {
        serve!(
            $builder, $memory, SessionFsReadFile read, SessionFsWriteFile write, SessionFsAppendFile append,
            SessionFsExists exists, SessionFsStat stat, SessionFsMkdir mkdir, SessionFsReaddir names,
            SessionFsReaddirWithTypes entries, SessionFsRename rename, SessionFsRm remove
        )
    };
}

impl Memory {
    /// Serves all sessions of a client.
    pub fn serve_client(&self, builder: ClientBuilder) -> ClientBuilder {
        serve_all!(builder, self)
    }

    /// Serves one session.
    pub fn serve_session(&self, builder: SessionBuilder) -> SessionBuilder {
        serve_all!(builder, self)
    }

    /// The paths and contents of all files.
    pub fn files(&self) -> BTreeMap<String, String> {
        let all = self.0.lock().unwrap().clone();
        all.into_iter().filter_map(|(path, content)| Some((path, content?))).collect()
    }

    fn read(&self, request: SessionFsReadFileRequest) -> SessionFsReadFileResult {
        match self.0.lock().unwrap().get(&request.path) {
            Some(Some(content)) => SessionFsReadFileResult::new(content),
            _ => SessionFsReadFileResult::new("").error(missing()),
        }
    }

    fn write(&self, request: SessionFsWriteFileRequest) -> Option<SessionFsError> {
        self.0.lock().unwrap().insert(request.path, Some(request.content));
        None
    }

    fn append(&self, request: SessionFsAppendFileRequest) -> Option<SessionFsError> {
        let mut files = self.0.lock().unwrap();
        files.entry(request.path).or_default().get_or_insert_default().push_str(&request.content);
        None
    }

    fn exists(&self, request: SessionFsExistsRequest) -> SessionFsExistsResult {
        SessionFsExistsResult::new(self.size(&request.path).is_some())
    }

    fn stat(&self, request: SessionFsStatRequest) -> SessionFsStatResult {
        let time = "2026-01-01T00:00:00.000Z";
        match self.size(&request.path) {
            Some(Some(size)) => SessionFsStatResult::new(true, false, size, time, time),
            Some(None) => SessionFsStatResult::new(false, true, 0, time, time),
            None => SessionFsStatResult::new(false, false, 0, time, time).error(missing()),
        }
    }

    /// The size of a file, or `Some(None)` for a folder. A folder also exists if it contains something.
    fn size(&self, path: &str) -> Option<Option<i64>> {
        let files = self.0.lock().unwrap();
        let size = |content: &String| i64::try_from(content.len()).expect("a small file");
        let folder = || files.keys().any(|other| inside(path, other).is_some());
        files.get(path).map(|content| content.as_ref().map(size)).or_else(|| folder().then_some(None))
    }

    fn mkdir(&self, request: SessionFsMkdirRequest) -> Option<SessionFsError> {
        self.0.lock().unwrap().entry(request.path).or_default();
        None
    }

    fn names(&self, request: SessionFsReaddirRequest) -> SessionFsReaddirResult {
        SessionFsReaddirResult::new(self.children(&request.path).into_keys().collect())
    }

    fn entries(&self, request: SessionFsReaddirWithTypesRequest) -> SessionFsReaddirWithTypesResult {
        let entry = |(name, is_file): (String, bool)| {
            let kind = match is_file {
                true => SessionFsReaddirWithTypesEntryType::File,
                false => SessionFsReaddirWithTypesEntryType::Directory,
            };
            SessionFsReaddirWithTypesEntry::new(name, kind)
        };
        SessionFsReaddirWithTypesResult::new(self.children(&request.path).into_iter().map(entry).collect())
    }

    /// The names in a folder; true for a file.
    fn children(&self, folder: &str) -> BTreeMap<String, bool> {
        let files = self.0.lock().unwrap();
        let below = files.iter().filter_map(|(path, content)| Some((inside(folder, path)?, content)));
        below
            .map(|(rest, content)| match rest.split_once('/') {
                Some((name, _)) => (name.to_owned(), false),
                None => (rest.to_owned(), content.is_some()),
            })
            .collect()
    }

    fn rename(&self, request: SessionFsRenameRequest) -> Option<SessionFsError> {
        let mut files = self.0.lock().unwrap();
        let Some(content) = files.remove(&request.src) else { return Some(missing()) };
        files.insert(request.dest, content);
        None
    }

    fn remove(&self, request: SessionFsRmRequest) -> Option<SessionFsError> {
        self.0
            .lock()
            .unwrap()
            .retain(|path, _| *path != request.path && inside(&request.path, path).is_none());
        None
    }
}

/// The rest of a path inside this folder, at any depth.
fn inside<'a>(folder: &str, path: &'a str) -> Option<&'a str> {
    path.strip_prefix(folder)?.strip_prefix('/')
}

fn missing() -> SessionFsError {
    SessionFsError::new(SessionFsErrorCode::Enoent)
}
