//! Messages on the stream: `Content-Length: <bytes>`, an empty line, then that many bytes of JSON.

use tokio::io::{AsyncRead, AsyncReadExt};

/// The largest message taken, in bytes. The CLI sends several megabytes at once where tools do.
pub(crate) const LARGEST: usize = 256 << 20;

/// How much is read at once, in bytes.
const CHUNK: usize = 64 << 10;

/// Reads messages from a stream through a buffer of its own, so a read may be dropped and repeated.
pub(crate) struct Frames<R> {
    from: R,
    buffer: Vec<u8>,
    /// The bytes of `buffer` before this have been given out.
    done: usize,
}

/// What stands next in the buffer.
enum Next {
    /// The message is in these bytes.
    Body(std::ops::Range<usize>),
    /// Not yet whole.
    More,
}

impl<R: AsyncRead + Unpin> Frames<R> {
    pub fn new(from: R) -> Self {
        Self { from, buffer: Vec::new(), done: 0 }
    }

    /// The next message; none at the end of the stream.
    ///
    /// Cancel-safe: what has been read stays in the buffer.
    pub async fn next(&mut self) -> std::io::Result<Option<&[u8]>> {
        loop {
            if let Next::Body(body) = self.parse()? {
                self.done = body.end;
                return Ok(Some(&self.buffer[body]));
            }
            self.make_room();
            if self.from.read_buf(&mut self.buffer).await? == 0 {
                return Ok(None);
            }
        }
    }

    /// Drops what has been given out, once that is all or much of the buffer.
    fn make_room(&mut self) {
        if self.done == self.buffer.len() || self.done > CHUNK {
            self.buffer.drain(..self.done);
            self.done = 0;
        }
        // One huge message must not keep its buffer for good.
        if self.buffer.is_empty() && self.buffer.capacity() > 16 * CHUNK {
            self.buffer = Vec::new();
        }
        if self.buffer.capacity() - self.buffer.len() < CHUNK / 4 {
            self.buffer.reserve(CHUNK);
        }
    }

    fn parse(&mut self) -> std::io::Result<Next> {
        loop {
            let bytes = &self.buffer[self.done..];
            let Some((header, start)) = split_header(bytes) else {
                return if bytes.len() > LARGEST { Err(too_large(bytes.len())) } else { Ok(Next::More) };
            };
            let start = self.done + start;
            let Some(length) = content_length(header) else {
                // Text instead of a header is no message of ours: the next header decides.
                tracing::warn!(bytes = header.len(), "text on the stream that is no message");
                self.done = start;
                continue;
            };
            if length > LARGEST {
                return Err(too_large(length));
            }
            let end = start + length;
            return Ok(if end <= self.buffer.len() { Next::Body(start..end) } else { Next::More });
        }
    }
}

/// The header block and where the body starts.
fn split_header(bytes: &[u8]) -> Option<(&[u8], usize)> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    Some((&bytes[..end], end + 4))
}

fn content_length(header: &[u8]) -> Option<usize> {
    const NAME: &str = "content-length";
    let header = String::from_utf8_lossy(header).to_ascii_lowercase();
    // Junk may stand before the name, on its line too, when something else wrote to the stream.
    let value = &header[header.rfind(NAME)? + NAME.len()..];
    value.trim_start().strip_prefix(':')?.lines().next()?.trim().parse().ok()
}

fn too_large(length: usize) -> std::io::Error {
    invalid(&format!("a message of {length} bytes; at most {LARGEST} are taken"))
}

fn invalid(text: &str) -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::InvalidData, text)
}

/// Appends a message to what is to be written.
pub(crate) fn append(out: &mut Vec<u8>, body: &str) {
    out.extend_from_slice(b"Content-Length: ");
    out.extend_from_slice(body.len().to_string().as_bytes());
    out.extend_from_slice(b"\r\n\r\n");
    out.extend_from_slice(body.as_bytes());
}
