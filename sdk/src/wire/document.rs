//! A parsed JSON document: one flat list that borrows from the text.
//!
//! It is one list, however many objects there are, and its memory passes to the next document of the thread, so that
//! decoding allocates only what it returns.

#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::collections::BTreeMap;

use serde_json::Number;

use super::error::shortened;
use super::scan::{Invalid, Scanner, Sink, WORD, unescape};
use super::{DecodeError, Wire};

/// Maximum nesting of values. Reading recurses once per level.
const MAX_DEPTH: usize = 127;

/// The number of keys up to which an object is searched for each of them.
const FEW_KEYS: usize = 8;

/// The largest lists that are kept for the next document of a thread, in entries and in bytes.
const KEPT: usize = 4096;

/// One entry of the list. A container is followed by its contents and holds the index of their end; the
/// contents of an object are keys, each followed by its value.
pub(super) enum Entry<'a> {
    Null,
    Bool(bool),
    /// The text of the number, since no Rust type holds every JSON number.
    Number(&'a str),
    /// A string without escapes.
    String(&'a str),
    /// The start and the end of a string that was written with escapes, in the decoded ones.
    Decoded(usize, usize),
    Array(usize),
    /// With the text of the object.
    Object(usize, &'a str),
    /// No value. It is not in the list; a node without a place in it has this entry.
    Missing,
}

/// A parsed JSON text. Its `Debug` shows none of it, since it may hold secrets.
pub struct Document<'a> {
    entries: Vec<Entry<'a>>,
    /// The index of the innermost container that has not ended. It holds the index of the one around it until then.
    innermost: usize,
    /// The strings with escapes, decoded, up to `decoded_end`.
    decoded: Vec<u8>,
    decoded_end: usize,
    levels: usize,
}

/// The lists of the last document of a thread, which the next one fills again.
#[derive(Default)]
struct Lists {
    entries: Vec<Entry<'static>>,
    decoded: Vec<u8>,
}

thread_local! {
    static LISTS: Cell<Lists> = const { Cell::new(Lists { entries: Vec::new(), decoded: Vec::new() }) };
}

impl<'a> Document<'a> {
    /// Parses a JSON text.
    ///
    /// # Errors
    /// If the text is not JSON, or nests deeper than 127 levels.
    #[inline]
    pub fn parse(json: &'a str) -> Result<Self, DecodeError> {
        let document = Self::scan(json).map_err(|error| error.expected("JSON"))?;
        match document.levels <= MAX_DEPTH {
            true => Ok(document),
            false => Err(DecodeError::new("JSON", format!("more than {MAX_DEPTH} levels"))),
        }
    }

    /// Parses a JSON text of any depth.
    pub(super) fn scan(json: &'a str) -> Result<Self, Invalid> {
        let Lists { entries, decoded } = LISTS.try_with(Cell::take).unwrap_or_default();
        let mut document = Self { entries, innermost: 0, decoded, decoded_end: 0, levels: 0 };
        // An estimate that fits most messages, so that the list is allocated once.
        document.entries.reserve(json.len() / 24 + 8);
        document.levels = Scanner::new(json).only(&mut document)?;
        Ok(document)
    }

    /// The outermost value.
    pub fn root(&self) -> Node<'_> {
        Node { document: self, at: 0 }
    }
}

impl Drop for Document<'_> {
    fn drop(&mut self) {
        let mut lists = Lists::default();
        if self.entries.capacity() <= KEPT {
            let mut entries = std::mem::take(&mut self.entries);
            entries.clear();
            // Keeps the memory, and forgets the lifetime of the text.
            lists.entries = entries.into_iter().map_while(|_| None).collect();
        }
        if self.decoded.len() <= KEPT {
            lists.decoded = std::mem::take(&mut self.decoded);
        }
        // A thread that ends has no place for them.
        let _ = LISTS.try_with(|kept| kept.set(lists));
    }
}

