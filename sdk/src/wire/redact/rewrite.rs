//! Redaction of JSON: a parsed document is written anew, value by value.

use std::borrow::Cow;

use super::edit::Edit;
use super::keys::{self, Hide};
use super::{MAX_DEPTH, REDACTED, Redactor, text};
use crate::generated::secrets::PAIRS;
use crate::wire::document::Entry;
use crate::wire::scan::Scanner;
use crate::wire::{Document, Node, Writer};

/// Keys of a message that may be hidden as a whole.
const WHOLE: &[&str] = &["params", "result", "error"];

/// Minimum length in bytes of a number that may be a secret. A shorter one may be a count.
const MIN_NUMBER: usize = 6;

/// The parts of a message to hide in addition to secret keys.
#[derive(Debug, Default, Clone)]
pub(crate) struct Message {
    /// True if the params, the result and the error are secret as a whole.
    pub(crate) is_secret: bool,
    /// Normalized keys that are secret in the objects directly below.
    pub(crate) below: Vec<&'static str>,
}

/// Returns the parts to hide of the message with this id and method.
pub(crate) type Look<'l> = &'l mut dyn FnMut(Option<&str>, Option<&str>) -> Message;

/// The place of a value.
#[derive(Default, Clone, Copy)]
struct Place<'p> {
    /// The normalized key of the value; an item has that of its list.
    key: &'p str,
    is_item: bool,
    /// The part of the value that is hidden because of the values around it.
    outer: Hide,
    /// The part that is hidden because of its own key or, for an item, because of the item before.
    own: Hide,
    /// Keys that are secret directly in the value.
    below: &'p [&'static str],
    /// Set for a message.
    message: Option<&'p Message>,
    /// True within a value that is hidden as a whole.
    in_whole: bool,
}

impl Place<'_> {
    /// The part of the value to hide.
    fn hide(&self) -> Hide {
        self.outer.max(self.own)
    }
}

/// Returns true for the key of a name that belongs to the value beside it.
fn is_name(key: &str) -> bool {
    matches!(key, "name" | "key" | "id" | "variable")
}

/// Returns true for the key of a value that belongs to a name.
fn is_value_of_name(key: &str) -> bool {
    matches!(key, "value" | "values" | "val" | "default")
}

impl Redactor {
    /// Redacts a text that is exactly one JSON value; none for any other.
    pub(super) fn whole(&mut self, json: &str) -> Option<String> {
        let document = Document::scan(json).ok()?;
        let mut out = Writer::new();
        self.value(document.root(), &Place::default(), &mut out);
        Some(out.into_json())
    }

    /// Redacts the JSON of one message or of an array of messages; returns it with the number of bytes
    /// after it. None if the text does not begin with JSON.
    pub(crate) fn messages(&mut self, json: &str, look: Look<'_>) -> Option<(String, usize)> {
        let mut scanner = Scanner::new(json);
        let document = Document::scan(scanner.skip().ok()?).ok()?;
        let mut out = Writer::new();
        match document.root() {
            list if list.is_array() => self.array(list, &Place::default(), Some(look), &mut out),
            message => self.message(message, &Place::default(), look, &mut out),
        }
        Some((out.into_json(), scanner.rest().trim_ascii_start().len()))
    }

    fn message(&mut self, message: Node<'_>, place: &Place<'_>, look: Look<'_>, out: &mut Writer) {
        let text = |key| match message.get(key)?.entry() {
            Entry::Number(text) => Some(*text),
            _ => message.get(key)?.string().ok(),
        };
        let method = message.get("method").and_then(|method| method.string().ok());
        let parts = look(text("id"), method);
        self.value(message, &Place { message: Some(&parts), ..*place }, out);
    }

    /// Redacts the JSON within a text; none if it has no secrets.
    pub(super) fn embedded(&mut self, text: &str) -> Option<String> {
        next_json(text, 0)?;
        let mut edit = Edit::new(text);
        // A string with control characters is no JSON, but programs print such strings.
        let json = text.replace(|char| char < ' ', " ");
        // Text that begins like JSON but is not is scanned in vain. This bounds the total to a few times the
        // text.
        let (mut at, mut vain) = (0, text.len() * 4);
        while let Some(start) = next_json(&json, at).filter(|_| vain > 0) {
            match Scanner::new(&json[start..]).skip() {
                Ok(json) => {
                    at = start + json.len();
                    if let Some(redacted) = self.whole(json).filter(|json| json.contains(REDACTED)) {
                        edit.replace(start..at, &redacted);
                    }
                }
                Err(error) => {
                    at = start + 1;
                    vain = vain.saturating_sub(error.at().max(1));
                }
            }
        }
        edit.finish()
    }

