//! A parsed JSON document as one flat list, borrowing from the text.
//!
//! One list for the whole document keeps decoding at one allocation however many objects it has.

use std::borrow::Cow;

use serde_core::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::{DecodeError, Wire, surrogates};

/// One entry of the list. A container is followed by its contents and knows where they end; an
/// object's contents are keys, each followed by its value.
#[derive(Debug)]
enum Entry<'a> {
    Null,
    Bool(bool),
    Int(i64),
    UInt(u64),
    Float(f64),
    String(Cow<'a, str>),
    Array(usize),
    Object(usize),
}

/// A parsed JSON text.
#[derive(Debug)]
pub struct Document<'a> {
    entries: Vec<Entry<'a>>,
}

impl<'a> Document<'a> {
    /// Parses a JSON text.
    ///
    /// # Errors
    /// When the text is not JSON, or nests deeper than 127 levels.
    pub fn parse(json: &'a str) -> Result<Self, DecodeError> {
        match entries(json) {
            Ok(entries) => Ok(Self { entries }),
            Err(error) => Self::parse_mended(json).ok_or(error),
        }
    }

    /// The same where strings have lone surrogates.
    #[cold]
    fn parse_mended(json: &str) -> Option<Self> {
        let mended = surrogates::replaced(json)?;
        let entries = entries(&mended).ok()?;
        Some(Self { entries: entries.into_iter().map(Entry::into_owned).collect() })
    }

    /// The outermost value.
    pub fn root(&self) -> Node<'_> {
        Node { entries: &self.entries, at: 0 }
    }
}

fn entries(json: &str) -> Result<Vec<Entry<'_>>, DecodeError> {
    // A guess that fits most messages, so that the list is allocated once.
    let mut entries = Vec::with_capacity(json.len() / 24 + 8);
    let mut parser = serde_json::Deserializer::from_str(json);
    Append(&mut entries)
        .deserialize(&mut parser)
        .and_then(|()| parser.end())
        .map_err(|error| DecodeError::new("JSON", error.to_string()))?;
    Ok(entries)
}

impl Entry<'_> {
    /// The same with its text copied.
    fn into_owned<'b>(self) -> Entry<'b> {
        match self {
            Self::Null => Entry::Null,
            Self::Bool(value) => Entry::Bool(value),
            Self::Int(value) => Entry::Int(value),
            Self::UInt(value) => Entry::UInt(value),
            Self::Float(value) => Entry::Float(value),
            Self::String(text) => Entry::String(Cow::Owned(text.into_owned())),
            Self::Array(end) => Entry::Array(end),
            Self::Object(end) => Entry::Object(end),
        }
    }
}

/// Appends one value to the list.
struct Append<'l, 'a>(&'l mut Vec<Entry<'a>>);

impl<'de> DeserializeSeed<'de> for Append<'_, 'de> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Append<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JSON")
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        self.0.push(Entry::Null);
        Ok(())
    }
    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.0.push(Entry::Bool(value));
        Ok(())
    }
    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.0.push(Entry::Int(value));
        Ok(())
    }
    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        self.0.push(i64::try_from(value).map_or(Entry::UInt(value), Entry::Int));
        Ok(())
    }
    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        self.0.push(Entry::Float(value));
        Ok(())
    }
    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<(), E> {
        self.0.push(Entry::String(Cow::Borrowed(value)));
        Ok(())
    }
    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        self.0.push(Entry::String(Cow::Owned(value.to_owned())));
        Ok(())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let start = self.0.len();
        self.0.push(Entry::Null);
        while items.next_element_seed(Append(self.0))?.is_some() {}
        self.0[start] = Entry::Array(self.0.len());
        Ok(())
    }
    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        let start = self.0.len();
        self.0.push(Entry::Null);
        while fields.next_key_seed(Append(self.0))?.is_some() {
            fields.next_value_seed(Append(self.0))?;
        }
        self.0[start] = Entry::Object(self.0.len());
        Ok(())
    }
}

