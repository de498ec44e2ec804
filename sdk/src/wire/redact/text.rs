//! Secrets in text: `token=…`, `Authorization: …`, `Bearer …`, `--api-key …`, passwords in addresses.

use std::ops::Range;

use super::edit::Edit;
use super::{REDACTED, keys};

/// Query parameters of a URL whose values are secrets.
const QUERY: &[&str] = &["auth", "code", "key", "pass", "pwd", "sig", "signature"];

/// Headers whose values extend to the end of the line.
const WHOLE_LINES: &[&str] = &["authorization", "cookie"];

/// Prefixes of well-known tokens, with their minimum length in bytes.
const TOKENS: &[(&str, usize)] = &[
    ("ghp_", 20),
    ("gho_", 20),
    ("ghu_", 20),
    ("ghs_", 20),
    ("ghr_", 20),
    ("github_pat_", 30),
    ("sk-", 24),
    ("xoxb-", 24),
    ("xoxp-", 24),
    ("AKIA", 20),
    ("eyJ", 40),
];

/// The end of the first and of the last line of a private key in PEM.
const KEY: &str = "PRIVATE KEY-----";

/// The start of its last line.
const KEY_END: &str = "-----END";

/// Returns the text without private keys in PEM, and calls `each` for each; none if there are none. The start or the
/// end of a key may be missing.
pub(super) fn without_private_keys(text: &str, each: &mut dyn FnMut(&str)) -> Option<String> {
    let mut edit = Edit::new(text);
    let mut at = 0;
    let find = |at: usize, mark| text[at..].find(mark).map(|found| at + found);
    while let Some(mark) = find(at, KEY) {
        let first_line = mark + KEY.len();
        let (start, end) = match before_last_line(&text[at..mark]) {
            Some(body) => (at + body.trim_end_matches(may_be_in_key).len(), at + body.len()),
            None => (first_line, find(first_line, KEY_END).unwrap_or(text.len())),
        };
        hide(&mut edit, start..end, each);
        at = find(end, KEY).map_or(text.len(), |mark| mark + KEY.len());
    }
    edit.finish()
}

/// Returns true if the text ends before the last line of a private key.
pub(crate) fn ends_in_private_key(text: &str) -> bool {
    text.rfind(KEY).is_some_and(|mark| before_last_line(&text[..mark]).is_none())
}

/// Returns true for a line such as those between the first and the last of a private key.
pub(crate) fn may_be_line_of_private_key(line: &str) -> bool {
    !line.is_empty() && line.chars().all(|char| !char.is_whitespace() && may_be_in_key(char))
}

/// Returns the text before the last line of a private key, of which it has the start; none if it has that of the first.
fn before_last_line(text: &str) -> Option<&str> {
    let (before, line) = text.rsplit_once("-----")?;
    line.starts_with("END").then_some(before)
}

fn may_be_in_key(char: char) -> bool {
    char.is_ascii_alphanumeric() || char.is_ascii_whitespace() || matches!(char, '+' | '/' | '=' | '\\')
}

/// Returns the text without the secrets that a word announces or is, and calls `each` for each; none if there are
/// none.
pub(super) fn without_secrets(text: &str, each: &mut dyn FnMut(&str)) -> Option<String> {
    let mut edit = Edit::new(text);
    let mut at = 0;
    while let Some(start) = text[at..].find(is_part_of_word).map(|found| at + found) {
        at = start + until(&text[start..], |char| !is_part_of_word(char)).len();
        if let Some(secret) = secret(text, start..at) {
            let start = secret.as_ptr() as usize - text.as_ptr() as usize;
            at = start + secret.len();
            hide(&mut edit, start..at, each);
        }
    }
    edit.finish()
}

fn hide(edit: &mut Edit<'_>, part: Range<usize>, each: &mut dyn FnMut(&str)) {
    let secret = &edit.text[part.clone()];
    if !secret.is_empty() && secret != REDACTED {
        each(secret);
        edit.replace(part, REDACTED);
    }
}

fn is_part_of_word(char: char) -> bool {
    char.is_ascii_alphanumeric() || matches!(char, '_' | '-' | '.')
}

/// The text before the first of these characters.
fn until(text: &str, ends: impl FnMut(char) -> bool) -> &str {
    text.split(ends).next().unwrap_or_default()
}

/// Returns the part of the text that is a secret by this word.
fn secret(text: &str, word: Range<usize>) -> Option<&str> {
    let (name, rest) = (&text[word.clone()], &text[word.end..]);
    if TOKENS.iter().any(|(start, length)| name.len() >= *length && name.starts_with(start)) {
        return Some(name);
    }
    let ends_address = |char: char| char.is_whitespace() || "/?#\"'<>`\\".contains(char);
    if let Some(address) = rest.strip_prefix("://") {
        return until(address, ends_address).rsplit_once('@').map(|(user, _)| user);
    }
    // The user and password of a URL without a scheme.
    if let Some(address) = rest.strip_prefix(':')
        && let Some((password, host)) =
            until(address, |char| ends_address(char) || ":=,".contains(char)).rsplit_once('@')
        && !password.is_empty()
        && host.starts_with(|char: char| char.is_alphanumeric() || char == '[')
    {
        return Some(&text[word.start..=word.end + password.len()]);
    }
    if name.eq_ignore_ascii_case("bearer") || name.eq_ignore_ascii_case("basic") {
        return credentials(name, rest);
    }
    let argument = rest.trim_start_matches([' ', '\t', '\n']);
    if argument.len() < rest.len() && is_flag(name) {
        return value_of_option(name, argument);
    }
    // The key may be within quotes, which may be escaped.
    let assigned = rest.trim_start_matches(['"', '\'', '\\', ']']).trim_start_matches([' ', '\t']);
    let behind = assigned.strip_prefix([':', '='])?;
    let is_query = text[..word.start].ends_with(['?', '&']) && rest.starts_with('=');
    let is_key = is_query && QUERY.iter().any(|key| name.eq_ignore_ascii_case(key)) || keys::is_secret(name);
    if !is_key || behind.starts_with(['=', ':']) || behind.starts_with("//") {
        return None;
    }
    value(&keys::normalize(name), assigned, rest.starts_with(' '))
}

