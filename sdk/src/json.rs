//! Looking into JSON text without decoding it.

use std::borrow::Cow;
use std::fmt;

use serde_core::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::wire::DecodeError;

/// The raw values that an object holds under `keys`, in that order; all else is passed over.
pub(crate) fn pick<'a, const N: usize>(
    json: &'a str,
    keys: [&str; N],
) -> Result<[Option<&'a str>; N], DecodeError> {
    let mut parser = serde_json::Deserializer::from_str(json);
    (&mut parser)
        .deserialize_map(Pick { keys })
        .map_err(|error| DecodeError::new("a JSON object", error.to_string()))
}

struct Pick<'k, const N: usize> {
    keys: [&'k str; N],
}

impl<'de, const N: usize> Visitor<'de> for Pick<'_, N> {
    type Value = [Option<&'de str>; N];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Self::Value, A::Error> {
        let mut picked = [None; N];
        while let Some(Key(key)) = fields.next_key()? {
            match self.keys.iter().position(|wanted| *wanted == key) {
                Some(index) => picked[index] = Some(fields.next_value::<&'de RawValue>()?.get()),
                None => {
                    fields.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(picked)
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

/// The text of a raw JSON string; none for any other JSON.
pub(crate) fn string(raw: &str) -> Option<Cow<'_, str>> {
    let inner = raw.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') {
        serde_json::from_str(raw).ok().map(Cow::Owned)
    } else {
        Some(Cow::Borrowed(inner))
    }
}

/// The raw values of an array.
pub(crate) fn items(json: &str) -> Result<Vec<&str>, DecodeError> {
    let items: Result<Vec<&RawValue>, _> = serde_json::from_str(json);
    let items = items.map_err(|error| DecodeError::new("a JSON array", error.to_string()))?;
    Ok(items.into_iter().map(RawValue::get).collect())
}