/// One value of a [`Document`].
#[derive(Debug, Clone, Copy)]
pub struct Node<'a> {
    entries: &'a [Entry<'a>],
    at: usize,
}

impl<'a> Node<'a> {
    fn entry(self) -> &'a Entry<'a> {
        &self.entries[self.at]
    }

    /// The index after this value.
    fn end(self) -> usize {
        match self.entry() {
            Entry::Array(end) | Entry::Object(end) => *end,
            _ => self.at + 1,
        }
    }

    fn sibling(self, at: usize) -> Self {
        Self { at, ..self }
    }

    pub(crate) fn is_null(self) -> bool {
        matches!(self.entry(), Entry::Null)
    }
    pub(crate) fn is_bool(self) -> bool {
        matches!(self.entry(), Entry::Bool(_))
    }
    pub(crate) fn is_number(self) -> bool {
        matches!(self.entry(), Entry::Int(_) | Entry::UInt(_) | Entry::Float(_))
    }
    pub(crate) fn is_string(self) -> bool {
        matches!(self.entry(), Entry::String(_))
    }
    pub(crate) fn is_array(self) -> bool {
        matches!(self.entry(), Entry::Array(_))
    }
    pub(crate) fn is_object(self) -> bool {
        matches!(self.entry(), Entry::Object(_))
    }

    /// What stands here, for an error.
    #[cold]
    fn found(self) -> String {
        match self.entry() {
            Entry::Null => "null".to_owned(),
            Entry::Bool(value) => value.to_string(),
            Entry::Int(value) => value.to_string(),
            Entry::UInt(value) => value.to_string(),
            Entry::Float(value) => value.to_string(),
            // The text itself may be private or huge.
            Entry::String(_) => "a string".to_owned(),
            Entry::Array(_) => "an array".to_owned(),
            Entry::Object(_) => "an object".to_owned(),
        }
    }

    #[cold]
    pub(crate) fn mismatch(self, expected: &str) -> DecodeError {
        DecodeError::new(expected, self.found())
    }

    pub(crate) fn boolean(self) -> Result<bool, DecodeError> {
        match self.entry() {
            Entry::Bool(value) => Ok(*value),
            _ => Err(self.mismatch("a boolean")),
        }
    }

    pub(crate) fn integer(self) -> Result<i64, DecodeError> {
        match self.entry() {
            Entry::Int(value) => Ok(*value),
            // The CLI writes whole numbers as floats in places; below 2^63 the cast is exact.
            Entry::Float(value) if value.fract() == 0.0 && value.abs() < 9.2e18 => Ok(*value as i64),
            _ => Err(self.mismatch("an integer")),
        }
    }

    pub(crate) fn number(self) -> Result<f64, DecodeError> {
        match self.entry() {
            Entry::Int(value) => Ok(*value as f64),
            Entry::UInt(value) => Ok(*value as f64),
            Entry::Float(value) => Ok(*value),
            _ => Err(self.mismatch("a number")),
        }
    }

    /// The JSON as a value of its own.
    pub(crate) fn to_value(self) -> serde_json::Value {
        match self.entry() {
            Entry::Null => serde_json::Value::Null,
            Entry::Bool(value) => (*value).into(),
            Entry::Int(value) => (*value).into(),
            Entry::UInt(value) => (*value).into(),
            Entry::Float(value) => (*value).into(),
            Entry::String(value) => value.as_ref().into(),
            Entry::Array(_) => self.items().into_iter().flatten().map(Self::to_value).collect(),
            Entry::Object(_) => {
                self.entries().into_iter().flatten().map(|(key, value)| (key, value.to_value())).collect()
            }
        }
    }