impl<'a> Sink<'a> for Document<'a> {
    fn word(&mut self, word: &'static str) {
        self.entries.push(match word {
            "null" => Entry::Null,
            word => Entry::Bool(word == "true"),
        });
    }
    fn number(&mut self, number: &'a str) {
        self.entries.push(Entry::Number(number));
    }
    fn string(&mut self, string: &'a str) {
        self.entries.push(Entry::String(string));
    }
    fn escaped(&mut self, plain: &'a str, text: &'a str, at: usize) -> Result<usize, Invalid> {
        if self.decoded.len() < text.len() + WORD {
            // This is the first of them, since there is room for all then.
            self.decoded = vec![0; text.len() + WORD];
        }
        let (from, start) = (self.decoded_end, self.decoded_end + plain.len());
        if let Some(room) = self.decoded.get_mut(from..start) {
            room.copy_from_slice(plain.as_bytes());
        }
        let room = self.decoded.get_mut(start..).unwrap_or_default();
        let (end, length) = unescape(text.as_bytes(), at, room)?;
        self.decoded_end = start + length;
        self.entries.push(Entry::Decoded(from, self.decoded_end));
        Ok(end)
    }
    fn open(&mut self, rest: &'a str) {
        let outer = std::mem::replace(&mut self.innermost, self.entries.len());
        self.entries.push(if rest.starts_with('{') {
            Entry::Object(outer, rest)
        } else {
            Entry::Array(outer)
        });
    }
    fn close(&mut self, rest: &'a str) {
        let end = self.entries.len();
        match self.entries.get_mut(self.innermost) {
            Some(Entry::Object(place, text)) => {
                *text = &text[..text.len() - rest.len()];
                self.innermost = std::mem::replace(place, end);
            }
            Some(Entry::Array(place)) => self.innermost = std::mem::replace(place, end),
            _ => {}
        }
    }
}

/// The index of the value of a missing key. No list is so long.
const MISSING: usize = usize::MAX;

/// One value of a [`Document`].
#[derive(Clone, Copy)]
pub struct Node<'a> {
    document: &'a Document<'a>,
    at: usize,
}

impl std::fmt::Debug for Document<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Document").finish_non_exhaustive()
    }
}

impl<'a> Node<'a> {
    pub(super) fn entry(self) -> &'a Entry<'a> {
        self.document.entries.get(self.at).unwrap_or(&Entry::Missing)
    }

    /// The index after this value.
    fn end(self) -> usize {
        match self.entry() {
            Entry::Array(end) | Entry::Object(end, _) => *end,
            _ => self.at + 1,
        }
    }

    fn sibling(self, at: usize) -> Self {
        Self { at, ..self }
    }

    /// Returns true for the value of a missing key.
    pub(crate) fn is_missing(self) -> bool {
        matches!(self.entry(), Entry::Missing)
    }
    pub(crate) fn is_null(self) -> bool {
        matches!(self.entry(), Entry::Null)
    }
    pub(crate) fn is_bool(self) -> bool {
        matches!(self.entry(), Entry::Bool(_))
    }
    pub(crate) fn is_number(self) -> bool {
        matches!(self.entry(), Entry::Number(_))
    }
    pub(crate) fn is_string(self) -> bool {
        matches!(self.entry(), Entry::String(_) | Entry::Decoded(..))
    }
    pub(crate) fn is_array(self) -> bool {
        matches!(self.entry(), Entry::Array(_))
    }
    pub(crate) fn is_object(self) -> bool {
        matches!(self.entry(), Entry::Object(..))
    }

