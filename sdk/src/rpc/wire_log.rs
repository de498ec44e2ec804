//! The wire log: a record of all messages without known secrets.
//!
//! The reader and the callers only queue messages; a thread of the log redacts and writes them. A writer
//! that is slow, blocks or panics affects only the log.

mod calls;
mod thread;

use std::io;
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::time::Duration;

use serde_json::json;
use tokio::runtime::Handle;
use tokio::time::Instant;

use crate::rpc::Closed;
use crate::runtime::lock;
use crate::wire::quote;
use crate::wire::redact::Known;
use thread::Line;

/// A log of all messages between this client and its CLI, for a bug report that can be replayed; see
/// [`ClientBuilder::wire_log`](crate::ClientBuilder::wire_log).
///
/// Each message is one line `{"t_ms": 12, "dir": "client", "msg": {…}}`. The `dir` is `server` for a
/// message of the CLI, and `t_ms` is the time in milliseconds since the log was created. `FakeCli::replay`
/// of the feature `testing` replays a log, and `cargo copilot view` shows it as a page.
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
///   is forgotten,
/// * objects, arrays and strings nested deeper than 128 levels.
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
        let (lines, queue) = mpsc::channel();
        let shared = Arc::new(Shared::default());
        thread::start(self.to, self.known, queue, Arc::clone(&shared));
        Log { start: self.start, lines, shared }
    }
}

impl std::fmt::Debug for WireLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WireLog").finish_non_exhaustive()
    }
}

/// An open wire log.
pub(crate) struct Log {
    start: Instant,
    lines: mpsc::Sender<Line>,
    shared: Arc<Shared>,
}

/// State that the log shares with its thread.
#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    /// Notified when everything is written, and when nothing more will be.
    idle: Condvar,
}

#[derive(Default)]
struct State {
    /// Size in bytes of the queued lines.
    waiting: usize,
    /// The number of messages omitted since the last one that was queued.
    left_out: u64,
    /// True once nothing more will be written.
    has_ended: bool,
}

impl Shared {
    /// Waits until everything queued is written, for at most this time.
    fn wait(&self, limit: Duration) {
        let is_busy = |state: &mut State| state.waiting > 0 && !state.has_ended;
        drop(self.idle.wait_timeout_while(lock(&self.state), limit, is_busy));
    }
}

impl Log {
    /// Records a message of this client.
    pub fn sent(&self, message: &str) {
        self.message("client", message.as_bytes());
    }

    /// Records a message of the CLI.
    pub fn received(&self, message: &[u8]) {
        self.message("server", message);
    }

    /// Records a message of the CLI that was too large to be read.
    pub fn skipped(&self, length: u64) {
        self.message("server", quote(&format!("a message of {length} bytes was skipped")).as_bytes());
    }

    /// Records the end of the connection.
    pub fn ended(&self, closed: &Closed) {
        let Closed { reason, exit_code, signal, stderr, .. } = closed;
        let end = json!({"reason": reason, "exitCode": exit_code, "signal": signal, "stderr": stderr});
        let mut state = lock(&self.shared.state);
        self.left_out(&mut state, "server");
        self.line(&mut state, "server", "end", end.to_string().into_bytes());
    }

    fn message(&self, side: &'static str, message: &[u8]) {
        let mut state = lock(&self.shared.state);
        // A single message of any size may always be queued.
        if state.waiting > 0 && state.waiting.saturating_add(message.len()) > MAX_WAITING {
            state.left_out += 1;
        } else if !state.has_ended {
            self.left_out(&mut state, side);
            self.line(&mut state, side, "msg", message.to_vec());
        }
    }

    /// Records the number of omitted messages.
    fn left_out(&self, state: &mut State, side: &'static str) {
        let count = std::mem::take(&mut state.left_out);
        if count > 0 {
            self.line(state, side, "leftOut", count.to_string().into_bytes());
        }
    }

    fn line(&self, state: &mut State, side: &'static str, key: &'static str, json: Vec<u8>) {
        let t_ms = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        let line = Line { t_ms, side, key, json };
        state.waiting += line.size();
        // The thread ends early only when the log has ended.
        drop(self.lines.send(line));
    }

    /// Waits until everything recorded is written, for at most [`FLUSH_TIMEOUT`].
    pub(crate) async fn flush(&self) {
        self.left_out(&mut lock(&self.shared.state), "server");
        let shared = Arc::clone(&self.shared);
        let wait = move || shared.wait(FLUSH_TIMEOUT);
        // On a thread, since writing takes real time, and a runtime with a paused clock would not wait for
        // it.
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(wait).await),
            Err(_) => wait(),
        }
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.left_out(&mut lock(&self.shared.state), "server");
        // Anything not written by then is lost.
        self.shared.wait(DROP_TIMEOUT);
    }
}
