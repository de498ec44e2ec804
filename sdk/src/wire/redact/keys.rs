//! Keys whose values are hidden.

use crate::generated::secrets::{ENDS, HEADERS, KEYS, MAPS, NAMES, NUMBERS, SHORT, TAILS};

/// The part of a value that is hidden.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Hide {
    /// Nothing but the values under secret keys within it.
    #[default]
    Nothing,
    /// The values of a map, or of a list of name-value pairs. Plain strings in a list are names.
    Named,
    /// Like `Named`, but plain strings in a list are values.
    Values,
    /// All strings. Numbers are counts.
    Strings,
    /// All strings and numbers.
    All,
}

/// Normalizes a key for comparison: its letters and digits in lower case.
pub(super) fn normalize(key: &str) -> String {
    key.chars().filter(char::is_ascii_alphanumeric).map(|char| char.to_ascii_lowercase()).collect()
}

/// Returns the part of a value to hide under a key, which [`normalize`] has normalized. Numbers and words such
/// as `old` at the end of the key are ignored.
pub(super) fn hide(key: &str) -> Hide {
    let key = key.trim_end_matches(|char: char| char.is_ascii_digit());
    match hide_as_written(key) {
        Hide::Nothing => {
            let shorter = TAILS.iter().find_map(|tail| key.strip_suffix(tail));
            shorter.map_or(Hide::Nothing, hide_as_written)
        }
        hide => hide,
    }
}

fn hide_as_written(key: &str) -> Hide {
    let ends = |key: &str| ENDS.iter().any(|end| key.ends_with(end));
    match key {
        key if NUMBERS.contains(&key) => Hide::Nothing,
        key if KEYS.contains(&key) || SHORT.contains(&key) || ends(key) => Hide::All,
        key if key.strip_suffix('s').is_some_and(ends) => Hide::Strings,
        key if NAMES.contains(&key) => Hide::Named,
        key if MAPS.iter().any(|end| key.ends_with(end)) => Hide::Values,
        _ => Hide::Nothing,
    }
}

/// Returns true if a word of a text, or a name beside its value, is the key of one or more secrets. The
/// short keys do not count here, since they are often ordinary words.
pub(super) fn is_secret(key: &str) -> bool {
    let key = normalize(key);
    hide(&key) >= Hide::Strings && !SHORT.contains(&&*key)
}

/// Returns true for the name of a common header.
pub(super) fn is_header(name: &str) -> bool {
    HEADERS.iter().any(|header| name.eq_ignore_ascii_case(header))
}
