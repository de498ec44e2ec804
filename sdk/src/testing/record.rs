//! Real traffic as a file: one JSON line for each message, without secrets.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};

use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::pipe::Splitter;
use super::shared::lock;

/// What stands in a recording instead of a secret.
const REDACTED: &str = "[redacted]";

/// Ends of keys, in lower case and without `-` and `_`, whose values are secrets.
const SECRETS: &[&str] =
    &["token", "apikey", "authorization", "password", "secret", "cookie", "credential", "credentials"];

/// Keys whose value is a map from names to what may be secrets.
const MAPS: &[&str] = &["env", "headers", "requestHeaders"];

/// Records what goes over the streams between a client and a CLI.
///
/// Each message is a line `{"t_ms": 12, "dir": "client", "msg": {…}}`, with `server` for what the CLI sends.
/// Values of keys such as `token`, `apiKey`, `gitHubToken` and `Authorization`, at any depth, and all of
/// the environment and headers, become `[redacted]`; [`hide`](Self::hide) does the same to a text anywhere.
/// Prompts, answers, and files are written as they are: read a recording before you give it away.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use copilot_session::{Client, testing::Recorder};
///
/// let mut command = tokio::process::Command::new("copilot");
/// command.args(["--server", "--stdio"]).stdin(std::process::Stdio::piped());
/// let mut cli = command.stdout(std::process::Stdio::piped()).spawn()?;
/// let recorder = Recorder::new(std::fs::File::create("turn.jsonl")?);
/// let (from, to) = recorder.wrap(cli.stdout.take().unwrap(), cli.stdin.take().unwrap());
/// let client = Client::builder().connect(from, to).await?;
/// # Ok(())
/// # }
/// ```
pub struct Recorder(Arc<Mutex<Tape>>);

struct Tape {
    to: Box<dyn io::Write + Send>,
    start: Instant,
    hidden: Vec<String>,
}

impl Recorder {
    /// A recorder that writes here, each line at once. When that fails, it says so in the log and the
    /// client goes on.
    pub fn new(to: impl io::Write + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(Tape { to: Box::new(to), start: Instant::now(), hidden: Vec::new() })))
    }

    /// Replaces this text wherever it stands in a string. An empty one stands nowhere.
    #[must_use]
    pub fn hide(self, text: impl Into<String>) -> Self {
        lock(&self.0).hidden.push(text.into());
        self
    }

    /// The client's streams, from the CLI and to it, with a recorder in them.
    pub fn wrap<R: AsyncRead, W: AsyncWrite>(&self, from: R, to: W) -> (Recorded<R>, Recorded<W>) {
        (self.recorded(from, "server"), self.recorded(to, "client"))
    }

    fn recorded<S>(&self, stream: S, side: &'static str) -> Recorded<S> {
        Recorded { stream, side, messages: Splitter::default(), tape: Arc::clone(&self.0) }
    }
}

impl Tape {
    fn write(&mut self, side: &str, body: &[u8]) {
        let text = || Value::String(String::from_utf8_lossy(body).into_owned());
        let mut message = serde_json::from_slice(body).unwrap_or_else(|_| text());
        redact(&mut message, &self.hidden);
        let t_ms = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        let line = json!({"t_ms": t_ms, "dir": side, "msg": message});
        if let Err(error) = writeln!(self.to, "{line}").and_then(|()| self.to.flush()) {
            tracing::warn!(%error, "a message cannot be recorded");
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
                    Value::Object(names) if MAPS.contains(&key.as_str()) => {
                        names.values_mut().for_each(|value| *value = REDACTED.into());
                    }
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

fn is_secret(key: &str) -> bool {
    let key: String = key.chars().filter(|char| !matches!(char, '-' | '_')).collect();
    let key = key.to_ascii_lowercase();
    SECRETS.iter().any(|end| key.ends_with(end))
}

/// A stream with a [`Recorder`] in it.
pub struct Recorded<S> {
    stream: S,
    side: &'static str,
    messages: Splitter,
    tape: Arc<Mutex<Tape>>,
}

impl<S> Recorded<S> {
    fn note(&mut self, bytes: &[u8]) {
        self.messages.push(bytes);
        while let Some(body) = self.messages.next() {
            lock(&self.tape).write(self.side, &body);
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Recorded<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        to: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = to.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, to))?;
        self.note(&to.filled()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Recorded<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let count = ready!(Pin::new(&mut self.stream).poll_write(context, bytes))?;
        self.note(&bytes[..count]);
        Poll::Ready(Ok(count))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recorder").finish_non_exhaustive()
    }
}

impl<S> std::fmt::Debug for Recorded<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recorded").field("side", &self.side).finish_non_exhaustive()
    }
}
