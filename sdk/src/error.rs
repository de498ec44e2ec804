//! What can go wrong, as one enum.

pub(crate) mod kind;
pub(crate) mod turn;
pub(crate) mod unsupported;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::error::turn::{TurnError, TurnTimeout};
use crate::error::unsupported::Unsupported;
use crate::events::stream::Ended;
use crate::printable::printable_lines;
use crate::process::{NotFound, SpawnError};
use crate::rpc::error::{write_stderr, write_stdout};
use crate::rpc::message::TooDeep;
pub use crate::rpc::{Closed, RpcError};
use crate::version::CliVersion;
use crate::wire::{DecodeError, redact};

/// The reason for which something did not work.
///
/// Its text says what went wrong, in the CLI's own words where the CLI answered with an error. What a layer below
/// says of it (the operating system, the JSON decoder) is its [`source`](std::error::Error::source) and does not
/// stand in the text, as is the custom: `{error}` prints the text, `{error:#}` the text and all sources after it,
/// each of them once. What others wrote is escaped as by [`printable_lines`], so that it is fit for a terminal.
//
// The crate's errors say by hand what a derive would: it brings five crates to every user's build.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Error {
    /// The CLI's program was not found.
    NotFound(NotFound),
    /// The CLI's program was found but could not be started.
    Start(Arc<SpawnError>),
    /// The CLI speaks a version of the protocol that this crate does not.
    #[non_exhaustive]
    ProtocolVersion {
        /// The protocol version the CLI answered with.
        found: i64,
        /// The versions this crate speaks.
        supported: &'static str,
        /// The CLI's own version, when it told.
        version: String,
    },
    /// No TCP connection came about, mostly because nobody listens at the address.
    Connect(Arc<std::io::Error>),
    /// The connection to the CLI is over.
    Closed(Closed),
    /// The CLI answered a request with an error, other than that it does not know the method.
    #[non_exhaustive]
    Rpc {
        /// The request's method.
        method: String,
        /// The answer.
        error: RpcError,
    },
    /// The CLI's answer did not have the shape the schema gives it, or could not be read at all.
    #[non_exhaustive]
    Decode {
        /// The request's method.
        method: String,
        /// The mismatch, and its place in the JSON.
        error: DecodeError,
        /// The CLI's version, when it told: another version than this crate was made for may answer in
        /// another form.
        version: String,
    },
    /// The agent could not finish the turn.
    Turn(Box<TurnError>),
    /// The turn took longer than it was given.
    TurnTimeout(Box<TurnTimeout>),
    /// The agent's answer is not of the form that was asked for.
    #[non_exhaustive]
    Answer {
        /// The answer's text.
        text: String,
        /// The mismatch.
        reason: String,
    },
    /// The session has ended, or ended while the call or the turn was waited for; see
    /// [`Session`](crate::Session) for what ends it. Nothing is sent for it any more.
    SessionEnded,
    /// The session is open on this client already, or is being opened; nothing was sent.
    /// [`Client::open_session`](crate::Client::open_session) gives a handle of it, and
    /// [`SessionBuilder::when_open`](crate::SessionBuilder::when_open) chooses another way.
    #[non_exhaustive]
    AlreadyOpen {
        /// The session's id.
        session_id: String,
    },
    /// The CLI did what was asked and says that it failed.
    #[non_exhaustive]
    Refused {
        /// The request's method.
        method: String,
        /// The reason that the CLI gives.
        reason: String,
    },
    /// The connected CLI cannot do what was asked: it does not know the method, or it is known not to, and
    /// nothing was sent.
    Unsupported(Box<Unsupported>),
    /// Something took longer than it was given.
    #[non_exhaustive]
    Timeout {
        /// The thing that was waited for.
        what: String,
        /// The time limit.
        after: Duration,
        /// The last 2 KiB of what came on the stream and is no message, such as what a program prints that is
        /// no CLI.
        stdout: String,
        /// The end of what the CLI, which still runs, wrote to its standard error; empty when it is not a
        /// child of ours.
        stderr: String,
    },
    /// The program asked for something that makes no sense; nothing was sent.
    Invalid(String),
    /// The system gave no random numbers, for the id of a session or for a connection token.
    NoRandom(Arc<std::io::Error>),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_text(f)?;
        let mut source = std::error::Error::source(self).filter(|_| f.alternate());
        while let Some(error) = source {
            write!(f, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Connect(error) | Self::NoRandom(error) => Some(&**error),
            Self::Decode { error, .. } => Some(error),
            // These have the text of what they hold, and so its source.
            Self::Start(error) => error.source(),
            Self::Unsupported(error) => error.source(),
            // The rest is nobody's but theirs, and all of it is in the text.
            Self::NotFound(_)
            | Self::ProtocolVersion { .. }
            | Self::Closed(_)
            | Self::Rpc { .. }
            | Self::Turn(_)
            | Self::TurnTimeout(_)
            | Self::Answer { .. }
            | Self::SessionEnded
            | Self::AlreadyOpen { .. }
            | Self::Refused { .. }
            | Self::Timeout { .. }
            | Self::Invalid(_) => None,
        }
    }
}