    /// Describes the value for an error.
    #[cold]
    fn found(self) -> String {
        match self.entry() {
            Entry::Missing => "nothing".to_owned(),
            Entry::Null => "null".to_owned(),
            Entry::Bool(value) => value.to_string(),
            // A long number may be a secret; a string may be one, or very long.
            Entry::Number(number) if number.len() <= 8 || number.contains(['.', 'e', 'E']) => {
                shortened(number).into_owned()
            }
            Entry::Number(_) => "a long number".to_owned(),
            Entry::String(_) | Entry::Decoded(..) => "a string".to_owned(),
            Entry::Array(_) => "an array".to_owned(),
            Entry::Object(..) => "an object".to_owned(),
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
        let Entry::Number(text) = self.entry() else { return Err(self.mismatch("an integer")) };
        // The CLI writes some whole numbers as floats.
        text.parse().ok().or_else(|| whole(text)).ok_or_else(|| self.mismatch("an integer"))
    }

    pub(crate) fn number(self) -> Result<f64, DecodeError> {
        let Entry::Number(text) = self.entry() else { return Err(self.mismatch("a number")) };
        let value = text.parse().ok().filter(|value: &f64| value.is_finite());
        value.ok_or_else(|| self.mismatch("a number of 64 bits"))
    }

    /// Returns the value as an owned `serde_json::Value`.
    pub(crate) fn to_value(self) -> Result<serde_json::Value, DecodeError> {
        Ok(match self.entry() {
            Entry::Missing => return Err(self.mismatch("a value")),
            Entry::Null => serde_json::Value::Null,
            Entry::Bool(value) => (*value).into(),
            Entry::Number(text) => number(text).ok_or_else(|| self.mismatch("a number of 64 bits"))?.into(),
            Entry::String(_) | Entry::Decoded(..) => self.string()?.into(),
            Entry::Array(_) => {
                let items = self.items()?.enumerate();
                let items = items.map(|(index, item)| item.to_value().map_err(|error| error.in_item(index)));
                items.collect::<Result<_, _>>()?
            }
            Entry::Object(..) => {
                let mut members = serde_json::Map::new();
                for (key, value) in self.fields()? {
                    members.insert(key.to_owned(), value.to_value().map_err(|error| error.in_field(key))?);
                }
                members.into()
            }
        })
    }

    /// Reads a value of this type.
    pub(crate) fn decode<T: Wire>(self) -> Result<T, DecodeError> {
        let mut value = T::empty();
        value.read(self)?;
        Ok(value)
    }

    /// The text of an object, unchanged.
    pub(crate) fn object_text(self) -> Result<&'a str, DecodeError> {
        match self.entry() {
            Entry::Object(_, text) => Ok(text),
            _ => Err(self.mismatch("an object")),
        }
    }

    pub(crate) fn string(self) -> Result<&'a str, DecodeError> {
        match self.entry() {
            Entry::String(text) => Ok(text),
            // It is made of whole characters.
            Entry::Decoded(start, end) => {
                let text = self.document.decoded.get(*start..*end).unwrap_or_default();
                Ok(std::str::from_utf8(text).unwrap_or_default())
            }
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

    /// The keys and values of an object, including repeated keys.
    pub(super) fn entries(self) -> Result<impl Iterator<Item = (&'a str, Node<'a>)>, DecodeError> {
        let Entry::Object(end, _) = *self.entry() else {
            return Err(self.mismatch("an object"));
        };
        let mut at = self.at + 1;
        Ok(std::iter::from_fn(move || {
            (at < end).then(|| {
                let value = self.sibling(at + 1);
                let key = self.sibling(at).string().unwrap_or_default();
                at = value.end();
                (key, value)
            })
        }))
    }

    /// The value under `key`; none if the key is missing or this is not an object.
    pub(super) fn get(self, key: &str) -> Option<Node<'a>> {
        self.entries().ok()?.filter_map(|(name, value)| (name == key).then_some(value)).last()
    }

