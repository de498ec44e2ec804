//! Conversion between JSON and the generated types.
//!
//! There are thousands of types, so nothing here is derived. Each type has one [`Wire`] implementation,
//! written as a table of its fields by the macros below. It is read from a flat parsed document and written
//! directly to text. This compiles many times faster than derived serde and decodes as fast.

mod debug;
mod document;
pub(crate) mod encode;
mod error;
pub(crate) mod peek;
pub(crate) mod redact;
mod scalars;
pub(crate) mod scan;
mod serde;
pub(crate) mod shared;
mod writer;

use std::borrow::Cow;

pub(crate) use debug::debug;
pub(crate) use document::{Document, Node};
pub use error::DecodeError;
#[cfg(feature = "serde")]
pub(crate) use serde::{deserialize, serialize};
pub(crate) use serde::{deserialize_json, serialize_json};
pub(crate) use writer::{Unsendable, Writer};

/// Returns a string as JSON.
pub(crate) fn quote(text: &str) -> String {
    ["\"", &escaped(text), "\""].concat()
}

/// Returns a string as it stands between the quotes in JSON.
pub(crate) fn escaped(text: &str) -> Cow<'_, str> {
    if scan::is_plain(text) {
        return Cow::Borrowed(text);
    }
    let mut json = serde_json::Value::from(text).to_string();
    json.pop();
    json.remove(0);
    Cow::Owned(json)
}

/// A value with a JSON form on the CLI's wire.
///
/// Reading is lenient where the CLI is loose: unknown keys are ignored, `null` stands for an absent
/// optional value, a whole number written as `3.0` is an integer, a lone surrogate in a string is U+FFFD,
/// and the last of several equal keys of an object counts, as in JavaScript.
///
/// A value is read in place and never moved, which keeps the code of each type to a list of its fields.
///
/// The trait is sealed: the types of its methods cannot be named outside of the crate.
#[allow(private_interfaces, reason = "it is implemented for the types of the protocol only")]
pub trait Wire {
    /// Returns the value to read into.
    fn empty() -> Self
    where
        Self: Sized;

    /// Reads the value from parsed JSON, or from the node of a missing key, and replaces the one read before.
    /// After an error the value is unspecified.
    ///
    /// # Errors
    /// If the JSON has another shape; the error holds the JSON path, the expected and the found value.
    fn read(&mut self, node: Node<'_>) -> Result<(), DecodeError>;

    /// Appends the value as JSON, or nothing if its key is to be missing.
    fn write(&self, out: &mut Writer);

    /// Returns the value that `null` stands for inside an `Option`, or none if `null` means `None`.
    fn null() -> Option<Self>
    where
        Self: Sized,
    {
        None
    }
}

/// An object of the protocol.
pub(crate) trait Record {
    /// The keys that the schema has for it, first those of its constants.
    const KEYS: &'static [&'static str];
}

/// The only value of a key, which is compared with what is read.
pub(crate) struct Constant<T>(pub T);

/// Form of a field when it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Always written, since it has a value.
    Required,
    /// Omitted if absent.
    Optional,
    /// Always written; `null` if absent.
    Nullable,
    /// Omitted if absent, and hidden in `Debug`.
    Secret,
}

/// Reads a value from JSON text.
///
/// # Errors
/// If the text is not JSON, or has another shape than `T`.
pub fn from_json<T: Wire>(json: &str) -> Result<T, DecodeError> {
    let mut value = T::empty();
    read_json(json, &mut value)?;
    Ok(value)
}

/// The part of [`from_json`] that does not depend on the type.
pub(crate) fn read_json(json: &str, value: &mut dyn Wire) -> Result<(), DecodeError> {
    value.read(Document::parse(json)?.root())
}

/// Returns the value as JSON text; `null` if it is absent.
pub fn to_json(value: &dyn Wire) -> String {
    written(value, "null").into_json()
}

/// Returns the value as a member of an object, unless an object in it has a key twice; `null` if it is absent.
pub(crate) fn to_member(key: &str, value: &dyn Wire) -> Result<String, Unsendable> {
    let mut out = Writer::new();
    out.key(key);
    out.value_or(value, "null");
    out.into_unique_json()
}

/// Returns a list of values as JSON text.
pub(crate) fn list_to_json<'a, T: Wire + 'a>(values: impl Iterator<Item = &'a T>) -> String {
    let mut out = Writer::new();
    out.raw("[");
    for value in values {
        out.comma();
        out.value_or(value, "null");
    }
    out.raw("]");
    out.into_json()
}

