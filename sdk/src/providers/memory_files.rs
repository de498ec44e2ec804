//! The files of a session in memory.

mod tree;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use self::tree::Tree;
use crate::error::Error;
use crate::providers::SessionFs;
use crate::rpc::RpcError;
use crate::runtime::lock;
use crate::types::*;

/// A [`SessionFs`] that keeps the files of a session in memory, for tests, and for programs that store them elsewhere.
///
/// Clones share the files, so keep one to read them, or to give them to the `resume` of the session. The paths are the
/// same in every session: give each session files of its own.
///
/// Paths are those of a POSIX system, so register with
/// [`Posix`](crate::types::SessionFsSetProviderConventions::Posix), on Windows too. `.` and `..` are followed, and
/// nothing leads out of the memory. A write makes the folders above a file. A write that would exceed the limit fails,
/// and the CLI reports that as an error. There are no databases (`sqlite`), and no files of bytes (`binary`).
///
/// ```no_run
/// # use copilot_session::{Client, Error};
/// # async fn run(client: Client) -> Result<(), Error> {
/// use copilot_session::providers::{MemoryFiles, session_fs};
/// use copilot_session::types::{SessionFsSetProviderConventions, SessionFsSetProviderRequest};
///
/// let conventions = SessionFsSetProviderConventions::Posix;
/// let provider = SessionFsSetProviderRequest::new("/work", "/state", conventions);
/// client.rpc().session_fs().set_provider(&provider).await?;
///
/// let files = MemoryFiles::default();
/// let session = client.session().deny_all().provide(session_fs(files.clone())).create().await?;
/// session.send_and_wait("Hello").await?;
/// for (path, content) in files.files() {
///     println!("{path}: {} bytes", content.len());
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct MemoryFiles(Arc<Mutex<Tree>>);

/// At most 256 MiB.
impl Default for MemoryFiles {
    fn default() -> Self {
        Self::new(256 << 20)
    }
}

impl MemoryFiles {
    /// Creates an empty file system for at most so many bytes: those of all paths and contents, and 128 for each file
    /// and folder. It uses up to twice as much memory, since a file that grows gets room in advance.
    pub fn new(max_bytes: usize) -> Self {
        Self(Arc::new(Mutex::new(Tree::new(max_bytes))))
    }

    /// Returns the paths and contents of all files.
    pub fn files(&self) -> BTreeMap<String, String> {
        lock(&self.0).files()
    }

    /// Writes a file, such as one that [`files`](Self::files) returned in another process.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the limit would be exceeded, or there is a folder at the path, or a file above it.
    pub fn write(&self, path: &str, content: impl AsRef<str>) -> Result<(), Error> {
        let written = lock(&self.0).write(path, content.as_ref(), false);
        written.map_err(|error| Error::Invalid(error.message.unwrap_or_default()))
    }
}

impl std::fmt::Debug for MemoryFiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let tree = lock(&self.0);
        f.debug_struct("MemoryFiles").field("bytes", &tree.bytes).finish_non_exhaustive()
    }
}

type Answer<T> = Result<T, RpcError>;

impl<Context: Send> SessionFs<Context> for MemoryFiles {
    async fn read_file(&self, file: SessionFsReadFileRequest, _: Context) -> Answer<SessionFsReadFileResult> {
        Ok(match lock(&self.0).read(&file.path) {
            Ok(content) => SessionFsReadFileResult::new(content),
            Err(error) => SessionFsReadFileResult::new("").error(error),
        })
    }

    async fn write_file(
        &self,
        file: SessionFsWriteFileRequest,
        _: Context,
    ) -> Answer<Option<SessionFsError>> {
        Ok(lock(&self.0).write(&file.path, &file.content, false).err())
    }

    async fn append_file(
        &self,
        file: SessionFsAppendFileRequest,
        _: Context,
    ) -> Answer<Option<SessionFsError>> {
        Ok(lock(&self.0).write(&file.path, &file.content, true).err())
    }

    async fn exists(&self, request: SessionFsExistsRequest, _: Context) -> Answer<SessionFsExistsResult> {
        Ok(SessionFsExistsResult::new(lock(&self.0).stat(&request.path).is_ok()))
    }

    async fn stat(&self, request: SessionFsStatRequest, _: Context) -> Answer<SessionFsStatResult> {
        let stat = lock(&self.0).stat(&request.path);
        Ok(stat.unwrap_or_else(|error| tree::timeless(false).error(error)))
    }

    async fn mkdir(&self, folder: SessionFsMkdirRequest, _: Context) -> Answer<Option<SessionFsError>> {
        Ok(lock(&self.0).make_folder(&folder.path, folder.recursive == Some(true)).err())
    }

    async fn readdir(&self, folder: SessionFsReaddirRequest, _: Context) -> Answer<SessionFsReaddirResult> {
        Ok(match lock(&self.0).names(&folder.path) {
            Ok(names) => SessionFsReaddirResult::new(names.into_iter().map(|(name, _)| name).collect()),
            Err(error) => SessionFsReaddirResult::new(Vec::new()).error(error),
        })
    }

    async fn readdir_with_types(
        &self,
        folder: SessionFsReaddirWithTypesRequest,
        _: Context,
    ) -> Answer<SessionFsReaddirWithTypesResult> {
        let entry = |(name, is_file)| {
            let kind = match is_file {
                true => SessionFsReaddirWithTypesEntryType::File,
                false => SessionFsReaddirWithTypesEntryType::Directory,
            };
            SessionFsReaddirWithTypesEntry::new(name, kind)
        };
        Ok(match lock(&self.0).names(&folder.path) {
            Ok(names) => SessionFsReaddirWithTypesResult::new(names.into_iter().map(entry).collect()),
            Err(error) => SessionFsReaddirWithTypesResult::new(Vec::new()).error(error),
        })
    }

    async fn rename(&self, file: SessionFsRenameRequest, _: Context) -> Answer<Option<SessionFsError>> {
        Ok(lock(&self.0).rename(&file.src, &file.dest).err())
    }

    async fn rm(&self, request: SessionFsRmRequest, _: Context) -> Answer<Option<SessionFsError>> {
        let (recursive, force) = (request.recursive == Some(true), request.force == Some(true));
        Ok(lock(&self.0).remove(&request.path, recursive, force).err())
    }
}
