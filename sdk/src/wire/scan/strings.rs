//! The strings of JSON: where they end, and what their escapes stand for.

use std::borrow::Cow;

/// A word whose bytes are all 1.
const ONES: u64 = u64::from_ne_bytes([1; 8]);

/// A string as written between its quotes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Raw<'a> {
    pub(super) text: &'a str,
    pub(super) has_escapes: bool,
}

impl<'a> Raw<'a> {
    /// A string without escapes.
    pub fn plain(text: &'a str) -> Self {
        Self { text, has_escapes: false }
    }

    /// Decodes the string; a lone UTF-16 surrogate becomes U+FFFD.
    #[inline]
    pub fn text(self) -> Cow<'a, str> {
        if self.has_escapes { Cow::Owned(unescaped(self.text)) } else { Cow::Borrowed(self.text) }
    }
}

/// Returns true if a string is written in JSON as it is.
pub(crate) fn is_plain(text: &str) -> bool {
    plain_length(text) == text.len()
}

/// Returns the number of bytes before the first that JSON escapes in a string.
pub(crate) fn plain_length(text: &str) -> usize {
    plain_end(text.as_bytes(), 0)
}

/// Returns the index of the first quote, backslash or control character from `at` on, or the length.
#[inline]
pub(super) fn plain_end(bytes: &[u8], at: usize) -> usize {
    let mut rest = bytes.get(at..).unwrap_or_default();
    while let Some((word, after)) = rest.split_first_chunk() {
        let found = special(u64::from_le_bytes(*word));
        if found != 0 {
            return bytes.len() - rest.len() + found.trailing_zeros() as usize / 8;
        }
        rest = after;
    }
    bytes.len() - rest.len() + plain_start_of_last(rest)
}

/// Returns true if a string of a fixed length, which is at least that of a word, is written in JSON as it is.
#[inline]
pub(crate) fn is_plain_fixed<const LENGTH: usize>(string: &[u8; LENGTH]) -> bool {
    const { assert!(LENGTH >= 8, "shorter than a word") }
    let (words, _) = string.as_chunks();
    // The last word may overlap the one before it. No word has a branch, so that they are looked at together.
    let words = words.iter().chain(string.last_chunk());
    words.fold(0, |found, word| found | special(u64::from_le_bytes(*word))) == 0
}

/// Returns the number of plain bytes at the start of less than a word.
#[inline(never)]
fn plain_start_of_last(last: &[u8]) -> usize {
    last.iter().position(|byte| *byte < 0x20 || matches!(byte, b'"' | b'\\')).unwrap_or(last.len())
}

/// Marks the high bit of each quote, backslash and control character. It may also mark bytes after the first of them.
#[inline]
fn special(word: u64) -> u64 {
    // A subtraction sets the high bit of what is too small. Bytes that have it already are no such characters.
    // With this bit flipped, a quote comes right after the control characters, and a space does not.
    let control_or_quote = (word ^ (ONES * 0x02)).wrapping_sub(ONES * 0x21);
    let backslash = (word ^ (ONES * u64::from(b'\\'))).wrapping_sub(ONES);
    (control_or_quote | backslash) & !word & (ONES << 7)
}

/// Decodes a text whose escapes are valid.
#[inline(never)]
fn unescaped(raw: &str) -> String {
    let bytes = raw.as_bytes();
    // No character is longer than its escape, so the end of the decoded text is never behind the next byte to decode.
    let (mut text, mut from, mut to) = (bytes.to_vec(), 0, 0);
    while let Some(rest) = bytes.get(from..).filter(|rest| !rest.is_empty()) {
        let (plain, length) = match rest.first_chunk::<8>() {
            // What stands behind the plain bytes is overwritten by what comes next.
            Some(word) => {
                text[to..to + 8].copy_from_slice(word);
                (before_backslash(u64::from_le_bytes(*word)), 8)
            }
            None => {
                text[to] = rest[0];
                (usize::from(rest[0] != b'\\'), 1)
            }
        };
        (from, to) = (from + plain, to + plain);
        if plain == length {
            continue;
        }
        (from, to) = match bytes.get(from + 1) {
            Some(b'u') => {
                let (letter, length) = unescape(&bytes[from..]);
                (from + length, to + letter.encode_utf8(&mut text[to..]).len())
            }
            letter => {
                text[to] = letter.map_or(b'\\', |letter| simple_escape(*letter));
                (from + 2, to + 1)
            }
        };
    }
    text.truncate(to);
    // It is made of whole characters.
    String::from_utf8(text).unwrap_or_default()
}

/// Returns the number of bytes of a word before the first backslash.
#[inline]
fn before_backslash(word: u64) -> usize {
    let other = word ^ (ONES * u64::from(b'\\'));
    // A subtraction sets the high bit of a zero. It may also do so for bytes after the first of them.
    let found = other.wrapping_sub(ONES) & !other & (ONES << 7);
    found.trailing_zeros() as usize / 8
}

/// The character that the letter behind a backslash stands for.
fn simple_escape(letter: u8) -> u8 {
    match letter {
        b'b' => 8,
        b'f' => 12,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        other => other,
    }
}

/// Decodes the escape `\uXXXX` at the start, or two of them that stand for one character; returns the character and
/// their length.
fn unescape(bytes: &[u8]) -> (char, usize) {
    let first = utf16(bytes).unwrap_or(0xfffd);
    let second = bytes.get(6..).and_then(utf16);
    let pair = char::decode_utf16([first].into_iter().chain(second)).next();
    match pair {
        Some(Ok(letter)) => (letter, letter.len_utf16() * 6),
        _ => (char::REPLACEMENT_CHARACTER, 6),
    }
}

/// The code unit of `\uXXXX` at the start.
pub(super) fn utf16(bytes: &[u8]) -> Option<u16> {
    let digits = bytes.get(..6)?.strip_prefix(b"\\u")?;
    digits.iter().try_fold(0, |code, digit| {
        let digit = char::from(*digit).to_digit(16)?;
        Some(code << 4 | u16::try_from(digit).ok()?)
    })
}

#[cfg(test)]
mod tests {
    use super::{is_plain, is_plain_fixed, unescaped};

    #[test]
    fn a_string_of_a_fixed_length_is_plain_like_any_other() {
        for letter in (0..128).map(char::from).chain(['\u{80}', 'é']) {
            for at in 0..=13 - letter.len_utf8() {
                let text = format!("{}{letter}{}", "x".repeat(at), "x".repeat(13 - at - letter.len_utf8()));
                let word: &[u8; 13] = text.as_bytes().try_into().expect("13 bytes");
                assert_eq!(is_plain_fixed(word), is_plain(&text), "{text:?}");
            }
        }
    }

    #[test]
    fn escapes_at_any_place_are_decoded() {
        let escapes = [r#"\""#, r"\\", r"\n", r"\u00e9", r"\ud83e\udd80", "é", ""];
        let texts = escapes.iter().flat_map(|one| escapes.iter().map(move |other| (one, other)));
        for (one, other) in texts {
            for (before, between) in (0..9).flat_map(|before| (0..9).map(move |between| (before, between))) {
                let raw = format!("{}{one}{}{other}", "a".repeat(before), "b".repeat(between));
                let expected: String = serde_json::from_str(&format!("\"{raw}\"")).expect("a string");
                assert_eq!(unescaped(&raw), expected, "{raw}");
            }
        }
    }
}
