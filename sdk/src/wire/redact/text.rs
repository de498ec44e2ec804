//! Secrets in text: `token=…`, `Authorization: …`, `Bearer …`, `--api-key …`, passwords in addresses.

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

/// Returns the text without the secrets recognised in it, and calls `each` for each; none if there are
/// none.
pub(super) fn redacted(text: &str, each: &mut dyn FnMut(&str)) -> Option<String> {
    let mut scan = Scan { text, at: 0, copied: 0, out: None, each };
    scan.private_keys();
    while scan.at < text.len() {
        scan.word();
    }
    let Scan { copied, out, .. } = scan;
    out.map(|out| out + &text[copied..])
}

/// Returns true for the scheme before a credential, such as `Bearer`.
pub(super) fn is_scheme(word: &str) -> bool {
    ["Bearer", "Basic", "Token", "Digest", "Negotiate"].iter().any(|scheme| word.eq_ignore_ascii_case(scheme))
}

/// Returns true for a command-line option whose value, the next argument, is a secret.
pub(super) fn is_flag(word: &str) -> bool {
    let name = word.trim_start_matches('-');
    let is_option = word.starts_with('-') && !word.contains(['=', ' ']);
    is_option
        && (matches!(word, "-u" | "--user" | "--proxy-user" | "-H")
            || keys::hide(&keys::normalize(name)) != keys::Hide::Nothing)
}

/// Returns true for a single word of a language, such as `Expected` or `input-tokens`.
pub(super) fn is_word(text: &str) -> bool {
    let rest = text.trim_start_matches(|char: char| char.is_ascii_uppercase() && text.len() > 1);
    text.len() - rest.len() <= 1
        && rest.bytes().all(|byte| byte.is_ascii_lowercase() || matches!(byte, b'-' | b'_' | b'.'))
}

struct Scan<'t, 'e> {
    text: &'t str,
    at: usize,
    copied: usize,
    out: Option<String>,
    each: &'e mut dyn FnMut(&str),
}

fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}

