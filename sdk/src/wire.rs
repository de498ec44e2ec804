//! JSON in and out of the generated types.
//!
//! The types are thousands, so nothing here is derived: each type holds one [`Wire`] implementation
//! written as a table of its fields (see the macros at the end), read from a flat parsed document and
//! written straight to text. That builds many times faster than derived serde and decodes as fast.

mod document;
mod error;
pub(crate) mod peek;
pub(crate) mod redact;
mod scalars;
pub(crate) mod scan;
mod serde;
mod writer;

pub(crate) use document::NOWHERE;
pub use document::{Document, Node};
pub use error::DecodeError;
#[cfg(feature = "serde")]
pub(crate) use serde::{deserialize, serialize};
pub(crate) use serde::{deserialize_json, serialize_json};
pub use writer::Writer;

/// A string as JSON.
pub(crate) fn quote(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A value with a JSON form on the CLI's wire.
///
/// Reading is lenient where the CLI is loose: unknown keys are passed over, `null` stands for an
/// absent optional value, a whole number written as `3.0` is an integer, a lone surrogate in a string is
/// U+FFFD, and of a key that stands in an object twice the last counts, as for JavaScript.
///
/// A value is read in place and moved by nobody: that keeps the code of a type, of which there are
/// thousands, to a list of its fields.
pub trait Wire {
    /// The value before anything is read into it.
    fn empty() -> Self
    where
        Self: Sized;

    /// Reads the value from parsed JSON, over what was read before. After an error the value is of no use.
    ///
    /// # Errors
    /// When the JSON has another shape; the error holds the JSON path, what was expected and found.
    fn read(&mut self, node: Node<'_>) -> Result<(), DecodeError>;

    /// Appends the value as JSON.
    fn write(&self, out: &mut Writer);

    /// Makes it the value that a missing key stands for; false when a key must not be missing.
    #[inline]
    fn absent(&mut self) -> bool {
        false
    }

    /// Makes it the value that `null` stands for inside an optional; false when that is none.
    #[inline]
    fn null(&mut self) -> bool {
        false
    }

    /// Tells whether the key is left out when this value is written as a field.
    #[inline]
    fn is_absent(&self) -> bool {
        false
    }
}

/// How a field is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Left out when it is absent.
    Field,
    /// Always there, if need be as `null`.
    Nullable,
    /// As a field, and hidden in `Debug`.
    Secret,
    /// The same in every value of the type.
    Constant,
}

/// Reads a value from JSON text.
///
/// # Errors
/// When the text is not JSON, or has another shape than `T`.
pub fn from_json<T: Wire>(json: &str) -> Result<T, DecodeError> {
    let mut value = T::empty();
    read_json(json, &mut value)?;
    Ok(value)
}

/// The part of [`from_json`] that is the same for every type.
pub(crate) fn read_json(json: &str, value: &mut dyn Wire) -> Result<(), DecodeError> {
    value.read(Document::parse(json)?.root())
}

/// The value as JSON text.
pub fn to_json(value: &dyn Wire) -> String {
    let mut out = Writer::new();
    value.write(&mut out);
    out.into_json()
}

/// `Debug` of a generated type: its JSON, with secrets hidden, also those in what the type does not know.
pub(crate) fn debug(value: &dyn Wire, name: &str, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
    let mut out = Writer::redacting();
    value.write(&mut out);
    write!(f, "{name} {}", crate::printable::printable(&redact::json(&out.into_json())))
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
        impl serde_core::Serialize for $type {
            #[inline]
            fn serialize<S: serde_core::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                $crate::wire::serialize(self, to)
            }
        }
        #[cfg(feature = "serde")]
        impl<'de> serde_core::Deserialize<'de> for $type {
            #[inline]
            fn deserialize<D: serde_core::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                $crate::wire::deserialize(from)
            }
        }
    };
}

