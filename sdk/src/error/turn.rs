//! Turns that failed or took too long.

use std::fmt;
use std::time::Duration;

use crate::events::answer::Answer;
use crate::printable::{printable, printable_lines};
use crate::rpc::error::write_stderr;
use crate::types::ErrorData;
use crate::wire::redact;

/// A turn that failed: the data of the event `session.error`, to which this derefs, and what other events
/// of the turn add to it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TurnError {
    /// The data of the CLI's `session.error`.
    pub data: ErrorData,
    /// The time until the rate limit that was reached ends, from the end of the turn on; none when the CLI did
    /// not tell (`auto_mode_switch.requested`).
    pub retry_after: Option<Duration>,
    /// The time at which the quota that is used up begins anew, in RFC 3339; none when the CLI did not tell (the last
    /// `model.call_failure`).
    pub quota_reset: Option<String>,
    /// The model provider's own code for the failure, such as `context_length_exceeded` (the last
    /// `model.call_failure`).
    pub provider_code: Option<String>,
    /// The answer as far as it had come.
    pub answer: Answer,
}

impl std::ops::Deref for TurnError {
    type Target = ErrorData;

    fn deref(&self) -> &ErrorData {
        &self.data
    }
}

impl fmt::Display for TurnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the turn failed: {}", printable_lines(&redact::text(&self.data.message)))
    }
}

impl std::error::Error for TurnError {}

/// One of the [`Limits`](crate::Limits), which was passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Limit {
    /// [`Limits::total`](crate::Limits::total).
    Total,
    /// [`Limits::idle`](crate::Limits::idle).
    Idle,
    /// [`Limits::first_event`](crate::Limits::first_event).
    FirstEvent,
}

/// A turn that took longer than it was given. The CLI still runs, else the turn had ended with
/// [`Error::Closed`](crate::Error::Closed), and the agent goes on.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TurnTimeout {
    /// The limit that was passed.
    pub limit: Limit,
    /// The length of that limit.
    pub after: Duration,
    /// The kind of the last event, and how long ago it came; none when none came.
    pub last_event: Option<(String, Duration)>,
    /// The things that the agent waits for: the names of running tools, the kinds of open requests.
    pub waiting_for: Vec<String>,
    /// The answer so far.
    pub answer: Answer,
    /// The text that the agent has written since, of a message that is not done.
    pub unfinished: String,
    /// The end of what the CLI wrote to its standard error; empty when it is not a child of ours.
    pub stderr: String,
}

impl fmt::Display for TurnTimeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.limit {
            Limit::Total => write!(f, "the turn took longer than {:?}", self.after)?,
            Limit::Idle => write!(f, "the turn was silent for {:?}", self.after)?,
            Limit::FirstEvent => write!(f, "the turn did not begin within {:?}", self.after)?,
        }
        if let Some((kind, age)) = &self.last_event {
            write!(f, "; the last event was {}, {age:.1?} ago", printable(kind))?;
        }
        if !self.waiting_for.is_empty() {
            write!(f, "; it waits for {}", printable(&self.waiting_for.join(", ")))?;
        }
        write_stderr(f, &self.stderr)
    }
}

impl std::error::Error for TurnTimeout {}
