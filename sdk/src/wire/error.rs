//! Why JSON did not fit a type.

use std::borrow::Cow;

use crate::printable::printable;

/// JSON that does not have the shape a type asks for.
#[derive(Debug, Clone)]
pub struct DecodeError(Box<Mismatch>);

/// Boxed, so that a result of reading stays small.
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

    /// The same error seen from the object that holds the value under `key`.
    #[cold]
    pub(crate) fn in_field(mut self, key: &str) -> Self {
        self.0.path.replace_range(..1, &format!("$.{}", shortened(key)));
        self
    }

    /// The same error seen from the array that holds the value at `index`.
    #[cold]
    pub(crate) fn in_item(mut self, index: usize) -> Self {
        self.0.path.replace_range(..1, &format!("$[{index}]"));
        self
    }

    /// The place in the JSON, such as `$.toolRequests[2].name`. Of a very long key it has only the start.
    pub fn path(&self) -> &str {
        &self.0.path
    }

    /// The kind of value that the type asks for there.
    pub fn expected(&self) -> &str {
        &self.0.expected
    }

    /// The kind of value that stands there. The text of a string is left out, as it may be private, and so is the
    /// end of a long number.
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

/// The start of a text that may be of any length, for an error, which is copied and logged.
pub(super) fn shortened(text: &str) -> Cow<'_, str> {
    /// In letters.
    const LONGEST: usize = 64;
    match text.char_indices().nth(LONGEST) {
        None => Cow::Borrowed(text),
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
    }
}
