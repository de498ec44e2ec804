//! The usage of model calls.

use std::iter::Sum;
use std::ops::{Add, AddAssign};

use crate::events::SessionEvent;
use crate::generated::kind;
use crate::wire::peek::{self, keys};

/// The usage of model calls: the sum of their `assistant.usage`.
///
/// [`Answer::usage`](crate::Answer::usage) is that of a turn. Usages can be added, such as those of the turns of a
/// session, and [`of`](Self::of) reads one from an event. `session.rpc().usage().get_metrics()` returns
/// the sum that the CLI keeps for a session. The events are ephemeral, so the history of CLI 1.0.40 or later contains
/// none.
///
/// ```
/// # use copilot_session::{Answer, Usage};
/// fn total(answers: &[Answer]) -> Usage {
///     answers.iter().map(Answer::usage).sum()
/// }
/// ```
#[derive(Clone, Copy, Default)]
#[non_exhaustive]
pub struct Usage {
    /// The number of calls that the model answered.
    pub calls: u64,
    /// The sum of `inputTokens`.
    pub input_tokens: u64,
    /// The sum of `outputTokens`.
    pub output_tokens: u64,
    /// The sum of `cacheReadTokens`.
    pub cache_read_tokens: u64,
    /// The sum of `cacheWriteTokens`.
    pub cache_write_tokens: u64,
    /// The sum of `reasoningTokens`, which are among the output tokens.
    pub reasoning_tokens: u64,
    /// The sum of `cost`: premium requests, by the multiplier of the model. No price.
    pub cost: f64,
    /// The sum of `copilotUsage.totalNanoAiu`: billed AI units, in billionths.
    pub nano_aiu: f64,
}

record!(Usage {
    Required calls "calls",
    Required input_tokens "inputTokens",
    Required output_tokens "outputTokens",
    Required cache_read_tokens "cacheReadTokens",
    Required cache_write_tokens "cacheWriteTokens",
    Required reasoning_tokens "reasoningTokens",
    Required cost "cost",
    Required nano_aiu "nanoAiu",
});

impl Usage {
    /// Returns the usage that an event reports; none if it is no `assistant.usage`. To sum up a session while it runs:
    ///
    /// ```
    /// # use copilot_session::{Session, Usage};
    /// # use std::sync::{Arc, Mutex};
    /// # fn example(session: &Session) {
    /// let total = Arc::new(Mutex::new(Usage::default()));
    /// let sum = Arc::clone(&total);
    /// let subscription = session.on(move |event| {
    ///     if let Some(usage) = Usage::of(event) {
    ///         *sum.lock().unwrap() += usage;
    ///     }
    /// });
    /// # }
    /// ```
    pub fn of(event: &SessionEvent) -> Option<Self> {
        (event.kind() == kind::ASSISTANT_USAGE).then(|| Self::read(event))
    }

    /// Reads an `assistant.usage`; a value that is missing or not a number counts as 0.
    pub(crate) fn read(event: &SessionEvent) -> Self {
        const TOKENS: [&str; 5] = keys!(
            AssistantUsageData,
            ["inputTokens", "outputTokens", "cacheReadTokens", "cacheWriteTokens", "reasoningTokens"]
        );
        let [input, output, cache_read, cache_write, reasoning] = event.pick(TOKENS);
        let [cost, copilot] = event.pick(keys!(AssistantUsageData, ["cost", "copilotUsage"]));
        let [aiu] = peek::pick_any(copilot, keys!(AssistantUsageCopilotUsage, ["totalNanoAiu"]));
        // Some CLIs write whole numbers with a fraction.
        let number = |raw: Option<&str>| {
            raw.and_then(|raw| raw.parse().ok()).filter(|n: &f64| n.is_finite()).unwrap_or(0.0)
        };
        Self {
            calls: 1,
            input_tokens: number(input) as u64,
            output_tokens: number(output) as u64,
            cache_read_tokens: number(cache_read) as u64,
            cache_write_tokens: number(cache_write) as u64,
            reasoning_tokens: number(reasoning) as u64,
            cost: number(cost),
            nano_aiu: number(aiu),
        }
    }
}

/// Each sum ends at the greatest number, which JSON can hold, unlike an infinite one.
impl AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        self.calls = self.calls.saturating_add(other.calls);
        self.input_tokens = self.input_tokens.saturating_add(other.input_tokens);
        self.output_tokens = self.output_tokens.saturating_add(other.output_tokens);
        self.cache_read_tokens = self.cache_read_tokens.saturating_add(other.cache_read_tokens);
        self.cache_write_tokens = self.cache_write_tokens.saturating_add(other.cache_write_tokens);
        self.reasoning_tokens = self.reasoning_tokens.saturating_add(other.reasoning_tokens);
        let sum = |one: f64, other: f64| (one + other).clamp(f64::MIN, f64::MAX);
        self.cost = sum(self.cost, other.cost);
        self.nano_aiu = sum(self.nano_aiu, other.nano_aiu);
    }
}

impl Add for Usage {
    type Output = Self;

    fn add(mut self, other: Self) -> Self {
        self += other;
        self
    }
}

impl Sum for Usage {
    fn sum<I: Iterator<Item = Self>>(usages: I) -> Self {
        usages.fold(Self::default(), Self::add)
    }
}

impl<'a> Sum<&'a Usage> for Usage {
    fn sum<I: Iterator<Item = &'a Self>>(usages: I) -> Self {
        usages.copied().sum()
    }
}
