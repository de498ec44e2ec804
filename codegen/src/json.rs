//! Reads the texts of schemas.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::Error;

/// Parses a text whose outermost value is an object.
pub fn parse(file: &'static str, text: &str) -> Result<Map<String, Value>, Error> {
    let parsed = serde_json::from_str(text).map_err(|error| Error::Json { file, error })?;
    match repeated_key(text) {
        Some(path) => Err(Error::shape(format!("{file}: {path}"), "the object has this key twice")),
        None => Ok(parsed),
    }
}

/// The path of the first key that an object has twice, in a text that is JSON. A parser keeps one of the two values.
fn repeated_key(text: &str) -> Option<String> {
    // The keys of each object around the place, and the last of them.
    let mut objects: Vec<(BTreeSet<Cow<'_, str>>, &str)> = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['"', '{', '}']) {
        let after = &rest[at + 1..];
        match rest.as_bytes()[at] {
            b'{' => objects.push((BTreeSet::new(), "")),
            b'}' => drop(objects.pop()),
            _ => {
                let key = &after[..string_end(after)];
                rest = after.get(key.len() + 1..)?;
                if let (true, Some((keys, last))) = (rest.trim_start().starts_with(':'), objects.last_mut()) {
                    *last = key;
                    if !keys.insert(unescaped(key)) {
                        return Some(objects.iter().map(|(_, key)| *key).collect::<Vec<_>>().join("."));
                    }
                }
                continue;
            }
        }
        rest = after;
    }
    None
}

/// The string that stands between the quotes, since a key may be written in several ways.
fn unescaped(text: &str) -> Cow<'_, str> {
    let read = |text: &str| serde_json::from_str(&format!("\"{text}\"")).ok();
    match text.contains('\\').then(|| read(text)).flatten() {
        Some(plain) => Cow::Owned(plain),
        None => Cow::Borrowed(text),
    }
}

/// The length of a string without the quote that ends it.
fn string_end(text: &str) -> usize {
    let mut is_escaped = false;
    let ends = |byte: u8| {
        let ends = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        ends
    };
    text.bytes().position(ends).unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_parser_would_change_is_refused() {
        let deep = "[".repeat(10_000) + &"]".repeat(10_000);
        let refused = [
            (
                r#"{"a": {"b\"": 1, "c": [{"b\"": 2}], "b\"": {}}}"#.to_owned(),
                r#"a.b\": the object has this key twice"#,
            ),
            (r#"{"a": {"b": 1, "\u0062": 2}}"#.to_owned(), r"a.\u0062: the object has this key twice"),
            ("\u{feff}{}".to_owned(), "not JSON"),
            (r#"{"a": 1e999}"#.to_owned(), "number out of range"),
            (format!(r#"{{"a": {deep}}}"#), "recursion limit"),
            ("[]".to_owned(), "not JSON"),
        ];
        for (text, problem) in refused {
            let error = parse("file", &text).expect_err(problem).to_string();
            assert!(error.starts_with("file: ") && error.contains(problem), "{error}");
        }
        let same = r#"{"a": {"a": "a", "b": "{\\"}, "b": [{"a": "\":"}, {"a": 2}], "\"": ":"}"#;
        assert_eq!(parse("file", same).expect("it is JSON").len(), 3);
    }
}
