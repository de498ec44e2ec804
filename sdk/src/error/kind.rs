//! The category of an error, for programs that act on it.

use std::fmt;
use std::time::Duration;

use crate::error::turn::TurnError;
use crate::error::{Error, RpcError};

/// The category of an [`Error`]; see [`Error::kind`]. Later versions may have more.
///
/// A program can try again if [`Error::is_retryable`] says so. After [`SessionGone`](Self::SessionGone) it opens another
/// session, and after [`Closed`](Self::Closed) it starts another client. [`Authentication`](Self::Authentication),
/// [`Authorization`](Self::Authorization), [`Quota`](Self::Quota), [`VersionSkew`](Self::VersionSkew) and
/// [`CliNotFound`](Self::CliNotFound) need a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// No user is logged in, or the login, the provider's key or the connection token was rejected.
    Authentication,
    /// The user is not authorized, or a policy forbids the request.
    Authorization,
    /// The quota of the user or of the session is used up.
    Quota,
    /// Too many requests in a short time; see [`Error::retry_after`].
    RateLimit,
    /// The conversation is too long for the model.
    ContextLimit,
    /// The model does not exist, or the user may not use it. [`Client::models`](crate::Client::models) lists those of
    /// GitHub.
    ModelUnavailable,
    /// The session has ended, or the CLI does not know it.
    SessionGone,
    /// The session is already open on the same client.
    AlreadyOpen,
    /// The version of the CLI does not support the operation.
    VersionSkew,
    /// The CLI was not found.
    CliNotFound,
    /// The CLI could not be started or reached.
    Unreachable,
    /// The connection is closed.
    Closed,
    /// A turn ([`Error::TurnTimeout`]) or another operation ([`Error::Timeout`]) took longer than its time limit.
    Timeout,
    /// The CLI sent data that does not match its schema.
    Decode,
    /// Invalid argument.
    Invalid,
    /// The answer of the agent does not have the requested form.
    Answer,
    /// Another error; only the CLI's message is known.
    Other,
}

impl ErrorKind {
    /// The name of the category in snake case, such as `rate_limit`: for metrics, logs and the replies of a server. It
    /// stays the same in later versions of this crate.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Authentication => "authentication",
            Self::Authorization => "authorization",
            Self::Quota => "quota",
            Self::RateLimit => "rate_limit",
            Self::ContextLimit => "context_limit",
            Self::ModelUnavailable => "model_unavailable",
            Self::SessionGone => "session_gone",
            Self::AlreadyOpen => "already_open",
            Self::VersionSkew => "version_skew",
            Self::CliNotFound => "cli_not_found",
            Self::Unreachable => "unreachable",
            Self::Closed => "closed",
            Self::Timeout => "timeout",
            Self::Decode => "decode",
            Self::Invalid => "invalid",
            Self::Answer => "answer",
            Self::Other => "other",
        }
    }
}

/// Writes [`as_str`](ErrorKind::as_str).
impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Error {
    /// The category of this error.
    ///
    /// It is derived from the codes of the CLI. Its messages are used only where it has a single code for several
    /// failures, as for an unknown session, an unknown model or a missing login.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound(_) => ErrorKind::CliNotFound,
            Self::Start(_) | Self::Connect(_) => ErrorKind::Unreachable,
            Self::ProtocolVersion { .. } | Self::WrongCliVersion { .. } | Self::Unsupported(_) => {
                ErrorKind::VersionSkew
            }
            Self::Closed(_) => ErrorKind::Closed,
            Self::Rpc { method, error } => rpc_kind(method, error),
            Self::Decode { .. } => ErrorKind::Decode,
            Self::Turn(error) => turn_kind(error),
            Self::TurnTimeout(_) | Self::Timeout { .. } => ErrorKind::Timeout,
            Self::TurnCutOff(turn) => turn.cause.kind(),
            Self::SessionEnded => ErrorKind::SessionGone,
            Self::AlreadyOpen { .. } => ErrorKind::AlreadyOpen,
            Self::Invalid(_) => ErrorKind::Invalid,
            Self::Answer { .. } => ErrorKind::Answer,
            // Other versions report the same reasons as errors.
            Self::Refused { method, reason } => failure_kind(method, reason),
            Self::NoRandom(_) => ErrorKind::Other,
        }
    }

    /// Returns true if the same operation may succeed later without any change: after a rate limit, a
    /// timeout, or a failure of the model's service. The first attempt may have had an effect; for example,
    /// an agent continues a turn that took too long. A [closed](Self::is_closed) connection is not
    /// retryable: start a new client.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Turn(error) => {
                // Timeouts and failures of the service.
                let failed = error.data.status_code.is_some_and(|status| status == 408 || status >= 500);
                failed || self.kind() == ErrorKind::RateLimit
            }
            Self::Connect(_) | Self::Timeout { .. } | Self::TurnTimeout(_) => true,
            _ => false,
        }
    }

    /// The time to wait before another attempt, if the CLI reported it: the time until a rate limit ends,
    /// counted from the end of the turn.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Turn(error) => error.retry_after,
            _ => None,
        }
    }
}

