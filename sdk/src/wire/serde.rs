//! serde support by way of JSON text, so that thousands of types share one implementation. Keys keep the order in which
//! a type writes them, or a format gives them.

use std::fmt;
use std::sync::LazyLock;

use serde_core::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_core::ser::{Error as _, Serialize, Serializer};

use super::{Document, Node, Writer};
#[cfg(feature = "serde")]
use super::{Wire, from_json, to_unique_json};

/// The key of the map as which serde_json presents a number, if it has the feature `arbitrary_precision`.
const NUMBER: &str = "$serde_json::private::Number";

/// True if serde_json has this feature in the program.
static EXACT: LazyLock<bool> = LazyLock::new(|| {
    serde_json::from_str::<serde_json::Number>("1.10").is_ok_and(|number| number.to_string() == "1.10")
});

/// `Serialize` of a generated type.
#[cfg(feature = "serde")]
pub(crate) fn serialize<S: Serializer>(value: &dyn Wire, to: S) -> Result<S::Ok, S::Error> {
    serialize_json(&to_unique_json(value).map_err(S::Error::custom)?, to)
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
    let mut out = Writer::new();
    Text(&mut out).deserialize(from)?;
    Ok(out.into_json())
}

/// JSON for any serializer. serde_json's own values do not serve: with its feature `arbitrary_precision`
/// their numbers are structs that only its own serializer understands.
struct Json<'a>(Node<'a>);

impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Self(node) = *self;
        if let Ok(text) = node.string() {
            return to.serialize_str(text);
        }
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

/// Appends any value of a format as JSON.
struct Text<'w>(&'w mut Writer);

impl<'de> DeserializeSeed<'de> for Text<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        self.0.comma();
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Text<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.0.raw(if value { "true" } else { "false" });
        Ok(())
    }
    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.0.serialize(&value);
        Ok(())
    }
    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        self.0.serialize(&value);
        Ok(())
    }
    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        self.0.serialize(&value);
        Ok(())
    }
    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        self.0.string(value);
        Ok(())
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        self.0.raw("null");
        Ok(())
    }
    fn visit_none<E>(self) -> Result<(), E> {
        self.0.raw("null");
        Ok(())
    }
    fn visit_some<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        self.deserialize(from)
    }
    fn visit_newtype_struct<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        self.deserialize(from)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        self.0.raw("[");
        while items.next_element_seed(Text(self.0))?.is_some() {}
        self.0.raw("]");
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        let mut next = fields.next_key::<String>()?;
        if next.as_deref() == Some(NUMBER) && *EXACT {
            let number = fields.next_value::<String>()?;
            if !Document::parse(&number).is_ok_and(|document| document.root().is_number()) {
                return Err(A::Error::custom("a number that is no JSON"));
            }
            self.0.raw(&number);
            return Ok(());
        }
        self.0.raw("{");
        while let Some(key) = next {
            self.0.key(&key);
            fields.next_value_seed(Text(self.0))?;
            next = fields.next_key()?;
        }
        self.0.raw("}");
        Ok(())
    }
}
