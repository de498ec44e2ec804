//! The strings of JSON: where they end, and what their escapes stand for.

use std::borrow::Cow;

use super::{Discard, Invalid, Sink, invalid};

/// The number of bytes that are looked at together.
pub(crate) const WORD: usize = 8;

/// A word whose bytes are all 1.
const ONES: u64 = u64::from_ne_bytes([1; WORD]);

/// A string as written between its quotes.
#[derive(Debug, Clone, Copy, Default)]
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

/// Keeps a string.
impl<'a> Sink<'a> for Raw<'a> {
    fn string(&mut self, text: &'a str) {
        *self = Self::plain(text);
    }
    fn escaped(&mut self, plain: &'a str, text: &'a str, at: usize) -> Result<usize, Invalid> {
        let end = Discard.escaped(plain, text, at)?;
        *self = Self { text: text.get(at - plain.len()..end).unwrap_or_default(), has_escapes: true };
        Ok(end)
    }
}

/// Returns true if a string is written in JSON as it is.
pub(crate) fn is_plain(text: &str) -> bool {
    plain_end(text.as_bytes(), 0) == text.len()
}

/// Splits a text that starts with a key into the string behind it, if that is written without escapes, and the rest.
#[inline(always)]
pub(crate) fn first_string<'a>(text: &'a str, key: &str) -> Option<(&'a str, &'a str)> {
    let text = text.strip_prefix(key)?;
    let (string, rest) = text.split_at_checked(plain_end(text.as_bytes(), 0))?;
    Some((string, rest.strip_prefix('"')?))
}

/// Returns the length of the object that a text starts with; none if there is none, or it does not end. Its brackets
/// are counted, and nothing else in it is checked.
pub(crate) fn object_length(text: &str) -> Option<usize> {
    let bytes = text.strip_prefix('{')?.as_bytes();
    let (mut at, mut open) = (0, 1);
    while open > 0 {
        match bytes.get(at)? {
            b'"' => at = string_end(bytes, at + 1)?,
            b'{' | b'[' => open += 1,
            b'}' | b']' => open -= 1,
            _ => {}
        }
        at += 1;
    }
    Some(at + 1)
}

/// Returns the index of the quote that ends a string, whose characters from `at` on are not checked.
fn string_end(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at = plain_end(bytes, at);
        match bytes.get(at)? {
            b'"' => return Some(at),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
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
    bytes.len() - rest.len() + special(last_word(rest)).trailing_zeros() as usize / 8
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

/// Returns a text that is less than a word, and quotes after it.
#[inline(never)]
fn last_word(text: &[u8]) -> u64 {
    let mut word = [b'"'; WORD];
    word.iter_mut().zip(text).for_each(|(place, byte)| *place = *byte);
    u64::from_le_bytes(word)
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
fn unescaped(raw: &str) -> String {
    let mut text = vec![0; raw.len() + WORD];
    let end = unescape(raw.as_bytes(), 0, &mut text).map_or(0, |(_, end)| end);
    text.truncate(end);
    // It is made of whole characters.
    String::from_utf8(text).unwrap_or_default()
}

/// Checks a string from the index `from` on, up to its quote or the end of the text, and writes it decoded to `out`, if
/// that is not empty. Returns the index of the end and the number of bytes that were written.
///
/// No string is longer than it is written, but `out` needs room for a word more.
#[inline(never)]
pub(crate) fn unescape(text: &[u8], from: usize, out: &mut [u8]) -> Result<(usize, usize), Invalid> {
    let (mut rest, mut to) = (text.get(from..).unwrap_or_default(), 0);
    loop {
        let word = rest.first_chunk().map_or_else(|| last_word(rest), |word| u64::from_le_bytes(*word));
        // What stands behind the plain bytes is overwritten by what comes next.
        if let Some(place) = out.get_mut(to..).and_then(<[u8]>::first_chunk_mut) {
            *place = word.to_le_bytes();
        }
        let found = special(word);
        if found == 0 {
            (rest, to) = (&rest[WORD..], to + WORD);
            continue;
        }
        let plain = found.trailing_zeros() as usize / 8;
        (rest, to) = (rest.get(plain..).unwrap_or_default(), to + plain);
        let at = text.len() - rest.len();
        match *rest {
            [] | [b'"', ..] => return Ok((at, to)),
            [b'\\'] => return Ok((text.len(), to)),
            [b'\\', b'u', ..] => {
                let (letter, length) = utf16_character(rest).ok_or_else(|| invalid(ESCAPE, at))?;
                let mut utf8 = [0; 4];
                let utf8 = letter.encode_utf8(&mut utf8).as_bytes();
                out.iter_mut().skip(to).zip(utf8).for_each(|(place, byte)| *place = *byte);
                (rest, to) = (&rest[length..], to + utf8.len());
            }
            [b'\\', letter, ref after @ ..] => {
                let letter = simple_escape(letter).ok_or_else(|| invalid(ESCAPE, at))?;
                if let Some(place) = out.get_mut(to) {
                    *place = letter;
                }
                (rest, to) = (after, to + 1);
            }
            [..] => return Err(invalid("a control character", at)),
        }
    }
}

const ESCAPE: &str = "an invalid escape";

/// The character that the letter behind a backslash stands for.
fn simple_escape(letter: u8) -> Option<u8> {
    Some(match letter {
        b'b' => 8,
        b'f' => 12,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'"' | b'\\' | b'/' => letter,
        _ => return None,
    })
}

/// Decodes the escape `\uXXXX` at the start, or two of them that stand for one character; returns the character and
/// their length.
#[inline(never)]
fn utf16_character(bytes: &[u8]) -> Option<(char, usize)> {
    let first = utf16(bytes)?;
    let second = bytes.get(6..).and_then(utf16);
    let pair = char::decode_utf16([first].into_iter().chain(second)).next();
    Some(match pair {
        Some(Ok(letter)) => (letter, letter.len_utf16() * 6),
        _ => (char::REPLACEMENT_CHARACTER, 6),
    })
}

/// The code unit of `\uXXXX` at the start.
fn utf16(bytes: &[u8]) -> Option<u16> {
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
