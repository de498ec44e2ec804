//! The wire log: a record of all messages without known secrets.
//!
//! The reader and the callers only queue messages; a thread of the log redacts and writes them. A writer
//! that is slow, blocks or panics affects only the log.

mod calls;
mod thread;

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use crate::rpc::Closed;
use crate::runtime::lock;
use crate::wire::redact::Known;
use thread::{Body, Entry, Line};

/// A log of all messages between this client and its CLI, for a bug report that can be replayed; see
/// [`ClientBuilder::wire_log`](crate::ClientBuilder::wire_log).
///
/// Each message is one line `{"t_ms": 12, "dir": "client", "msg": {…}}`. The `dir` is `server` for a
/// message of the CLI, and `t_ms` is the time in milliseconds since the log was created. `FakeCli::replay`
/// of the feature `testing` replays a log.
///
/// # Secrets
///
/// The following become `[redacted]`, including in JSON within a string:
///
/// * the values of keys such as `token`, `apiKey`, `password` and `Authorization`, at any depth,
/// * all environment variables and headers, and everything that methods about secrets carry,
/// * in text: the values after such keys (`token=…`, `--api-key …`), `Bearer …`, passwords in URLs, private
///   keys, and tokens of GitHub and some others, recognised by their prefix,
/// * the tokens passed to the client builder, and the texts passed to [`hide`](Self::hide),
/// * a text that was redacted as the value of a key, from then on wherever it appears, including as base64
///   or percent-encoded. 4 MiB of such texts are remembered, some 10,000 tokens; beyond that the older half
///   is forgotten.
///
/// A secret that the model spells out piece by piece is not found. Prompts, answers and files are written
/// unchanged except for what looks like a secret, so read a log before you share it. For a message that is
/// not JSON only the length is written.
///
/// # Writing
///
/// A thread of the log writes each message immediately, in order. Up to 64 MiB plus one message wait for a
/// slow writer. Messages beyond that are omitted, and a line `{"t_ms": 99, "dir": "client", "leftOut": 3}`
/// states their number. A failure to write is logged once with `tracing`, and the client continues. If the
/// writer panics, the log ends.
///
/// [`Client::stop`](crate::Client::stop) and [`Client::closed`](crate::Client::closed) wait until
/// everything is written, for at most 5 s. Dropping the last handle of a client without them waits for at
/// most 200 ms. A program that exits earlier, for example by [`std::process::exit`], may lose the last
/// lines.
///
/// If the connection is not ended by this client, the last line contains the reason:
/// `{"t_ms": 99, "dir": "server", "end": {"reason": …, "exitCode": …, "signal": …, "stderr": …}}`. Text on
/// the stream that belongs to no message is not logged.
#[must_use = "a log is written by the client that it is passed to"]
pub struct WireLog {
    to: Box<dyn io::Write + Send>,
    start: Instant,
    known: Known,
}

/// Maximum size in bytes of queued messages; beyond it messages are omitted.
const MAX_WAITING: usize = 64 << 20;

/// Maximum time that the end of a client waits for the log.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(5);

/// Maximum time that the drop of a client waits for the log. It may block a thread of the runtime.
const DROP_TIMEOUT: Duration = Duration::from_millis(200);

impl WireLog {
    /// Creates a log that writes to `to` on its own thread, which starts with the client's connection.
    pub fn new(to: impl io::Write + Send + 'static) -> Self {
        Self { to: Box::new(to), start: Instant::now(), known: Known::default() }
    }

    /// Redacts this text wherever it appears in a string or a key. An empty text has no effect.
    pub fn hide(mut self, text: impl Into<String>) -> Self {
        self.known.hide(&text.into());
        self
    }

    /// Starts the writing thread.
    pub(crate) fn open(self) -> Log {
        let state = Arc::new(State::default());
        let sender = thread::start(self.to, self.known, Arc::clone(&state));
        Log { queue: Mutex::new(Queue { sender, left_out: 0 }), start: self.start, state }
    }
}

