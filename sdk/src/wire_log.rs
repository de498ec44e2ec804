//! Writing down what goes over the wire, without the secrets that are known.

mod redact;

use std::collections::HashSet;
use std::io;
use std::sync::Mutex;

use redact::{REDACTED, Redactor};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::connection::lock;
use crate::error::Closed;

/// A log of all messages between this client and its CLI, for a bug report that can be replayed; see
/// [`ClientBuilder::wire_log`](crate::ClientBuilder::wire_log).
///
/// Each message is a line `{"t_ms": 12, "dir": "client", "msg": {…}}`, with `server` for what the CLI sends
/// and the time since the start of the log. `FakeCli::replay` of the feature `testing` plays it.
///
/// Values of keys such as `token`, `apiKey` and `Authorization`, at any depth, all of the environment and
/// of headers, passwords in addresses, and what methods about secrets say become `[redacted]`. What was
/// redacted once is from then on, wherever it stands, and so are the tokens that the builder of the client was
/// given; [`hide`](Self::hide) does the same to any text. A secret that the model spells out piece by piece is
/// not found, and prompts, answers and files are written as they are: read a log before you give it away.
///
/// When the connection ends in another way than by this client, the last line says how:
/// `{"t_ms": 99, "dir": "server", "end": {"reason": …, "exitCode": …, "signal": …, "stderr": …}}`. What stands
/// on the stream beside messages is not in the log.
pub struct WireLog(Mutex<Log>);

struct Log {
    to: Box<dyn io::Write + Send>,
    start: Instant,
    redactor: Redactor,
    /// Requests whose answer is a secret as a whole: who asked, and the id as JSON.
    secret: HashSet<(&'static str, String)>,
}

impl WireLog {
    /// A log that writes here, each message at once and before it is handled or after it is queued: a slow
    /// writer slows the client. When writing fails, that is said in the program's log and the client goes on.
    pub fn new(to: impl io::Write + Send + 'static) -> Self {
        let (redactor, secret) = (Redactor::default(), HashSet::new());
        Self(Mutex::new(Log { to: Box::new(to), start: Instant::now(), redactor, secret }))
    }

    /// Replaces this text wherever it stands in a string. An empty one stands nowhere.
    #[must_use]
    pub fn hide(self, text: impl Into<String>) -> Self {
        lock(&self.0).redactor.hide(&text.into());
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

    /// Notes why there is nothing more.
    pub(crate) fn ended(&self, closed: &Closed) {
        let Closed { reason, exit_code, signal, stderr, .. } = closed;
        let end = json!({"reason": reason, "exitCode": exit_code, "signal": signal, "stderr": stderr});
        lock(&self.0).line("server", "end", end);
    }
}

impl Log {
    fn write(&mut self, side: &'static str, body: &[u8]) {
        let text = || Value::String(String::from_utf8_lossy(body).into_owned());
        let mut message = serde_json::from_slice(body).unwrap_or_else(|_| text());
        self.redact_secret_methods(side, &mut message);
        self.line(side, "msg", message);
    }

    fn line(&mut self, side: &'static str, what: &str, mut value: Value) {
        self.redactor.redact(&mut value);
        let t_ms = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        let line = json!({"t_ms": t_ms, "dir": side, what: value});
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

impl std::fmt::Debug for WireLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WireLog").finish_non_exhaustive()
    }
}
