//! Finding secrets in messages.

use serde_json::Value;

/// What stands in a log instead of a secret.
pub(super) const REDACTED: &str = "[redacted]";

/// Ends of keys, in lower case and without `-` and `_`, whose values are secrets.
const SECRETS: &[&str] = &[
    "token",
    "apikey",
    "authorization",
    "password",
    "secret",
    "cookie",
    "credential",
    "credentials",
    "hmac",
    "headersjson",
    "callbackurl",
];

/// Keys whose value is a map from names to what may be secrets, or a list of such pairs.
const MAPS: &[&str] = &["env", "environment", "headers", "requestHeaders"];

/// What is shorter than this, in bytes, is not looked for elsewhere: it may be a word.
const SHORTEST: usize = 8;

/// How many texts are looked for.
const MOST: usize = 256;

/// Takes secrets out of messages, and remembers them.
#[derive(Default)]
pub(super) struct Redactor {
    hidden: Vec<String>,
}

impl Redactor {
    /// Takes this text out wherever it stands, also as a part of JSON in a string.
    pub fn hide(&mut self, text: &str) {
        let quoted = Value::from(text).to_string();
        for text in [text, quoted.trim_matches('"')] {
            if !text.is_empty() && !self.hidden.iter().any(|hidden| hidden == text) {
                self.hidden.push(text.to_owned());
            }
        }
    }

    pub fn redact(&mut self, message: &mut Value) {
        self.by_key(message);
        self.by_text(message);
    }

    /// Takes out what stands under the key of a secret.
    fn by_key(&mut self, value: &mut Value) {
        match value {
            Value::Object(map) => {
                for (key, value) in map {
                    match value {
                        Value::Null | Value::Bool(_) | Value::Number(_) => {}
                        value if is_secret(key) => self.take(value),
                        value if MAPS.contains(&key.as_str()) => self.take_map(value),
                        value => self.by_key(value),
                    }
                }
            }
            Value::Array(list) => list.iter_mut().for_each(|value| self.by_key(value)),
            _ => {}
        }
    }

    fn take(&mut self, secret: &mut Value) {
        let text = secret.as_str().filter(|text| text.len() >= SHORTEST && *text != REDACTED);
        if let Some(text) = text
            && self.hidden.len() < MOST
        {
            let text = text.to_owned();
            self.hide(text.strip_prefix("Bearer ").unwrap_or(&text));
        }
        *secret = REDACTED.into();
    }

    /// Takes out what names stand for, and leaves the names.
    fn take_map(&mut self, value: &mut Value) {
        let is_text = |value: &Value| !matches!(value, Value::Null | Value::Bool(_) | Value::Number(_));
        match value {
            // Variables and headers are more than secrets, so they are not looked for elsewhere.
            Value::Object(names) => names.values_mut().for_each(|value| *value = REDACTED.into()),
            Value::Array(list) => {
                for entry in list {
                    match entry {
                        Value::Object(pair) => {
                            let values = pair.iter_mut().filter(|(key, _)| *key != "name");
                            values.for_each(|(_, value)| *value = REDACTED.into());
                        }
                        other if is_text(other) => *other = REDACTED.into(),
                        _ => {}
                    }
                }
            }
            other => self.take(other),
        }
    }

    /// Takes out the texts that are known to be secrets, and those in addresses.
    fn by_text(&self, value: &mut Value) {
        match value {
            Value::Object(map) => map.values_mut().for_each(|value| self.by_text(value)),
            Value::Array(list) => list.iter_mut().for_each(|value| self.by_text(value)),
            Value::String(text) => {
                for hidden in &self.hidden {
                    if text.contains(hidden) {
                        *text = text.replace(hidden, REDACTED);
                    }
                }
                if text.contains("://") {
                    *text = without_passwords(text);
                }
            }
            _ => {}
        }
    }
}

fn is_secret(key: &str) -> bool {
    let key: String = key.chars().filter(|char| !matches!(char, '-' | '_')).collect();
    let key = key.to_ascii_lowercase();
    SECRETS.iter().any(|end| key.ends_with(end))
}

/// The text with the users and passwords of its addresses taken out, and the values of queries for secrets.
fn without_passwords(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("://") {
        out.push_str(before);
        out.push_str("://");
        let end =
            after.find(|char: char| char.is_whitespace() || "\"'<>`".contains(char)).unwrap_or(after.len());
        let (address, after) = after.split_at(end);
        out.push_str(&address_without_passwords(address));
        rest = after;
    }
    out + rest
}

fn address_without_passwords(address: &str) -> String {
    let host_end = address.find(['/', '?', '#']).unwrap_or(address.len());
    let (host, path) = address.split_at(host_end);
    let mut out = match host.rsplit_once('@') {
        Some((_, host)) => format!("{REDACTED}@{host}"),
        None => host.to_owned(),
    };
    let mut parts = path.split_inclusive(['?', '&', '#']);
    out.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let (pair, end) = match part.strip_suffix(['&', '#', '?']) {
            Some(pair) => (pair, &part[pair.len()..]),
            None => (part, ""),
        };
        match pair.split_once('=') {
            Some((name, _)) if is_secret(name) || matches!(name, "key" | "code" | "sig" | "signature") => {
                out.push_str(&format!("{name}={REDACTED}{end}"));
            }
            _ => out.push_str(part),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_was_redacted_once_is_from_then_on() {
        let mut redactor = Redactor::default();
        let mut first =
            json!({"apiKey": "sk-\"12345678", "authorization": "Bearer abcdefgh", "token": "short"});
        redactor.redact(&mut first);
        assert_eq!(first, json!({"apiKey": REDACTED, "authorization": REDACTED, "token": REDACTED}));
        let mut later = json!(["it is sk-\"12345678", "{\"it\":\"sk-\\\"12345678\"}", "abcdefgh!", "short"]);
        redactor.redact(&mut later);
        assert_eq!(later, json!(["it is [redacted]", "{\"it\":\"[redacted]\"}", "[redacted]!", "short"]));
    }

    #[test]
    fn addresses_keep_no_passwords() {
        for (text, expected) in [
            ("see http://a.b/c?d=e#f and ftp://x", "see http://a.b/c?d=e#f and ftp://x"),
            ("https://user:pass@a.b/c", "https://[redacted]@a.b/c"),
            (
                "'https://a.b?key=1&x=2&access_token=3#f'",
                "'https://a.b?key=[redacted]&x=2&access_token=[redacted]#f'",
            ),
            ("https://a.b/mail@c and u@d://e@", "https://a.b/mail@c and u@d://[redacted]@"),
            ("://", "://"),
        ] {
            assert_eq!(without_passwords(text), expected);
        }
    }
}