/// Returns the value as the JSON of params, an empty object if there are none, unless an object in it has a key twice.
pub(crate) fn to_params(value: &dyn Wire) -> Result<String, Unsendable> {
    written(value, "{}").into_unique_json()
}

/// Like [`to_json`], unless an object in the value has a key twice.
pub(crate) fn to_unique_json(value: &dyn Wire) -> Result<String, Unsendable> {
    written(value, "null").into_unique_json()
}

fn written(value: &dyn Wire, absent: &str) -> Writer {
    let mut out = Writer::new();
    out.value_or(value, absent);
    out
}

/// Compares two values of a generated type by the JSON that they are written as.
pub(crate) fn equal(one: &dyn Wire, other: &dyn Wire) -> bool {
    to_json(one) == to_json(other)
}

/// Equality of a generated type, by one function for all: a derive would compile code for each field of each type.
macro_rules! equality {
    ($type:ident) => {
        /// Values are equal if they are written as the same JSON.
        impl PartialEq for $type {
            #[inline]
            fn eq(&self, other: &Self) -> bool {
                $crate::wire::equal(self, other)
            }
        }
    };
}

/// The implementations that every generated type has besides [`Wire`].
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

/// `Debug` of the required fields of a record: that of a record with them, so that it hides the same secrets.
macro_rules! debug_fields {
    ($fields:ident $type:ident) => {
        impl std::fmt::Debug for $fields {
            #[inline]
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                $crate::wire::debug(&$type::new(self.clone()), stringify!($fields), f)
            }
        }
    };
}

/// The value of a field before it is read. For an optional field it is `None`, since a call for each would cost the
/// compiler time.
macro_rules! empty {
    (Optional) => {
        None
    };
    ($kind:ident) => {
        $crate::wire::Wire::empty()
    };
}

/// The codec of an object: its constants, then `Kind field "wireName"` for each field. An object with open
/// keys ends with the field that holds them. `received` is an object that only the CLI makes.
macro_rules! record {
    (received $type:ident $($table:tt)*) => {
        record!($type $($table)*);
        /// A value to fill in a test: texts, lists and options are empty, numbers zero, and enums unrecognized.
        #[cfg(feature = "testing")]
        impl Default for $type {
            #[inline]
            fn default() -> Self {
                $crate::wire::Wire::empty()
            }
        }
    };
    (
        $type:ident $([$($key:literal $constant:literal),*])?
        { $($kind:ident $field:ident $name:literal,)* } $($rest:ident)?
    ) => {
        impl $crate::wire::Wire for $type {
            #[inline]
            fn empty() -> Self {
                Self { $($field: empty!($kind),)* $($rest: $crate::wire::Wire::empty(),)? }
            }
            #[inline]
            fn read(&mut self, node: $crate::wire::Node<'_>) -> Result<(), $crate::wire::DecodeError> {
                $(node.read_rest(<Self as $crate::wire::Record>::KEYS, &mut self.$rest)?;)?
                node.read_fields(<Self as $crate::wire::Record>::KEYS, &mut [
                    $($(&mut $crate::wire::Constant($constant),)*)?
                    $(&mut self.$field,)*
                ])
            }
            #[inline]
            fn write(&self, out: &mut $crate::wire::Writer) {
                out.object(<Self as $crate::wire::Record>::KEYS, &[$($crate::wire::Kind::$kind),*], &[
                    $($(&$crate::wire::Constant($constant),)*)?
                    $(&self.$field,)*
                ]);
                $(out.rest(<Self as $crate::wire::Record>::KEYS, &self.$rest);)?
            }
        }
        impl $crate::wire::Record for $type {
            const KEYS: &'static [&'static str] = &[$($($key,)*)? $($name),*];
        }
        equality!($type);
        common!($type);
    };
}

/// The function `new`, whose parameters are the required fields, and a setter for each of the others.
macro_rules! builder {
    ($type:ident new($($required:ident: $given:ty),*) { $($field:ident: $set:ty,)* } $($rest:ident)?) => {
        impl $type {
            /// Creates a value with the required fields; the others are unset.
            #[inline]
            pub fn new($($required: $given),*) -> Self {
                Self {
                    $($required: $required.into(),)*
                    $($field: None,)*
                    $($rest: std::collections::BTreeMap::new(),)?
                }
            }
        }
        builder!($type { $($field: $set,)* });
    };
    ($type:ident {}) => {};
    ($type:ident { $($field:ident: $set:ty,)+ }) => {
        impl $type {
            $(
                #[doc = concat!("Sets [`", stringify!($field), "`](Self::", stringify!($field), ").")]
                #[inline]
                pub fn $field(mut self, $field: $set) -> Self {
                    self.$field = Some($field.into());
                    self
                }
            )+
        }
    };
}

