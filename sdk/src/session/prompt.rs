//! Prompts: the values that become a [`SendRequest`]. Also the check of the keys that `extra` sets, for prompts and for
//! the configuration of a session.

use std::collections::BTreeMap;
use std::path::Path;

use crate::error::Error;
use crate::types::{Attachment, AttachmentBlob, AttachmentFile, SendRequest};
use crate::wire::{encode, peek};

impl SendRequest {
    /// Attaches a file, after earlier attachments. The model gets its path and the number of its lines, not its content:
    /// it reads the file by the tool `view`, which the policy must allow. The prompt does not fail if the file does not
    /// exist: the model reads that it is missing.
    ///
    /// A relative path is one below the current directory of this program. In a path that is not UTF-8, U+FFFD stands
    /// for what cannot be sent.
    pub fn file(self, path: impl AsRef<Path>) -> Self {
        let path = path.as_ref();
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
        self.attach(Attachment::File(AttachmentFile::new(path.to_string_lossy(), name)))
    }

    /// Attaches an image, after earlier attachments: its bytes, and their type, such as `image/png`. CLI 1.0.102 cannot
    /// resume a session with an image that it cannot decode, so check bytes that others choose.
    pub fn image(self, bytes: impl AsRef<[u8]>, mime_type: impl Into<String>) -> Self {
        let blob = AttachmentBlob::new(mime_type).data(encode::base64(bytes.as_ref()));
        self.attach(Attachment::Blob(blob))
    }

    fn attach(mut self, attachment: Attachment) -> Self {
        self.attachments.get_or_insert_default().push(attachment);
        self
    }

    /// Sets a key as JSON, such as one of a newer CLI that this version of the crate does not know. The CLI ignores a
    /// key that it does not know. With `sessionId`, or a key that is set otherwise, too, the methods of
    /// [`Session`](crate::Session) that send a prompt fail with [`Error::Invalid`](crate::Error::Invalid).
    pub fn extra(mut self, key: impl Into<String>, value: impl Into<serde_json::Value>) -> Self {
        self.rest.insert(key.into(), value.into());
        self
    }
}

/// Checks that the object, which is written without them, has none of these keys: one would be sent twice, and the CLI
/// would take the later one. Those that are `ours` mean something to this crate, which would not see them.
pub(crate) fn check_extra(
    extra: &BTreeMap<String, serde_json::Value>,
    object: &str,
    ours: &[&str],
) -> Result<(), Error> {
    let is_set = |key: &&String| ours.contains(&key.as_str()) || peek::has(object, key);
    match extra.keys().find(is_set) {
        Some(key) => Err(Error::Invalid(format!("`extra` sets {key}, which only its setter may set here"))),
        None => Ok(()),
    }
}

impl<T: Into<String>> From<T> for SendRequest {
    fn from(prompt: T) -> Self {
        Self::new(prompt)
    }
}
