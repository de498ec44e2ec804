//! The error type of this crate.

pub(crate) mod kind;
pub(crate) mod turn;
pub(crate) mod unsupported;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::error::kind::{lacks_login, own_words};
use crate::error::turn::{TurnCutOff, TurnError, TurnTimeout};
use crate::error::unsupported::Unsupported;
use crate::events::{answer::Answer, stream::Ended};
use crate::printable::printable_lines;
use crate::process::{NotFound, SpawnError};
use crate::rpc::error::write_output;
pub use crate::rpc::{Closed, RpcError};
use crate::version::CliVersion;
use crate::wire::{DecodeError, Unsendable};

/// The reason why an operation failed.
///
/// Its text describes the failure, in the CLI's own words if the CLI responded with an error; [`Error::Rpc`] has its
/// message unchanged. Without a CLI or a login, the text says what a person can do about it. The message
/// of a lower layer (the operating system, the JSON decoder) is the [`source`](std::error::Error::source)
/// and is not repeated in the text, as is customary: `{error}` prints the text, `{error:#}` the text and
/// all sources, each of them once. Foreign text is escaped as by [`printable_lines`], so it is safe to
/// print on a terminal.
//
// The errors of this crate are written by hand, since a derive would add five crates to every user's build.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Error {
    /// The CLI was not found.
    NotFound(NotFound),
    /// The CLI could not be started.
    Start(Arc<SpawnError>),
    /// The CLI uses a version of the protocol that this crate does not support.
    #[non_exhaustive]
    ProtocolVersion {
        /// The protocol version of the CLI.
        found: i64,
        /// The protocol versions that this crate supports.
        supported: &'static str,
        /// The CLI's own version; empty if unknown.
        version: String,
    },
    /// The CLI does not have the version that the program requires:
    /// [`ClientBuilder::min_version`](crate::ClientBuilder::min_version) or
    /// [`exact_version`](crate::ClientBuilder::exact_version).
    #[non_exhaustive]
    WrongCliVersion {
        /// The version of the CLI; empty if unknown.
        found: String,
        /// The version that the program requires.
        required: String,
        /// True if the program accepts no other version, false if it accepts newer ones.
        exact: bool,
    },
    /// The TCP connection failed, usually because no server listens on the address.
    Connect(Arc<std::io::Error>),
    /// The connection to the CLI is closed.
    Closed(Closed),
    /// The CLI responded to a request with an error, except for an unknown method, which is
    /// [`Unsupported`](Self::Unsupported).
    #[non_exhaustive]
    Rpc {
        /// The method of the request.
        method: String,
        /// The error of the CLI.
        error: RpcError,
    },
    /// The response of the CLI does not match the schema, or is unreadable.
    #[non_exhaustive]
    Decode {
        /// The method of the request.
        method: String,
        /// The mismatch, with its JSON path.
        error: DecodeError,
        /// The CLI's version; empty if unknown. A version other than the one this crate is made for may
        /// respond in another form.
        version: String,
    },
    /// The agent could not finish the turn.
    Turn(Box<TurnError>),
    /// The turn took longer than its time limit.
    TurnTimeout(Box<TurnTimeout>),
    /// The session or the connection ended during the turn. Text, [kind](Self::kind) and sources are those of the
    /// cause.
    TurnCutOff(Box<TurnCutOff>),
    /// The answer of the agent does not have the requested form.
    #[non_exhaustive]
    Answer {
        /// The answer.
        answer: Box<Answer>,
        /// The mismatch, without known secrets.
        reason: String,
    },
    /// The session has ended, possibly during the call; see [`Session`](crate::Session) for the
    /// possible causes. No further requests are sent for it.
    SessionEnded,
    /// The session is already open on this client, or is being opened; no request was sent.
    /// [`Client::open_session`](crate::Client::open_session) returns a handle of it, and
    /// [`SessionBuilder::when_open`](crate::SessionBuilder::when_open) selects another behaviour.
    #[non_exhaustive]
    AlreadyOpen {
        /// The id of the session.
        session_id: String,
    },
    /// The CLI responded without an error, but reported a failure (such as `success: false`).
    #[non_exhaustive]
    Refused {
        /// The method of the request.
        method: String,
        /// The reason of the CLI, without known secrets.
        reason: String,
    },
    /// The connected CLI does not support the operation: it does not know the method, or its version is
    /// known to lack the feature, and no request was sent.
    Unsupported(Box<Unsupported>),
    /// An operation other than a turn took longer than its time limit.
    #[non_exhaustive]
    Timeout {
        /// The operation: the method of a call, or words such as `the handshake with the CLI`.
        what: String,
        /// The timeout.
        after: Duration,
        /// The last 2 KiB of received text that belongs to no message, such as the output of a program that
        /// is not the CLI. For a CLI that serves on TCP, its output in place of the port.
        stdout: String,
        /// The last 8 KiB of the standard error of the CLI, which still runs; empty if it is not a child process.
        stderr: String,
    },
    /// Invalid argument; no request was sent.
    Invalid(String),
    /// The system returned no random numbers, for the id of a session or a connection token.
    NoRandom(Arc<std::io::Error>),
}

