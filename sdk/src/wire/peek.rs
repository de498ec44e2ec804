//! Extraction of raw values from JSON text without decoding it.

use std::borrow::Cow;

use crate::wire::scan::{Invalid, Scanner};
use crate::wire::{DecodeError, Record};

/// Keys of an object of this type. One that the schema does not have for it does not compile; the empty key stands for
/// none.
macro_rules! keys {
    ($type:ident, $keys:expr) => {{
        // Keys that only older CLIs send are read as well.
        #[allow(deprecated)]
        const KEYS: [&str; $keys.len()] =
            $crate::wire::peek::checked::<$crate::types::$type, { $keys.len() }>($keys);
        KEYS
    }};
}
pub(crate) use keys;

/// See [`keys`].
pub(crate) const fn checked<T: Record, const N: usize>(keys: [&'static str; N]) -> [&'static str; N] {
    let mut at = 0;
    while at < N {
        assert!(keys[at].is_empty() || contains(T::KEYS, keys[at]), "the schema has no such key");
        at += 1;
    }
    keys
}

/// `all.contains(&key)` at compile time.
const fn contains(all: &[&str], key: &str) -> bool {
    match all {
        [first, rest @ ..] => is_same(first.as_bytes(), key.as_bytes()) || contains(rest, key),
        [] => false,
    }
}

const fn is_same(one: &[u8], other: &[u8]) -> bool {
    match (one, other) {
        ([], []) => true,
        ([a, one @ ..], [b, other @ ..]) => *a == *b && is_same(one, other),
        _ => false,
    }
}

/// Returns the raw values under `keys` of an object, in that order. Other keys are ignored, and the last of several
/// equal keys counts, as in JavaScript.
pub(crate) fn pick<'a, const N: usize>(
    json: &'a str,
    keys: [&str; N],
) -> Result<[Option<&'a str>; N], DecodeError> {
    let mut found = [None; N];
    let picked = pick_into(json, &keys, &mut found).and_then(|mut rest| rest.end());
    picked.map_err(|error| error.expected("a JSON object"))?;
    Ok(found)
}

/// Like [`pick`], for a value that may be missing; all none if it is, or is no object.
pub(crate) fn pick_any<'a, const N: usize>(json: Option<&'a str>, keys: [&str; N]) -> [Option<&'a str>; N] {
    json.and_then(|json| pick(json, keys).ok()).unwrap_or([None; N])
}

/// Like [`pick`], for the start of an object that may be cut off. A value that is incomplete is empty.
pub(crate) fn pick_start<'a, const N: usize>(json: &'a str, keys: [&str; N]) -> [Option<&'a str>; N] {
    let end = |text: &str| text.as_bytes().as_ptr_range().end;
    let mut found = [None; N];
    if pick_into(json, &keys, &mut found).is_err() {
        for value in found.iter_mut().flatten() {
            // A number at the end of the text may be incomplete.
            if end(value) == end(json) && !value.ends_with(['"', '}', ']']) {
                *value = "";
            }
        }
    }
    found
}

/// Returns the text from the value under a key on, for the start of an object that may be cut off.
pub(crate) fn text_from<'a>(json: &'a str, key: &str) -> Option<&'a str> {
    let mut found = None;
    // An error is the end of the text, or of the JSON in it.
    drop(Scanner::new(json).known_members(&[key], |scanner, _| {
        found = Some(scanner.rest());
        scanner.skip().map(drop)
    }));
    found
}

/// Returns the scanner behind the object.
fn pick_into<'a>(
    json: &'a str,
    keys: &[&str],
    found: &mut [Option<&'a str>],
) -> Result<Scanner<'a>, Invalid> {
    let mut scanner = Scanner::new(json);
    scanner.known_members(keys, |scanner, index| {
        found[index] = Some("");
        found[index] = Some(scanner.skip()?);
        Ok(())
    })?;
    Ok(scanner)
}

/// Decodes a raw JSON string, with U+FFFD for lone surrogates; none for any other JSON.
pub(crate) fn string(raw: &str) -> Option<Cow<'_, str>> {
    Scanner::new(raw).only_string().ok()
}

/// Returns true if this is an object with the key.
pub(crate) fn has(json: &str, key: &str) -> bool {
    matches!(pick(json, [key]), Ok([Some(_)]))
}

/// Returns the string under a key of an object; none if there is no such object, or no string under the key.
pub(crate) fn text<'a>(json: &'a str, key: &str) -> Option<Cow<'a, str>> {
    let [raw] = pick(json, [key]).ok()?;
    string(raw?)
}

/// Returns the raw values of an array.
pub(crate) fn items(json: &str) -> Result<Vec<&str>, DecodeError> {
    let mut items = Vec::new();
    each(json, |item| items.push(item))?;
    Ok(items)
}

/// Calls `take` for each raw value of an array. The values before an error have been passed to it.
pub(crate) fn each<'a>(json: &'a str, mut take: impl FnMut(&'a str)) -> Result<(), DecodeError> {
    let mut scanner = Scanner::new(json);
    let all = scanner.items(|scanner| {
        take(scanner.skip()?);
        Ok(())
    });
    all.and_then(|()| scanner.end()).map_err(|error| error.expected("a JSON array"))
}
