//! The details of a failed turn.

use std::time::Duration;

use crate::error::turn::TurnError;
use crate::events::{SessionEvent, answer::Answer};
use crate::types::ErrorData;
use crate::wire::{self, peek, peek::keys};

/// The details of a failure that events before the end of the turn carry.
#[derive(Default)]
pub(crate) struct FailureContext {
    retry_after: Option<Duration>,
    quota_reset: Option<String>,
    provider_code: Option<String>,
}

impl FailureContext {
    /// Records a `model.call_failure`.
    pub fn model_call_failed(&mut self, event: &SessionEvent) {
        let [code, quotas] = event.pick(keys!(ModelCallFailureData, ["errorCode", "quotaSnapshots"]));
        self.provider_code = code.and_then(peek::string).map(|code| code.into_owned());
        self.quota_reset = quotas.and_then(reset_of_used_up);
    }

    /// Records an `auto_mode_switch.requested`, which says when to retry.
    pub fn switch_offered(&mut self, event: &SessionEvent) {
        let [seconds] = event.pick(keys!(AutoModeSwitchRequestedData, ["retryAfterSeconds"]));
        let seconds = seconds.and_then(|seconds| seconds.parse().ok());
        self.retry_after = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    }

    /// Returns the error of the turn, with the recorded details.
    pub fn take_error(&mut self, data: ErrorData, answer: Answer) -> TurnError {
        let Self { retry_after, quota_reset, provider_code } = std::mem::take(self);
        TurnError { data, retry_after, quota_reset, provider_code, answer }
    }
}

/// Returns the latest reset of the quotas that are used up.
fn reset_of_used_up(quotas: &str) -> Option<String> {
    let quotas: serde_json::Value = wire::from_json(quotas).ok()?;
    let [has_quota, reset_date] = keys!(AssistantUsageQuotaSnapshot, ["hasQuota", "resetDate"]);
    let used_up = quotas.as_object()?.values().filter(|quota| quota[has_quota] == false);
    // The CLI sends times as RFC 3339 in UTC, so the latest is the greatest text.
    used_up.filter_map(|quota| quota[reset_date].as_str()).max().map(str::to_owned)
}
