//! The error for JSON that does not fit a type.

use std::borrow::Cow;

use super::redact;
use crate::printable::printable;

/// JSON that does not have the shape of its type.
#[derive(Debug, Clone)]
pub struct DecodeError(Box<Mismatch>);

/// Boxed to keep `Result`s small.
#[derive(Debug, Clone)]
struct Mismatch {
    path: String,
    expected: String,
    found: String,
}

impl DecodeError {
    #[cold]
    pub(crate) fn new(expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self(Box::new(Mismatch { path: "$".to_owned(), expected: expected.into(), found: found.into() }))
    }

    /// Prefixes the path with the key of the object that holds the value.
    #[cold]
    pub(crate) fn in_field(mut self, key: &str) -> Self {
        self.0.path.replace_range(..1, &format!("$.{}", shortened(&redact::text(key))));
        self
    }

    /// Prefixes the path with the index in the array that holds the value.
    #[cold]
    pub(crate) fn in_item(mut self, index: usize) -> Self {
        self.0.path.replace_range(..1, &format!("$[{index}]"));
        self
    }

    /// The place in the JSON, such as `$.toolRequests[2].name`. Long keys are shortened, and secrets in them hidden.
    pub fn path(&self) -> &str {
        &self.0.path
    }

    /// A description of the expected value.
    pub fn expected(&self) -> &str {
        &self.0.expected
    }

    /// A description of the value that was found. It omits the text of strings, which may be private, and
    /// shortens long numbers.
    pub fn found(&self) -> &str {
        &self.0.found
    }
}

impl std::fmt::Display for DecodeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Mismatch { path, expected, found } = &*self.0;
        let (path, found) = (printable(path), printable(found));
        write!(f, "at {path}: expected {expected}, found {found}")
    }
}

impl std::error::Error for DecodeError {}

/// Shortens a text of any length for an error, which is copied and logged.
pub(super) fn shortened(text: &str) -> Cow<'_, str> {
    /// In characters.
    const MAX_LENGTH: usize = 64;
    match text.char_indices().nth(MAX_LENGTH) {
        None => Cow::Borrowed(text),
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
    }
}