impl<'t> Scan<'t, '_> {
    fn rest(&self, at: usize) -> &'t str {
        &self.text[at.min(self.text.len())..]
    }

    /// Hides this range and continues after it.
    fn hide(&mut self, start: usize, length: usize) {
        let secret = &self.text[start..start + length];
        if length > 0 && secret != REDACTED {
            (self.each)(secret);
            let out = self.out.get_or_insert_default();
            out.push_str(&self.text[self.copied..start]);
            out.push_str(REDACTED);
            self.copied = start + length;
        }
        self.at = start + length;
    }

    /// Hides private keys in PEM, before all else.
    fn private_keys(&mut self) {
        const MARK: &str = "PRIVATE KEY-----";
        while let Some(found) = self.rest(self.at).find(MARK) {
            let start = self.at + found + MARK.len();
            let length = self.rest(start).find("-----END").unwrap_or(self.text.len() - start);
            self.hide(start, length);
            let end = self.rest(self.at).find(MARK).map_or(self.text.len(), |end| self.at + end + MARK.len());
            self.at = end;
        }
        self.at = self.copied;
    }

    /// Consumes the next word, and the secret that it announces.
    fn word(&mut self) {
        let bytes = self.text.as_bytes();
        let start = bytes[self.at..].iter().position(|byte| is_word_byte(*byte));
        let Some(start) = start.map(|start| self.at + start) else {
            self.at = self.text.len();
            return;
        };
        let end = bytes[start..].iter().position(|byte| !is_word_byte(*byte));
        let end = end.map_or(self.text.len(), |end| start + end);
        let word = &self.text[start..end];
        self.at = end;
        let is_token = |(begin, length): &(&str, usize)| word.len() >= *length && word.starts_with(begin);
        if TOKENS.iter().any(is_token) {
            return self.hide(start, word.len());
        }
        match bytes.get(end) {
            Some(b':') if self.rest(end).starts_with("://") => self.address(end + 3),
            Some(b':') if self.user(start, end) => {}
            Some(b':' | b'=' | b'"' | b'\'' | b'\\' | b']' | b' ' | b'%' | b'+' | b'\t' | b'\n') => {
                self.announced(start, end);
            }
            _ => {}
        }
    }

    /// Hides the user and password of a URL.
    fn address(&mut self, start: usize) {
        let rest = self.rest(start);
        let ends = |char: char| char.is_whitespace() || "/?#\"'<>`\\".contains(char);
        let authority = &rest[..rest.find(ends).unwrap_or(rest.len())];
        self.at = start;
        if let Some((user, _)) = authority.rsplit_once('@') {
            self.hide(start, user.len());
        }
    }

    /// Hides the user and password of a URL without a scheme. Returns false if there is none here.
    fn user(&mut self, start: usize, colon: usize) -> bool {
        let rest = self.rest(colon + 1);
        let ends = |char: char| char.is_whitespace() || "/?#\"'<>`\\:=,".contains(char);
        let authority = &rest[..rest.find(ends).unwrap_or(rest.len())];
        match authority.rsplit_once('@') {
            Some((password, host))
                if !password.is_empty() && host.starts_with(|c: char| c.is_alphanumeric() || c == '[') =>
            {
                self.hide(start, colon + 1 + password.len() - start);
                true
            }
            _ => false,
        }
    }

    /// Hides the value that the word announces, if any.
    fn announced(&mut self, start: usize, end: usize) {
        let word = &self.text[start..end];
        let rest = self.rest(end);
        if word.eq_ignore_ascii_case("bearer") || word.eq_ignore_ascii_case("basic") {
            return self.credentials(word, end);
        }
        let space = rest.len() - rest.trim_start_matches([' ', '\t', '\n']).len();
        if space > 0 && word.starts_with('-') && is_flag(word) {
            let value = end + space;
            let is_user = matches!(word, "-u" | "--user" | "--proxy-user");
            let length = shell_word(self.rest(value));
            let text = &self.text[value..value + length];
            return match text {
                text if text.starts_with('-') || word == "-H" || (is_user && !text.contains(':')) => {}
                text => {
                    let quoted =
                        text.len() >= 2 && text.starts_with(['"', '\'']) && text.ends_with(['"', '\'']);
                    let (from, length) = if quoted { (value + 1, length - 2) } else { (value, length) };
                    self.hide(from, length);
                }
            };
        }
        if !mark(rest).1.starts_with([':', '=']) {
            return;
        }
        let before = self.text[..start].chars().next_back();
        let in_query = matches!(before, Some('?' | '&')) && rest.starts_with('=');
        if (in_query && QUERY.iter().any(|name| word.eq_ignore_ascii_case(name))) || keys::is_secret(word) {
            self.value(&keys::normalize(word), end);
        }
    }

    /// Hides the credentials after `Bearer` or `Basic`.
    fn credentials(&mut self, scheme: &str, end: usize) {
        let rest = self.rest(end);
        let space = rest.len() - rest.trim_start_matches([' ', '\t', '+', ':', '=']).len();
        let space = if rest.starts_with("%20") { 3 } else { space };
        let rest = &rest[space..];
        let is_end = |char: char| !(char.is_ascii_alphanumeric() || "-._~+/=".contains(char));
        let secret = &rest[..rest.find(is_end).unwrap_or(rest.len())];
        let is_secret = match scheme.len() {
            6 => secret.len() >= 8 || secret.bytes().any(|byte| byte.is_ascii_digit()),
            _ => secret.len() >= 6 && !is_word(secret.trim_end_matches('.')),
        };
        if space > 0 && is_secret {
            self.hide(end + space, secret.len());
        }
    }

    /// Hides the value after a key and `=` or `:`.
    fn value(&mut self, key: &str, end: usize) {
        let rest = self.rest(end);
        let (mark, behind) = mark(rest);
        let behind = &behind[mark.len_utf8()..];
        if behind.starts_with(['=', ':']) || behind.starts_with("//") {
            return;
        }
        let behind = behind.strip_prefix('>').unwrap_or(behind);
        let value = behind.trim_start_matches([' ', '\t']);
        let has_space = behind.len() > value.len() || rest.starts_with(' ');
        let opening = value.len() - value.trim_start_matches('\\').len();
        let quote = value[opening..].chars().next().filter(|quote| matches!(quote, '"' | '\''));
        let start = self.text.len() - value.len();
        match quote {
            Some(quote) => {
                let start = start + opening + 1;
                self.hide(start, quoted(self.rest(start), quote, opening));
            }
            None if WHOLE_LINES.iter().any(|end| key.ends_with(end)) && mark == ':' => {
                let ends = |char: char| matches!(char, '\n' | '\r' | '"' | '\'' | '\\' | '`');
                self.hide(start, value.find(ends).unwrap_or(value.len()));
            }
            None => {
                let length = bare(value);
                if !self.is_harmless(key, &value[..length], mark, has_space) {
                    self.hide(start, length);
                }
            }
        }
    }

    /// Returns true if an unquoted value, a slice of the text, is not a secret.
    fn is_harmless(&self, key: &str, value: &str, mark: char, has_space: bool) -> bool {
        // People choose words as passwords; machines do not choose them as tokens.
        let is_chosen = ["password", "passwd", "passphrase", "passcode", "secret"];
        let is_chosen = is_chosen.iter().any(|end| key.ends_with(end));
        let end = value.as_ptr() as usize - self.text.as_ptr() as usize + value.len();
        let goes_on = self.rest(end).starts_with([' ', ',']);
        let is_count = mark == ':' && value.len() < 8 && value.bytes().all(|byte| byte.is_ascii_digit());
        is_count
            || (has_space && goes_on && !is_chosen && is_word(value))
            || matches!(value, "null" | "true" | "false" | "None" | "undefined")
            || value.starts_with(['{', '[', '(', '<'])
    }
}

/// The first character after a key, past quotes (which may be escaped), and the text from there.
fn mark(text: &str) -> (char, &str) {
    let text = text.trim_start_matches(['"', '\'', '\\', ']']).trim_start_matches([' ', '\t']);
    (text.chars().next().unwrap_or_default(), text)
}

/// The length of the text before its closing quote, which is preceded by `escapes` backslashes.
fn quoted(text: &str, quote: char, escapes: usize) -> usize {
    let mut backslashes = 0;
    for (at, char) in text.char_indices() {
        match char {
            '\\' => backslashes += 1,
            char if char == quote && backslashes <= escapes => return at - backslashes,
            _ => backslashes = 0,
        }
    }
    text.len()
}

/// The length of an unquoted value.
fn bare(text: &str) -> usize {
    let mut chars = text.char_indices().peekable();
    while let Some((at, char)) = chars.next() {
        let next = chars.peek().map(|(_, next)| *next);
        let ends = match char {
            char if char.is_whitespace() => true,
            '&' | '#' | '"' | '\'' | '`' | '<' | '>' => true,
            ',' | ';' => next.is_none_or(char::is_whitespace),
            '\\' => matches!(next, Some('"' | '\'' | 'n' | 'r' | 't')),
            _ => false,
        };
        if ends {
            return at;
        }
    }
    text.len()
}

/// The length of one word of a command line.
fn shell_word(text: &str) -> usize {
    match text.chars().next() {
        Some(quote @ ('"' | '\'')) => text[1..].find(quote).map_or(text.len(), |end| end + 2),
        _ => text.find(|char: char| char.is_whitespace() || "\"'`\\;|".contains(char)).unwrap_or(text.len()),
    }
}
