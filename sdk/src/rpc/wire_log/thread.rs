//! The thread that redacts and writes messages.

use std::io::Write;
use std::sync::{Arc, mpsc};

use super::Shared;
use super::calls::Calls;
use crate::runtime::aside::caught;
use crate::runtime::lock;
use crate::wire::quote;
use crate::wire::redact::{Known, Redactor};

/// A line of the log that is not yet written.
pub(super) struct Line {
    pub t_ms: u64,
    pub side: &'static str,
    /// The key that says what the line is about: a message, the end, or a number of omitted messages.
    pub key: &'static str,
    /// The value, as sent or received.
    pub json: Vec<u8>,
}

impl Line {
    /// Its share of [`MAX_WAITING`](super::MAX_WAITING), in bytes.
    pub fn size(&self) -> usize {
        const OVERHEAD: usize = 128;
        self.json.len() + OVERHEAD
    }
}

/// Starts the thread. If the system cannot, the log has ended.
pub(super) fn start(
    to: Box<dyn Write + Send>,
    known: Known,
    lines: mpsc::Receiver<Line>,
    shared: Arc<Shared>,
) {
    let redactor = Redactor::remembering(known);
    let mut writer = Writer { to, redactor, calls: Calls::default(), has_failed: false };
    // A `tracing` subscriber set for the current thread only also applies to the new thread.
    let dispatch = tracing::dispatcher::get_default(Clone::clone);
    let log = Arc::clone(&shared);
    let run = move || {
        tracing::dispatcher::with_default(&dispatch, || {
            let is_whole = caught(|| lines.iter().for_each(|line| writer.write_line(&line, &log)));
            // Dropping the writer runs user code, which may panic.
            caught(|| drop(writer));
            end(&log);
            if is_whole.is_none() {
                tracing::warn!("the writer of the wire log panicked, so the log ends");
            }
        });
    };
    if let Err(error) = std::thread::Builder::new().name("copilot-wire-log".to_owned()).spawn(run) {
        end(&shared);
        tracing::warn!(%error, "cannot start the thread of the wire log, so it stays empty");
    }
}

/// Records that nothing more will be written.
fn end(shared: &Shared) {
    lock(&shared.state).has_ended = true;
    shared.idle.notify_all();
}

struct Writer {
    to: Box<dyn Write + Send>,
    redactor: Redactor,
    calls: Calls,
    /// True if the last line could not be written.
    has_failed: bool,
}

impl Writer {
    fn write_line(&mut self, line: &Line, shared: &Shared) {
        let Line { t_ms, side, key, json } = line;
        let value = self.redacted(*side == "client", json);
        let text = format!("{{\"t_ms\":{t_ms},\"dir\":\"{side}\",\"{key}\":{value}}}\n");
        let written = self.to.write_all(text.as_bytes()).and_then(|()| self.to.flush());
        if let Err(error) = &written
            && !self.has_failed
        {
            tracing::warn!(%error, "cannot write to the wire log");
        }
        self.has_failed = written.is_err();
        let mut state = lock(&shared.state);
        state.waiting -= line.size();
        if state.waiting == 0 {
            shared.idle.notify_all();
        }
    }

    /// Returns the JSON without its secrets, or its length if it is not JSON.
    fn redacted(&mut self, of_client: bool, json: &[u8]) -> String {
        let text = String::from_utf8_lossy(json);
        let calls = &mut self.calls;
        match self.redactor.messages(&text, &mut |id, method| calls.look(of_client, id, method)) {
            Some((json, 0)) => json,
            // The reader ignores text after the message.
            Some((json, behind)) => format!(r#"{json},"bytesBehind":{behind}"#),
            None => quote(&format!("a message of {} bytes that is not JSON", json.len())),
        }
    }
}
