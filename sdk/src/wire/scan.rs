//! A scanner for the grammar of JSON.
//!
//! serde_json has a parser too, but its output depends on its features, which any crate of the user's build
//! may enable: with `arbitrary_precision` a number arrives as a map. It also rejects numbers that fit no
//! Rust type, and strings with a lone surrogate, which JavaScript writes when it cuts a text.

mod strings;

use std::borrow::Cow;

use super::DecodeError;
use strings::plain_end;
pub(crate) use strings::{Raw, WORD, first_string, is_plain, is_plain_fixed, object_length, unescape};

/// Splits JSON text into its values.
#[derive(Debug, Clone)]
pub(crate) struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

/// Receives the parts of a value in the order of the text. A member of an object is a string, then a value.
///
/// One method per part, and not an enum: the reader of a document is compiled into the scanner, part by part.
pub(crate) trait Sink<'a> {
    /// `null`, `true` or `false`.
    fn word(&mut self, _: &'static str) {}
    fn number(&mut self, _: &'a str) {}
    /// A string without escapes.
    fn string(&mut self, _: &'a str) {}
    /// A string that begins with `plain`, with its first escape at the index `at` of the text. Checks it and returns
    /// the index of its last quote.
    fn escaped(&mut self, _plain: &'a str, text: &'a str, at: usize) -> Result<usize, Invalid> {
        unescape(text.as_bytes(), at, &mut []).map(|(end, _)| end)
    }
    /// An object or array begins; the argument is the text from its bracket on.
    fn open(&mut self, _: &'a str) {}
    /// The innermost object or array ends; the argument is the text after its bracket.
    fn close(&mut self, _: &'a str) {}
}

/// Ignores every part.
pub(crate) struct Discard;

impl Sink<'_> for Discard {}

/// A violation of the grammar: what was found, and its offset in bytes. Boxed, so that results fit into registers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Invalid(Box<(&'static str, usize)>);

impl Invalid {
    pub fn at(&self) -> usize {
        self.0.1
    }

    /// Converts this into a decode error.
    #[cold]
    pub fn expected(self, expected: &str) -> DecodeError {
        let (what, at) = *self.0;
        DecodeError::new(expected, format!("{what} at byte {at}"))
    }
}

impl<'a> Scanner<'a> {
    pub fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// Scans a text that is exactly one value. Returns its number of levels.
    pub fn only(mut self, sink: &mut impl Sink<'a>) -> Result<usize, Invalid> {
        let levels = self.value(sink)?;
        self.end().map(|()| levels)
    }

    /// Scans a text that is exactly one string.
    pub fn only_string(mut self) -> Result<Cow<'a, str>, Invalid> {
        if self.peek() != Some(b'"') {
            return Err(self.invalid("another value than a string"));
        }
        let string = self.raw()?;
        self.end().map(|()| string.text())
    }

    /// Checks that only white space is left.
    pub fn end(&mut self) -> Result<(), Invalid> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.invalid("trailing text")),
        }
    }

    /// Skips a value and returns its text.
    pub fn skip(&mut self) -> Result<&'a str, Invalid> {
        self.peek();
        let start = self.at;
        self.pass()?;
        Ok(&self.text[start..self.at])
    }

    /// Skips a value.
    fn pass(&mut self) -> Result<(), Invalid> {
        self.value(&mut Discard).map(drop)
    }

    /// Returns true if the next value begins with this byte.
    pub fn is_at(&mut self, first: u8) -> bool {
        self.peek() == Some(first)
    }

    /// Consumes a value and returns it if it is a string.
    pub fn string_or_skip(&mut self) -> Result<Option<Raw<'a>>, Invalid> {
        match self.peek() {
            Some(b'"') => self.raw().map(Some),
            _ => self.pass().map(|()| None),
        }
    }

    /// Consumes an object as [`known_members`](Self::known_members) does and returns its text.
    pub fn object(
        &mut self,
        known: &[&str],
        each: impl FnMut(&mut Self, usize) -> Result<(), Invalid>,
    ) -> Result<&'a str, Invalid> {
        self.peek();
        let start = self.at;
        self.known_members(known, each)?;
        Ok(&self.text[start..self.at])
    }

    /// The text that is not scanned yet.
    #[inline]
    pub fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// Passes over the text before `rest`, which is the end of the text, and returns it.
    pub fn pass_to(&mut self, rest: &str) -> &'a str {
        let start = self.at;
        self.at = self.text.len().saturating_sub(rest.len());
        self.text.get(start..self.at).unwrap_or_default()
    }

    /// Calls `each` with the index of every key of an object that is known, after which it must consume the value.
    /// Other keys are skipped. It is fastest if the keys come in this order.
    pub fn known_members(
        &mut self,
        known: &[&str],
        mut each: impl FnMut(&mut Self, usize) -> Result<(), Invalid>,
    ) -> Result<(), Invalid> {
        self.expect(b'{', "another value than an object")?;
        let (mut more, mut next) = (!self.eat(b'}'), 0);
        while more {
            match self.known_key(known, next)? {
                Some(index) => {
                    next = index + 1;
                    each(self, index)?;
                }
                None => self.pass()?,
            }
            more = self.has_more(b'}')?;
        }
        Ok(())
    }

    /// Consumes a key and its colon. Returns its index in `known`; those from `next` on are found without a scan.
    fn known_key(&mut self, known: &[&str], next: usize) -> Result<Option<usize>, Invalid> {
        if self.peek() == Some(b'"') {
            let text = self.text.as_bytes();
            for (index, key) in known.iter().enumerate().skip(next) {
                let (start, end) = (self.at + 1, self.at + 1 + key.len());
                let is_here = text.get(end..end + 2) == Some(b"\":") && text[start..end] == *key.as_bytes();
                if is_here {
                    self.at = end + 2;
                    return Ok(Some(index));
                }
            }
        }
        let key = self.key()?.text();
        Ok(known.iter().position(|known| *known == key))
    }

    /// Calls `each` for every item of an array; it must consume the item.
    pub fn items(&mut self, mut each: impl FnMut(&mut Self) -> Result<(), Invalid>) -> Result<(), Invalid> {
        self.expect(b'[', "another value than an array")?;
        let mut more = !self.eat(b']');
        while more {
            each(self)?;
            more = self.has_more(b']')?;
        }
        Ok(())
    }

    /// Scans a value and returns its number of levels. Deep nesting does not use the stack.
    fn value(&mut self, sink: &mut impl Sink<'a>) -> Result<usize, Invalid> {
        let (mut open, mut levels, mut is_key) = (Open::default(), 0, false);
        // The closing bracket of the innermost container; 0 outside of all.
        let mut close = 0;
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.string(sink)?;
                    if is_key {
                        self.expect(b':', "a missing colon")?;
                        is_key = false;
                        continue;
                    }
                }
                _ if is_key => return Err(self.invalid("a key that is not a string")),
                Some(first @ (b'{' | b'[')) => {
                    sink.open(self.rest());
                    levels = levels.max(open.levels + 1);
                    self.at += 1;
                    // The closing brackets are two letters behind the opening ones.
                    if !self.eat(first + 2) {
                        (is_key, close) = (first == b'{', first + 2);
                        open.push(is_key);
                        continue;
                    }
                    sink.close(self.rest());
                }
                first => self.scalar(first, sink)?,
            }
            // A value has ended, and possibly the containers around it.
            loop {
                if close == 0 {
                    return Ok(levels);
                }
                if self.has_more(close)? {
                    is_key = close == b'}';
                    break;
                }
                close = open.pop();
                sink.close(self.rest());
            }
        }
    }

    /// Consumes a number or a word.
    fn scalar(&mut self, first: Option<u8>, sink: &mut impl Sink<'a>) -> Result<(), Invalid> {
        match first {
            Some(b'-' | b'0'..=b'9') => sink.number(self.number()?),
            Some(b'n') => sink.word(self.word("null")?),
            Some(b't') => sink.word(self.word("true")?),
            Some(b'f') => sink.word(self.word("false")?),
            _ => return Err(self.invalid("an invalid value")),
        }
        Ok(())
    }

    /// Consumes the key of a member and its colon.
    fn key(&mut self) -> Result<Raw<'a>, Invalid> {
        if self.peek() != Some(b'"') {
            return Err(self.invalid("a key that is not a string"));
        }
        let key = self.raw()?;
        self.expect(b':', "a missing colon")?;
        Ok(key)
    }

    /// Returns true after a comma, false after the closing bracket.
    #[inline]
    fn has_more(&mut self, close: u8) -> Result<bool, Invalid> {
        let found = self.peek();
        if found != Some(b',') && found != Some(close) {
            return Err(self.invalid("a missing comma"));
        }
        self.at += 1;
        Ok(found == Some(b','))
    }

    /// Consumes a string and returns it as it is written.
    fn raw(&mut self) -> Result<Raw<'a>, Invalid> {
        let mut raw = Raw::default();
        self.string(&mut raw).map(|()| raw)
    }

    /// Consumes a string and checks its escapes.
    #[inline(always)]
    fn string(&mut self, sink: &mut impl Sink<'a>) -> Result<(), Invalid> {
        let start = self.at + 1;
        self.at = plain_end(self.text.as_bytes(), start);
        // Without a panic, so that nothing is left of this where the text is not used.
        let plain = self.text.get(start..self.at).unwrap_or_default();
        if self.byte() == Some(b'"') {
            self.at += 1;
            sink.string(plain);
            return Ok(());
        }
        self.at = sink.escaped(plain, self.text, self.at)?;
        self.expect(b'"', END)
    }

    /// Consumes a number.
    fn number(&mut self) -> Result<&'a str, Invalid> {
        let start = self.at;
        self.at += usize::from(self.byte() == Some(b'-'));
        if self.byte() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.byte() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.byte(), Some(b'e' | b'E')) {
            self.at += 1;
            self.at += usize::from(matches!(self.byte(), Some(b'+' | b'-')));
            self.digits()?;
        }
        Ok(&self.text[start..self.at])
    }

    /// Consumes one or more digits.
    fn digits(&mut self) -> Result<(), Invalid> {
        let start = self.at;
        while matches!(self.byte(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == start { Err(self.invalid("a missing digit")) } else { Ok(()) }
    }

    fn word(&mut self, word: &'static str) -> Result<&'static str, Invalid> {
        if !self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) {
            return Err(self.invalid("an invalid value"));
        }
        self.at += word.len();
        Ok(word)
    }

    /// The next byte after white space.
    #[inline]
    fn peek(&mut self) -> Option<u8> {
        match self.byte() {
            Some(byte) if byte > b' ' => Some(byte),
            _ => self.peek_after_space(),
        }
    }

    #[inline(never)]
    fn peek_after_space(&mut self) -> Option<u8> {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.byte() {
            self.at += 1;
        }
        self.byte()
    }

    #[inline]
    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    #[inline]
    fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    #[inline]
    fn expect(&mut self, byte: u8, otherwise: &'static str) -> Result<(), Invalid> {
        if self.eat(byte) { Ok(()) } else { Err(self.invalid(otherwise)) }
    }

    #[cold]
    fn invalid(&self, what: &'static str) -> Invalid {
        invalid(if self.at < self.text.len() { what } else { END }, self.at)
    }
}

const END: &str = "the end of the text";

#[cold]
fn invalid(what: &'static str, at: usize) -> Invalid {
    Invalid(Box::new((what, at)))
}

/// The containers that are open, innermost last, one bit for each: set for an object.
#[derive(Default)]
struct Open {
    levels: usize,
    /// The innermost 64.
    bits: u64,
    /// The others, in groups of 64.
    outer: Vec<u64>,
}

impl Open {
    #[inline]
    fn push(&mut self, is_object: bool) {
        if self.levels > 0 && self.levels.is_multiple_of(64) {
            self.outer.push(self.bits);
        }
        self.bits = self.bits << 1 | u64::from(is_object);
        self.levels += 1;
    }

    /// Returns the closing bracket of the container around the innermost; 0 if there is none.
    #[inline]
    fn pop(&mut self) -> u8 {
        self.bits >>= 1;
        self.levels -= 1;
        if self.levels.is_multiple_of(64) {
            self.bits = self.outer.pop().unwrap_or_default();
        }
        match (self.levels, self.bits & 1) {
            (0, _) => 0,
            (_, 1) => b'}',
            _ => b']',
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;

    use super::{Discard, Scanner};

    const TEXTS: [&str; 9] = [
        r#"{"a":[1,-2.5e+3,{"b":null}],"é\"\\":true,"":{},"c":[]}"#,
        "\t[ 0 , -0.0 ,\r\n1E5, 10.25e-2 , false ] ",
        r#""\ud83e\udd80 \u0041\/\b\f\n\r\t\\ plain text of some length, \"quoted\"""#,
        r#"[[[[]]],[{}],{"a":{"a":{"a":[{}]}}}]"#,
        "null",
        "-123456789012345678901234567890.5e-400",
        "{}",
        "\"🦀\u{7f}\"",
        r#"{"k":"v","k":"v2" , "n" : [ true,false , null]}"#,
    ];

    /// The step between the broken texts that are checked. Miri is too slow for all of them.
    const EVERY: usize = if cfg!(miri) { 7 } else { 1 };

    /// Every prefix of the texts, and every text with one byte replaced by each of the others.
    fn broken() -> impl Iterator<Item = String> {
        const OTHERS: &[u8] = b"\"\\{}[]:,0-+.eEu/nt \n\x01x";
        let all = TEXTS.iter().flat_map(|text| {
            let prefixes = (0..=text.len()).filter_map(|end| text.get(..end)).map(str::to_owned);
            let changed = (0..text.len()).flat_map(move |at| {
                OTHERS.iter().filter_map(move |other| {
                    let mut bytes = text.as_bytes().to_vec();
                    bytes[at] = *other;
                    String::from_utf8(bytes).ok()
                })
            });
            prefixes.chain(changed)
        });
        all.step_by(EVERY)
    }

    #[test]
    fn accepts_json_and_nothing_else() {
        let (mut taken, mut refused) = (0, 0);
        for text in broken() {
            let expected = serde_json::from_str::<&RawValue>(&text);
            let all = Scanner::new(&text).only(&mut Discard);
            assert_eq!(all.is_ok(), expected.is_ok(), "{text:?}: {all:?}, {expected:?}");
            match expected {
                Ok(raw) => {
                    assert_eq!(Scanner::new(&text).skip(), Ok(raw.get()), "{text:?}");
                    taken += 1;
                }
                Err(_) => refused += 1,
            }
        }
        assert!(taken > 1_000 / EVERY && refused > 1_000 / EVERY, "{taken} taken, {refused} refused");
    }

    #[test]
    fn strings_are_those_of_serde_json() {
        let mut seen = 0;
        for text in broken() {
            if let Ok(expected) = serde_json::from_str::<String>(&text) {
                assert_eq!(Scanner::new(&text).only_string().as_deref(), Ok(expected.as_str()), "{text:?}");
                seen += 1;
            }
        }
        assert!(seen > 100 / EVERY, "{seen}");
    }

    #[test]
    fn a_lone_surrogate_is_the_replacement_character() {
        let cases = [
            (r#""\ud800""#, "\u{fffd}"),
            (r#""\uDFFF\ud800\ud83e\udd80\ud83e""#, "\u{fffd}\u{fffd}\u{1f980}\u{fffd}"),
            (r#""\\\udc00\\udc00""#, "\\\u{fffd}\\udc00"),
            (r#""\ud83eA\ud83e\u0041\ud83e\n""#, "\u{fffd}A\u{fffd}A\u{fffd}\n"),
            (r#""\ud800\ud83e\udd80""#, "\u{fffd}\u{1f980}"),
        ];
        for (json, expected) in cases {
            assert_eq!(Scanner::new(json).only_string().as_deref(), Ok(expected), "{json}");
        }
    }
}
