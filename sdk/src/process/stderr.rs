//! The stderr of the CLI: its end is kept for errors, its lines are logged.

use tokio::io::{AsyncRead, AsyncReadExt};

use crate::tail::Tail;
use crate::wire::redact;

/// Maximum size in bytes of the kept end, and of a line in the log; longer lines are split.
pub(super) const MAX_KEPT: usize = 8 * 1024;

/// Reads a stream to its end into `tail` and the log.
pub(super) async fn drain(stream: impl AsyncRead + Unpin, tail: Tail) {
    let log = |line: &str| tracing::debug!(target: "copilot_session::stderr", "{}", redact::text(line));
    read(stream, |bytes| tail.push(bytes), log).await;
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

/// Splits chunks into lines.
#[derive(Default)]
pub(super) struct Lines(Vec<u8>);

impl Lines {
    /// Adds a chunk and passes on the lines that it completes.
    pub(super) fn push(&mut self, bytes: &[u8], mut each: impl FnMut(&str)) {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.0.extend_from_slice(part);
            if part.ends_with(b"\n") || self.0.len() >= MAX_KEPT {
                self.finish(&mut each);
            }
        }
    }

    /// Passes on the rest as a line.
    pub(super) fn finish(&mut self, mut each: impl FnMut(&str)) {
        let line = String::from_utf8_lossy(&self.0);
        let line = line.trim_end();
        if !line.is_empty() {
            each(line);
        }
        self.0.clear();
    }
}