    /// The keys of an object, each with the place of its last value.
    fn last_places(self) -> Result<BTreeMap<&'a str, usize>, DecodeError> {
        let mut places = BTreeMap::new();
        for (key, value) in self.entries()? {
            places.insert(key, value.at);
        }
        Ok(places)
    }

    /// The keys of an object, each with its last value, in the order of the text.
    pub(crate) fn fields(self) -> Result<impl Iterator<Item = (&'a str, Self)>, DecodeError> {
        // A few keys are compared with each other, so that no map is made for most objects.
        let is_small = self.entries()?.nth(FEW_KEYS).is_none();
        let last = if is_small { BTreeMap::new() } else { self.last_places()? };
        let counts = move |(key, value): &(&'a str, Self)| match is_small {
            true => self.get(key).is_some_and(|last| last.at == value.at),
            false => last.get(key) == Some(&value.at),
        };
        Ok(self.entries()?.filter(counts))
    }

    /// Reads the fields of an object, each into the place at the index of its key. The last of several equal keys
    /// counts and the others are not read, so the work is bounded by the length of the text.
    //
    // Keys and places are two lists, since the keys then cost no code in the function of each type.
    pub(crate) fn read_fields(
        self,
        keys: &[&'static str],
        places: &mut [&mut (dyn Wire + 'static)],
    ) -> Result<(), DecodeError> {
        // The indices of the values, without an allocation for most types.
        let (mut few, mut many) = ([MISSING; 32], Vec::new());
        let found = match few.get_mut(..keys.len()) {
            Some(few) => few,
            None => {
                many.resize(keys.len(), MISSING);
                &mut many[..]
            }
        };
        let mut next = 0;
        for (key, value) in self.entries()? {
            // Keys mostly come in the order of the schema, so the search continues after the last match.
            let (before, after) = keys.split_at(next.min(keys.len()));
            let index = after.iter().position(|name| *name == key).map(|index| next + index);
            let Some(index) = index.or_else(|| before.iter().position(|name| *name == key)) else {
                continue;
            };
            next = index + 1;
            found[index] = value.at;
        }
        // A mismatch is the more useful error, so missing keys are reported last.
        let mut complete = Ok(());
        for ((key, place), at) in keys.iter().zip(places).zip(found) {
            let read = self.sibling(*at).read_field(key, *place);
            match *at {
                MISSING => complete = complete.and(read),
                _ => read?,
            }
        }
        complete
    }

    /// Reads every field of an object except the `known` ones.
    pub(crate) fn read_rest<T: Wire>(
        self,
        known: &[&str],
        rest: &mut BTreeMap<String, T>,
    ) -> Result<(), DecodeError> {
        *rest = BTreeMap::new();
        for (key, node) in self.fields()? {
            if !known.contains(&key) {
                node.read_field(key, rest.entry(key.to_owned()).or_insert(T::empty()))?;
            }
        }
        Ok(())
    }

    /// Reads the value of a key. One function for all types, which would each repeat it.
    pub(crate) fn read_field(self, key: &str, place: &mut dyn Wire) -> Result<(), DecodeError> {
        place.read(self).map_err(|error| error.in_field(key))
    }

    /// Reads an item of a list, also for all types.
    pub(crate) fn read_item(self, index: usize, place: &mut dyn Wire) -> Result<(), DecodeError> {
        place.read(self).map_err(|error| error.in_item(index))
    }

    /// The string under `key`, which identifies the variant of a union; empty if it is not a string.
    pub(crate) fn tag(self, key: &str) -> Result<&'a str, DecodeError> {
        match self.entry() {
            Entry::Object(..) => Ok(self.get(key).and_then(|value| value.string().ok()).unwrap_or_default()),
            _ => Err(self.mismatch("an object")),
        }
    }

    /// Returns true if an object has `key` (`outer/inner` for one in a nested object) and its value is
    /// among `values`; an empty `values` accepts any.
    pub(crate) fn has(self, key: &str, values: &[&str]) -> bool {
        if let Some((outer, inner)) = key.split_once('/') {
            return self.get(outer).is_some_and(|nested| nested.has(inner, values));
        }
        self.get(key).is_some_and(|value| value.is_among(values))
    }

    /// Returns true if an object has no `key`, or its value is `null` or among `values`.
    pub(crate) fn has_or_none(self, key: &str, values: &[&str]) -> bool {
        self.get(key).is_none_or(|value| value.is_null() || value.is_among(values))
    }

    fn is_among(self, values: &[&str]) -> bool {
        match self.entry() {
            _ if values.is_empty() => true,
            Entry::Bool(flag) => values.contains(if *flag { &"true" } else { &"false" }),
            _ => self.is_string() && self.string().is_ok_and(|text| values.contains(&text)),
        }
    }
}

/// Returns a number such as `3.0` or `1e3`; none if it has a fraction or does not fit. It is not read as a float, which
/// would round away a fraction.
fn whole(text: &str) -> Option<i64> {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = [whole, fraction].concat();
    let digits = all.trim_end_matches('0');
    if matches!(digits, "" | "-") {
        return Some(0);
    }
    let zeros = i64::try_from(all.len() - digits.len()).ok()? - i64::try_from(fraction.len()).ok()?;
    let power = zeros.checked_add(exponent.parse().ok()?)?.try_into().ok()?;
    digits.parse::<i64>().ok()?.checked_mul(10_i64.checked_pow(power)?)
}

/// Returns a number as serde_json represents it; none if it cannot.
///
/// A number that fits a Rust type is converted from that type. With `arbitrary_precision` serde_json would
/// also parse any text, but such a number appears as a map to a user's own type.
fn number(text: &str) -> Option<Number> {
    let is_whole = !text.contains(['.', 'e', 'E']);
    let usual = match is_whole {
        true => text.parse::<i64>().ok().filter(|_| text != "-0").map(Number::from),
        false => text.parse::<f64>().ok().and_then(Number::from_f64),
    };
    // The rest are large whole numbers, minus zero, and numbers that do not fit 64 bits.
    usual.or_else(|| text.parse().ok())
}
