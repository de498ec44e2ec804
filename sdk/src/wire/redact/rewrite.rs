//! Redaction of JSON by rewriting it token by token.
//!
//! It accepts everything the reader of messages accepts, and more: any depth, lone surrogates, repeated
//! keys, control characters in strings. Depth uses the heap, not the stack.

use std::borrow::Cow;
use std::ops::Range;

use super::keys::{self, Hide};
use super::{REDACTED, Redactor, text};
use crate::generated::secrets::PAIRS;
use crate::wire::quote;
use crate::wire::scan;

/// Maximum nesting of containers; a deeper one is hidden as a whole. A level takes some hundred bytes of
/// memory, and a message may have as many levels as bytes.
const MAX_LEVELS: usize = 10_000;

/// The parts of a message to hide in addition to secret keys.
#[derive(Debug, Default, Clone)]
pub(crate) struct Message {
    /// Keys of the message whose whole values are secret.
    pub(crate) whole: &'static [&'static str],
    /// Normalized keys that are secret in the objects directly below.
    pub(crate) below: Vec<&'static str>,
}

/// Returns the parts to hide of the message that begins with this text.
pub(crate) type Look<'l> = &'l mut dyn FnMut(&str) -> Message;

/// Redacts a text that is exactly one JSON value.
pub(super) fn whole(json: &str, redactor: &mut Redactor) -> Option<String> {
    let mut rewrite = Rewrite::new(json, redactor);
    rewrite.value()?;
    rewrite.space();
    (rewrite.at == json.len()).then(|| rewrite.finish())
}

impl Redactor {
    /// Redacts the JSON of one message or of an array of messages; returns it with the number of bytes
    /// after it. None if the text does not begin with JSON.
    pub(crate) fn messages(&mut self, json: &str, look: Look<'_>) -> Option<(String, usize)> {
        let mut rewrite = Rewrite { look: Some(look), ..Rewrite::new(json, self) };
        rewrite.value()?;
        rewrite.space();
        let rest = json.len() - rewrite.at;
        Some((rewrite.finish(), rest))
    }
}

/// Redacts the JSON within a text; none if nothing changes.
pub(super) fn embedded(text: &str, redactor: &mut Redactor) -> Option<String> {
    let mut out: Option<String> = None;
    let (mut at, mut copied) = (0, 0);
    // Text that begins like JSON but is not is scanned in vain. This bounds the total to a few times the
    // text.
    let mut vain = text.len() * 4;
    while let Some(start) = next_json(text, at) {
        let mut rewrite = Rewrite::new(&text[start..], redactor);
        if rewrite.value().is_some() {
            at = start + rewrite.at;
            if rewrite.changed {
                let out = out.get_or_insert_default();
                out.push_str(&text[copied..start]);
                out.push_str(&rewrite.finish());
                copied = at;
            }
        } else {
            vain = vain.saturating_sub(rewrite.at.max(1));
            at = start + 1;
        }
        if vain == 0 {
            break;
        }
    }
    out.map(|out| out + &text[copied..])
}

/// The next position where JSON may begin: a container with keys, or the start of the text.
fn next_json(text: &str, at: usize) -> Option<usize> {
    let start = text.len() - text.trim_start().len();
    if at <= start && text[start..].starts_with(['[', '"']) {
        return Some(start);
    }
    let begins = |at: &usize| text[at + 1..].trim_start().starts_with('"');
    let mut braces = text.get(at..)?.match_indices('{').map(|(found, _)| at + found);
    braces.find(begins)
}

/// A container that is being written.
struct Frame {
    is_object: bool,
    /// The part of its values that is hidden whatever their keys.
    hide: Hide,
    /// The key of the container; an array within an array inherits it.
    under: String,
    /// Keys that are secret in it.
    secret: Vec<&'static str>,
    /// In an object, the key of the next value; empty in an array.
    key: String,
    /// The part hidden because of the key or, in an array, because of the item before.
    by_key: Hide,
    /// True if the object contains the name of a secret, such as `{"name": "token", "value": …}`.
    names_secret: bool,
    /// The range in the output of a value that is secret if such a name follows.
    value: Option<Range<usize>>,
}