/// The advice that follows the text of an error without a login.
const LOGIN_ADVICE: &str = "run `copilot` once to log in, pass a token (`ClientBuilder::github_token`), or use a model of \
                            your own (`no_login` and `SessionBuilder::provider`)";

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_text(f)?;
        if lacks_login(self) {
            write!(f, "; {LOGIN_ADVICE}")?;
        }
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
            // These errors print the text of the error they hold, so its source comes next.
            Self::Start(error) => error.source(),
            Self::Unsupported(error) => error.source(),
            Self::TurnCutOff(turn) => turn.cause.source(),
            // The errors in other variants are printed in full.
            _ => None,
        }
    }
}

impl Error {
    /// Writes the text without its source.
    fn write_text(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound(error) => write!(f, "{error}"),
            Self::Start(error) => write!(f, "{error}"),
            Self::ProtocolVersion { found, supported, version } => {
                let version = printable_lines(version);
                write!(f, "the Copilot CLI {version} uses protocol {found}; this crate supports {supported}")
            }
            Self::WrongCliVersion { found, required, exact } => {
                let (found, required) = (printable_lines(found), printable_lines(required));
                let found = if found.is_empty() { "of unknown version" } else { &found };
                let relation = if *exact { "not" } else { "older than" };
                write!(
                    f,
                    "the Copilot CLI {found} is {relation} {required}, which this program requires: start that one in \
                     its place (`npm install -g @github/copilot@{required}` installs it)"
                )
            }
            Self::Connect(_) => f.write_str("cannot connect to the Copilot CLI"),
            Self::Closed(closed) => write!(f, "the connection to the Copilot CLI is closed: {closed}"),
            Self::Rpc { method, error } => {
                write!(f, "{method} failed: ")?;
                error.write(f, own_words(method, &error.message))
            }
            Self::Decode { method, version, .. } if version.is_empty() => {
                write!(f, "the response to {method} does not match its schema")
            }
            Self::Decode { method, version, .. } => {
                write!(f, "the response of the Copilot CLI {version} to {method} does not match its schema")
            }
            Self::Turn(error) => write!(f, "{error}"),
            Self::TurnTimeout(timeout) => write!(f, "{timeout}"),
            Self::TurnCutOff(turn) => turn.cause.write_text(f),
            Self::Answer { reason, .. } => {
                write!(f, "the answer does not have the requested form: {}", printable_lines(reason))
            }
            Self::SessionEnded => f.write_str("the session has ended"),
            Self::AlreadyOpen { session_id } => {
                let id = printable_lines(session_id);
                write!(f, "session {id} is already open on this client; see open_session and when_open")
            }
            Self::Refused { method, reason } => {
                write!(f, "{method} failed: {}", printable_lines(own_words(method, reason)))
            }
            Self::Unsupported(what) => write!(f, "{what}"),
            Self::Timeout { what, after, stdout, stderr } => {
                write!(f, "{what} took longer than {after:?}")?;
                write_output(f, stdout, stderr)
            }
            Self::Invalid(text) => f.write_str(&printable_lines(text)),
            Self::NoRandom(_) => f.write_str("the system returned no random numbers"),
        }
    }
}

