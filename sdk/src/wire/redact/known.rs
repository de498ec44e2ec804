//! Known secrets, which are hidden wherever they reappear.

use std::collections::{BTreeSet, VecDeque};
use std::ops::Bound;

use super::REDACTED;
use super::edit::Edit;
use crate::wire::{encode, escaped};

/// Minimum length in bytes of a secret that is learned; a shorter one may be an ordinary word.
const MIN_LENGTH: usize = 8;

/// Maximum size in bytes of all remembered forms: some 10,000 tokens. Beyond it the older half of the
/// learned secrets is forgotten, so that rotating tokens do not use ever more memory.
const MAX_SIZE: usize = 4 << 20;

/// Maximum length in bytes of a secret that is learned.
const MAX_LENGTH: usize = 16 << 10;

/// The secrets to look for.
#[derive(Default)]
pub(crate) struct Known {
    /// Texts passed by the user; never forgotten.
    given: Vec<String>,
    /// Texts learned from messages, oldest first.
    seen: VecDeque<String>,
    /// The forms of all texts of [`MIN_LENGTH`] bytes or more.
    forms: BTreeSet<Box<[u8]>>,
    /// The forms of shorter texts.
    short: Vec<Box<str>>,
    /// One bit for the hash of each prefix, which rules out most positions.
    filter: Vec<u64>,
    bytes: usize,
}

impl Known {
    /// Adds a text that the user wants hidden.
    pub(crate) fn hide(&mut self, text: &str) {
        if !text.is_empty() && !self.given.iter().any(|given| given == text) {
            self.given.push(text.to_owned());
            self.add(text);
        }
    }

    /// Adds a secret that was seen.
    pub(super) fn learn(&mut self, secret: &str) {
        if secret.len() < MIN_LENGTH
            || secret == REDACTED
            || secret.len() > MAX_LENGTH
            || self.forms.contains(secret.as_bytes())
        {
            return;
        }
        self.seen.push_back(secret.to_owned());
        self.add(secret);
        if self.bytes > MAX_SIZE {
            self.forget_half();
        }
    }

    fn forget_half(&mut self) {
        self.seen.drain(..self.seen.len().div_ceil(2));
        let (given, seen) = (std::mem::take(&mut self.given), std::mem::take(&mut self.seen));
        *self = Self::default();
        given.iter().chain(&seen).for_each(|text| self.add(text));
        (self.given, self.seen) = (given, seen);
    }

    fn add(&mut self, text: &str) {
        for form in forms(text) {
            let Some(first) = prefix(form.as_bytes()) else {
                self.short.push(form.into());
                continue;
            };
            let bit = hash(first);
            self.filter.resize(FILTER / 64, 0);
            self.filter[bit / 64] |= 1 << (bit % 64);
            self.bytes += form.len();
            self.forms.insert(form.into_bytes().into());
        }
    }

    /// Returns the text without known secrets; none if it contains none.
    pub(super) fn replaced(&self, text: &str) -> Option<String> {
        let mut changed = self.long_replaced(text);
        for short in &self.short {
            let text = changed.as_deref().unwrap_or(text);
            if text.contains(&**short) {
                changed = Some(text.replace(&**short, REDACTED));
            }
        }
        changed
    }

    fn long_replaced(&self, text: &str) -> Option<String> {
        if self.filter.is_empty() {
            return None;
        }
        let mut edit = Edit::new(text);
        let mut at = 0;
        while let Some(first) = prefix(&text.as_bytes()[at..]) {
            let bit = hash(first);
            let may_begin = self.filter[bit / 64] & (1 << (bit % 64)) != 0;
            match may_begin.then(|| self.longest(&text.as_bytes()[at..])).flatten() {
                Some(length) => {
                    // A match of a whole form begins and ends at character boundaries.
                    edit.replace(at..at + length, REDACTED);
                    at += length;
                }
                None => at += 1,
            }
        }
        edit.finish()
    }

