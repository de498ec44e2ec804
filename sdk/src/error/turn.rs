//! A turn that failed, and what the CLI told of why.

use std::fmt;
use std::time::Duration;

use crate::events::SessionEvent;
use crate::events::answer::Answer;
use crate::printable::printable_lines;
use crate::types::ErrorData;
use crate::wire::peek;
use crate::wire::{self, redact};

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

/// What the events before the end of a turn tell of its failure.
#[derive(Default)]
pub(crate) struct Circumstances {
    retry_after: Option<Duration>,
    quota_reset: Option<String>,
    provider_code: Option<String>,
}

impl Circumstances {
    /// Takes note of a model call that failed.
    pub fn model_call_failed(&mut self, event: &SessionEvent) {
        let [code, quotas] =
            peek::pick(event.raw_data(), ["errorCode", "quotaSnapshots"]).unwrap_or_default();
        self.provider_code = code.and_then(peek::string).map(|code| code.into_owned());
        self.quota_reset = quotas.and_then(reset_of_used_up);
    }

    /// Takes note of an offer to go on with another model.
    pub fn switch_offered(&mut self, event: &SessionEvent) {
        let [seconds] = peek::pick(event.raw_data(), ["retryAfterSeconds"]).unwrap_or_default();
        let seconds = seconds.and_then(|seconds| seconds.parse().ok());
        self.retry_after = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    }

    /// All that is known of the failure.
    pub fn of(&mut self, data: ErrorData, answer: Answer) -> TurnError {
        let Self { retry_after, quota_reset, provider_code } = std::mem::take(self);
        TurnError { data, retry_after, quota_reset, provider_code, answer }
    }
}

/// The latest reset of the quotas that are used up.
fn reset_of_used_up(quotas: &str) -> Option<String> {
    let quotas: serde_json::Value = wire::from_json(quotas).ok()?;
    let used_up = quotas.as_object()?.values().filter(|quota| quota["hasQuota"] == false);
    // In RFC 3339 and in UTC, as the CLI gives them, the later one is the greater text.
    used_up.filter_map(|quota| quota["resetDate"].as_str()).max().map(str::to_owned)
}
