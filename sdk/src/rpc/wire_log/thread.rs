//! The thread that takes secrets out of messages and writes them.

use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, mpsc};

use super::State;
use super::calls::Calls;
use crate::wire::quote;
use crate::wire::redact::{self, Known, Redactor};

/// What the thread is given.
pub(super) enum Entry {
    Line(Line),
    /// Asks for a word when all before is written.
    Flush(mpsc::Sender<()>),
}

/// One line of the log, yet to be written.
pub(super) struct Line {
    pub t_ms: u64,
    pub side: &'static str,
    /// How many messages were left out before it.
    pub left_out: u64,
    pub body: Body,
    /// How much of what may wait it takes, in bytes.
    pub bytes: usize,
}

impl Line {
    /// What a line takes beside its message, in bytes.
    pub const OVERHEAD: usize = 128;
}

/// What a line is about.
pub(super) enum Body {
    /// A message, as it came or goes.
    Message(Vec<u8>),
    /// A message of this many bytes that was not read.
    Unread(u64),
    /// The end, as JSON.
    End(String),
    /// Only how many messages were left out.
    Nothing,
}

/// Starts the thread. None when the system gives none.
pub(super) fn start(
    to: Box<dyn Write + Send>,
    known: Known,
    state: Arc<State>,
) -> Option<mpsc::Sender<Entry>> {
    let (sender, entries) = mpsc::channel();
    let redactor = Redactor::remembering(known);
    let mut writer = Writer { to, redactor, calls: Calls::default(), has_failed: false };
    // What listens to the program's log on this thread alone hears of this one, too.
    let dispatch = tracing::dispatcher::get_default(Clone::clone);
    let run = move || {
        let state = OverOnDrop(state);
        tracing::dispatcher::with_default(&dispatch, || writer.run(&entries, &state.0));
        // The user's code runs here, too.
        drop(catch_unwind(AssertUnwindSafe(|| drop(writer))));
    };
    match std::thread::Builder::new().name("copilot-wire-log".to_owned()).spawn(run) {
        Ok(_) => Some(sender),
        Err(error) => {
            tracing::warn!(%error, "there is no thread for the wire log, so it stays empty");
            None
        }
    }
}

/// Says that the log is over, however its thread ends.
struct OverOnDrop(Arc<State>);

impl Drop for OverOnDrop {
    fn drop(&mut self) {
        self.0.is_over.store(true, Ordering::Relaxed);
    }
}

struct Writer {
    to: Box<dyn Write + Send>,
    redactor: Redactor,
    calls: Calls,
    /// Whether the last line could not be written.
    has_failed: bool,
}

impl Writer {
    /// Writes what comes, until the log is gone or the writer panics.
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
                // Whoever gave up waiting needs no word.
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
            Body::Unread(length) => format!(r#""msg":"a message of {length} bytes was passed over""#),
            Body::End(end) => format!(r#""end":{}"#, self.json(&end)),
        };
        self.write(&format!("{start},{rest}}}\n"));
    }

    /// A message without its secrets, or its length when it is no JSON.
    fn message(&mut self, of_client: bool, message: &[u8]) -> String {
        let text = String::from_utf8_lossy(message);
        let calls = &mut self.calls;
        match self.redactor.messages(&text, &mut |message| calls.look(of_client, message)) {
            Some((json, 0)) => format!(r#""msg":{json}"#),
            // The reader passes over what stands behind the message.
            Some((json, behind)) => format!(r#""msg":{json},"bytesBehind":{behind}"#),
            None => {
                let text = format!("a message of {} bytes that is no JSON", message.len());
                format!(r#""msg":{}"#, quote(&text))
            }
        }
    }

    fn json(&mut self, json: &str) -> String {
        let rewritten = self.redactor.messages(json, &mut |_| redact::Message::default());
        rewritten.map_or_else(|| "null".to_owned(), |(json, _)| json)
    }

    fn write(&mut self, line: &str) {
        let written = self.to.write_all(line.as_bytes()).and_then(|()| self.to.flush());
        if let Err(error) = &written
            && !self.has_failed
        {
            tracing::warn!(%error, "messages cannot be written to the wire log");
        }
        self.has_failed = written.is_err();
    }
}
