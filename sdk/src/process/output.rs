//! The output of the CLI that is text: its end is kept for errors, its lines are logged.

use std::borrow::Cow;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::{Input, Output};
use crate::runtime::spawn;
use crate::tail::Tail;
use crate::wire::redact;

/// Maximum size in bytes of the kept end, and of a line in the log.
pub(super) const MAX_KEPT: usize = 8 * 1024;

/// Reads stderr to its end into `tail` and the log.
pub(super) async fn drain(stderr: impl AsyncRead + Unpin, tail: Tail) {
    let log = |line: &str| tracing::debug!(target: "copilot_session::stderr", "{}", redact::text(line));
    read(stderr, |bytes| tail.push(bytes), log).await;
}

/// Returns the port that the CLI listens on, or an error if its stdout ends first.
///
/// The stdout is read to its end, so that the CLI never blocks on it, and kept in `kept` until the port
/// appears. The stdin stays open, since its end may make some versions exit.
pub(crate) fn listen(runtime: &Handle, stdin: Input, stdout: Output, kept: Tail) -> oneshot::Receiver<u16> {
    let (sender, port) = oneshot::channel();
    let mut sender = Some(sender);
    let line = move |line: &str| {
        tracing::debug!(target: "copilot_session::stdout", "{}", redact::text(line));
        if sender.is_some() {
            kept.push(line.as_bytes());
            kept.push(b"\n");
        }
        if let Some(port) = port_in(line)
            && let Some(sender) = sender.take()
        {
            kept.clear();
            // The receiver may have given up waiting.
            let _ = sender.send(port);
        }
    };
    spawn(runtime, async move {
        read(stdout, |_| (), line).await;
        drop(stdin);
    });
    port
}

/// Parses a line such as `CLI server listening on port 4711`.
fn port_in(line: &str) -> Option<u16> {
    let line = line.to_ascii_lowercase();
    let (_, rest) = line.split_once("listening on port ")?;
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok().filter(|port| *port != 0)
}

/// Reads a stream to its end, or an error, and passes on its chunks and its lines.
pub(super) async fn read(
    mut stream: impl AsyncRead + Unpin,
    mut each_chunk: impl FnMut(&[u8]),
    mut each_line: impl FnMut(&str),
) {
    let mut chunk = [0; 4096];
    let mut lines = Lines::default();
    while let Ok(length @ 1..) = stream.read(&mut chunk).await {
        let bytes = chunk.get(..length).unwrap_or_default();
        each_chunk(bytes);
        lines.push(bytes, &mut each_line);
    }
    lines.finish(each_line);
}

/// Splits chunks into lines. Each is passed on as a whole, since a part of a secret is not found: a private key is one
/// line with all of its own, and of a line that is too long only the length is passed on. So it is for the lines after
/// that one which may belong to the same key.
#[derive(Default)]
pub(super) struct Lines {
    line: Vec<u8>,
    /// The length in bytes, of which at most [`MAX_KEPT`] are in `line`.
    length: usize,
    /// True if the line before was too long, or may belong to a key that began in such a line.
    may_be_in_key: bool,
}

impl Lines {
    /// Adds a chunk and passes on the lines that it completes.
    pub(super) fn push(&mut self, bytes: &[u8], mut each: impl FnMut(&str)) {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.length += part.len();
            if self.length <= MAX_KEPT {
                self.line.extend_from_slice(part);
            }
            if part.ends_with(b"\n") && (self.is_too_long() || !redact::ends_in_private_key(&self.text())) {
                self.finish(&mut each);
            }
        }
    }

    /// Passes on the rest as a line.
    pub(super) fn finish(&mut self, mut each: impl FnMut(&str)) {
        let text = self.text();
        let line = text.trim_end();
        let is_hidden = self.is_too_long() || self.may_be_in_key && redact::may_be_line_of_private_key(line);
        if is_hidden {
            each(&format!("[a line of {} bytes]", self.length));
        } else if !line.is_empty() {
            each(line);
        }
        *self = Self { may_be_in_key: is_hidden, ..Self::default() };
    }

    fn is_too_long(&self) -> bool {
        self.length > MAX_KEPT
    }

    fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.line)
    }
}

#[cfg(test)]
mod tests {
    use super::port_in;

    #[test]
    fn the_port_is_found_in_any_wording() {
        for line in [
            "CLI server listening on port 4711",
            "cli server LISTENING ON PORT 4711 (protocol 3)",
            "2026-01-01 [info] Listening on port 4711.",
            "listening on port 4711, no token \u{2014} anyone can connect",
        ] {
            assert_eq!(port_in(line), Some(4711), "{line}");
        }
    }

    #[test]
    fn other_lines_have_no_port() {
        for line in [
            "",
            "Warning: no connection token is set",
            "listening on port",
            "listening on port none",
            "listening on port 0",
            "listening on port 65536",
            "listening on port 99999999999999999999",
            "listening on socket 4711",
        ] {
            assert_eq!(port_in(line), None, "{line}");
        }
    }
}