    /// The length of the longest form that the text begins with.
    fn longest(&self, mut text: &[u8]) -> Option<usize> {
        loop {
            // In the order of the set, a form that the text begins with comes before the text, and all forms between
            // the two begin with it. So where the last of these differs from the text, the text can be cut.
            let last = self.forms.range::<[u8], _>((Bound::Unbounded, Bound::Included(text))).next_back()?;
            let same = last.iter().zip(text).take_while(|(one, other)| one == other).count();
            if same == last.len() {
                return Some(same);
            }
            text = &text[..same];
        }
    }
}

/// Size of the filter in bits.
const FILTER: usize = 1 << 20;

/// The prefix of a text, which has the minimum length.
fn prefix(bytes: &[u8]) -> Option<u64> {
    bytes.first_chunk().map(|first| u64::from_le_bytes(*first))
}

/// The index of a prefix in the filter.
fn hash(first: u64) -> usize {
    (first.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 44) as usize
}

/// The forms of a secret to look for: itself, JSON-escaped, percent-encoded, and base64 at each offset
/// within a longer text.
fn forms(text: &str) -> Vec<String> {
    let mut forms = vec![text.to_owned(), escaped(text).into_owned(), encode::percent(text)];
    if text.len() >= MIN_LENGTH {
        for offset in 0..3 {
            let form = base64_at(text, offset);
            forms.extend([form.replace('+', "-").replace('/', "_"), form]);
        }
    }
    forms.sort_unstable();
    forms.dedup();
    forms
}

/// The base64 characters that depend on the text alone if it begins at this offset, modulo 3.
fn base64_at(text: &str, offset: usize) -> String {
    let bytes = [&[0; 2][..offset], text.as_bytes()].concat();
    let start = (offset * 8).div_ceil(6);
    encode::base64(&bytes)[start..bytes.len() * 8 / 6].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_found_in_its_forms() {
        let mut known = Known::default();
        known.hide("KNOWN/\"KNÖWN");
        known.hide("gh0");
        for text in [
            "it is KNOWN/\"KNÖWN.",
            r#"{\"it\":\"KNOWN/\"KNÖWN\"}"#,
            r#"{"it":"KNOWN/\"KNÖWN"}"#,
            "https://a?b=KNOWN%2F%22KN%C3%96WN",
            "S05PV04vIktOw5ZXTg==",
            "YTpLTk9XTi8iS07DlldO",
            "YWI6S05PV04vIktOw5ZXTjpj",
            "gh0!",
        ] {
            let replaced = known.replaced(text).unwrap_or_else(|| panic!("not found in {text}"));
            assert!(replaced.contains(REDACTED), "{replaced}");
        }
        assert_eq!(known.replaced("KNOWN/ of Ö and others"), None);
    }

    #[test]
    fn the_longest_is_found_first() {
        let mut known = Known::default();
        known.hide("12345678");
        known.learn("12345678-90");
        assert_eq!(known.replaced("x12345678-90,12345678").as_deref(), Some("x[redacted],[redacted]"));
    }

    #[test]
    fn rotating_tokens_do_not_use_more_memory() {
        let mut known = Known::default();
        known.hide("given-for-ever");
        let token = |index: u32| format!("rotating-token-{index:08}");
        // Miri is too slow to reach the limit.
        let count = if cfg!(miri) { 100 } else { 100_000 };
        for index in 0..count {
            known.learn(&token(index));
            assert!(known.bytes <= MAX_SIZE);
        }
        if cfg!(miri) {
            known.forget_half();
        }
        assert_eq!(known.replaced(&token(count - 1)).as_deref(), Some(REDACTED));
        assert_eq!(known.replaced(&token(count / 10 * 9)).as_deref(), Some(REDACTED));
        assert_eq!(known.replaced("given-for-ever").as_deref(), Some(REDACTED));
        assert_eq!(known.replaced(&token(0)), None);
    }
}
