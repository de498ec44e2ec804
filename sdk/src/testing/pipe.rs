//! The fake's end of the pipes. It shares no code with the client, so that an error in either is noticed.

use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::mpsc;

use super::Shared;

pub(super) enum Outgoing {
    Bytes(Vec<u8>),
    /// Closes the stream.
    HangUp,
}

/// Frames a message.
pub(super) fn frame(body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("Content-Length: {}\r\n\r\n", body.len()).into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// Splits a stream into messages.
#[derive(Default)]
pub(super) struct Splitter {
    bytes: Vec<u8>,
}

impl Splitter {
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Returns the next complete message. Text without a length is ignored.
    pub fn next(&mut self) -> Option<Vec<u8>> {
        const END: &[u8] = b"\r\n\r\n";
        loop {
            let end = self.bytes.windows(END.len()).position(|window| window == END)?;
            let start = end + END.len();
            let Some(length) = length(&self.bytes[..end]) else {
                self.bytes.drain(..start);
                continue;
            };
            if self.bytes.len() - start < length {
                return None;
            }
            let rest = self.bytes.split_off(start + length);
            let mut body = std::mem::replace(&mut self.bytes, rest);
            body.drain(..start);
            return Some(body);
        }
    }
}

fn length(header: &[u8]) -> Option<usize> {
    let header = String::from_utf8_lossy(header);
    header.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let found = name.trim().eq_ignore_ascii_case("content-length");
        found.then(|| value.trim().parse().ok()).flatten()
    })
}

/// Writes queued bytes until the fake hangs up.
pub(super) async fn write(mut to: DuplexStream, mut queue: mpsc::UnboundedReceiver<Outgoing>) {
    while let Some(Outgoing::Bytes(bytes)) = queue.recv().await {
        if to.write_all(&bytes).await.is_err() {
            // The client has closed its reading end.
            return;
        }
    }
}

/// Handles the client's messages until it closes its stream.
pub(super) async fn read(mut from: DuplexStream, fake: Arc<Shared>) {
    let mut messages = Splitter::default();
    let mut chunk = vec![0; 16 << 10];
    while let Ok(count @ 1..) = from.read(&mut chunk).await {
        messages.push(&chunk[..count]);
        while let Some(body) = messages.next() {
            fake.receive(&body);
        }
    }
    fake.end();
}