    /// Appends a value without its secrets.
    fn value(&mut self, node: Node<'_>, place: &Place<'_>, out: &mut Writer) {
        self.depth += 1;
        match node.entry() {
            Entry::Array(_) | Entry::Object(..) if self.depth > MAX_DEPTH => out.string(REDACTED),
            Entry::Array(_) => self.array(node, place, None, out),
            Entry::Object(..) => self.object(node, place, out),
            Entry::String(_) | Entry::Decoded(..) => {
                out.string(&self.string(node.string().unwrap_or_default(), place));
            }
            Entry::Number(text) if self.hides_number(text, place) => out.string(REDACTED),
            Entry::Number(text) => out.raw(text),
            Entry::Bool(value) => out.serialize(value),
            Entry::Null | Entry::Missing => out.raw("null"),
        }
        self.depth -= 1;
    }

    /// Appends an array, whose items are messages if there is a `look`.
    fn array(&mut self, array: Node<'_>, place: &Place<'_>, mut look: Option<Look<'_>>, out: &mut Writer) {
        let outer = match place.hide() {
            // Only strings directly in the list are names.
            Hide::Named if place.outer == Hide::Named => Hide::Values,
            hide => hide,
        };
        let mut own = Hide::Nothing;
        out.raw("[");
        for item in array.items().into_iter().flatten() {
            out.comma();
            let place = Place { is_item: true, outer, own, below: &[], message: None, ..*place };
            match &mut look {
                Some(look) => self.message(item, &place, look, out),
                None => self.value(item, &place, out),
            }
            // The value of an option such as `--token` comes next.
            let is_flag = place.hide() == Hide::Nothing && item.string().is_ok_and(text::is_flag);
            own = if is_flag { Hide::All } else { Hide::Nothing };
        }
        out.raw("]");
    }

    fn object(&mut self, object: Node<'_>, place: &Place<'_>, out: &mut Writer) {
        let outer = match place.hide() {
            Hide::Named => Hide::Values,
            hide => hide,
        };
        let members = object.entries().into_iter().flatten();
        let members = members.map(|(key, value)| (keys::normalize(key), key, value));
        let members: Vec<_> = members.collect();
        // Such as `{"name": "token", "value": …}`.
        let names_secret =
            members.iter().any(|(key, _, value)| is_name(key) && value.string().is_ok_and(keys::is_secret));
        out.raw("{");
        for (key, written, value) in &members {
            let key = key.as_str();
            let is_secret = place.below.contains(&key)
                || PAIRS.contains(&(place.key, key))
                || (names_secret && is_value_of_name(key));
            let is_whole = place.message.is_some_and(|message| message.is_secret) && WHOLE.contains(&key);
            let place = Place {
                key,
                is_item: false,
                outer,
                own: if is_secret { Hide::All } else { keys::hide(key) },
                below: place.message.map_or(&[], |message| &message.below),
                message: None,
                in_whole: place.in_whole || is_whole,
            };
            out.key(&self.text(written));
            if is_whole {
                // The secrets within it are still remembered.
                self.value(*value, &place, &mut Writer::new());
                out.string(REDACTED);
            } else {
                self.value(*value, &place, out);
            }
        }
        out.raw("}");
    }

    fn string<'s>(&mut self, string: &'s str, place: &Place<'_>) -> Cow<'s, str> {
        // A key such as `header` may hold the name of a header.
        let may_be_header = !place.is_item && (is_name(place.key) || place.key == "header");
        match place.hide() {
            Hide::Nothing => self.text(string),
            _ if string.is_empty() => string.into(),
            Hide::Named if place.is_item => match string.split_once('=') {
                Some((name, _)) => format!("{name}={REDACTED}").into(),
                None => string.into(),
            },
            Hide::Named | Hide::Values if may_be_header && keys::is_header(string) => string.into(),
            _ => {
                self.learn_at(string, place);
                REDACTED.into()
            }
        }
    }

    fn hides_number(&mut self, number: &str, place: &Place<'_>) -> bool {
        let is_long = number.len() >= MIN_NUMBER;
        match place.hide() {
            Hide::All => self.learn_at(number, place),
            Hide::Named | Hide::Values if is_long => self.learn_at(number, place),
            _ => return is_long && *self.text(number) != *number,
        }
        true
    }

    /// Remembers a hidden value if it is a secret itself.
    fn learn_at(&mut self, secret: &str, place: &Place<'_>) {
        let is_secret = match place.outer {
            _ if place.own >= Hide::Strings => true,
            _ if place.in_whole => matches!(place.key, "value" | "values"),
            Hide::Strings | Hide::All => !text::is_word(secret),
            _ => false,
        };
        if is_secret {
            self.learn(secret);
        }
    }
}

/// The next position where JSON may begin: a container with keys, or the start of the text.
fn next_json(text: &str, at: usize) -> Option<usize> {
    if at == 0 && text.trim_start().starts_with(['[', '"']) {
        return Some(text.len() - text.trim_start().len());
    }
    let begins = |at: &usize| text[at + 1..].trim_start().starts_with('"');
    let mut braces = text.get(at..)?.match_indices('{').map(|(found, _)| at + found);
    braces.find(begins)
}
