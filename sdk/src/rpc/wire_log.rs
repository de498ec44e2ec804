//! Writing down what goes over the wire, without the secrets that are known.
//!
//! The reader and whoever sends only hand messages over; a thread of the log's own takes the secrets out and writes.
//! So a writer that is slow, blocks or panics costs nobody but the log.

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
/// Each message is a line `{"t_ms": 12, "dir": "client", "msg": {…}}`, with `server` for what the CLI sends
/// and the time since the log was made. `FakeCli::replay` of the feature `testing` plays it.
///
/// # Secrets
///
/// These become `[redacted]`, also in JSON that stands in a string:
///
/// * values of keys such as `token`, `apiKey`, `password` and `Authorization`, at any depth,
/// * all environment variables and headers, and all that methods about secrets carry,
/// * in text: values behind such keys (`token=…`, `--api-key …`), `Bearer …`, passwords in addresses, private keys,
///   and tokens of GitHub and of some others by their first letters,
/// * the tokens that the builder of the client was given, and the texts that [`hide`](Self::hide) was given,
/// * a text that was redacted once as the value of a key, from then on wherever it stands, also as base64 or
///   percent-encoded. 4 MiB of such texts are remembered, some 10,000 tokens; beyond them the older half is forgotten.
///
/// A secret that the model spells out piece by piece is not found, and prompts, answers and files are written as they
/// are but for what looks like a secret: read a log before you give it away. Of a message that is no JSON only the
/// length is written.
///
/// # Writing
///
/// A thread of the log's own writes the messages in their order, each at once. Up to 64 MiB and one message wait for a
/// slow writer; what comes beyond that is left out, and a line `{"t_ms": 99, "dir": "client", "leftOut": 3}` says how
/// many messages are missing there. When writing fails, that is said once in the program's log and the client goes on;
/// when the writer panics, the log ends.
///
/// [`Client::stop`](crate::Client::stop) and [`Client::closed`](crate::Client::closed) wait until all is written, for 5 s
/// at most. The last handle of a client that goes without them waits for 200 ms at most. A program that ends earlier, such
/// as by [`std::process::exit`], may lose the last lines.
///
/// When the connection ends in another way than by this client, the last line says how:
/// `{"t_ms": 99, "dir": "server", "end": {"reason": …, "exitCode": …, "signal": …, "stderr": …}}`. What stands
/// on the stream beside messages is not in the log.
pub struct WireLog {
    to: Box<dyn io::Write + Send>,
    start: Instant,
    known: Known,
}

/// How much may wait to be written, in bytes, before messages are left out.
const MOST_WAITING: usize = 64 << 20;

/// How long the end of a client waits for what is still to be written.
const FLUSH: Duration = Duration::from_secs(5);

/// How long a client that is dropped waits. It may be on a thread of the runtime.
const FLUSH_ON_DROP: Duration = Duration::from_millis(200);

impl WireLog {
    /// A log that writes here, on a thread of its own. The thread starts with the client's connection.
    pub fn new(to: impl io::Write + Send + 'static) -> Self {
        Self { to: Box::new(to), start: Instant::now(), known: Known::default() }
    }

    /// Replaces this text wherever it stands in a string or a key. An empty one stands nowhere.
    #[must_use]
    pub fn hide(mut self, text: impl Into<String>) -> Self {
        self.known.hide(&text.into());
        self
    }

    /// Starts the thread that writes.
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

/// Takes messages for a wire log.
pub(crate) struct Log {
    queue: Mutex<Queue>,
    start: Instant,
    state: Arc<State>,
}

struct Queue {
    /// None when there is no thread.
    sender: Option<mpsc::Sender<Entry>>,
    /// How many messages were left out since the last one that was not.
    left_out: u64,
}

/// What the log and its thread both know.
#[derive(Default)]
struct State {
    /// How many bytes wait to be written.
    waiting: AtomicUsize,
    /// Whether nothing more will be written.
    is_over: AtomicBool,
}

impl Log {
    /// Notes a message of this client.
    pub fn sent(&self, message: &str) {
        self.push("client", message.len(), || Body::Message(message.as_bytes().to_vec()));
    }

    /// Notes a message of the CLI.
    pub fn received(&self, message: &[u8]) {
        self.push("server", message.len(), || Body::Message(message.to_vec()));
    }

    /// Notes a message of the CLI that was too large to be read.
    pub fn passed_over(&self, length: u64) {
        self.push("server", 0, || Body::Unread(length));
    }

    /// Notes why there is nothing more.
    pub fn ended(&self, closed: &Closed) {
        let Closed { reason, exit_code, signal, stderr, .. } = closed;
        let end = json!({"reason": reason, "exitCode": exit_code, "signal": signal, "stderr": stderr});
        self.line(&mut lock(&self.queue), "server", 0, Body::End(end.to_string()));
    }

    fn push(&self, side: &'static str, length: usize, body: impl FnOnce() -> Body) {
        if self.state.is_over.load(Ordering::Relaxed) {
            return;
        }
        let mut queue = lock(&self.queue);
        // One message of any size may always wait.
        let waiting = self.state.waiting.load(Ordering::Relaxed);
        if waiting > 0 && waiting.saturating_add(length) > MOST_WAITING {
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
        // The thread is gone only when the log is over.
        drop(sender.send(Entry::Line(Line { t_ms, side, left_out, body, bytes })));
    }

    /// Waits until all that was noted is written, for [`FLUSH`] at most.
    pub(crate) async fn flush(&self) {
        let Some(written) = self.written() else { return };
        let wait = move || {
            // What is not written by now is waited for no more.
            let _ = written.recv_timeout(FLUSH);
        };
        // On a thread, since a writer takes real time, which a runtime with a paused clock does not wait for.
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(wait).await),
            Err(_) => wait(),
        }
    }

    /// What comes once all is written; none when it is already.
    fn written(&self) -> Option<mpsc::Receiver<()>> {
        let mut queue = lock(&self.queue);
        if queue.left_out > 0 {
            self.line(&mut queue, "server", 0, Body::Nothing);
        }
        if self.state.is_over.load(Ordering::Relaxed) || self.state.waiting.load(Ordering::Acquire) == 0 {
            return None;
        }
        let (done, written) = mpsc::channel();
        queue.sender.as_ref()?.send(Entry::Flush(done)).ok()?;
        Some(written)
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        if let Some(written) = self.written() {
            // What is not written by now is lost.
            let _ = written.recv_timeout(FLUSH_ON_DROP);
        }
    }
}
