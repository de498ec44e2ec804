//! Which values are hidden for the keys they stand under.

use crate::generated::secrets::{ENDS, KEYS, MAPS, NAMES, NUMBERS};

/// How much of a value is hidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Hide {
    /// What its own keys say.
    Nothing,
    /// The values of a map from names, or of a list of pairs of names and values; plain strings of a list are names.
    Named,
    /// The same, where plain strings of a list are values.
    Values,
    /// All strings. Numbers count something.
    Strings,
    /// All strings and numbers.
    All,
}

/// The letters and digits of a key in lower case, by which keys are compared.
pub(super) fn normal(key: &str) -> String {
    key.chars().filter(char::is_ascii_alphanumeric).map(|char| char.to_ascii_lowercase()).collect()
}

/// Keys that are known as a whole: many words end like these.
const SHORT: &[&str] = &["mnemonic", "otp", "pass", "pat", "pwd", "sas", "seed", "signature", "xauth"];

/// Ends of keys that say no more of a value than that it is another, or in another form.
const TAILS: &[&str] = &[
    "again",
    "base64",
    "byhost",
    "bytes",
    "confirm",
    "confirmation",
    "encoded",
    "forhost",
    "hex",
    "info",
    "new",
    "old",
    "pem",
    "plain",
    "plaintext",
    "raw",
    "string",
    "text",
];

/// What is hidden under a key, given as [`normal`] makes it. What a number or a word such as `old` at its end adds does
/// not count.
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

/// Whether a word of a text, or a name beside its value, is the key of a secret, or of several. The short ones mean
/// something else as often.
pub(super) fn is_secret(key: &str) -> bool {
    let key = normal(key);
    hide(&key) >= Hide::Strings && !SHORT.contains(&&*key)
}

/// Keys of a map's that may hold the name of one header.
pub(super) const MAP_OF_ONE: &[&str] = &["header"];

/// Names of headers that are shown where names stand in lists beside their values. Any other text there may be a value.
const HEADERS: &[&str] = &[
    "accept",
    "authorization",
    "cache-control",
    "content-length",
    "content-type",
    "cookie",
    "date",
    "etag",
    "host",
    "location",
    "proxy-authorization",
    "retry-after",
    "server",
    "set-cookie",
    "user-agent",
    "www-authenticate",
    "x-api-key",
    "x-request-id",
];

/// Whether this is the name of a usual header.
pub(super) fn is_header(name: &str) -> bool {
    HEADERS.iter().any(|header| name.eq_ignore_ascii_case(header))
}