/// Returns true for the key of a value that belongs to a name.
fn is_value_of_name(key: &str) -> bool {
    matches!(key, "value" | "values" | "val" | "default")
}

struct Rewrite<'j, 'r, 'l> {
    json: &'j str,
    at: usize,
    out: String,
    stack: Vec<Frame>,
    redactor: &'r mut Redactor,
    look: Option<Look<'l>>,
    /// The parts to hide of the current message.
    message: Message,
    /// True while a value that is hidden as a whole is scanned.
    in_whole: bool,
    /// True if the output differs in meaning from the input.
    changed: bool,
    /// Ranges of the output that turned out to be secrets after they were written.
    late: Vec<Range<usize>>,
}

impl<'j, 'r, 'l> Rewrite<'j, 'r, 'l> {
    fn new(json: &'j str, redactor: &'r mut Redactor) -> Self {
        Self {
            json,
            at: 0,
            out: String::new(),
            stack: Vec::new(),
            redactor,
            look: None,
            message: Message::default(),
            in_whole: false,
            changed: false,
            late: Vec::new(),
        }
    }

    /// Returns the output without the secrets of `late`.
    fn finish(mut self) -> String {
        // An enclosing range sorts before those within it.
        self.late.sort_by_key(|range| (range.start, std::cmp::Reverse(range.end)));
        let (mut out, mut copied) = (String::new(), 0);
        for range in self.late.into_iter().filter(|range| !range.is_empty()) {
            if range.start >= copied {
                out.push_str(&self.out[copied..range.start]);
                out.push_str(&quote(REDACTED));
                copied = range.end;
            }
        }
        out + &self.out[copied..]
    }

    /// Records that the current object names a secret, and hides its value even if that came first.
    fn name_secret(&mut self) {
        let Some(frame) = self.stack.last_mut() else { return };
        frame.names_secret = true;
        let Some(range) = frame.value.take() else { return };
        let written = &self.out[range.clone()];
        if matches!(written, "null" | "true" | "false" | "\"\"") {
            return;
        }
        if let Ok(secret) = serde_json::from_str::<String>(written) {
            self.redactor.learn(&secret);
        }
        self.changed = true;
        self.late.push(range);
    }

