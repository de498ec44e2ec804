//! Messages on the stream: `Content-Length: <bytes>`, an empty line, then that many bytes of JSON.

use tokio::io::{AsyncRead, AsyncReadExt};

use crate::tail::Tail;

/// The largest message taken, in bytes, unless the client says otherwise. The CLI sends several megabytes
/// at once where tools do.
pub(crate) const LARGEST: usize = 256 << 20;

/// A length above this, in bytes, is none: nobody writes such a message, and to wait for its end would be
/// to wait for ever.
const ABSURD: u64 = 4 << 30;

/// How much is read at once, in bytes.
const CHUNK: usize = 64 << 10;

/// How much may stand before the end of a header, in bytes, before it counts as junk.
const LONGEST_HEADER: usize = 16 << 10;

/// How much is kept of what is no message, in bytes.
pub(crate) const TEXT: usize = 2 << 10;

/// How much is kept of a message that is too large, in bytes: its id and method stand there.
const START: usize = 1 << 10;

/// Reads messages from a stream through a buffer of its own, so a read may be dropped and repeated.
pub struct Frames<R> {
    from: R,
    buffer: Vec<u8>,
    /// The bytes of `buffer` before this have been given out.
    done: usize,
    /// The largest message taken, in bytes.
    limit: usize,
    skipping: Option<Skipping>,
    /// The end of what is no message.
    text: Tail,
}

/// What came on the stream.
#[derive(Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// A message.
    Message(&'a [u8]),
    /// A message above the limit.
    TooLarge {
        /// Its length in bytes.
        length: u64,
        /// How it begins.
        start: Vec<u8>,
    },
}

/// A message that is too large, on its way past.
struct Skipping {
    length: u64,
    left: u64,
    /// How it begins, until that is told.
    start: Option<Vec<u8>>,
}

/// What stands next in the buffer.
enum Next {
    /// The message is in these bytes.
    Body(std::ops::Range<usize>),
    /// A message that is too large begins like this.
    TooLarge { length: u64, start: Vec<u8> },
    /// Not yet whole.
    More,
}

impl<R: AsyncRead + Unpin> Frames<R> {
    /// Takes messages of up to `limit` bytes.
    pub fn new(from: R, limit: usize) -> Self {
        let limit = limit.min(usize::try_from(ABSURD).unwrap_or(usize::MAX));
        Self { from, buffer: Vec::new(), done: 0, limit, skipping: None, text: Tail::new(TEXT) }
    }

    /// Keeps the end of what is no message there.
    pub(crate) fn keep_text(mut self, text: Tail) -> Self {
        self.text = text;
        self
    }

    /// The next message; none at the end of the stream.
    ///
    /// Cancel-safe: what has been read stays in the buffer.
    ///
    /// # Errors
    /// Those of the stream.
    pub async fn next(&mut self) -> std::io::Result<Option<Frame<'_>>> {
        loop {
            match self.parse() {
                Next::Body(body) => {
                    self.done = body.end;
                    return Ok(Some(Frame::Message(&self.buffer[body])));
                }
                Next::TooLarge { length, start } => return Ok(Some(Frame::TooLarge { length, start })),
                Next::More => {}
            }
            self.make_room();
            if self.from.read_buf(&mut self.buffer).await? == 0 {
                return Ok(None);
            }
        }
    }

    /// How much memory the buffer takes, in bytes.
    #[cfg(feature = "fuzzing")]
    pub fn buffered(&self) -> usize {
        self.buffer.capacity()
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

    fn parse(&mut self) -> Next {
        loop {
            if let Some(next) = self.skip() {
                return next;
            }
            let Some((header, start)) = split_header(&self.buffer[self.done..]) else {
                self.drop_junk();
                return Next::More;
            };
            let start = self.done + start;
            let length = content_length(header).filter(|length| *length <= ABSURD);
            if length.is_some() && !begins_header(header) {
                let text = text_before_header(header);
                self.text.push(text);
                self.done += text.len();
            }
            match length {
                Some(length) if length <= self.limit as u64 => {
                    let end = start.saturating_add(length as usize);
                    return if end <= self.buffer.len() { Next::Body(start..end) } else { Next::More };
                }
                Some(length) => {
                    self.skipping = Some(Skipping { length, left: length, start: Some(Vec::new()) });
                }
                // Text instead of a header is no message of ours: the next header decides.
                None => {
                    tracing::warn!(bytes = header.len(), "text on the stream that is no message");
                    self.text.push(header);
                    self.text.push(b"\n");
                }
            }
            self.done = start;
        }
    }

    /// Passes over what has come of a message that is too large, and tells of it once its start is there.
    /// None when there is no such message, or no more of it.
    fn skip(&mut self) -> Option<Next> {
        let skipping = self.skipping.as_mut()?;
        let come = &self.buffer[self.done..];
        let come = &come[..come.len().min(usize::try_from(skipping.left).unwrap_or(usize::MAX))];
        skipping.left -= come.len() as u64;
        self.done += come.len();
        let (length, over) = (skipping.length, skipping.left == 0);
        let told = skipping.start.take_if(|start| {
            start.extend_from_slice(&come[..come.len().min(START - start.len())]);
            start.len() == START || over
        });
        if over {
            self.skipping = None;
        }
        match told {
            Some(start) => Some(Next::TooLarge { length, start }),
            None => (!over).then_some(Next::More),
        }
    }

    /// Drops what can be no header any more; a header may still follow the junk on its line.
    fn drop_junk(&mut self) {
        let bytes = self.buffer.len() - self.done;
        if bytes > LONGEST_HEADER {
            tracing::warn!(bytes, "text on the stream that is no message");
            let rest = self.buffer.len() - LONGEST_HEADER / 4;
            self.text.push(&self.buffer[self.done..rest]);
            self.done = rest;
        }
        let rest = &self.buffer[self.done..];
        if !begins_header(rest) {
            self.text.push_unsettled(rest);
        }
    }
}

/// The header block and where the body starts.
fn split_header(bytes: &[u8]) -> Option<(&[u8], usize)> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    Some((&bytes[..end], end + 4))
}

/// Whether these bytes are a header block as far as they go, and not text.
fn begins_header(bytes: &[u8]) -> bool {
    const START: &[u8] = b"content-";
    let known = bytes.len().min(START.len());
    // A line that ends otherwise is no line of a header.
    let ends_otherwise = |window: &[u8]| window[1] == b'\n' && window[0] != b'\r';
    bytes[..known].eq_ignore_ascii_case(&START[..known]) && !bytes.windows(2).any(ends_otherwise)
}

/// What stands in a block before its header.
fn text_before_header(block: &[u8]) -> &[u8] {
    const NAME: &[u8] = b"content-length";
    let name = block.windows(NAME.len()).rposition(|window| window.eq_ignore_ascii_case(NAME));
    &block[..name.unwrap_or_default()]
}

fn content_length(header: &[u8]) -> Option<u64> {
    const NAME: &str = "content-length";
    let header = String::from_utf8_lossy(header).to_ascii_lowercase();
    // Junk may stand before the name, on its line too, when something else wrote to the stream.
    let value = &header[header.rfind(NAME)? + NAME.len()..];
    value.trim_start().strip_prefix(':')?.lines().next()?.trim().parse().ok()
}

/// Appends a message to what is to be written.
pub(crate) fn append(out: &mut Vec<u8>, body: &str) {
    out.extend_from_slice(b"Content-Length: ");
    out.extend_from_slice(body.len().to_string().as_bytes());
    out.extend_from_slice(b"\r\n\r\n");
    out.extend_from_slice(body.as_bytes());
}
