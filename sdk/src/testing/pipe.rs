//! The fake's end of the pipes. It shares no code with the client, so that an error in either is noticed.

use std::io;
use std::sync::Arc;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, DuplexStream};
use tokio::sync::mpsc;

use super::state::Shared;

/// Frames a message.
pub(super) fn frame(body: &str) -> Vec<u8> {
    format!("Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// Writes queued bytes until the fake hangs up.
pub(super) async fn write(mut to: DuplexStream, mut queue: mpsc::UnboundedReceiver<Vec<u8>>) {
    while let Some(bytes) = queue.recv().await {
        if to.write_all(&bytes).await.is_err() {
            // The client has closed its reading end.
            return;
        }
    }
}

/// Handles the client's messages until it closes its stream.
pub(super) async fn read(from: DuplexStream, fake: Arc<Shared>) {
    let mut from = BufReader::new(from);
    while let Ok(Some(body)) = next(&mut from).await {
        fake.receive(&body);
    }
    fake.end();
}

/// Reads the next message; none at the end of the stream. Text without a length is ignored.
async fn next(from: &mut BufReader<DuplexStream>) -> io::Result<Option<Vec<u8>>> {
    let (mut line, mut length) = (Vec::new(), None);
    while from.read_until(b'\n', &mut line).await? != 0 {
        if let (b"\r\n", Some(length)) = (&*line, length) {
            let mut body = vec![0; length];
            from.read_exact(&mut body).await?;
            return Ok(Some(body));
        }
        if let Some((name, value)) = String::from_utf8_lossy(&line).split_once(':')
            && name.trim().eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().ok();
        }
        line.clear();
    }
    Ok(None)
}
