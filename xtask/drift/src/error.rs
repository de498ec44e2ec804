//! The error of a check that was not possible.

use std::fmt;

/// The reason why a CLI could not be checked.
pub struct Error(pub(crate) anyhow::Error);

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:#}", self.0)
    }
}

/// The same text as `Display`, since that is what a test prints that returns the error or unwraps it.
impl fmt::Debug for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

impl std::error::Error for Error {}
