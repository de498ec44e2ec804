//! Removal of secrets from JSON and text that people see: `Debug`, errors, logs.
//!
//! A secret is recognised by its key, which is in the generated table, by its form in text, such as `Bearer …` or the
//! password in a URL, or because it was recognised before.

mod edit;
mod keys;
mod known;
mod rewrite;
mod text;

use std::borrow::Cow;

pub(crate) use known::Known;
pub(crate) use rewrite::Message;
pub(crate) use text::{ends_in_private_key, may_be_line_of_private_key};

/// The replacement of a secret.
pub(crate) const REDACTED: &str = "[redacted]";

/// Maximum nesting of values and of JSON within strings; a deeper container or string is hidden as a whole. Redaction
/// recurses once per level.
const MAX_DEPTH: usize = 128;

/// Returns the JSON without its secrets. Text that is not JSON is treated as text.
pub(crate) fn json(json: &str) -> String {
    let mut redactor = Redactor::default();
    redactor.whole(json).unwrap_or_else(|| redactor.text(json).into_owned())
}

/// Returns the text without its secrets.
pub(crate) fn text(text: &str) -> Cow<'_, str> {
    Redactor::default().text(text)
}

/// Removes secrets, and optionally remembers them to remove them wherever they reappear.
#[derive(Default)]
pub(crate) struct Redactor {
    /// The secrets seen so far, if they are to be remembered.
    known: Option<Known>,
    /// The number of values and texts that the current one is nested in.
    depth: usize,
}

impl Redactor {
    /// Creates a redactor that hides `known` secrets and adds those it sees.
    pub(crate) fn remembering(known: Known) -> Self {
        Self { known: Some(known), depth: 0 }
    }

    /// Returns the text without its secrets, including those in JSON within it.
    pub(crate) fn text<'t>(&mut self, text: &'t str) -> Cow<'t, str> {
        if self.depth >= MAX_DEPTH {
            return Cow::Borrowed(REDACTED);
        }
        self.depth += 1;
        let text = apply(Cow::Borrowed(text), |text| self.embedded(text));
        self.depth -= 1;
        let text = apply(text, |text| text::without_private_keys(text, &mut |secret| self.learn(secret)));
        let text = apply(text, |text| text::without_secrets(text, &mut |secret| self.learn(secret)));
        apply(text, |text| self.known.as_ref()?.replaced(text))
    }

    /// Remembers a secret without a leading scheme such as `Bearer`.
    fn learn(&mut self, secret: &str) {
        let Some(known) = &mut self.known else { return };
        let secret = secret.trim();
        let scheme = secret.split_once(' ').filter(|(scheme, _)| text::is_scheme(scheme));
        known.learn(scheme.map_or(secret, |(_, secret)| secret.trim_start()));
    }
}

/// Applies a function that returns none if it changes nothing.
fn apply<'t>(text: Cow<'t, str>, change: impl FnOnce(&str) -> Option<String>) -> Cow<'t, str> {
    match change(&text) {
        Some(changed) => Cow::Owned(changed),
        None => text,
    }
}

#[cfg(test)]
mod tests;
