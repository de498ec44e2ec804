//! Removal of secrets from JSON and text that people see: `Debug`, errors, logs.
//!
//! A secret is recognised by its key, for which the generated table is the only list, by its form in text,
//! such as `Bearer …` or the password in a URL, or because it was seen as a secret before.

mod keys;
mod known;
mod rewrite;
mod text;

use std::borrow::Cow;

pub(crate) use known::Known;
pub(crate) use rewrite::Message;

/// The replacement of a secret.
pub(crate) const REDACTED: &str = "[redacted]";

/// Maximum nesting of JSON within strings of JSON; a deeper string is hidden as a whole. Each level doubles
/// the backslashes before a quote, so texts of a usual size have fewer levels.
const MAX_DEPTH: u8 = 24;

/// Returns the JSON without its secrets. Text that is not JSON is treated as text.
pub(crate) fn json(json: &str) -> String {
    let mut redactor = Redactor::default();
    match rewrite::whole(json, &mut redactor) {
        Some(redacted) => redacted,
        None => redactor.text(json).into_owned(),
    }
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
    /// The number of JSON strings that the current JSON is nested in.
    depth: u8,
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
        let text = apply(Cow::Borrowed(text), |text| rewrite::embedded(text, self));
        self.depth -= 1;
        let text = apply(text, |text| text::redacted(text, &mut |secret| self.learn(secret)));
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