fn rpc_kind(method: &str, error: &RpcError) -> ErrorKind {
    match error.code {
        RpcError::INVALID_PARAMS | RpcError::INVALID_REQUEST => ErrorKind::Invalid,
        _ if error.authentication().is_some() => ErrorKind::Authentication,
        // The CLI has a single code for all failures of a method.
        RpcError::INTERNAL_ERROR => failure_kind(method, &error.message),
        _ => ErrorKind::Other,
    }
}

/// The category of a failure by the CLI's message, which follows the name of the method.
fn failure_kind(method: &str, message: &str) -> ErrorKind {
    const GONE: &[&str] =
        &["Session not found", "Session file not found", "Failed to load session events: Session not found"];
    let words = own_words(method, message);
    if starts_with(words, GONE) {
        ErrorKind::SessionGone
    } else if starts_with(words, NO_LOGIN) {
        ErrorKind::Authentication
    } else if words.starts_with("Model \"") && words.ends_with("\" is not available.") {
        ErrorKind::ModelUnavailable
    } else {
        ErrorKind::Other
    }
}

/// The starts of the CLI's messages for a call without a login.
const NO_LOGIN: &[&str] = &["Not authenticated", "No authentication info available"];

/// The starts of the CLI's messages for a turn without a login.
const NO_TOKEN: &[&str] = &[
    "Execution failed: InvalidArg, No GitHub OAuth token",
    "Execution failed: Error: Session was not created with authentication info",
];

fn starts_with(message: &str, known: &[&str]) -> bool {
    known.iter().any(|known| message.starts_with(known))
}

/// Returns the message of a failed call without the words that the CLI puts before it, which name the method.
pub(super) fn own_words<'m>(method: &str, message: &'m str) -> &'m str {
    let words = message.strip_prefix("Request ").and_then(|rest| rest.strip_prefix(method));
    words.and_then(|rest| rest.strip_prefix(" failed with message: ")).unwrap_or(message)
}

/// Returns true if the CLI failed because nobody is logged in.
pub(super) fn lacks_login(error: &Error) -> bool {
    match error {
        Error::Rpc { method, error } => starts_with(own_words(method, &error.message), NO_LOGIN),
        Error::Refused { method, reason } => starts_with(own_words(method, reason), NO_LOGIN),
        Error::Turn(error) => starts_with(&error.data.message, NO_TOKEN),
        _ => false,
    }
}

fn turn_kind(error: &TurnError) -> ErrorKind {
    match (&*error.data.error_type, error.provider_code.as_deref(), error.data.status_code) {
        ("authentication", ..) => ErrorKind::Authentication,
        // CLIs from 1.0.81 on have no type for a turn without a login.
        ("query", ..) if starts_with(&error.data.message, NO_TOKEN) => ErrorKind::Authentication,
        ("authorization" | "policy", ..) => ErrorKind::Authorization,
        ("quota", ..) => ErrorKind::Quota,
        ("rate_limit", ..) => ErrorKind::RateLimit,
        ("context_limit", ..) => ErrorKind::ContextLimit,
        // For a user's own provider, the CLI reports only that the query failed.
        (_, Some("context_length_exceeded" | "model_max_prompt_tokens_exceeded"), _) => {
            ErrorKind::ContextLimit
        }
        (_, Some("insufficient_quota" | "quota_exceeded"), _) => ErrorKind::Quota,
        (_, Some("model_not_found"), _) => ErrorKind::ModelUnavailable,
        (_, _, Some(401)) => ErrorKind::Authentication,
        (_, _, Some(402)) => ErrorKind::Quota,
        (_, _, Some(403)) => ErrorKind::Authorization,
        (_, _, Some(413)) => ErrorKind::ContextLimit,
        (_, _, Some(429)) => ErrorKind::RateLimit,
        _ => ErrorKind::Other,
    }
}
