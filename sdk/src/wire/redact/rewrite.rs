//! JSON written anew without its secrets, token by token.
//!
//! It reads all that the reader of messages reads, and more: any depth, lone surrogates, keys that stand there twice,
//! control characters in strings. Depth costs heap and no stack.

use std::borrow::Cow;
use std::ops::Range;

use super::keys::{self, Hide};
use super::{REDACTED, Redactor, text};
use crate::generated::secrets::PAIRS;
use crate::wire::quote;
use crate::wire::scan;

/// How deep containers may stand in each other before what is deeper is hidden as a whole: a level takes some hundred
/// bytes of memory, and a message may have as many levels as bytes.
const MOST_LEVELS: usize = 10_000;

/// What is hidden of a message, beside what its keys say.
#[derive(Debug, Default, Clone)]
pub(crate) struct Message {
    /// The keys of the message whose values are secrets as a whole.
    pub(crate) whole: &'static [&'static str],
    /// Keys that are secret in the objects directly below, by their letters and digits in lower case.
    pub(crate) below: Vec<&'static str>,
}

/// Looks at the start of each message for what is to be hidden of it.
pub(crate) type Look<'l> = &'l mut dyn FnMut(&str) -> Message;

/// The text of one JSON value, with nothing but white space behind it, without its secrets.
pub(super) fn whole(json: &str, redactor: &mut Redactor) -> Option<String> {
    let mut rewrite = Rewrite::new(json, redactor);
    rewrite.value()?;
    rewrite.space();
    (rewrite.at == json.len()).then(|| rewrite.finish())
}

impl Redactor {
    /// The JSON of one message, or of an array of them, without its secrets, and how many bytes stand behind it. None
    /// when the text does not begin with JSON.
    pub(crate) fn messages(&mut self, json: &str, look: Look<'_>) -> Option<(String, usize)> {
        let mut rewrite = Rewrite { look: Some(look), ..Rewrite::new(json, self) };
        rewrite.value()?;
        rewrite.space();
        let rest = json.len() - rewrite.at;
        Some((rewrite.finish(), rest))
    }
}

/// The text with the JSON in it rewritten; none when that changes nothing.
pub(super) fn embedded(text: &str, redactor: &mut Redactor) -> Option<String> {
    let mut out: Option<String> = None;
    let (mut at, mut copied) = (0, 0);
    // What begins like JSON and is none is read in vain: in all no more than a few times the text.
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

/// Where JSON may begin next that has keys or is the whole text.
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
    /// What is hidden of the values in it, whatever their keys.
    hide: Hide,
    /// The key it stands under, of an array in an array too.
    under: String,
    /// Keys that are secret in it.
    secret: Vec<&'static str>,
    /// Of an object, the key of the value that comes; of an array, nothing.
    key: String,
    /// How much the key hides, or the item before in an array.
    by_key: Hide,
    /// Whether the name of a secret stood in this object, such as `{"name": "token", "value": …}`.
    names_secret: bool,
    /// Where in the output a value stands that is a secret if such a name comes behind it.
    value: Option<Range<usize>>,
}

/// Keys of what goes with a name.
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
    /// What is hidden of the message at hand.
    message: Message,
    /// Whether the value at hand is hidden as a whole.
    in_whole: bool,
    /// Whether what was written says something else than what was read.
    changed: bool,
    /// Where in the output values stand that were found to be secrets after they were written.
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

    /// What was written, without what was found late.
    fn finish(mut self) -> String {
        // The one around others comes first.
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

    /// The name of a secret stands in the object at hand: so its value is one, also where it came before.
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

    /// Takes the byte that is copied as it is.
    fn copy(&mut self, byte: u8) {
        self.out.push(char::from(byte));
        self.at += 1;
    }

    /// Rewrites the value that comes, with all in it; none when it is no JSON.
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

    /// Rewrites a value that is hidden as a whole, since a method that is about secrets says it.
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

    /// Whether the innermost container is a message.
    fn is_message(&self) -> bool {
        let is_message = match self.stack.as_slice() {
            [message] => message.is_object,
            [list, message] => !list.is_object && message.is_object,
            _ => false,
        };
        is_message && self.look.is_some()
    }

    /// Begins the value that comes. True when it is a container with something in it, of which the first value comes
    /// next; else the value is done.
    fn begin(&mut self) -> Option<bool> {
        match self.peek()? {
            b'{' | b'[' if self.stack.len() >= MOST_LEVELS => self.pass_over().map(|()| false),
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

    /// Hides a container as a whole, whatever is in it.
    fn pass_over(&mut self) -> Option<()> {
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
            // Only the strings of the list itself are names.
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

    /// Goes on behind a value. True when it was the last one above the `bottom` of the stack.
    fn end(&mut self, bottom: usize) -> Option<bool> {
        while self.stack.len() > bottom {
            let is_object = self.stack.last()?.is_object;
            self.space();
            match self.peek()? {
                // A container that was just opened is followed by no comma.
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

    /// Takes a key with its colon.
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
        frame.key = keys::normal(&key);
        let is_value = is_value_of_name(&frame.key);
        if is_value {
            frame.value = Some(self.out.len()..self.out.len());
        }
        let is_here = frame.secret.contains(&frame.key.as_str()) || (frame.names_secret && is_value);
        frame.by_key = if is_here { Hide::All } else { keys::hide(&frame.key) };
        Some(())
    }

    /// How much of the value that comes is hidden.
    fn hide(&self) -> Hide {
        self.stack.last().map_or(Hide::Nothing, |frame| frame.hide.max(frame.by_key))
    }

    /// Notes what an item of an array says of the next one.
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
            // A key such as `header` may hold the name of one.
            Hide::Named | Hide::Values if !in_list && is_header => self.push_raw(raw, &string),
            _ => {
                self.learn(&string);
                self.push_string(REDACTED);
            }
        }
        self.item_done(next);
        Some(())
    }

    /// Remembers what is hidden here, if that is a secret and not only beside one.
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

    /// Takes a string, as it is written and what it says.
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
        Some((&self.json[start..self.at], scan::said(inner)?))
    }

    /// Writes a string as it was written, unless other readers do not take that.
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
