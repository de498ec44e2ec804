//! `Wire` for Rust's own types.

use std::collections::BTreeMap;

use super::{Constant, DecodeError, Node, Wire, Writer};

impl Wire for String {
    fn empty() -> Self {
        Self::new()
    }
    fn read(&mut self, node: Node<'_>) -> Result<(), DecodeError> {
        *self = node.string()?.to_owned();
        Ok(())
    }
    fn write(&self, out: &mut Writer) {
        out.string(self);
    }
}

impl Wire for Constant<&'static str> {
    fn empty() -> Self {
        Self("")
    }
    fn read(&mut self, node: Node<'_>) -> Result<(), DecodeError> {
        match node.is_missing() || node.string()? == self.0 {
            true => Ok(()),
            false => Err(node.mismatch(&super::quote(self.0))),
        }
    }
    fn write(&self, out: &mut Writer) {
        out.string(self.0);
    }
}

impl Wire for Constant<bool> {
    fn empty() -> Self {
        Self(false)
    }
    fn read(&mut self, node: Node<'_>) -> Result<(), DecodeError> {
        match node.is_missing() || node.boolean()? == self.0 {
            true => Ok(()),
            false => Err(node.mismatch(&self.0.to_string())),
        }
    }
    fn write(&self, out: &mut Writer) {
        self.0.write(out);
    }
}

impl Wire for bool {
    fn empty() -> Self {
        false
    }
    fn read(&mut self, node: Node<'_>) -> Result<(), DecodeError> {
        *self = node.boolean()?;
        Ok(())
    }
    fn write(&self, out: &mut Writer) {
        out.raw(if *self { "true" } else { "false" });
    }
}

impl Wire for i64 {
    fn empty() -> Self {
        0
    }
    fn read(&mut self, node: Node<'_>) -> Result<(), DecodeError> {
        *self = node.integer()?;
        Ok(())
    }
    fn write(&self, out: &mut Writer) {
        out.serialize(self);
    }
}

/// A count. Those above `i64::MAX`, which are not read, are written as that.
impl Wire for u64 {
    fn empty() -> Self {
        0
    }
    fn read(&mut self, node: Node<'_>) -> Result<(), DecodeError> {
        *self = node.integer()?.try_into().map_err(|_| node.mismatch("a number that is not negative"))?;
        Ok(())
    }
    fn write(&self, out: &mut Writer) {
        out.serialize(&(*self).min(i64::MAX as u64));
    }
}

impl Wire for f64 {
    fn empty() -> Self {
        0.0
    }
    fn read(&mut self, node: Node<'_>) -> Result<(), DecodeError> {
        *self = node.number()?;
        Ok(())
    }
    fn write(&self, out: &mut Writer) {
        // Whole numbers are written without a fraction, as JavaScript writes them.
        if self.fract() == 0.0 && self.abs() < 9.0e15 {
            out.serialize(&(*self as i64));
        } else {
            out.serialize(self);
        }
    }
}

/// No params, or no result. Any value can be read.
impl Wire for () {
    fn empty() -> Self {}
    fn read(&mut self, _: Node<'_>) -> Result<(), DecodeError> {
        Ok(())
    }
    fn write(&self, _: &mut Writer) {}
}

impl Wire for serde_json::Value {
    fn empty() -> Self {
        Self::Null
    }
    fn read(&mut self, node: Node<'_>) -> Result<(), DecodeError> {
        *self = node.to_value()?;
        Ok(())
    }
    fn write(&self, out: &mut Writer) {
        out.serialize(self);
    }
    fn null() -> Option<Self> {
        Some(Self::Null)
    }
}

impl<T: Wire> Wire for Option<T> {
    fn empty() -> Self {
        None
    }
    fn read(&mut self, node: Node<'_>) -> Result<(), DecodeError> {
        *self = match (node.is_missing(), node.is_null()) {
            (true, _) => None,
            (_, true) => T::null(),
            _ => Some(T::empty()),
        };
        match self {
            Some(value) if !node.is_null() => value.read(node),
            _ => Ok(()),
        }
    }
    fn write(&self, out: &mut Writer) {
        if let Some(value) = self {
            out.value_or(value, "null");
        }
    }
    fn null() -> Option<Self> {
        Some(None)
    }
}

impl<T: Wire> Wire for Box<T> {
    fn empty() -> Self {
        Self::new(T::empty())
    }
    fn read(&mut self, node: Node<'_>) -> Result<(), DecodeError> {
        (**self).read(node)
    }
    fn write(&self, out: &mut Writer) {
        (**self).write(out);
    }
    fn null() -> Option<Self> {
        T::null().map(Self::new)
    }
}

impl<T: Wire> Wire for Vec<T> {
    fn empty() -> Self {
        Self::new()
    }
    fn read(&mut self, node: Node<'_>) -> Result<(), DecodeError> {
        let items = node.items()?;
        *self = Self::new();
        for (index, item) in items.enumerate() {
            let mut value = T::empty();
            item.read_item(index, &mut value)?;
            self.push(value);
        }
        Ok(())
    }
    fn write(&self, out: &mut Writer) {
        out.raw("[");
        for item in self {
            out.comma();
            out.value_or(item, "null");
        }
        out.raw("]");
    }
}

