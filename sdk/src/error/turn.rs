//! Turns that failed or took too long.

use std::fmt;
use std::time::Duration;

use crate::error::Error;
use crate::events::answer::Answer;
use crate::printable::{printable, printable_lines};
use crate::rpc::error::write_output;
use crate::types::ErrorData;
use crate::wire::redact;

/// A failed turn: the data of its `session.error` event, and information from other events of the turn.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TurnError {
    /// The data of `session.error`.
    pub data: ErrorData,
    /// The time until the rate limit ends, counted from the end of the turn; none if the CLI did not report
    /// it (`auto_mode_switch.requested`).
    pub retry_after: Option<Duration>,
    /// The time when the exhausted quota resets, in RFC 3339; none if the CLI did not report it (the last
    /// `model.call_failure`).
    pub quota_reset: Option<String>,
    /// The error code of the model provider, such as `context_length_exceeded` (the last
    /// `model.call_failure`).
    pub provider_code: Option<String>,
    /// The answer so far.
    pub answer: Answer,
}

impl fmt::Display for TurnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the turn failed: {}", printable_lines(&redact::text(&self.data.message)))
    }
}

impl std::error::Error for TurnError {}

/// A timeout of a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TimeoutKind {
    /// [`Turn::timeout`](crate::Turn::timeout) or [`Turn::timeout_at`](crate::Turn::timeout_at).
    Total,
    /// [`Turn::idle_timeout`](crate::Turn::idle_timeout).
    Idle,
    /// [`Turn::first_event_timeout`](crate::Turn::first_event_timeout).
    FirstEvent,
}

/// A turn that took longer than one of its timeouts. The CLI and the agent are still running; had the CLI ended,
/// the error would be [`Error::TurnCutOff`](crate::Error::TurnCutOff).
#[derive(Clone)]
#[non_exhaustive]
pub struct TurnTimeout {
    /// The timeout that was exceeded.
    pub kind: TimeoutKind,
    /// The length of that timeout.
    pub after: Duration,
    /// The kind of the last event, and the time since; none if there was no event.
    pub last_event: Option<(String, Duration)>,
    /// The things that the agent waits for: the names of running tools and the kinds of open requests.
    pub waiting_for: Vec<String>,
    /// The answer so far.
    pub answer: Answer,
    /// The text of the agent's incomplete message after that answer.
    pub unfinished: String,
    /// The last 8 KiB of the standard error of the CLI; empty if it is not a child process.
    pub stderr: String,
}

impl fmt::Display for TurnTimeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            TimeoutKind::Total if self.after.is_zero() => {
                f.write_str("the time for the turn was over before it began")?
            }
            TimeoutKind::Total => write!(f, "the turn took longer than {:?}", self.after)?,
            TimeoutKind::Idle => write!(f, "the turn was silent for {:?}", self.after)?,
            TimeoutKind::FirstEvent => write!(f, "the turn did not begin within {:?}", self.after)?,
        }
        if let Some((kind, age)) = &self.last_event {
            write!(f, "; the last event was {}, {age:.1?} ago", printable(kind))?;
        }
        if !self.waiting_for.is_empty() {
            write!(f, "; it waits for {}", printable(&self.waiting_for.join(", ")))?;
        }
        write_output(f, "", &self.stderr)
    }
}

impl fmt::Debug for TurnTimeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TurnTimeout")
            .field("kind", &self.kind)
            .field("after", &self.after)
            .field("last_event", &self.last_event)
            .field("waiting_for", &self.waiting_for)
            .field("answer", &self.answer)
            .field("unfinished", &redact::text(&self.unfinished))
            .field("stderr", &self.stderr)
            .finish()
    }
}

impl std::error::Error for TurnTimeout {}

/// A turn during which its session ended, or the connection to the CLI.
#[derive(Clone)]
#[non_exhaustive]
pub struct TurnCutOff {
    /// The cause: [`Error::SessionEnded`](crate::Error::SessionEnded) or [`Error::Closed`](crate::Error::Closed).
    pub cause: Error,
    /// The answer so far.
    pub answer: Answer,
    /// The text of the agent's incomplete message after that answer. Only a turn with a timeout, such as
    /// [`Turn::idle_timeout`](crate::Turn::idle_timeout), keeps it; otherwise it is empty.
    pub unfinished: String,
}

impl fmt::Display for TurnCutOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cause.fmt(f)
    }
}

impl fmt::Debug for TurnCutOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TurnCutOff")
            .field("cause", &self.cause)
            .field("answer", &self.answer)
            .field("unfinished", &redact::text(&self.unfinished))
            .finish()
    }
}

impl std::error::Error for TurnCutOff {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause.source()
    }
}
