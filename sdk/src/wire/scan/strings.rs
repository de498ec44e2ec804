//! The strings of JSON: where they end, and what their escapes stand for.

use std::borrow::Cow;

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

/// Returns the number of plain bytes at the start of less than a word.
#[inline(never)]
fn plain_start_of_last(last: &[u8]) -> usize {
    last.iter().position(|byte| *byte < 0x20 || matches!(byte, b'"' | b'\\')).unwrap_or(last.len())
}

/// Marks the high bit of each quote, backslash and control character. It may also mark bytes after the first of them.
#[inline]
fn special(word: u64) -> u64 {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    // A subtraction sets the high bit of what is too small. Bytes that have it already are no such characters.
    // With this bit flipped, a quote comes right after the control characters, and a space does not.
    let control_or_quote = (word ^ (ONES * 0x02)).wrapping_sub(ONES * 0x21);
    let backslash = (word ^ (ONES * u64::from(b'\\'))).wrapping_sub(ONES);
    (control_or_quote | backslash) & !word & (ONES << 7)
}

/// Decodes a text whose escapes are valid.
fn unescaped(raw: &str) -> String {
    let (mut text, mut at) = (String::with_capacity(raw.len()), 0);
    while at < raw.len() {
        let end = plain_end(raw.as_bytes(), at);
        text.push_str(&raw[at..end]);
        if end == raw.len() {
            break;
        }
        let (letter, length) = unescape(&raw.as_bytes()[end..]);
        text.push(letter);
        at = end + length;
    }
    text
}

/// Decodes the escape at the start; returns the character and the length of the escape.
fn unescape(bytes: &[u8]) -> (char, usize) {
    let first = match bytes.get(1) {
        Some(b'b') => return ('\u{8}', 2),
        Some(b'f') => return ('\u{c}', 2),
        Some(b'n') => return ('\n', 2),
        Some(b'r') => return ('\r', 2),
        Some(b't') => return ('\t', 2),
        Some(b'u') => utf16(bytes).unwrap_or(0xfffd),
        other => return (other.map_or('\\', |byte| char::from(*byte)), 2),
    };
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