/// The codec of an object: constants it always carries, then `Kind field "wireName"` for each field;
/// last, for an object with open keys, `rest` and the keys that are not among them.
macro_rules! record {
    ($type:ident [$($key:literal $constant:literal),*] { $($kind:ident $field:ident $name:literal),* } $($rest:ident [$($known:literal),*])?) => {
        impl $crate::wire::Wire for $type {
            #[inline]
            fn empty() -> Self {
                Self { $($field: $crate::wire::Wire::empty(),)* $($rest: $crate::wire::Wire::empty(),)? }
            }
            #[inline]
            fn read(&mut self, node: $crate::wire::Node<'_>) -> Result<(), $crate::wire::DecodeError> {
                $(node.read_rest(&[$($known),*], &mut self.$rest)?;)?
                node.read_fields(&mut [$(($name, &mut self.$field, $crate::wire::NOWHERE)),*])
            }
            #[inline]
            fn write(&self, out: &mut $crate::wire::Writer) {
                out.object(&[
                    $(($crate::wire::Kind::Constant, $key, &$constant),)*
                    $(($crate::wire::Kind::$kind, $name, &self.$field),)*
                ]);
                $(out.rest(&self.$rest);)?
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
        // By hand: what derives write for `Eq` is compiled for each of some hundred enums.
        impl PartialEq for $type {
            #[inline]
            fn eq(&self, other: &Self) -> bool {
                self.as_str() == other.as_str()
            }
        }
        impl Eq for $type {}
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
            fn empty() -> Self {
                Self::Unrecognized(String::new())
            }
            #[inline]
            fn read(&mut self, node: $crate::wire::Node<'_>) -> Result<(), $crate::wire::DecodeError> {
                *self = Self::from(node.string()?);
                Ok(())
            }
            #[inline]
            fn write(&self, out: &mut $crate::wire::Writer) {
                out.string(self.as_str());
            }
        }
        common!($type);
    };
}

/// What every union has: a way to its content whichever variant it is.
macro_rules! union {
    ($type:ident $($variant:ident)*) => {
        impl $type {
            #[inline]
            fn content(&mut self) -> &mut (dyn $crate::wire::Wire + 'static) {
                match self {
                    $(Self::$variant(value) => value,)*
                    Self::Unrecognized(value) => value,
                }
            }
            #[inline]
            fn content_ref(&self) -> &(dyn $crate::wire::Wire + 'static) {
                match self {
                    $(Self::$variant(value) => value,)*
                    Self::Unrecognized(value) => value,
                }
            }
        }
    };
}

/// The codec of a union told apart by the string under one key.
macro_rules! tagged {
    ($type:ident $tag:literal { $($variant:ident $($value:literal)|+),* }) => {
        union!($type $($variant)*);
        impl $crate::wire::Wire for $type {
            #[inline]
            fn empty() -> Self {
                Self::Unrecognized(serde_json::Value::Null)
            }
            #[inline]
            fn read(&mut self, node: $crate::wire::Node<'_>) -> Result<(), $crate::wire::DecodeError> {
                *self = match node.tag($tag)? {
                    $($($value)|+ => Self::$variant($crate::wire::Wire::empty()),)*
                    _ => Self::empty(),
                };
                self.content().read(node)
            }
            #[inline]
            fn write(&self, out: &mut $crate::wire::Writer) {
                self.content_ref().write(out);
            }
        }
        common!($type);
    };
}

/// The codec of a union told apart by the kind of JSON and, among objects, by keys and constants:
/// the first variant whose test holds.
macro_rules! untagged {
    ($type:ident { $($variant:ident $test:ident [$($key:literal $(= $($value:literal)|+)?),*]),* }) => {
        union!($type $($variant)*);
        impl $crate::wire::Wire for $type {
            #[inline]
            fn empty() -> Self {
                Self::Unrecognized(serde_json::Value::Null)
            }
            #[inline]
            fn read(&mut self, node: $crate::wire::Node<'_>) -> Result<(), $crate::wire::DecodeError> {
                *self = match () {
                    $(_ if node.$test() $(&& node.has($key, &[$($($value),+)?]))* => {
                        Self::$variant($crate::wire::Wire::empty())
                    })*
                    _ => Self::empty(),
                };
                self.content().read(node)
            }
            #[inline]
            fn write(&self, out: &mut $crate::wire::Writer) {
                self.content_ref().write(out);
            }
        }
        common!($type);
    };
}
