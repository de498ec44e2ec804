//! The fake's end of the pipes.

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, DuplexStream};
use tokio::sync::mpsc;

use super::FakeCli;

pub(super) enum Outgoing {
    Bytes(Vec<u8>),
    /// Ends the stream.
    HangUp,
}

/// A message with its header.
pub(super) fn frame(body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("Content-Length: {}\r\n\r\n", body.len()).into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// Writes what is queued, in order, until the fake hangs up.
pub(super) async fn write(mut to: DuplexStream, mut queue: mpsc::UnboundedReceiver<Outgoing>) {
    while let Some(Outgoing::Bytes(bytes)) = queue.recv().await {
        if to.write_all(&bytes).await.is_err() {
            // The client reads no more.
            return;
        }
    }
}

/// Takes the client's messages until it ends its stream.
pub(super) async fn read(from: DuplexStream, fake: FakeCli) {
    let mut from = BufReader::new(from);
    while let Some(body) = message(&mut from).await {
        fake.take(&body);
    }
    fake.end();
}

/// The next message; none at the end of the stream, or of what can be read.
async fn message(from: &mut BufReader<DuplexStream>) -> Option<Vec<u8>> {
    let mut length = None;
    loop {
        let mut line = String::new();
        if from.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        match line.trim_end().split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.trim().parse().ok()
            }
            Some(_) => {}
            None => break,
        }
    }
    let mut body = vec![0; length?];
    from.read_exact(&mut body).await.ok()?;
    Some(body)
}