    pub(crate) fn string(self) -> Result<&'a str, DecodeError> {
        match self.entry() {
            Entry::String(value) => Ok(value),
            _ => Err(self.mismatch("a string")),
        }
    }

    /// The values of an array.
    pub(crate) fn items(self) -> Result<impl Iterator<Item = Node<'a>>, DecodeError> {
        let Entry::Array(end) = *self.entry() else {
            return Err(self.mismatch("an array"));
        };
        let mut at = self.at + 1;
        Ok(std::iter::from_fn(move || {
            (at < end).then(|| {
                let item = self.sibling(at);
                at = item.end();
                item
            })
        }))
    }

    /// The keys and values of an object.
    pub(crate) fn entries(self) -> Result<impl Iterator<Item = (&'a str, Node<'a>)>, DecodeError> {
        let Entry::Object(end) = *self.entry() else {
            return Err(self.mismatch("an object"));
        };
        let mut at = self.at + 1;
        Ok(std::iter::from_fn(move || {
            (at < end).then(|| {
                let value = self.sibling(at + 1);
                let key = match self.sibling(at).entry() {
                    Entry::String(key) => key.as_ref(),
                    _ => "",
                };
                at = value.end();
                (key, value)
            })
        }))
    }

    /// The value under `key`; none when there is none or this is no object.
    fn get(self, key: &str) -> Option<Node<'a>> {
        self.entries().ok()?.filter_map(|(name, value)| (name == key).then_some(value)).last()
    }

    /// Whether this value under `key` is the one that counts.
    #[cold]
    fn is_last(self, key: &str, value: Self) -> bool {
        self.get(key).is_some_and(|last| last.at == value.at)
    }

    /// Reads the fields of an object, each into the place given for its key. Of a key that stands
    /// there twice, the last counts.
    pub(crate) fn read_fields(
        self,
        places: &mut [(&'static str, &mut (dyn Wire + 'static))],
    ) -> Result<(), DecodeError> {
        // One bit for each place; the generator makes no record with more fields.
        let (mut read, mut next) = (0_u128, 0);
        for (key, value) in self.entries()? {
            // Keys mostly come in the order of the schema, so the search goes on from the last one.
            let (before, after) = places.split_at(next.min(places.len()));
            let found = after.iter().position(|(name, _)| *name == key).map(|index| next + index);
            let Some(index) = found.or_else(|| before.iter().position(|(name, _)| *name == key)) else {
                continue;
            };
            next = index + 1;
            read |= 1 << index;
            if let Err(error) = places[index].1.read(value)
                && self.is_last(key, value)
            {
                return Err(error.in_field(key));
            }
        }
        for (index, (key, place)) in places.iter_mut().enumerate() {
            if read & (1 << index) == 0 && !place.absent() {
                return Err(DecodeError::new("a value", "nothing").in_field(key));
            }
        }
        Ok(())
    }

    /// Reads every field of an object but the `known` ones.
    pub(crate) fn read_rest<T: Wire>(
        self,
        known: &[&str],
        rest: &mut std::collections::BTreeMap<String, T>,
    ) -> Result<(), DecodeError> {
        rest.clear();
        for (key, node) in self.entries()?.filter(|(key, _)| !known.contains(key)) {
            let mut value = T::empty();
            match value.read(node) {
                Ok(()) => drop(rest.insert(key.to_owned(), value)),
                Err(error) if self.is_last(key, node) => return Err(error.in_field(key)),
                Err(_) => {}
            }
        }
        Ok(())
    }

    /// The string under `key` that tells a union's variants apart; empty when it is no string.
    pub(crate) fn tag(self, key: &str) -> Result<&'a str, DecodeError> {
        match self.entry() {
            Entry::Object(_) => Ok(self.get(key).and_then(|value| value.string().ok()).unwrap_or("")),
            _ => Err(self.mismatch("an object")),
        }
    }

    /// Whether an object has `key` (`outer/inner` for one in a nested object), with one of `values`
    /// unless there are none.
    pub(crate) fn has(self, key: &str, values: &[&str]) -> bool {
        if let Some((outer, inner)) = key.split_once('/') {
            return self.get(outer).is_some_and(|nested| nested.has(inner, values));
        }
        let Some(value) = self.get(key) else { return false };
        match value.entry() {
            _ if values.is_empty() => true,
            Entry::String(text) => values.contains(&text.as_ref()),
            Entry::Bool(flag) => values.contains(if *flag { &"true" } else { &"false" }),
            _ => false,
        }
    }
}
