//! What depends on the CLI's version, each border where it was seen.
//!
//! The protocol's own version stays 3 from CLI 0.0.423 to 1.0.102 while behaviour changes inside it.

/// The version of a CLI, such as `1.0.102` or `1.0.84-4`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CliVersion {
    text: String,
    numbers: [u64; 3],
}

impl CliVersion {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        let mut numbers = [0; 3];
        let release = text.split(['-', '+']).next().unwrap_or_default();
        for (number, part) in numbers.iter_mut().zip(release.split('.')) {
            *number = part.parse().unwrap_or(0);
        }
        Self { text, numbers }
    }

    /// As the CLI gave it; empty when it gave none.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it is this version or a later one. A CLI that does not tell counts as the newest.
    fn is_from(&self, numbers: [u64; 3]) -> bool {
        self.numbers == [0; 3] || self.numbers >= numbers
    }

    /// `approve-once` and its kin, instead of `approved`: 1.0.35 on, seen between 1.0.34 and 1.0.35.
    /// The two sets of words do not overlap, and a wrong word fails the tool call.
    pub(crate) fn has_new_permission_words(&self) -> bool {
        self.is_from([1, 0, 35])
    }

    /// The method that ends a client's part in a session. `session.detach` leaves the session to other
    /// clients: seen on 1.0.81, absent on 1.0.65.
    pub(crate) fn leave(&self) -> &'static str {
        if self.is_from([1, 0, 81]) { "session.detach" } else { "session.destroy" }
    }

    /// `session.abort` drops the prompts that wait, and the `abort` event comes before its answer: seen
    /// on 1.0.81. On 1.0.65 the next prompt is taken up, and the event comes after the answer.
    pub(crate) fn abort_drops_prompts(&self) -> bool {
        self.is_from([1, 0, 81])
    }

    /// `session.send` answers with the id that `user.message` carries: seen on 1.0.92, not on 1.0.81.
    pub(crate) fn has_message_ids(&self) -> bool {
        self.is_from([1, 0, 92])
    }
}

impl std::fmt::Display for CliVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}
