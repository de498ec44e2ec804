//! JSON text, written value by value.

use super::Wire;

/// Builds a JSON text.
#[derive(Debug, Default)]
pub struct Writer {
    json: Vec<u8>,
    redact: bool,
}

impl Writer {
    /// An empty text.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty text in which secrets are written as `"***"`.
    pub(crate) fn redacting() -> Self {
        Self {
            json: Vec::new(),
            redact: true,
        }
    }

    /// The text.
    pub fn into_json(self) -> String {
        // Everything below appends whole UTF-8 pieces.
        String::from_utf8(self.json).unwrap_or_default()
    }

    /// Appends text that is JSON already.
    pub(crate) fn raw(&mut self, json: &str) {
        self.json.extend_from_slice(json.as_bytes());
    }

    /// Appends a string.
    pub(crate) fn string(&mut self, value: &str) {
        // Writing to a `Vec` does not fail, and a string has a JSON form.
        let _ = serde_json::to_writer(&mut self.json, value);
    }

    /// Appends anything that serde can write.
    pub(crate) fn serialize(&mut self, value: &impl serde::Serialize) {
        let start = self.json.len();
        if serde_json::to_writer(&mut self.json, value).is_err() {
            self.json.truncate(start);
            self.raw("null");
        }
    }

    pub(crate) fn begin_object(&mut self) {
        self.json.push(b'{');
    }

    pub(crate) fn end_object(&mut self) {
        self.json.push(b'}');
    }

    pub(crate) fn begin_array(&mut self) {
        self.json.push(b'[');
    }

    pub(crate) fn end_array(&mut self) {
        self.json.push(b']');
    }

    /// Separates from what stands before in the same container.
    pub(crate) fn comma(&mut self) {
        if !matches!(self.json.last(), Some(b'{' | b'[') | None) {
            self.json.push(b',');
        }
    }

    pub(crate) fn key(&mut self, key: &str) {
        self.comma();
        self.string(key);
        self.json.push(b':');
    }

    /// Appends a field that is the same in every value of a type.
    pub(crate) fn constant(&mut self, key: &str, value: impl Wire) {
        self.key(key);
        value.write(self);
    }

    /// Appends a field, unless its value stands for an absent one.
    #[inline]
    pub(crate) fn field<T: Wire>(&mut self, key: &str, value: &T) {
        if !value.is_absent() {
            self.key(key);
            value.write(self);
        }
    }

    /// Appends a field that is always there but may be `null`.
    #[inline]
    pub(crate) fn nullable<T: Wire>(&mut self, key: &str, value: &T) {
        self.key(key);
        value.write(self);
    }

    /// Appends a field whose value is a secret.
    #[inline]
    pub(crate) fn secret<T: Wire>(&mut self, key: &str, value: &T) {
        if self.redact && !value.is_absent() {
            self.key(key);
            self.string("***");
        } else {
            self.field(key, value);
        }
    }

    /// Appends the fields of a map to the object being written.
    pub(crate) fn rest<T: Wire>(&mut self, values: &std::collections::BTreeMap<String, T>) {
        for (key, value) in values {
            self.field(key, value);
        }
    }
}
