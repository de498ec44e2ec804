//! Errors of JSON-RPC: the error response, and the end of a connection.

use std::fmt;

use crate::printable::printable_lines;
use crate::wire::redact;

/// The error of a JSON-RPC response. Its `Debug` and `Display` show no secrets.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RpcError {
    /// The JSON-RPC error code, such as -32601 for an unknown method.
    pub code: i64,
    /// The message.
    pub message: String,
    /// Additional data as JSON text, if the CLI sent any.
    pub data: Option<String>,
}

impl fmt::Debug for RpcError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RpcError")
            .field("code", &self.code)
            .field("message", &redact::text(&self.message))
            .field("data", &self.data.as_deref().map(redact::json))
            .finish()
    }
}

impl fmt::Display for RpcError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, &self.message)
    }
}

impl std::error::Error for RpcError {}

impl RpcError {
    /// Writes the error with these words of its message.
    pub(crate) fn write(&self, f: &mut fmt::Formatter<'_>, words: &str) -> fmt::Result {
        write!(f, "{} (code {})", printable_lines(&redact::text(words)), self.code)?;
        match self.authentication() {
            Some(meaning) => write!(f, ": {meaning}"),
            None => Ok(()),
        }
    }

    /// The message is not JSON.
    pub const PARSE_ERROR: i64 = -32700;
    /// The message is not a valid request.
    pub const INVALID_REQUEST: i64 = -32600;
    /// The peer does not know the method.
    pub const METHOD_NOT_FOUND: i64 = -32601;
    /// The params do not have the shape that the method requires.
    pub const INVALID_PARAMS: i64 = -32602;
    /// The method failed.
    pub const INTERNAL_ERROR: i64 = -32603;
    /// The peer cancelled the request with `$/cancelRequest`.
    pub const REQUEST_CANCELLED: i64 = -32800;
    /// The TCP server requires its connection token before any other request.
    pub const AUTHENTICATION_REQUIRED: i64 = -32001;
    /// The connection token is wrong, or missing.
    pub const AUTHENTICATION_FAILED: i64 = -32002;
    /// A connection token was sent to a server that has none.
    pub const AUTHENTICATION_NOT_CONFIGURED: i64 = -32003;

    /// Creates an error to respond to a request with.
    pub fn new(code: i64, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), data: None }
    }

    /// The meaning of an error about the connection token, none for another. The CLI's own message is a bare
    /// identifier, and other peers may use its codes for something else.
    pub(crate) fn authentication(&self) -> Option<&'static str> {
        let meaning = match self.code {
            Self::AUTHENTICATION_REQUIRED => "the server requires a connection token",
            Self::AUTHENTICATION_FAILED => "the connection token is wrong or missing",
            Self::AUTHENTICATION_NOT_CONFIGURED => "the server has no connection token",
            _ => return None,
        };
        self.message.starts_with("AUTHENTICATION_").then_some(meaning)
    }

    /// The answer to a method that has no handler.
    pub(crate) fn unhandled(method: &str) -> Self {
        Self::new(Self::METHOD_NOT_FOUND, format!("Unhandled method {method}"))
    }
}

/// An [`INTERNAL_ERROR`](RpcError::INTERNAL_ERROR) with this message.
impl From<String> for RpcError {
    fn from(message: String) -> Self {
        Self::new(Self::INTERNAL_ERROR, message)
    }
}

/// An [`INTERNAL_ERROR`](RpcError::INTERNAL_ERROR) with this message.
impl From<&str> for RpcError {
    fn from(message: &str) -> Self {
        Self::new(Self::INTERNAL_ERROR, message)
    }
}

/// The reason why a connection is closed, with what is known about the CLI.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Closed {
    /// The reason in a few words.
    pub reason: String,
    /// The exit code of the CLI, if it ran as a child process and exited by itself.
    pub exit_code: Option<i32>,
    /// The signal that ended the CLI, if it ran as a child process (Unix only).
    pub signal: Option<i32>,
    /// The last 2 KiB of received text that belongs to no message, such as the output of a program that is
    /// not the CLI. For a CLI that serves on TCP, its output in place of the port.
    pub stdout: String,
    /// The last 8 KiB of the standard error of the CLI; empty if it is not a child process.
    pub stderr: String,
}

impl Closed {
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        let (stdout, stderr) = (String::new(), String::new());
        Self { reason: reason.into(), exit_code: None, signal: None, stdout, stderr }
    }
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&printable_lines(&self.reason))?;
        if let Some(code) = self.exit_code {
            write!(f, ", exit code {code}")?;
        }
        if let Some(signal) = self.signal {
            write!(f, ", signal {signal}")?;
        }
        write_output(f, &self.stdout, &self.stderr)
    }
}

impl std::error::Error for Closed {}

/// Appends to an error what the CLI printed: the text that belongs to no message, and the end of its stderr.
pub(crate) fn write_output(f: &mut fmt::Formatter<'_>, stdout: &str, stderr: &str) -> fmt::Result {
    for (what, text) in [("text on stdout", stdout.trim()), ("stderr ends with", stderr.trim())] {
        if !text.is_empty() {
            write!(f, "; {what}: {}", printable_lines(text))?;
        }
    }
    Ok(())
}
