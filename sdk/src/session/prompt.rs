//! Prompts: what a [`SendRequest`] is made from.

use std::path::Path;

use crate::types::{Attachment, AttachmentBlob, AttachmentFile, SendRequest};
use crate::wire::base64;

impl SendRequest {
    /// Attaches a file, after earlier attachments. A relative path is one below the current directory of this program.
    /// The prompt does not fail if the file does not exist: the model reads that it is missing.
    pub fn file(self, path: impl AsRef<Path>) -> Self {
        let path = path.as_ref();
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        self.attach(Attachment::File(AttachmentFile::new(path.to_string_lossy())))
    }

    /// Attaches an image, after earlier attachments: its bytes, and their type, such as `image/png`.
    pub fn image(self, bytes: impl AsRef<[u8]>, mime_type: impl Into<String>) -> Self {
        let blob = AttachmentBlob::new(mime_type).data(base64::encode(bytes.as_ref()));
        self.attach(Attachment::Blob(blob))
    }

    fn attach(mut self, attachment: Attachment) -> Self {
        self.attachments.get_or_insert_default().push(attachment);
        self
    }
}

impl From<&str> for SendRequest {
    fn from(prompt: &str) -> Self {
        Self::new(prompt)
    }
}

impl From<String> for SendRequest {
    fn from(prompt: String) -> Self {
        Self::new(prompt)
    }
}
