//! The JSON forms of Rust's own types.

use std::collections::BTreeMap;

use super::{DecodeError, Node, Wire, Writer};

impl Wire for String {
    fn read(node: Node<'_>) -> Result<Self, DecodeError> {
        node.string().map(str::to_owned)
    }
    fn write(&self, out: &mut Writer) {
        out.string(self);
    }
}

impl Wire for &'static str {
    fn read(node: Node<'_>) -> Result<Self, DecodeError> {
        Err(node.mismatch("nothing: constants are only written"))
    }
    fn write(&self, out: &mut Writer) {
        out.string(self);
    }
}

impl Wire for bool {
    fn read(node: Node<'_>) -> Result<Self, DecodeError> {
        node.boolean()
    }
    fn write(&self, out: &mut Writer) {
        out.raw(if *self { "true" } else { "false" });
    }
}

impl Wire for i64 {
    fn read(node: Node<'_>) -> Result<Self, DecodeError> {
        node.integer()
    }
    fn write(&self, out: &mut Writer) {
        out.serialize(self);
    }
}

impl Wire for f64 {
    fn read(node: Node<'_>) -> Result<Self, DecodeError> {
        node.number()
    }
    fn write(&self, out: &mut Writer) {
        // Whole numbers are written as the CLI's JavaScript versions write them: without a fraction.
        if self.fract() == 0.0 && self.abs() < 9.0e15 {
            out.serialize(&(*self as i64));
        } else {
            out.serialize(self);
        }
    }
}

/// A method without params sends an empty object; a result that nobody needs may be anything.
impl Wire for () {
    fn read(_: Node<'_>) -> Result<Self, DecodeError> {
        Ok(())
    }
    fn write(&self, out: &mut Writer) {
        out.raw("{}");
    }
    fn absent() -> Option<Self> {
        Some(())
    }
}

impl Wire for serde_json::Value {
    fn read(node: Node<'_>) -> Result<Self, DecodeError> {
        use serde_json::Value;
        Ok(if node.is_null() {
            Value::Null
        } else if node.is_bool() {
            Value::Bool(node.boolean()?)
        } else if node.is_string() {
            Value::String(node.string()?.to_owned())
        } else if node.is_number() {
            Value::Number(node.json_number())
        } else if node.is_array() {
            Value::Array(node.items()?.map(Value::read).collect::<Result<_, _>>()?)
        } else {
            let fields = node.entries()?;
            Value::Object(
                fields
                    .map(|(key, value)| Ok((key.to_owned(), Value::read(value)?)))
                    .collect::<Result<_, _>>()?,
            )
        })
    }
    fn write(&self, out: &mut Writer) {
        out.serialize(self);
    }
    fn null() -> Option<Self> {
        Some(Self::Null)
    }
}

impl<T: Wire> Wire for Option<T> {
    #[inline]
    fn read(node: Node<'_>) -> Result<Self, DecodeError> {
        if node.is_null() {
            Ok(T::null())
        } else {
            T::read(node).map(Some)
        }
    }
    #[inline]
    fn write(&self, out: &mut Writer) {
        match self {
            Some(value) => value.write(out),
            None => out.raw("null"),
        }
    }
    #[inline]
    fn absent() -> Option<Self> {
        Some(None)
    }
    #[inline]
    fn null() -> Option<Self> {
        Some(None)
    }
    #[inline]
    fn is_absent(&self) -> bool {
        self.is_none()
    }
}

impl<T: Wire> Wire for Box<T> {
    #[inline]
    fn read(node: Node<'_>) -> Result<Self, DecodeError> {
        T::read(node).map(Box::new)
    }
    #[inline]
    fn write(&self, out: &mut Writer) {
        (**self).write(out);
    }
}

impl<T: Wire> Wire for Vec<T> {
    fn read(node: Node<'_>) -> Result<Self, DecodeError> {
        node.items()?
            .enumerate()
            .map(|(index, item)| T::read(item).map_err(|error| error.in_item(index)))
            .collect()
    }
    fn write(&self, out: &mut Writer) {
        out.begin_array();
        for item in self {
            out.comma();
            item.write(out);
        }
        out.end_array();
    }
}

impl<T: Wire> Wire for BTreeMap<String, T> {
    fn read(node: Node<'_>) -> Result<Self, DecodeError> {
        node.entries()?
            .map(|(key, value)| match T::read(value) {
                Ok(value) => Ok((key.to_owned(), value)),
                Err(error) => Err(error.in_field(key)),
            })
            .collect()
    }
    fn write(&self, out: &mut Writer) {
        out.begin_object();
        for (key, value) in self {
            out.key(key);
            value.write(out);
        }
        out.end_object();
    }
}