impl Error {
    /// The text without that of the source.
    fn write_text(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound(error) => write!(f, "{error}"),
            Self::Start(error) => write!(f, "{error}"),
            Self::ProtocolVersion { found, supported, version } => {
                let version = printable_lines(version);
                write!(f, "the Copilot CLI {version} speaks protocol {found}; this crate speaks {supported}")
            }
            Self::Connect(_) => f.write_str("cannot connect to the Copilot CLI"),
            Self::Closed(closed) => write!(f, "the connection to the Copilot CLI is closed: {closed}"),
            Self::Rpc { method, error } => write!(f, "{method} failed: {error}"),
            Self::Decode { method, version, .. } if version.is_empty() => {
                write!(f, "the answer to {method} is not as expected")
            }
            Self::Decode { method, version, .. } => {
                write!(f, "the answer of the Copilot CLI {version} to {method} is not as expected")
            }
            Self::Turn(error) => write!(f, "{error}"),
            Self::TurnTimeout(timeout) => write!(f, "{timeout}"),
            Self::Answer { reason, .. } => {
                write!(f, "the answer is not of the form that was asked for: {}", printable_lines(reason))
            }
            Self::SessionEnded => f.write_str("the session has ended"),
            Self::AlreadyOpen { session_id } => {
                write!(f, "session {} is open on this client already", printable_lines(session_id))
            }
            Self::Refused { method, reason } => {
                write!(f, "{method} failed: {}", printable_lines(&redact::text(reason)))
            }
            Self::Unsupported(what) => write!(f, "{what}"),
            Self::Timeout { what, after, stdout, stderr } => {
                write!(f, "{what} took longer than {after:?}")?;
                write_stdout(f, stdout)?;
                write_stderr(f, stderr)
            }
            Self::Invalid(text) => f.write_str(&printable_lines(text)),
            Self::NoRandom(_) => f.write_str("the system gave no random numbers"),
        }
    }
}

impl Error {
    pub(crate) fn no_random(error: std::io::Error) -> Self {
        Self::NoRandom(Arc::new(error))
    }

    /// The JSON-RPC code, when the CLI answered with an error.
    pub fn code(&self) -> Option<i64> {
        self.answer().map(|error| error.code)
    }

    /// An answer of a CLI that cannot be read.
    pub(crate) fn decode(method: &str, error: DecodeError, version: Option<&CliVersion>) -> Self {
        let version = version.map_or_else(String::new, CliVersion::to_string);
        Self::Decode { method: method.to_owned(), error, version }
    }

    /// The error that the CLI answered with, if it did.
    fn answer(&self) -> Option<&RpcError> {
        match self {
            Self::Rpc { error, .. } => Some(error),
            Self::Unsupported(what) => what.answer.as_ref(),
            _ => None,
        }
    }

    /// The method of the request that failed, if it was a request that failed.
    pub fn method(&self) -> Option<&str> {
        match self {
            Self::Rpc { method, .. } | Self::Decode { method, .. } | Self::Refused { method, .. } => {
                Some(method)
            }
            Self::Unsupported(what) => what.method.as_deref(),
            _ => None,
        }
    }

    /// Tells whether the connection is over, so that no later call can succeed either.
    pub fn is_closed(&self) -> bool {
        matches!(self, Self::Closed(_))
    }

    /// Tells whether something took longer than it was given.
    pub fn is_timeout(&self) -> bool {
        matches!(self, Self::Timeout { .. } | Self::TurnTimeout(_))
    }

    /// Tells whether the CLI was asked and does not know the method, as an older version may not; then it is
    /// [`Error::Unsupported`].
    pub fn is_method_not_found(&self) -> bool {
        self.code() == Some(RpcError::METHOD_NOT_FOUND)
    }
}

impl From<Ended> for Error {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Session => Self::SessionEnded,
            Ended::Connection(closed) => Self::Closed(closed),
        }
    }
}

impl From<TooDeep> for Error {
    fn from(error: TooDeep) -> Self {
        Self::Invalid(error.to_string())
    }
}

impl From<Unsupported> for Error {
    fn from(what: Unsupported) -> Self {
        Self::Unsupported(Box::new(what))
    }
}

impl From<SpawnError> for Error {
    fn from(error: SpawnError) -> Self {
        match error {
            SpawnError::NotFound(error) => Self::NotFound(error),
            error => Self::Start(Arc::new(error)),
        }
    }
}
