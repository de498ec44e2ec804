//! A writer of JSON text.

use std::collections::BTreeMap;
use std::fmt;

use super::peek;
use super::redact::REDACTED;
use super::scan::is_plain;
use super::{Kind, Wire, quote};

/// Initial capacity in bytes, enough for most requests.
const INITIAL_CAPACITY: usize = 128;

/// The reason why JSON cannot be sent.
#[derive(Debug, Clone)]
pub(crate) struct Unsendable(pub String);

impl fmt::Display for Unsendable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Builds a JSON text. Its `Debug` shows none of it, since it may hold secrets.
#[derive(Default)]
pub struct Writer {
    json: Vec<u8>,
    /// The key of the field whose value comes next. An absent value writes nothing, so its key is not written either.
    key: Option<&'static str>,
    redact: bool,
    /// The first key that an object has twice.
    repeated: Option<String>,
    /// The place of the object that was written last.
    object: usize,
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").finish_non_exhaustive()
    }
}

impl Writer {
    /// Creates an empty writer.
    pub fn new() -> Self {
        Self { json: Vec::with_capacity(INITIAL_CAPACITY), ..Self::default() }
    }

    /// Creates an empty writer that hides the values of secret fields.
    pub(crate) fn redacting() -> Self {
        Self { redact: true, ..Self::default() }
    }

    /// Returns the text.
    pub fn into_json(self) -> String {
        // Only whole UTF-8 pieces were appended.
        String::from_utf8(self.json).unwrap_or_default()
    }

    /// Returns the text, unless an object has a key twice, of which the CLI reads only the last.
    pub(crate) fn into_unique_json(mut self) -> Result<String, Unsendable> {
        match self.repeated.take() {
            Some(key) => {
                Err(Unsendable(format!("an object with the key {} twice cannot be sent", quote(&key))))
            }
            None => Ok(self.into_json()),
        }
    }

    /// Appends text that is already JSON.
    pub(crate) fn raw(&mut self, json: &str) {
        self.begin();
        self.json.extend_from_slice(json.as_bytes());
    }

    /// Appends a string.
    pub(crate) fn string(&mut self, value: &str) {
        self.begin();
        if is_plain(value) {
            return self.plain(value);
        }
        // Writing to a `Vec` does not fail, and every string has a JSON form.
        let _ = serde_json::to_writer(&mut self.json, value);
    }

    /// Appends a string without escapes.
    fn plain(&mut self, value: &str) {
        self.json.push(b'"');
        self.json.extend_from_slice(value.as_bytes());
        self.json.push(b'"');
    }

    /// Appends any serde value; `null` if it cannot be serialized.
    pub(crate) fn serialize(&mut self, value: &impl serde_core::Serialize) {
        self.begin();
        let start = self.json.len();
        if serde_json::to_writer(&mut self.json, value).is_err() {
            self.json.truncate(start);
            self.raw("null");
        }
    }

    /// Appends a value, or this JSON in place of an absent one.
    pub(crate) fn value_or(&mut self, value: &dyn Wire, absent: &str) {
        let start = self.json.len();
        value.write(self);
        if self.json.len() == start {
            self.raw(absent);
        }
    }

    /// Appends a comma unless the container or the member has just begun, or there is one.
    pub(crate) fn comma(&mut self) {
        if !matches!(self.json.last(), Some(b'{' | b'[' | b':' | b',') | None) {
            self.json.push(b',');
        }
    }

    /// Appends the key of the field whose value begins here.
    fn begin(&mut self) {
        if let Some(key) = self.key.take() {
            self.key(key);
        }
    }

    /// Appends the key of a member.
    pub(crate) fn key(&mut self, key: &str) {
        self.comma();
        self.string(key);
        self.json.push(b':');
    }

    /// Appends an object with these entries.
    pub(crate) fn entries<T: Wire>(&mut self, entries: &[(String, T)]) {
        self.raw("{");
        // The same type of map as for reading, since each compiles the code of a map once more.
        let mut keys = BTreeMap::new();
        for (index, (key, value)) in entries.iter().enumerate() {
            if keys.insert(key.as_str(), index).is_some() {
                self.repeated.get_or_insert_with(|| key.clone());
            }
            self.key(key);
            self.value_or(value, "null");
        }
        self.raw("}");
    }

    /// Appends an object with the values of these keys. Kinds are those of the last keys; the others are of constants.
    pub(crate) fn object(&mut self, keys: &[&'static str], kinds: &[Kind], values: &[&(dyn Wire + 'static)]) {
        self.raw("{");
        let object = self.json.len() - 1;
        // About as much as the fields that are set need, in one step.
        self.json.reserve(keys.len() * 4);
        let constants = keys.len().saturating_sub(kinds.len());
        for (index, (key, value)) in keys.iter().zip(values).enumerate() {
            let start = self.json.len();
            self.key = Some(key);
            value.write(self);
            let is_absent = self.json.len() == start;
            match index.checked_sub(constants).and_then(|index| kinds.get(index)) {
                Some(Kind::Secret) if self.redact && !is_absent => {
                    self.json.truncate(start);
                    self.key(key);
                    self.string(REDACTED);
                }
                Some(Kind::Nullable) if is_absent => self.raw("null"),
                _ => {}
            }
        }
        // That of an absent field.
        self.key = None;
        self.raw("}");
        self.object = object;
    }

    /// Appends the entries of a map to the object that was just written, whose known keys these are.
    pub(crate) fn rest<T: Wire>(&mut self, known: &[&str], values: &BTreeMap<String, T>) {
        if values.is_empty() {
            return;
        }
        // A known key that is absent from the object may be in the map, with a value that its field cannot have.
        let mut keys = values.keys().filter(|key| known.contains(&key.as_str()));
        if let Some(key) = keys.find(|key| self.has_written(key)) {
            self.repeated.get_or_insert_with(|| key.clone());
        }
        self.json.pop();
        for (key, value) in values {
            self.key(key);
            self.value_or(value, "null");
        }
        self.raw("}");
    }

    /// Returns true if the object that was just written has the key.
    fn has_written(&self, key: &str) -> bool {
        let object = self.json.get(self.object..).and_then(|object| std::str::from_utf8(object).ok());
        object.is_some_and(|object| peek::has(object, key))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::types::SendRequest;
    use crate::wire::{to_json, to_params};

    #[test]
    fn a_known_key_is_not_sent_twice() {
        let with = |key: &str| {
            let mut request = SendRequest::new("Hello").wait(true);
            request.rest.insert(key.to_owned(), json!([1]));
            request
        };
        for key in ["prompt", "wait"] {
            let error = to_params(&with(key)).expect_err(key).to_string();
            assert_eq!(error, format!("an object with the key \"{key}\" twice cannot be sent"));
            assert!(to_json(&with(key)).contains("[1]"), "for logs it is written all the same");
        }
        // In place of a field that is not set.
        let sent = to_params(&with("mode")).expect("no key twice");
        assert_eq!(sent, r#"{"prompt":"Hello","wait":true,"mode":[1]}"#);
    }
}