impl<T: Wire> Wire for BTreeMap<String, T> {
    fn empty() -> Self {
        Self::new()
    }
    fn read(&mut self, node: Node<'_>) -> Result<(), DecodeError> {
        node.read_rest(&[], self)
    }
    fn write(&self, out: &mut Writer) {
        out.raw("{");
        for (key, value) in self {
            out.key(key);
            out.value_or(value, "null");
        }
        out.raw("}");
    }
}

/// The entries of an object, in their order. An object with a key twice is not sent.
impl<T: Wire> Wire for Vec<(String, T)> {
    fn empty() -> Self {
        Self::new()
    }
    fn read(&mut self, node: Node<'_>) -> Result<(), DecodeError> {
        *self = Self::new();
        for (key, node) in node.fields()? {
            let mut value = T::empty();
            node.read_field(key, &mut value)?;
            self.push((key.to_owned(), value));
        }
        Ok(())
    }
    fn write(&self, out: &mut Writer) {
        out.entries(self);
    }
}

#[cfg(test)]
mod tests {
    use crate::wire::{from_json, to_json, to_params, to_unique_json};

    /// The last of several equal keys counts, as in a map.
    #[test]
    fn entries_keep_their_order() {
        let keys = |json: &str| {
            let entries: Vec<(String, i64)> = from_json(json).expect("entries");
            assert_eq!(
                from_json::<Vec<(String, i64)>>(&to_json(&entries)).expect("what was written"),
                entries
            );
            entries.into_iter().map(|(key, value)| format!("{key}{value}")).collect::<Vec<_>>().concat()
        };
        assert_eq!(keys("{}"), "");
        assert_eq!(keys(r#"{"z":1,"a":2,"m":3}"#), "z1a2m3");
        assert_eq!(keys(r#"{"z":1,"a":2,"z":3}"#), "a2z3");
        let wrong = from_json::<Vec<(String, i64)>>(r#"{"z":1,"a":"b"}"#).expect_err("no number");
        assert_eq!(wrong.path(), "$.a");
        from_json::<Vec<(String, i64)>>("[]").expect_err("a list");
    }

    #[test]
    fn entries_with_a_key_twice_are_not_sent() {
        let entries =
            |keys: [&str; 3]| keys.map(|key| (key.to_owned(), vec![(key.to_owned(), 1_i64)])).to_vec();
        let sent = to_params(&entries(["z", "a", "m"])).expect("three keys");
        assert_eq!(sent, r#"{"z":{"z":1},"a":{"a":1},"m":{"m":1}}"#);
        let error = to_params(&entries(["z", "a\"", "a\""])).expect_err("a key twice");
        assert_eq!(error.to_string(), r#"an object with the key "a\"" twice cannot be sent"#);
        let inside = vec![vec![("b".to_owned(), 1_i64), ("b".to_owned(), 2)]];
        to_unique_json(&inside).expect_err("a key twice");
    }

    #[test]
    fn an_integer_is_a_number_without_a_fraction() {
        for (text, expected) in [
            ("9007199254740992", 1 << 53),
            ("9007199254740993.0", (1 << 53) + 1),
            ("-9007199254740992.00", -(1 << 53)),
            ("9223372036854775807.0", i64::MAX),
            ("-9223372036854775808.0", i64::MIN),
            ("-9223372036854775808", i64::MIN),
            ("3.0", 3),
            ("1e3", 1000),
            ("1E+3", 1000),
            ("12.50e1", 125),
            ("100e-2", 1),
            ("0.001e3", 1),
            ("0.0", 0),
            ("-0.0", 0),
            ("-0", 0),
            ("0e99999999999999999999", 0),
        ] {
            assert_eq!(from_json::<i64>(text).expect(text), expected, "{text}");
        }
        let wrong = [
            "9007199254740992.5",
            "9007199254740991.5",
            "-9007199254740992.5",
            "-9007199254740991.5",
            "1.5",
            "1e-1",
            "125e-1",
            "1e-9223372036854775808",
            "9223372036854775808",
            "-9223372036854775809",
            "1e19",
            "1e400",
            "1e99999999999999999999",
        ];
        for text in wrong {
            assert_eq!(from_json::<i64>(text).expect_err(text).expected(), "an integer", "{text}");
        }
    }

    #[test]
    fn numbers_come_back_as_they_were() {
        for text in ["22222e222", "0.1", "1e23", "2.2250738585072014e-308", "9007199254740993", "-5", "3.0"] {
            let number: f64 = from_json(text).expect("a number");
            assert_eq!(number.to_bits(), text.parse::<f64>().expect("a number").to_bits(), "{text}");
            let again: f64 = from_json(&to_json(&number)).expect("what was written");
            assert_eq!(again.to_bits(), number.to_bits(), "{text}");
        }
    }
}
