//! Looking into JSON text without decoding it.

use std::borrow::Cow;
use std::fmt;

use serde_core::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::wire::{DecodeError, surrogates};

/// The raw values that an object holds under `keys`, in that order; all else is passed over. Of a key that
/// stands there twice the last counts, as for JavaScript.
pub(crate) fn pick<'a, const N: usize>(
    json: &'a str,
    keys: [&str; N],
) -> Result<[Option<&'a str>; N], DecodeError> {
    let mut found = [None; N];
    match pick_into(json, &keys, &mut found) {
        Ok(()) => Ok(found),
        Err(error) => pick_mended(json, keys).ok_or(error),
    }
}

/// The same where keys have lone surrogates.
#[cold]
fn pick_mended<'a, const N: usize>(json: &'a str, keys: [&str; N]) -> Option<[Option<&'a str>; N]> {
    let mended = surrogates::replaced(json)?;
    let mut found = [None; N];
    pick_into(&mended, &keys, &mut found).ok()?;
    let original = |part: &str| {
        let start = part.as_ptr() as usize - mended.as_ptr() as usize;
        &json[start..start + part.len()]
    };
    Some(found.map(|part| part.map(original)))
}

/// The same as far as the text is an object. A value that is not whole is empty.
pub(crate) fn pick_start<'a, const N: usize>(json: &'a str, keys: [&str; N]) -> [Option<&'a str>; N] {
    let end = |text: &str| text.as_bytes().as_ptr_range().end;
    let mut found = [None; N];
    if pick_into(json, &keys, &mut found).is_err() {
        for value in found.iter_mut().flatten() {
            // More digits might have come.
            if end(value) == end(json) && !value.ends_with(['"', '}', ']']) {
                *value = "";
            }
        }
    }
    found
}

fn pick_into<'a, const N: usize>(
    json: &'a str,
    keys: &[&str; N],
    found: &mut [Option<&'a str>; N],
) -> Result<(), DecodeError> {
    let mut parser = serde_json::Deserializer::from_str(json);
    (&mut parser)
        .deserialize_map(Pick { keys, found })
        .map_err(|error| DecodeError::new("a JSON object", error.to_string()))
}

struct Pick<'k, 'f, 'de, const N: usize> {
    keys: &'k [&'k str; N],
    found: &'f mut [Option<&'de str>; N],
}

impl<'de, const N: usize> Visitor<'de> for Pick<'_, '_, 'de, N> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        while let Some(Key(key)) = fields.next_key()? {
            match self.keys.iter().position(|wanted| *wanted == key) {
                Some(index) => {
                    self.found[index] = Some("");
                    self.found[index] = Some(fields.next_value::<&'de RawValue>()?.get());
                }
                None => {
                    fields.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

/// An object's key, borrowed unless it has escapes.
struct Key<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Key<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(text.to_owned())))
            }
        }
        from.deserialize_str(Text)
    }
}

/// The text of a raw JSON string, with U+FFFD for lone surrogates; none for any other JSON.
pub(crate) fn string(raw: &str) -> Option<Cow<'_, str>> {
    let inner = raw.strip_prefix('"')?.strip_suffix('"')?;
    if !inner.contains('\\') {
        return Some(Cow::Borrowed(inner));
    }
    let text = serde_json::from_str(raw).ok();
    text.or_else(|| serde_json::from_str(&surrogates::replaced(raw)?).ok()).map(Cow::Owned)
}

/// The raw values of an array.
pub(crate) fn items(json: &str) -> Result<Vec<&str>, DecodeError> {
    let mut items = Vec::new();
    each(json, |item| items.push(item))?;
    Ok(items)
}

/// Hands over the raw values of an array one by one, as far as the text is one.
pub(crate) fn each<'a>(json: &'a str, take: impl FnMut(&'a str)) -> Result<(), DecodeError> {
    let mut parser = serde_json::Deserializer::from_str(json);
    parser
        .deserialize_seq(Each(take))
        .and_then(|()| parser.end())
        .map_err(|error| DecodeError::new("a JSON array", error.to_string()))
}

struct Each<F>(F);

impl<'de, F: FnMut(&'de str)> Visitor<'de> for Each<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<(), A::Error> {
        while let Some(item) = items.next_element::<&'de RawValue>()? {
            (self.0)(item.get());
        }
        Ok(())
    }
}
