//! JSON in and out of the generated types.
//!
//! The types are thousands, so nothing here is derived: each type holds one [`Wire`] implementation
//! written as a table of its fields (see the macros at the end), read from a flat parsed document and
//! written straight to text. That builds many times faster than derived serde and decodes as fast.

mod error;
mod scalars;
mod tape;
mod writer;

pub use error::DecodeError;
pub use tape::{Document, Fields, Node};
pub use writer::Writer;

/// A value with a JSON form on the CLI's wire.
///
/// Reading is lenient where the CLI is loose: unknown keys are passed over, `null` stands for an
/// absent optional value, and a whole number written as `3.0` is an integer.
pub trait Wire: Sized {
    /// Reads the value from parsed JSON.
    ///
    /// # Errors
    /// When the JSON has another shape; the error holds the JSON path, what was expected and found.
    fn read(node: Node<'_>) -> Result<Self, DecodeError>;

    /// Appends the value as JSON.
    fn write(&self, out: &mut Writer);

    /// The value that a missing key stands for; `None` makes a missing key an error.
    #[inline]
    fn absent() -> Option<Self> {
        None
    }

    /// The value that `null` stands for inside an optional; `None` makes the optional empty.
    #[inline]
    fn null() -> Option<Self> {
        None
    }

    /// Whether the key is left out when this value is written as a field.
    #[inline]
    fn is_absent(&self) -> bool {
        false
    }
}

/// Reads a value from JSON text.
///
/// # Errors
/// When the text is not JSON, or has another shape than `T`.
pub fn from_json<T: Wire>(json: &str) -> Result<T, DecodeError> {
    let document = Document::parse(json)?;
    T::read(document.root())
}

/// The value as JSON text.
pub fn to_json<T: Wire>(value: &T) -> String {
    let mut out = Writer::new();
    value.write(&mut out);
    out.into_json()
}

/// `Debug` of a generated type: its JSON, with secrets hidden.
pub(crate) fn debug<T: Wire>(
    value: &T,
    name: &str,
    f: &mut std::fmt::Formatter<'_>,
) -> std::fmt::Result {
    let mut out = Writer::redacting();
    value.write(&mut out);
    write!(f, "{name} {}", out.into_json())
}

/// `Serialize` of a generated type, through JSON so that every type shares one body.
#[cfg(feature = "serde")]
pub(crate) fn serialize<T: Wire, S: serde::Serializer>(value: &T, to: S) -> Result<S::Ok, S::Error> {
    let json: serde_json::Value =
        serde_json::from_str(&to_json(value)).map_err(serde::ser::Error::custom)?;
    serde::Serialize::serialize(&json, to)
}

/// `Deserialize` of a generated type, through JSON so that every type shares one body.
#[cfg(feature = "serde")]
pub(crate) fn deserialize<'de, T: Wire, D: serde::Deserializer<'de>>(from: D) -> Result<T, D::Error> {
    let json: serde_json::Value = serde::Deserialize::deserialize(from)?;
    from_json(&json.to_string()).map_err(serde::de::Error::custom)
}

/// What every generated type has beside [`Wire`].
macro_rules! common {
    ($type:ident) => {
        impl std::fmt::Debug for $type {
            #[inline]
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                $crate::wire::debug(self, stringify!($type), f)
            }
        }
        #[cfg(feature = "serde")]
        impl serde::Serialize for $type {
            #[inline]
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                $crate::wire::serialize(self, to)
            }
        }
        #[cfg(feature = "serde")]
        impl<'de> serde::Deserialize<'de> for $type {
            #[inline]
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                $crate::wire::deserialize(from)
            }
        }
    };
}

/// The codec of an object: constants it always carries, then `kind field "wireName"` for each field,
/// where the kind is the method of [`Fields`] and [`Writer`] that moves it; last, for an object with
/// open keys, `rest` and the keys that are not among them.
macro_rules! record {
    ($type:ident [$($key:literal $constant:literal),*] { $($kind:ident $field:ident $name:literal),* } $($rest:ident [$($known:literal),*])?) => {
        impl $crate::wire::Wire for $type {
            #[inline]
            fn read(node: $crate::wire::Node<'_>) -> Result<Self, $crate::wire::DecodeError> {
                #[allow(unused_mut, unused_variables)]
                let mut fields = node.fields()?;
                Ok(Self {
                    $($field: match fields.$kind($name) {
                        Ok(value) => value,
                        Err(error) => return Err(error),
                    },)*
                    $($rest: fields.$rest(&[$($known),*])?,)?
                })
            }
            #[inline]
            fn write(&self, out: &mut $crate::wire::Writer) {
                out.begin_object();
                $(out.constant($key, $constant);)*
                $(out.$kind($name, &self.$field);)*
                $(out.$rest(&self.$rest);)?
                out.end_object();
            }
        }
        common!($type);
    };
}

/// The codec of an open set of strings.
macro_rules! string_enum {
    ($type:ident { $($variant:ident $value:literal),* }) => {
        impl $type {
            /// The value as it stands on the wire.
            #[inline]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $value,)*
                    Self::Unrecognized(value) => value,
                }
            }
        }
        impl From<&str> for $type {
            #[inline]
            fn from(value: &str) -> Self {
                match value {
                    $($value => Self::$variant,)*
                    other => Self::Unrecognized(other.to_owned()),
                }
            }
        }
        impl $crate::wire::Wire for $type {
            #[inline]
            fn read(node: $crate::wire::Node<'_>) -> Result<Self, $crate::wire::DecodeError> {
                Ok(Self::from(node.string()?))
            }
            #[inline]
            fn write(&self, out: &mut $crate::wire::Writer) {
                out.string(self.as_str());
            }
        }
        common!($type);
    };
}

/// The codec of a union told apart by the string under one key.
macro_rules! tagged {
    ($type:ident $tag:literal { $($variant:ident $($value:literal)|+),* }) => {
        impl $crate::wire::Wire for $type {
            #[inline]
            fn read(node: $crate::wire::Node<'_>) -> Result<Self, $crate::wire::DecodeError> {
                Ok(match node.tag($tag)? {
                    $($($value)|+ => Self::$variant($crate::wire::Wire::read(node)?),)*
                    _ => Self::Unrecognized($crate::wire::Wire::read(node)?),
                })
            }
            #[inline]
            fn write(&self, out: &mut $crate::wire::Writer) {
                match self {
                    $(Self::$variant(value) => $crate::wire::Wire::write(value, out),)*
                    Self::Unrecognized(value) => $crate::wire::Wire::write(value, out),
                }
            }
        }
        common!($type);
    };
}

/// The codec of a union told apart by the kind of JSON and, among objects, by keys and constants:
/// the first variant whose test holds.
macro_rules! untagged {
    ($type:ident { $($variant:ident $test:ident [$($key:literal $(= $($value:literal)|+)?),*]),* }) => {
        impl $crate::wire::Wire for $type {
            #[inline]
            fn read(node: $crate::wire::Node<'_>) -> Result<Self, $crate::wire::DecodeError> {
                $(if node.$test() $(&& node.has($key, &[$($($value),+)?]))* {
                    return Ok(Self::$variant($crate::wire::Wire::read(node)?));
                })*
                Ok(Self::Unrecognized($crate::wire::Wire::read(node)?))
            }
            #[inline]
            fn write(&self, out: &mut $crate::wire::Writer) {
                match self {
                    $(Self::$variant(value) => $crate::wire::Wire::write(value, out),)*
                    Self::Unrecognized(value) => $crate::wire::Wire::write(value, out),
                }
            }
        }
        common!($type);
    };
}
