//! serde support by way of JSON text, so that thousands of types share one implementation.

use serde_core::de::{Deserialize, Deserializer};
use serde_core::ser::{Error as _, Serialize, Serializer};

use super::{Document, Node};
#[cfg(feature = "serde")]
use super::{Wire, from_json, to_json};

/// `Serialize` of a generated type.
#[cfg(feature = "serde")]
pub(crate) fn serialize<S: Serializer>(value: &dyn Wire, to: S) -> Result<S::Ok, S::Error> {
    serialize_json(&to_json(value), to)
}

/// `Deserialize` of a generated type.
#[cfg(feature = "serde")]
pub(crate) fn deserialize<'de, T: Wire, D: Deserializer<'de>>(from: D) -> Result<T, D::Error> {
    from_json(&deserialize_json(from)?).map_err(serde_core::de::Error::custom)
}

/// Serializes JSON text with any serializer.
pub(crate) fn serialize_json<S: Serializer>(json: &str, to: S) -> Result<S::Ok, S::Error> {
    Json(Document::parse(json).map_err(S::Error::custom)?.root()).serialize(to)
}

/// Deserializes any value and returns it as JSON text.
pub(crate) fn deserialize_json<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    serde_json::Value::deserialize(from).map(|json| json.to_string())
}

/// JSON for any serializer. serde_json's own values do not serve: with its feature `arbitrary_precision`
/// their numbers are structs that only its own serializer understands.
struct Json<'a>(Node<'a>);

impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Self(node) = *self;
        if let Ok(items) = node.items() {
            return to.collect_seq(items.map(Json));
        }
        if let Ok(fields) = node.fields() {
            return to.collect_map(fields.map(|(key, value)| (key, Json(value))));
        }
        let value = node.to_value().map_err(S::Error::custom)?;
        match value.as_number() {
            None => value.serialize(to),
            Some(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
                (Some(value), ..) => to.serialize_i64(value),
                (_, Some(value), _) => to.serialize_u64(value),
                (.., Some(value)) if number.is_f64() => to.serialize_f64(value),
                _ => number.serialize(to),
            },
        }
    }
}
