//! The thread that redacts and writes messages.

use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, mpsc};

use super::State;
use super::calls::Calls;
use crate::wire::quote;
use crate::wire::redact::{self, Known, Redactor};

/// A message to the thread.
pub(super) enum Entry {
    Line(Line),
    /// Requests a notification once everything before is written.
    Flush(mpsc::Sender<()>),
}

/// A line of the log that is not yet written.
pub(super) struct Line {
    pub t_ms: u64,
    pub side: &'static str,
    /// The number of messages omitted before it.
    pub left_out: u64,
    pub body: Body,
    /// Its share of [`MAX_WAITING`](super::MAX_WAITING), in bytes.
    pub bytes: usize,
}

impl Line {
    /// Size in bytes of a line besides its message.
    pub const OVERHEAD: usize = 128;
}

/// The content of a line.
pub(super) enum Body {
    /// A message as sent or received.
    Message(Vec<u8>),
    /// A message of this many bytes that was skipped.
    Skipped(u64),
    /// The end of the connection, as JSON.
    End(String),
    /// Only the number of omitted messages.
    Nothing,
}

/// Starts the thread; none if the system cannot.
pub(super) fn start(
    to: Box<dyn Write + Send>,
    known: Known,
    state: Arc<State>,
) -> Option<mpsc::Sender<Entry>> {
    let (sender, entries) = mpsc::channel();
    let redactor = Redactor::remembering(known);
    let mut writer = Writer { to, redactor, calls: Calls::default(), has_failed: false };
    // A `tracing` subscriber set for the current thread only also applies to the new thread.
    let dispatch = tracing::dispatcher::get_default(Clone::clone);
    let run = move || {
        let state = EndOnDrop(state);
        tracing::dispatcher::with_default(&dispatch, || writer.run(&entries, &state.0));
        // Dropping the writer runs user code, which may panic.
        drop(catch_unwind(AssertUnwindSafe(|| drop(writer))));
    };
    match std::thread::Builder::new().name("copilot-wire-log".to_owned()).spawn(run) {
        Ok(_) => Some(sender),
        Err(error) => {
            tracing::warn!(%error, "cannot start the thread of the wire log, so it stays empty");
            None
        }
    }
}

/// Records that the log has ended, however its thread ends.
struct EndOnDrop(Arc<State>);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        self.0.has_ended.store(true, Ordering::Relaxed);
    }
}

struct Writer {
    to: Box<dyn Write + Send>,
    redactor: Redactor,
    calls: Calls,
    /// True if the last line could not be written.
    has_failed: bool,
}

impl Writer {
    /// Writes entries until the log is dropped or the writer panics.
    fn run(&mut self, entries: &mpsc::Receiver<Entry>, state: &State) {
        for entry in entries {
            match entry {
                Entry::Line(line) => {
                    let bytes = line.bytes;
                    if catch_unwind(AssertUnwindSafe(|| self.line(line))).is_err() {
                        tracing::warn!("the writer of the wire log panicked, so the log ends");
                        return;
                    }
                    state.waiting.fetch_sub(bytes, Ordering::Release);
                }
                // The receiver may have given up waiting.
                Entry::Flush(done) => drop(done.send(())),
            }
        }
    }

    fn line(&mut self, line: Line) {
        let Line { t_ms, side, left_out, body, .. } = line;
        let start = format!(r#"{{"t_ms":{t_ms},"dir":"{side}""#);
        if left_out > 0 {
            self.write(&format!("{start},\"leftOut\":{left_out}}}\n"));
        }
        let rest = match body {
            Body::Nothing => return,
            Body::Message(message) => self.message(side == "client", &message),
            Body::Skipped(length) => format!(r#""msg":"a message of {length} bytes was skipped""#),
            Body::End(end) => format!(r#""end":{}"#, self.json(&end)),
        };
        self.write(&format!("{start},{rest}}}\n"));
    }

    /// Formats a message without its secrets, or its length if it is not JSON.
    fn message(&mut self, of_client: bool, message: &[u8]) -> String {
        let text = String::from_utf8_lossy(message);
        let calls = &mut self.calls;
        match self.redactor.messages(&text, &mut |id, method| calls.look(of_client, id, method)) {
            Some((json, 0)) => format!(r#""msg":{json}"#),
            // The reader ignores text after the message.
            Some((json, behind)) => format!(r#""msg":{json},"bytesBehind":{behind}"#),
            None => {
                let text = format!("a message of {} bytes that is not JSON", message.len());
                format!(r#""msg":{}"#, quote(&text))
            }
        }
    }

    fn json(&mut self, json: &str) -> String {
        let rewritten = self.redactor.messages(json, &mut |_, _| redact::Message::default());
        rewritten.map_or_else(|| "null".to_owned(), |(json, _)| json)
    }

    fn write(&mut self, line: &str) {
        let written = self.to.write_all(line.as_bytes()).and_then(|()| self.to.flush());
        if let Err(error) = &written
            && !self.has_failed
        {
            tracing::warn!(%error, "cannot write to the wire log");
        }
        self.has_failed = written.is_err();
    }
}