/// The codec of an open string enum.
macro_rules! string_enum {
    ($type:ident { $($variant:ident $value:literal,)* }) => {
        impl $type {
            /// The values that this version of the crate knows, as on the wire.
            pub const VALUES: &[&str] = &[$($value),*];

            /// The value on the wire.
            #[inline]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $value,)*
                    Self::Unrecognized(value) => value,
                }
            }
        }
        // By hand, because derived code for `Eq` would be compiled for each of some hundred enums.
        impl PartialEq for $type {
            #[inline]
            fn eq(&self, other: &Self) -> bool {
                self.as_str() == other.as_str()
            }
        }
        impl Eq for $type {}
        impl PartialEq<str> for $type {
            #[inline]
            fn eq(&self, other: &str) -> bool {
                self.as_str() == other
            }
        }
        impl PartialEq<&str> for $type {
            #[inline]
            fn eq(&self, other: &&str) -> bool {
                self.as_str() == *other
            }
        }
        impl AsRef<str> for $type {
            #[inline]
            fn as_ref(&self) -> &str {
                self.as_str()
            }
        }
        impl From<String> for $type {
            #[inline]
            fn from(value: String) -> Self {
                Self::from(&*value)
            }
        }
        impl std::hash::Hash for $type {
            #[inline]
            fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
                self.as_str().hash(state);
            }
        }
        /// The value as it stands on the wire.
        impl std::fmt::Display for $type {
            #[inline]
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }
        impl std::str::FromStr for $type {
            type Err = std::convert::Infallible;
            // Not `Self::Err`, since a variant may have this name.
            #[inline]
            fn from_str(value: &str) -> Result<Self, std::convert::Infallible> {
                Ok(Self::from(value))
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

/// The codec of a union: its variants, and the expression that chooses one for a node.
macro_rules! union {
    ($type:ident [$($variant:ident)*] $node:ident $choice:expr) => {
        impl $crate::wire::Wire for $type {
            #[inline]
            fn empty() -> Self {
                Self::Unrecognized(serde_json::Value::Null)
            }
            #[inline]
            fn read(&mut self, $node: $crate::wire::Node<'_>) -> Result<(), $crate::wire::DecodeError> {
                *self = $choice;
                let content: &mut (dyn $crate::wire::Wire + 'static) = match self {
                    $(Self::$variant(value) => value,)*
                    Self::Unrecognized(value) => value,
                };
                content.read($node)
            }
            #[inline]
            fn write(&self, out: &mut $crate::wire::Writer) {
                let content: &(dyn $crate::wire::Wire + 'static) = match self {
                    $(Self::$variant(value) => value,)*
                    Self::Unrecognized(value) => value,
                };
                content.write(out);
            }
        }
        equality!($type);
        common!($type);
    };
}

/// The conversions of the contents that only one variant of a union has.
macro_rules! from_contents {
    ($type:ident { $($variant:ident $(($content:ty))?)* }) => {
        $($(impl From<$content> for $type {
            #[inline]
            fn from(content: $content) -> Self {
                Self::$variant(content)
            }
        })?)*
    };
}

/// The codec of a union whose variants are identified by the string under one key. A variant has its content
/// in parentheses if no other has the same.
macro_rules! tagged {
    ($type:ident $tag:literal { $($variant:ident $(($content:ty))? $($value:literal)|+,)* }) => {
        union!($type [$($variant)*] node match node.tag($tag)? {
            $($($value)|+ => Self::$variant($crate::wire::Wire::empty()),)*
            _ => Self::empty(),
        });
        from_contents!($type { $($variant $(($content))?)* });
    };
}

/// The codec of a union whose variants are identified by the JSON type and, among objects, by keys and
/// constants. The keys after `or_none` may be missing. The first variant whose test holds is chosen.
macro_rules! untagged {
    ($type:ident {
        $($variant:ident $(($content:ty))? $test:ident [$($key:literal $(= $($value:literal)|+)?),*]
            $(or_none [$($optional:literal = $($one:literal)|+),*])?,)*
    }) => {
        union!($type [$($variant)*] node match () {
            $(_ if node.$test()
                $(&& node.has($key, &[$($($value),+)?]))*
                $($(&& node.has_or_none($optional, &[$($one),+]))*)? =>
            {
                Self::$variant($crate::wire::Wire::empty())
            })*
            _ => Self::empty(),
        });
        from_contents!($type { $($variant $(($content))?)* });
    };
}
