//! The details of a failed turn.

use std::time::Duration;

use crate::error::turn::TurnError;
use crate::events::SessionEvent;
use crate::events::answer::Answer;
use crate::types::ErrorData;
use crate::wire;
use crate::wire::peek::{self, keys};

/// The details of a failure that events before the end of the turn carry.
#[derive(Default)]
pub(crate) struct FailureContext {
    retry_after: Option<Duration>,
    quota_reset: Option<String>,
    provider_code: Option<String>,
}

impl FailureContext {
    /// Takes note of a model call that failed.
    pub fn model_call_failed(&mut self, event: &SessionEvent) {
        let [code, quotas] = event.pick(keys!(ModelCallFailureData, ["errorCode", "quotaSnapshots"]));
        self.provider_code = code.and_then(peek::string).map(|code| code.into_owned());
        self.quota_reset = quotas.and_then(reset_of_used_up);
    }

    /// Takes note of an offer to go on with another model.
    pub fn switch_offered(&mut self, event: &SessionEvent) {
        let [seconds] = event.pick(keys!(AutoModeSwitchRequestedData, ["retryAfterSeconds"]));
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
    let [has_quota, reset_date] = keys!(AssistantUsageQuotaSnapshot, ["hasQuota", "resetDate"]);
    let used_up = quotas.as_object()?.values().filter(|quota| quota[has_quota] == false);
    // In RFC 3339 and in UTC, as the CLI gives them, the later one is the greater text.
    used_up.filter_map(|quota| quota[reset_date].as_str()).max().map(str::to_owned)
}