/// The argument after an option, if it is a secret.
fn value_of_option<'t>(option: &str, text: &'t str) -> Option<&'t str> {
    let argument = match text.chars().next() {
        Some(quote @ ('"' | '\'')) => until(&text[1..], |char| char == quote),
        _ => until(text, |char| char.is_whitespace() || "\"'`\\;|".contains(char)),
    };
    let is_other = text.starts_with('-') || option == "-H" || (is_user(option) && !argument.contains(':'));
    (!is_other).then_some(argument)
}

/// The credentials after `Bearer` or `Basic`.
fn credentials<'t>(scheme: &str, rest: &'t str) -> Option<&'t str> {
    let behind = match rest.strip_prefix("%20") {
        Some(behind) => behind,
        None => rest.trim_start_matches([' ', '\t', '+', ':', '=']),
    };
    let secret = until(behind, |char| !(char.is_ascii_alphanumeric() || "-._~+/=".contains(char)));
    let is_secret = match scheme.len() {
        6 => secret.len() >= 8 || secret.bytes().any(|byte| byte.is_ascii_digit()),
        _ => secret.len() >= 6 && !is_word(secret.trim_end_matches('.')),
    };
    (behind.len() < rest.len() && is_secret).then_some(secret)
}

/// The value after a secret key, from the `=` or `:` on. `has_space` is true if a space comes before that.
fn value<'t>(key: &str, assigned: &'t str, has_space: bool) -> Option<&'t str> {
    let behind = &assigned[1..];
    let behind = behind.strip_prefix('>').unwrap_or(behind);
    let value = behind.trim_start_matches([' ', '\t']);
    let unescaped = value.trim_start_matches('\\');
    if let Some(quote @ ('"' | '\'')) = unescaped.chars().next() {
        return Some(quoted(&unescaped[1..], quote, value.len() - unescaped.len()));
    }
    let has_colon = assigned.starts_with(':');
    if has_colon && WHOLE_LINES.iter().any(|end| key.ends_with(end)) {
        return Some(until(value, |char| matches!(char, '\n' | '\r' | '"' | '\'' | '\\' | '`')));
    }
    // A structure, whose own keys come next. Its end is not looked for, which takes long if it begins many others.
    if value.starts_with(['{', '[', '(', '<']) {
        return None;
    }
    let bare = bare(value);
    let has_space = has_space || behind.len() > value.len();
    let goes_on = value[bare.len()..].starts_with([' ', ',']);
    // People choose words as passwords; machines do not choose them as tokens.
    let chosen = ["password", "passwd", "passphrase", "passcode", "secret"];
    let is_chosen = chosen.iter().any(|end| key.ends_with(end));
    let is_count = has_colon && bare.len() < 8 && bare.bytes().all(|byte| byte.is_ascii_digit());
    let is_harmless = is_count
        || (has_space && goes_on && !is_chosen && is_word(bare))
        || matches!(bare, "null" | "true" | "false" | "None" | "undefined");
    (!is_harmless).then_some(bare)
}

/// The text before its closing quote, which is preceded by `escapes` backslashes.
fn quoted(text: &str, quote: char, escapes: usize) -> &str {
    let mut backslashes = 0;
    for (at, char) in text.char_indices() {
        match char {
            '\\' => backslashes += 1,
            char if char == quote && backslashes <= escapes => return &text[..at - backslashes],
            _ => backslashes = 0,
        }
    }
    text
}

/// An unquoted value.
fn bare(text: &str) -> &str {
    let ends = |(at, char): &(usize, char)| {
        let next = text[at + char.len_utf8()..].chars().next();
        match char {
            '&' | '#' | '"' | '\'' | '`' | '<' | '>' => true,
            ',' | ';' => next.is_none_or(char::is_whitespace),
            '\\' => matches!(next, Some('"' | '\'' | 'n' | 'r' | 't')),
            char => char.is_whitespace(),
        }
    };
    &text[..text.char_indices().find(ends).map_or(text.len(), |(at, _)| at)]
}

/// Returns true for the scheme before a credential, such as `Bearer`.
pub(super) fn is_scheme(word: &str) -> bool {
    ["Bearer", "Basic", "Token", "Digest", "Negotiate"].iter().any(|scheme| word.eq_ignore_ascii_case(scheme))
}

/// Returns true for a command-line option whose value, the next argument, is a secret.
pub(super) fn is_flag(word: &str) -> bool {
    let name = word.trim_start_matches('-');
    let is_option = word.starts_with('-') && !word.contains(['=', ' ']);
    is_option && (word == "-H" || is_user(word) || keys::hide(&keys::normalize(name)) != keys::Hide::Nothing)
}

/// Returns true for a single word of a language, such as `Expected` or `input-tokens`.
pub(super) fn is_word(text: &str) -> bool {
    let rest = text.trim_start_matches(|char: char| char.is_ascii_uppercase() && text.len() > 1);
    text.len() - rest.len() <= 1
        && rest.bytes().all(|byte| byte.is_ascii_lowercase() || matches!(byte, b'-' | b'_' | b'.'))
}

/// Returns true for a command-line option whose value is `user:password`.
fn is_user(option: &str) -> bool {
    matches!(option, "-u" | "--user" | "--proxy-user")
}