impl Error {
    pub(crate) fn no_random(error: std::io::Error) -> Self {
        Self::NoRandom(Arc::new(error))
    }

    /// The JSON-RPC error code, if the CLI responded with an error.
    pub fn code(&self) -> Option<i64> {
        match self {
            Self::Rpc { error, .. } => Some(error.code),
            Self::Unsupported(what) => what.answer.as_ref().map(|error| error.code),
            _ => None,
        }
    }

    /// Creates the error for an unreadable response.
    pub(crate) fn decode(method: &str, error: DecodeError, version: Option<&CliVersion>) -> Self {
        let version = version.map_or_else(String::new, CliVersion::to_string);
        Self::Decode { method: method.to_owned(), error, version }
    }

    /// The method of the request that failed, if a request failed. None for a [`Timeout`](Self::Timeout), whose
    /// `what` names it.
    pub fn method(&self) -> Option<&str> {
        match self {
            Self::Rpc { method, .. } | Self::Decode { method, .. } | Self::Refused { method, .. } => {
                Some(method)
            }
            Self::Unsupported(what) => what.method.as_deref(),
            _ => None,
        }
    }

    /// The answer of a turn that failed: what the agent said and did, and what it cost, until the turn failed, its time
    /// was over, or the session or the connection ended. For an answer that does not have the requested form, that
    /// answer. None for any other error. [`TurnTimeout::unfinished`] and [`TurnCutOff::unfinished`] have the text of a
    /// message that was not complete.
    ///
    /// ```no_run
    /// # async fn run(session: copilot_session::Session) -> Result<(), copilot_session::Error> {
    /// use copilot_session::{Answer, Error};
    ///
    /// let outcome = session.send_and_wait("Tidy up the tests.").await;
    /// let answer = outcome.as_ref().map_or_else(Error::answer, Some);
    /// println!("{} premium requests", answer.map(Answer::usage).unwrap_or_default().cost);
    /// # Ok(())
    /// # }
    /// ```
    pub fn answer(&self) -> Option<&Answer> {
        match self {
            Self::Turn(error) => Some(&error.answer),
            Self::TurnTimeout(timeout) => Some(&timeout.answer),
            Self::TurnCutOff(turn) => Some(&turn.answer),
            Self::Answer { answer, .. } => Some(answer),
            _ => None,
        }
    }

    /// Returns true if the connection is closed, so that later calls fail, too.
    pub fn is_closed(&self) -> bool {
        self.closed().is_some()
    }

    /// The end of the connection, with the exit status and the last output of the CLI; none for any other error. It is
    /// also that of a turn that was cut off.
    pub fn closed(&self) -> Option<&Closed> {
        match self {
            Self::Closed(closed) => Some(closed),
            Self::TurnCutOff(turn) => turn.cause.closed(),
            _ => None,
        }
    }

    /// Returns true if an operation took longer than its time limit. That of a turn is
    /// [`TurnTimeout`](Self::TurnTimeout), and its agent continues; that of a call, the handshake and others is
    /// [`Timeout`](Self::Timeout).
    pub fn is_timeout(&self) -> bool {
        matches!(self, Self::Timeout { .. } | Self::TurnTimeout(_))
    }

    /// Returns true if the CLI responded that it does not know the method, as an older version may; the
    /// error is then [`Error::Unsupported`].
    pub fn is_method_not_found(&self) -> bool {
        self.code() == Some(RpcError::METHOD_NOT_FOUND)
    }
}

/// The answer of a handler in which a call failed: an [`INTERNAL_ERROR`](RpcError::INTERNAL_ERROR) with the error's
/// text and its causes.
impl From<Error> for RpcError {
    fn from(error: Error) -> Self {
        format!("{error:#}").into()
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

impl From<Unsendable> for Error {
    fn from(reason: Unsendable) -> Self {
        Self::Invalid(reason.0)
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
