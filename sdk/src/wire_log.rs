//! Writing down what goes over the wire, without secrets.

use std::collections::HashSet;
use std::io;
use std::sync::Mutex;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::connection::lock;

/// What stands in a log instead of a secret.
const REDACTED: &str = "[redacted]";

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

/// A log of all messages between this client and its CLI, for a bug report that can be replayed; see
/// [`ClientBuilder::wire_log`](crate::ClientBuilder::wire_log).
///
/// Each message is a line `{"t_ms": 12, "dir": "client", "msg": {…}}`, with `server` for what the CLI sends
/// and the time since the start of the log. `FakeCli::replay` of the feature `testing` plays it.
///
/// Values of keys such as `token`, `apiKey` and `Authorization`, at any depth, all of the environment and
/// of headers, and what methods about secrets say become `[redacted]`, and so do the tokens that the
/// builder was given, wherever they stand; [`hide`](Self::hide) does the same to any text. Prompts, answers
/// and files are written as they are: read a log before you give it away.
pub struct WireLog(Mutex<Log>);

struct Log {
    to: Box<dyn io::Write + Send>,
    start: Instant,
    hidden: Vec<String>,
    /// Requests whose answer is a secret as a whole: who asked, and the id as JSON.
    secret: HashSet<(&'static str, String)>,
}

impl WireLog {
    /// A log that writes here, each message at once and before it is handled or after it is queued: a slow
    /// writer slows the client. When writing fails, that is said in the program's log and the client goes on.
    pub fn new(to: impl io::Write + Send + 'static) -> Self {
        let (hidden, secret) = (Vec::new(), HashSet::new());
        Self(Mutex::new(Log { to: Box::new(to), start: Instant::now(), hidden, secret }))
    }

    /// Replaces this text wherever it stands in a string. An empty one stands nowhere.
    #[must_use]
    pub fn hide(self, text: impl Into<String>) -> Self {
        lock(&self.0).hidden.push(text.into());
        self
    }

    /// Notes a message of this client.
    pub(crate) fn sent(&self, message: &str) {
        lock(&self.0).write("client", message.as_bytes());
    }

    /// Notes a message of the CLI.
    pub(crate) fn received(&self, message: &[u8]) {
        lock(&self.0).write("server", message);
    }
}

impl Log {
    fn write(&mut self, side: &'static str, body: &[u8]) {
        let text = || Value::String(String::from_utf8_lossy(body).into_owned());
        let mut message = serde_json::from_slice(body).unwrap_or_else(|_| text());
        self.redact_secret_methods(side, &mut message);
        redact(&mut message, &self.hidden);
        let t_ms = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        let line = json!({"t_ms": t_ms, "dir": side, "msg": message});
        if let Err(error) = writeln!(self.to, "{line}").and_then(|()| self.to.flush()) {
            tracing::warn!(%error, "a message cannot be written to the wire log");
        }
    }

    /// What is said by a method that has to do with secrets, such as `sandbox.proxySecret.save`, is one.
    fn redact_secret_methods(&mut self, side: &'static str, message: &mut Value) {
        let id = message.get("id").map(Value::to_string);
        let redact = |part: Option<&mut Value>| {
            if let Some(part) = part {
                *part = REDACTED.into();
            }
        };
        match (message.get("method").and_then(Value::as_str), id) {
            (Some(method), id) if method.to_ascii_lowercase().contains("secret") => {
                self.secret.extend(id.map(|id| (side, id)));
                redact(message.get_mut("params"));
            }
            (None, Some(id)) => {
                let asker = if side == "client" { "server" } else { "client" };
                if self.secret.remove(&(asker, id)) {
                    redact(message.get_mut("result"));
                    redact(message.get_mut("error"));
                }
            }
            _ => {}
        }
    }
}

fn redact(value: &mut Value, hidden: &[String]) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                match value {
                    Value::Null | Value::Bool(_) | Value::Number(_) => {}
                    value if is_secret(key) => *value = REDACTED.into(),
                    value if MAPS.contains(&key.as_str()) => redact_map(value),
                    value => redact(value, hidden),
                }
            }
        }
        Value::Array(list) => list.iter_mut().for_each(|value| redact(value, hidden)),
        Value::String(text) => {
            for secret in hidden.iter().filter(|secret| !secret.is_empty()) {
                *text = text.replace(secret, REDACTED);
            }
        }
        _ => {}
    }
}

/// Redacts what names stand for, and leaves the names.
fn redact_map(value: &mut Value) {
    match value {
        Value::Object(names) => names.values_mut().for_each(|value| *value = REDACTED.into()),
        Value::Array(list) => {
            for entry in list {
                match entry {
                    Value::Object(pair) => {
                        let values = pair.iter_mut().filter(|(key, _)| *key != "name");
                        values.for_each(|(_, value)| *value = REDACTED.into());
                    }
                    Value::Null | Value::Bool(_) | Value::Number(_) => {}
                    other => *other = REDACTED.into(),
                }
            }
        }
        other => *other = REDACTED.into(),
    }
}

fn is_secret(key: &str) -> bool {
    let key: String = key.chars().filter(|char| !matches!(char, '-' | '_')).collect();
    let key = key.to_ascii_lowercase();
    SECRETS.iter().any(|end| key.ends_with(end))
}

impl std::fmt::Debug for WireLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WireLog").finish_non_exhaustive()
    }
}