impl std::fmt::Debug for WireLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WireLog").finish_non_exhaustive()
    }
}

/// The queue of a wire log.
pub(crate) struct Log {
    queue: Mutex<Queue>,
    start: Instant,
    state: Arc<State>,
}

struct Queue {
    /// None if the thread could not start.
    sender: Option<mpsc::Sender<Entry>>,
    /// The number of messages omitted since the last one that was queued.
    left_out: u64,
}

/// State shared by the log and its thread.
#[derive(Default)]
struct State {
    /// Size in bytes of the queued messages.
    waiting: AtomicUsize,
    /// True once nothing more will be written.
    has_ended: AtomicBool,
}

impl Log {
    /// Records a message of this client.
    pub fn sent(&self, message: &str) {
        self.push("client", message.len(), || Body::Message(message.as_bytes().to_vec()));
    }

    /// Records a message of the CLI.
    pub fn received(&self, message: &[u8]) {
        self.push("server", message.len(), || Body::Message(message.to_vec()));
    }

    /// Records a message of the CLI that was too large to be read.
    pub fn skipped(&self, length: u64) {
        self.push("server", 0, || Body::Skipped(length));
    }

    /// Records the end of the connection.
    pub fn ended(&self, closed: &Closed) {
        let Closed { reason, exit_code, signal, stderr, .. } = closed;
        let end = json!({"reason": reason, "exitCode": exit_code, "signal": signal, "stderr": stderr});
        self.line(&mut lock(&self.queue), "server", 0, Body::End(end.to_string()));
    }

    fn push(&self, side: &'static str, length: usize, body: impl FnOnce() -> Body) {
        if self.state.has_ended.load(Ordering::Relaxed) {
            return;
        }
        let mut queue = lock(&self.queue);
        // A single message of any size may always be queued.
        let waiting = self.state.waiting.load(Ordering::Relaxed);
        if waiting > 0 && waiting.saturating_add(length) > MAX_WAITING {
            queue.left_out += 1;
        } else {
            self.line(&mut queue, side, length, body());
        }
    }

    fn line(&self, queue: &mut Queue, side: &'static str, length: usize, body: Body) {
        let Some(sender) = &queue.sender else { return };
        let bytes = length + Line::OVERHEAD;
        self.state.waiting.fetch_add(bytes, Ordering::Relaxed);
        let t_ms = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        let left_out = std::mem::take(&mut queue.left_out);
        // The thread ends early only when the log has ended.
        drop(sender.send(Entry::Line(Line { t_ms, side, left_out, body, bytes })));
    }

    /// Waits until everything recorded is written, for at most [`FLUSH_TIMEOUT`].
    pub(crate) async fn flush(&self) {
        let Some(written) = self.flush_receiver() else { return };
        let wait = move || {
            // Stop waiting, even if something is not written yet.
            let _ = written.recv_timeout(FLUSH_TIMEOUT);
        };
        // On a thread, since writing takes real time, and a runtime with a paused clock would not wait for
        // it.
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(wait).await),
            Err(_) => wait(),
        }
    }

    /// Returns a receiver that is notified once everything is written; none if it already is.
    fn flush_receiver(&self) -> Option<mpsc::Receiver<()>> {
        let mut queue = lock(&self.queue);
        if queue.left_out > 0 {
            self.line(&mut queue, "server", 0, Body::Nothing);
        }
        if self.state.has_ended.load(Ordering::Relaxed) || self.state.waiting.load(Ordering::Acquire) == 0 {
            return None;
        }
        let (done, written) = mpsc::channel();
        queue.sender.as_ref()?.send(Entry::Flush(done)).ok()?;
        Some(written)
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        if let Some(written) = self.flush_receiver() {
            // Anything not written by now is lost.
            let _ = written.recv_timeout(DROP_TIMEOUT);
        }
    }
}
