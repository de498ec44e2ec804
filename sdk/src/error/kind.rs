//! What kind of trouble an error is, for programs that act on it.

use std::time::Duration;

use crate::error::turn::TurnError;
use crate::error::{Error, RpcError};

/// The kind of an [`Error`]; see [`Error::kind`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Nobody is logged in, or the login, the provider's key or the connection token is not taken.
    Authentication,
    /// The user, or a policy of theirs, does not allow it.
    Authorization,
    /// The quota of the user or of the session is used up.
    Quota,
    /// Too much was asked in too short a time; see [`Error::retry_after`].
    RateLimit,
    /// The conversation is too long for the model.
    ContextLimit,
    /// The session has ended, or the CLI does not have it.
    SessionGone,
    /// The session is open on the same client already.
    AlreadyOpen,
    /// The CLI is of a version that cannot do it.
    VersionSkew,
    /// There is no CLI where it was looked for.
    CliNotFound,
    /// The CLI could not be started, or not be reached.
    Unreachable,
    /// The connection is over.
    Closed,
    /// Something took longer than it was given.
    Timeout,
    /// The CLI sent something else than its schema says.
    Decode,
    /// The program asked for something that makes no sense.
    Invalid,
    /// The agent's answer is not of the form that was asked for.
    Answer,
    /// None of these: what the CLI says of it is all that is known.
    Other,
}

impl Error {
    /// The kind of this error.
    ///
    /// It is told by the codes that the CLI gives, and by the text only where it gives one code for
    /// everything that goes wrong in a method, as for a session that it does not have.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound(_) => ErrorKind::CliNotFound,
            Self::Start(_) | Self::Connect(_) => ErrorKind::Unreachable,
            Self::ProtocolVersion { .. } | Self::Unsupported(_) => ErrorKind::VersionSkew,
            Self::Closed(_) => ErrorKind::Closed,
            Self::Rpc { method, error } => rpc_kind(method, error),
            Self::Decode { .. } => ErrorKind::Decode,
            Self::Turn(error) => turn_kind(error),
            Self::TurnTimeout(_) | Self::Timeout { .. } => ErrorKind::Timeout,
            Self::SessionEnded => ErrorKind::SessionGone,
            Self::AlreadyOpen { .. } => ErrorKind::AlreadyOpen,
            Self::Invalid(_) => ErrorKind::Invalid,
            Self::Answer { .. } => ErrorKind::Answer,
            // Other versions give the same words in an error.
            Self::Refused { method, reason } => failure_kind(method, reason),
            Self::NoRandom(_) => ErrorKind::Other,
        }
    }

    /// Tells whether the same may work when it is tried again later with nothing changed: after a rate limit, a
    /// timeout, a failure of the model's service. It does not say that the first try had no effect: an
    /// agent whose turn took too long goes on with it. Once the connection [is closed](Self::is_closed) it
    /// takes a new client.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Turn(error) => {
                // Timeouts of the service, and its failures.
                let failed = error.status_code.is_some_and(|status| status == 408 || status >= 500);
                failed || self.kind() == ErrorKind::RateLimit
            }
            Self::Connect(_) | Self::Timeout { .. } | Self::TurnTimeout(_) => true,
            _ => false,
        }
    }

    /// The time to wait before it is worth trying again, when the CLI told: the time until a rate limit is
    /// over, counted from the end of the turn.
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
        // The numbers alone may be another peer's for something else.
        RpcError::AUTHENTICATION_REQUIRED
        | RpcError::AUTHENTICATION_FAILED
        | RpcError::AUTHENTICATION_NOT_CONFIGURED
            if error.message.starts_with("AUTHENTICATION_") =>
        {
            ErrorKind::Authentication
        }
        // The CLI has this one code for all that goes wrong in a method.
        RpcError::INTERNAL_ERROR => failure_kind(method, &error.message),
        _ => ErrorKind::Other,
    }
}

/// What a method failed for, by the CLI's own words for it. They stand at the start, after the method.
fn failure_kind(method: &str, message: &str) -> ErrorKind {
    const GONE: &[&str] =
        &["Session not found", "Session file not found", "Failed to load session events: Session not found"];
    const NO_LOGIN: &[&str] = &["Not authenticated", "No authentication info available"];
    let words = message.strip_prefix("Request ").and_then(|rest| rest.strip_prefix(method));
    let words = words.and_then(|rest| rest.strip_prefix(" failed with message: ")).unwrap_or(message);
    let says = |known: &[&str]| known.iter().any(|known| words.starts_with(known));
    if says(GONE) {
        ErrorKind::SessionGone
    } else if says(NO_LOGIN) {
        ErrorKind::Authentication
    } else {
        ErrorKind::Other
    }
}

fn turn_kind(error: &TurnError) -> ErrorKind {
    match &*error.error_type {
        "authentication" => return ErrorKind::Authentication,
        "authorization" | "policy" => return ErrorKind::Authorization,
        "quota" => return ErrorKind::Quota,
        "rate_limit" => return ErrorKind::RateLimit,
        "context_limit" => return ErrorKind::ContextLimit,
        _ => {}
    }
    // Of a provider of one's own the CLI says that the query failed, whatever the reason.
    match error.provider_code.as_deref() {
        Some("context_length_exceeded" | "model_max_prompt_tokens_exceeded") => {
            return ErrorKind::ContextLimit;
        }
        Some("insufficient_quota" | "quota_exceeded") => return ErrorKind::Quota,
        _ => {}
    }
    match error.status_code {
        Some(401) => ErrorKind::Authentication,
        Some(402) => ErrorKind::Quota,
        Some(403) => ErrorKind::Authorization,
        Some(413) => ErrorKind::ContextLimit,
        Some(429) => ErrorKind::RateLimit,
        _ => ErrorKind::Other,
    }
}
