//! Takes secrets out of JSON and text that people see: `Debug`, errors, logs.
//!
//! Secrets are found by the keys they stand under, of which the generated table is the only list, by their form in
//! text, such as `Bearer …` or the password of an address, and because they were seen as secrets before.

mod keys;
mod known;
mod rewrite;
mod text;

use std::borrow::Cow;

pub(crate) use known::Known;
pub(crate) use rewrite::Message;

/// What stands in the place of a secret.
pub(crate) const REDACTED: &str = "[redacted]";

/// How often JSON may stand in a string of JSON in a string, before the string is hidden as a whole. Each level doubles
/// the backslashes before a quote, so that no text of a usual size has as many.
const DEEPEST: u8 = 24;

/// The JSON without its secrets. Text that is no JSON is treated as text.
pub(crate) fn json(json: &str) -> String {
    let mut redactor = Redactor::default();
    match rewrite::whole(json, &mut redactor) {
        Some(redacted) => redacted,
        None => redactor.text(json).into_owned(),
    }
}

/// The text without its secrets.
pub(crate) fn text(text: &str) -> Cow<'_, str> {
    Redactor::default().text(text)
}

/// Takes secrets out, and those that it has seen before wherever they stand.
#[derive(Default)]
pub(crate) struct Redactor {
    /// What was seen, where that is to be remembered.
    known: Option<Known>,
    /// How many strings the JSON at hand stands in.
    depth: u8,
}

impl Redactor {
    /// Looks for these, and for what it sees from now on.
    pub(crate) fn remembering(known: Known) -> Self {
        Self { known: Some(known), depth: 0 }
    }

    /// Takes secrets out of a text, also where JSON stands in it.
    pub(crate) fn text<'t>(&mut self, text: &'t str) -> Cow<'t, str> {
        if self.depth >= DEEPEST {
            return Cow::Borrowed(REDACTED);
        }
        self.depth += 1;
        let text = then(Cow::Borrowed(text), |text| rewrite::embedded(text, self));
        self.depth -= 1;
        let text = then(text, |text| text::redacted(text, &mut |secret| self.learn(secret)));
        then(text, |text| self.known.as_ref()?.replaced(text))
    }

    /// Remembers a secret. The word before it that says its kind, such as `Bearer`, is no part of it.
    fn learn(&mut self, secret: &str) {
        let Some(known) = &mut self.known else { return };
        let secret = secret.trim();
        let scheme = secret.split_once(' ').filter(|(scheme, _)| text::is_scheme(scheme));
        known.learn(scheme.map_or(secret, |(_, secret)| secret.trim_start()));
    }
}

/// The text changed by a function that gives nothing where there is nothing to change.
fn then<'t>(text: Cow<'t, str>, change: impl FnOnce(&str) -> Option<String>) -> Cow<'t, str> {
    match change(&text) {
        Some(changed) => Cow::Owned(changed),
        None => text,
    }
}

#[cfg(test)]
mod tests;
