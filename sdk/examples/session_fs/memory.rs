use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use copilot_session::RpcError;
use copilot_session::providers::SessionFs;
use copilot_session::types::*;

/// Files and folders by path; a folder has no content.
#[derive(Clone, Default)]
pub struct Memory(Arc<Mutex<BTreeMap<String, Option<String>>>>);

type Answer<T> = Result<T, RpcError>;

/// The methods for SQLite and for bytes are missing: the CLI calls them only if the client declares them.
impl<Context: Send> SessionFs<Context> for Memory {
    async fn read_file(&self, file: SessionFsReadFileRequest, _: Context) -> Answer<SessionFsReadFileResult> {
        Ok(match self.0.lock().unwrap().get(&file.path) {
            Some(Some(content)) => SessionFsReadFileResult::new(content),
            _ => SessionFsReadFileResult::new("").error(missing()),
        })
    }

    async fn write_file(
        &self,
        file: SessionFsWriteFileRequest,
        _: Context,
    ) -> Answer<Option<SessionFsError>> {
        self.0.lock().unwrap().insert(file.path, Some(file.content));
        Ok(None)
    }

    async fn append_file(
        &self,
        file: SessionFsAppendFileRequest,
        _: Context,
    ) -> Answer<Option<SessionFsError>> {
        let mut all = self.0.lock().unwrap();
        all.entry(file.path).or_default().get_or_insert_default().push_str(&file.content);
        Ok(None)
    }

    async fn exists(&self, request: SessionFsExistsRequest, _: Context) -> Answer<SessionFsExistsResult> {
        Ok(SessionFsExistsResult::new(self.size(&request.path).is_some()))
    }

    async fn stat(&self, request: SessionFsStatRequest, _: Context) -> Answer<SessionFsStatResult> {
        let time = "2026-01-01T00:00:00.000Z";
        Ok(match self.size(&request.path) {
            Some(Some(size)) => SessionFsStatResult::new(true, false, size, time, time),
            Some(None) => SessionFsStatResult::new(false, true, 0, time, time),
            None => SessionFsStatResult::new(false, false, 0, time, time).error(missing()),
        })
    }

    async fn mkdir(&self, folder: SessionFsMkdirRequest, _: Context) -> Answer<Option<SessionFsError>> {
        self.0.lock().unwrap().entry(folder.path).or_default();
        Ok(None)
    }

    async fn readdir(&self, folder: SessionFsReaddirRequest, _: Context) -> Answer<SessionFsReaddirResult> {
        Ok(SessionFsReaddirResult::new(self.children(&folder.path).into_keys().collect()))
    }

    async fn readdir_with_types(
        &self,
        folder: SessionFsReaddirWithTypesRequest,
        _: Context,
    ) -> Answer<SessionFsReaddirWithTypesResult> {
        let entries = self.children(&folder.path).into_iter();
        let entries = entries.map(|(name, kind)| SessionFsReaddirWithTypesEntry::new(name, kind));
        Ok(SessionFsReaddirWithTypesResult::new(entries.collect()))
    }

    async fn rename(&self, file: SessionFsRenameRequest, _: Context) -> Answer<Option<SessionFsError>> {
        let mut all = self.0.lock().unwrap();
        let Some(content) = all.remove(&file.src) else { return Ok(Some(missing())) };
        all.insert(file.dest, content);
        Ok(None)
    }

    async fn rm(&self, request: SessionFsRmRequest, _: Context) -> Answer<Option<SessionFsError>> {
        let stays = |path: &str| path != request.path && inside(&request.path, path).is_none();
        self.0.lock().unwrap().retain(|path, _| stays(path));
        Ok(None)
    }
}

impl Memory {
    /// Returns the paths and contents of all files.
    pub fn files(&self) -> BTreeMap<String, String> {
        let all = self.0.lock().unwrap().clone();
        all.into_iter().filter_map(|(path, content)| Some((path, content?))).collect()
    }

    /// Returns the size of a file, or none for a folder. A folder also exists if there is a file in it.
    fn size(&self, path: &str) -> Option<Option<i64>> {
        let all = self.0.lock().unwrap();
        let size = |content: &String| i64::try_from(content.len()).unwrap_or(i64::MAX);
        let is_folder = || all.keys().any(|other| inside(path, other).is_some());
        all.get(path).map(|content| content.as_ref().map(size)).or_else(|| is_folder().then_some(None))
    }

    /// Returns the names and types of the entries of a folder.
    fn children(&self, folder: &str) -> BTreeMap<String, SessionFsReaddirWithTypesEntryType> {
        use SessionFsReaddirWithTypesEntryType::{Directory, File};
        let all = self.0.lock().unwrap();
        let below = all.iter().filter_map(|(path, content)| Some((inside(folder, path)?, content)));
        let children = below.map(|(rest, content)| match rest.split_once('/') {
            Some((name, _)) => (name.to_owned(), Directory),
            None => (rest.to_owned(), if content.is_some() { File } else { Directory }),
        });
        children.collect()
    }
}

/// Returns the path relative to this folder; none if it is not in it.
fn inside<'a>(folder: &str, path: &'a str) -> Option<&'a str> {
    path.strip_prefix(folder)?.strip_prefix('/')
}

fn missing() -> SessionFsError {
    SessionFsError::new(SessionFsErrorCode::Enoent)
}