    fn peek(&self) -> Option<u8> {
        self.json.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    /// Consumes a byte and copies it.
    fn copy(&mut self, byte: u8) {
        self.out.push(char::from(byte));
        self.at += 1;
    }

    /// Rewrites the next value with everything in it; none if it is not JSON.
    fn value(&mut self) -> Option<()> {
        let bottom = self.stack.len();
        loop {
            self.space();
            if self.is_whole() {
                self.hidden_whole()?;
            } else if self.begin()? {
                continue;
            }
            if self.end(bottom)? {
                return Some(());
            }
        }
    }

    /// Hides a value as a whole because its message says so.
    fn hidden_whole(&mut self) -> Option<()> {
        let start = self.out.len();
        self.in_whole = true;
        self.value()?;
        self.in_whole = false;
        self.out.truncate(start);
        self.late.retain(|range| range.start < start);
        self.push_string(REDACTED);
        Some(())
    }

    fn is_whole(&self) -> bool {
        let key = |frame: &Frame| frame.is_object && self.message.whole.contains(&frame.key.as_str());
        !self.in_whole && self.is_message() && self.stack.last().is_some_and(key)
    }

    /// Returns true if the innermost container is a message.
    fn is_message(&self) -> bool {
        let is_message = match self.stack.as_slice() {
            [message] => message.is_object,
            [list, message] => !list.is_object && message.is_object,
            _ => false,
        };
        is_message && self.look.is_some()
    }

    /// Begins the next value. Returns true for a container that is not empty, whose first value comes next;
    /// otherwise the value is complete.
    fn begin(&mut self) -> Option<bool> {
        match self.peek()? {
            b'{' | b'[' if self.stack.len() >= MAX_LEVELS => self.hide_container().map(|()| false),
            b'{' => self.open(true),
            b'[' => self.open(false),
            b'"' => self.string().map(|()| false),
            b'-' | b'0'..=b'9' => self.number().map(|()| false),
            _ => {
                let literals = ["null", "true", "false"];
                let literal = literals.into_iter().find(|word| self.json[self.at..].starts_with(word))?;
                self.out.push_str(literal);
                self.at += literal.len();
                self.item_done(Hide::Nothing);
                Some(false)
            }
        }
    }

    /// Hides a container as a whole.
    fn hide_container(&mut self) -> Option<()> {
        let mut levels = 0_usize;
        loop {
            match self.peek()? {
                b'"' => {
                    self.take_string()?;
                    continue;
                }
                b'{' | b'[' => levels += 1,
                b'}' | b']' => levels -= 1,
                _ => {}
            }
            self.at += 1;
            if levels == 0 {
                self.push_string(REDACTED);
                self.item_done(Hide::Nothing);
                return Some(());
            }
        }
    }

    fn open(&mut self, is_object: bool) -> Option<bool> {
        let start = self.at;
        let parent = self.stack.last();
        let is_list_of_key = !is_object && parent.is_some_and(|parent| parent.hide == Hide::Nothing);
        let hide = match self.hide() {
            // Only strings directly in the list are names.
            Hide::Named if !is_list_of_key => Hide::Values,
            hide => hide,
        };
        let under = parent.map_or("", |parent| if parent.is_object { &parent.key } else { &parent.under });
        let mut frame = Frame {
            is_object,
            hide,
            under: under.to_owned(),
            secret: Vec::new(),
            key: String::new(),
            by_key: Hide::Nothing,
            names_secret: false,
            value: None,
        };
        let pairs = PAIRS.iter().filter(|(outer, _)| is_object && *outer == frame.under);
        frame.secret.extend(pairs.map(|(_, key)| key));
        if self.is_message() {
            frame.secret.extend(&self.message.below);
        }
        self.item_done(Hide::Nothing);
        self.stack.push(frame);
        if self.is_message()
            && let Some(look) = &mut self.look
        {
            self.message = look(&self.json[start..]);
        }
        self.copy(if is_object { b'{' } else { b'[' });
        self.space();
        match self.peek()? {
            b'}' | b']' => Some(false),
            _ if is_object => self.key().map(|()| true),
            _ => Some(true),
        }
    }

    /// Continues after a value. Returns true if that was the last one above the `bottom` of the stack.
    fn end(&mut self, bottom: usize) -> Option<bool> {
        while self.stack.len() > bottom {
            let is_object = self.stack.last()?.is_object;
            self.space();
            match self.peek()? {
                // A container that was just opened cannot be followed by a comma.
                b',' if !self.out.ends_with(['{', '[']) => {
                    self.copy(b',');
                    self.space();
                    if is_object {
                        self.key()?;
                    }
                    return Some(false);
                }
                byte @ b'}' if is_object => self.copy(byte),
                byte @ b']' if !is_object => self.copy(byte),
                _ => return None,
            }
            self.stack.pop();
        }
        Some(true)
    }

    /// Consumes a key and its colon.
    fn key(&mut self) -> Option<()> {
        let (raw, key) = self.take_string()?;
        let end = self.out.len().saturating_sub(",".len());
        if let Some(value) = &mut self.stack.last_mut()?.value
            && value.start == value.end
        {
            value.end = end;
        }
        match self.redactor.text(&key) {
            redacted if *redacted == *key => self.push_raw(raw, &key),
            redacted => self.push_string(&redacted),
        }
        self.space();
        (self.peek()? == b':').then(|| self.copy(b':'))?;
        let frame = self.stack.last_mut()?;
        frame.key = keys::normalize(&key);
        let is_value = is_value_of_name(&frame.key);
        if is_value {
            frame.value = Some(self.out.len()..self.out.len());
        }
        let is_here = frame.secret.contains(&frame.key.as_str()) || (frame.names_secret && is_value);
        frame.by_key = if is_here { Hide::All } else { keys::hide(&frame.key) };
        Some(())
    }

    /// The part of the next value to hide.
    fn hide(&self) -> Hide {
        self.stack.last().map_or(Hide::Nothing, |frame| frame.hide.max(frame.by_key))
    }

    /// Records the effect of an array item on the next one.
    fn item_done(&mut self, next: Hide) {
        if let Some(frame) = self.stack.last_mut()
            && !frame.is_object
        {
            frame.by_key = next;
        }
    }

    fn number(&mut self) -> Option<()> {
        let rest = &self.json[self.at..];
        let is_digit = |char: char| matches!(char, '0'..='9' | '-' | '+' | '.' | 'e' | 'E');
        let number = &rest[..rest.find(|char| !is_digit(char)).unwrap_or(rest.len())];
        serde_json::from_str::<serde_core::de::IgnoredAny>(number).ok()?;
        self.at += number.len();
        let hide = self.hide();
        let is_long = number.len() >= 6;
        if hide == Hide::All || (hide != Hide::Nothing && hide != Hide::Strings && is_long) {
            self.learn(number);
            self.push_string(REDACTED);
        } else if is_long && *self.redactor.text(number) != *number {
            self.push_string(REDACTED);
        } else {
            self.out.push_str(number);
        }
        self.item_done(Hide::Nothing);
        Some(())
    }

    fn string(&mut self) -> Option<()> {
        let (raw, string) = self.take_string()?;
        let frame = self.stack.last();
        let in_list = frame.is_some_and(|frame| !frame.is_object);
        let is_name = !in_list
            && frame.is_some_and(|frame| matches!(frame.key.as_str(), "name" | "key" | "id" | "variable"));
        let is_header = keys::is_header(&string)
            && frame.is_some_and(|frame| is_name || keys::MAP_OF_ONE.contains(&frame.key.as_str()));
        let mut next = Hide::Nothing;
        match self.hide() {
            Hide::Nothing => {
                if in_list && text::is_flag(&string) {
                    next = Hide::All;
                }
                if is_name && keys::is_secret(&string) {
                    self.name_secret();
                }
                match self.redactor.text(&string) {
                    redacted if *redacted == *string => self.push_raw(raw, &string),
                    redacted => self.push_string(&redacted),
                }
            }
            _ if string.is_empty() => self.push_raw(raw, &string),
            Hide::Named if in_list => match string.split_once('=') {
                Some((name, _)) => self.push_string(&format!("{name}={REDACTED}")),
                None => self.push_raw(raw, &string),
            },
            // A key such as `header` may hold the name of a header.
            Hide::Named | Hide::Values if !in_list && is_header => self.push_raw(raw, &string),
            _ => {
                self.learn(&string);
                self.push_string(REDACTED);
            }
        }
        self.item_done(next);
        Some(())
    }

    /// Remembers a hidden value if it is a secret itself.
    fn learn(&mut self, secret: &str) {
        let Some(frame) = self.stack.last() else { return };
        let by_key = frame.by_key >= Hide::Strings;
        let is_secret = match frame.hide {
            _ if self.in_whole => by_key || matches!(frame.key.as_str(), "value" | "values"),
            Hide::All | Hide::Strings => by_key || !text::is_word(secret),
            _ => by_key,
        };
        if is_secret {
            self.redactor.learn(secret);
        }
    }

    /// Consumes a string; returns it as written, and decoded.
    fn take_string(&mut self) -> Option<(&'j str, Cow<'j, str>)> {
        (self.peek()? == b'"').then_some(())?;
        let start = self.at;
        self.at += 1;
        loop {
            match self.peek()? {
                b'"' => break,
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
        let inner = self.json.get(start + 1..self.at)?;
        self.at += 1;
        Some((&self.json[start..self.at], scan::decode_lenient(inner)?))
    }

    /// Writes a string as it was written, or re-encoded if other readers would reject it.
    fn push_raw(&mut self, raw: &str, string: &str) {
        let has_replaced = string.contains(char::REPLACEMENT_CHARACTER);
        if has_replaced || raw.bytes().any(|byte| byte < b' ') {
            self.out.push_str(&quote(string));
        } else {
            self.out.push_str(raw);
        }
    }

    fn push_string(&mut self, string: &str) {
        self.changed = true;
        self.out.push_str(&quote(string));
    }
}
