//! Framing of messages: `Content-Length: <bytes>`, an empty line, then that many bytes of JSON.

use std::borrow::Cow;
use std::ops::Range;

use tokio::io::{AsyncRead, AsyncReadExt};

use crate::tail::Tail;

/// Default maximum size of a message in bytes. The CLI sends several megabytes at once when tools do.
pub(crate) const MAX_MESSAGE_SIZE: usize = 256 << 20;

/// Longer lengths, in bytes, are treated as garbage. Waiting for the end of such a message would never end.
const MAX_PLAUSIBLE_LENGTH: u64 = 4 << 30;

/// Number of bytes read at once.
const CHUNK: usize = 64 << 10;

/// Size of a large message in bytes.
const LARGE: usize = 1 << 20;

/// Maximum length of a header block in bytes; a longer one is garbage.
const MAX_HEADER: usize = 16 << 10;

/// Bytes kept of text that belongs to no message.
pub(crate) const TEXT_KEPT: usize = 2 << 10;

/// Bytes kept of the start of a message that is too large. They contain its id and method, and those of a request that
/// comes as an event. The server of the model chooses some of these ids, so there is room for long ones.
const START_KEPT: u64 = 8 << 10;

/// Reads messages from a stream through its own buffer, so a read may be dropped and repeated.
pub struct Frames<R> {
    from: R,
    buffer: Vec<u8>,
    /// The bytes of `buffer` before this index have been returned.
    done: usize,
    /// Maximum size of a message in bytes.
    limit: usize,
    /// The number of bytes to skip of a message that is too large.
    skipped: u64,
    /// The end of the text that belongs to no message.
    text: Tail,
}

/// The next item of a stream.
#[derive(Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// A message. A large one is owned.
    Message(Cow<'a, [u8]>),
    /// A message above the maximum size, which is skipped.
    TooLarge {
        /// Its length in bytes.
        length: u64,
        /// The start of the message.
        start: Vec<u8>,
    },
}

/// The next item in the buffer.
enum Next {
    /// A message; its body is in this range.
    Body(Range<usize>),
    /// A message that is too large, with its length and start.
    TooLarge(u64, Vec<u8>),
}

impl<R: AsyncRead + Unpin> Frames<R> {
    /// Creates a reader that accepts messages of up to `limit` bytes.
    pub fn new(from: R, limit: usize) -> Self {
        let limit = limit.min(usize::try_from(MAX_PLAUSIBLE_LENGTH).unwrap_or(usize::MAX));
        Self { from, buffer: Vec::new(), done: 0, limit, skipped: 0, text: Tail::new(TEXT_KEPT) }
    }

    /// Sets where to keep the end of the text that belongs to no message.
    pub(crate) fn with_text(mut self, text: Tail) -> Self {
        self.text = text;
        self
    }

    /// Returns the next item; none at the end of the stream.
    ///
    /// Cancel-safe: what has been read stays in the buffer.
    ///
    /// # Errors
    /// Those of the stream.
    pub async fn next(&mut self) -> std::io::Result<Option<Frame<'_>>> {
        loop {
            match self.parse() {
                Some(Next::Body(body)) => {
                    self.done = body.end;
                    return Ok(Some(Frame::Message(self.take(body))));
                }
                Some(Next::TooLarge(length, start)) => return Ok(Some(Frame::TooLarge { length, start })),
                None => {}
            }
            self.make_room();
            if self.from.read_buf(&mut self.buffer).await? == 0 {
                return Ok(None);
            }
        }
    }

    /// Returns the body in this range of the buffer. A large one takes the buffer with it, so that it is not copied.
    fn take(&mut self, body: Range<usize>) -> Cow<'_, [u8]> {
        if body.len() < LARGE {
            return Cow::Borrowed(&self.buffer[body]);
        }
        let rest = self.buffer.split_off(body.end);
        let mut taken = std::mem::replace(&mut self.buffer, rest);
        self.done = 0;
        taken.drain(..body.start);
        taken.shrink_to_fit();
        Cow::Owned(taken)
    }

    /// Returns the memory in use by the buffer, in bytes.
    #[cfg(feature = "_fuzzing")]
    pub fn buffered(&self) -> usize {
        self.buffer.capacity()
    }

    /// Discards the returned bytes if they are all or much of the buffer.
    fn make_room(&mut self) {
        if self.done == self.buffer.len() || self.done > CHUNK {
            self.buffer.drain(..self.done);
            self.done = 0;
        }
        // A single large message does not keep its buffer allocated.
        if self.buffer.is_empty() && self.buffer.capacity() > LARGE {
            self.buffer = Vec::new();
        }
        if self.buffer.capacity() - self.buffer.len() < CHUNK / 4 {
            self.buffer.reserve(CHUNK);
        }
    }

    /// Returns the next item; none if the buffer has no complete one.
    fn parse(&mut self) -> Option<Next> {
        loop {
            let received = self.buffer.len() - self.done;
            let skipped = usize::try_from(self.skipped).unwrap_or(usize::MAX).min(received);
            self.done += skipped;
            self.skipped -= skipped as u64;
            if self.skipped > 0 {
                return None;
            }
            let rest = &self.buffer[self.done..];
            if let Some((body, length)) = usual_header(rest)
                && length <= self.limit
            {
                let body = self.done + body;
                return self.buffer.get(body..body + length).map(|_| Next::Body(body..body + length));
            }
            let Some((block, body)) = split_header(rest) else {
                self.drop_junk();
                return None;
            };
            let start = self.done + body;
            let Some((header, length)) = content_length(block) else {
                // Text instead of a header is ignored; the next header counts.
                tracing::warn!(bytes = block.len(), "ignoring text on the stream that belongs to no message");
                self.text.push(block);
                self.text.push(b"\n");
                self.done = start;
                continue;
            };
            if !begins_header(block) {
                self.text.push(&block[..header]);
                self.done += header;
            }
            let is_too_large = length > self.limit as u64;
            let needed = if is_too_large { length.min(START_KEPT) } else { length };
            let needed = start..start.saturating_add(needed as usize);
            let bytes = self.buffer.get(needed.clone())?;
            if is_too_large {
                let start = bytes.to_vec();
                (self.done, self.skipped) = (needed.start, length);
                return Some(Next::TooLarge(length, start));
            }
            return Some(Next::Body(needed));
        }
    }

    /// Discards text that cannot be part of a header. A header may still follow it on the same line.
    fn drop_junk(&mut self) {
        let bytes = self.buffer.len() - self.done;
        if bytes > MAX_HEADER {
            tracing::warn!(bytes, "ignoring text on the stream that belongs to no message");
            let rest = self.buffer.len() - MAX_HEADER / 4;
            self.text.push(&self.buffer[self.done..rest]);
            self.done = rest;
        }
        let rest = &self.buffer[self.done..];
        if !begins_header(rest) {
            self.text.push_provisional(rest);
        }
    }
}

/// Reads a header in the form that the CLI gives it. Returns the index of the body and its length; none for any other
/// header, and for the length of an implausible message.
fn usual_header(bytes: &[u8]) -> Option<(usize, usize)> {
    const NAME: &[u8] = b"Content-Length: ";
    /// More digits are not read here, so that no sum overflows.
    const MAX_DIGITS: usize = 9;
    let rest = bytes.strip_prefix(NAME)?;
    let digits = rest.iter().take(MAX_DIGITS).take_while(|byte| byte.is_ascii_digit()).count();
    let is_whole = digits > 0 && rest[digits..].starts_with(b"\r\n\r\n");
    let number = |sum, digit: &u8| sum * 10 + usize::from(digit - b'0');
    is_whole.then(|| (NAME.len() + digits + 4, rest[..digits].iter().fold(0, number)))
}

/// Returns the header block and the index of the body.
fn split_header(bytes: &[u8]) -> Option<(&[u8], usize)> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    Some((&bytes[..end], end + 4))
}

/// Returns true if these bytes may be the start of a header block rather than text.
fn begins_header(bytes: &[u8]) -> bool {
    const START: &[u8] = b"content-";
    let known = bytes.len().min(START.len());
    // Lines of a header end with `\r\n`.
    let ends_without_cr = |window: &[u8]| window[1] == b'\n' && window[0] != b'\r';
    bytes[..known].eq_ignore_ascii_case(&START[..known]) && !bytes.windows(2).any(ends_without_cr)
}

/// Returns the length that a header block states, and where in the block the name of that header begins. Text of
/// another program may precede it, even on the same line.
fn content_length(block: &[u8]) -> Option<(usize, u64)> {
    const NAME: &[u8] = b"content-length";
    let name = block.windows(NAME.len()).rposition(|window| window.eq_ignore_ascii_case(NAME))?;
    let value = String::from_utf8_lossy(&block[name + NAME.len()..]);
    let length = value.trim_start().strip_prefix(':')?.lines().next()?.trim().parse().ok()?;
    (length <= MAX_PLAUSIBLE_LENGTH).then_some((name, length))
}

/// Appends a framed message to `out`, from the pieces of its body.
pub(crate) fn append(out: &mut Vec<u8>, pieces: &[&str]) {
    let length: usize = pieces.iter().map(|piece| piece.len()).sum();
    out.extend_from_slice(b"Content-Length: ");
    out.extend_from_slice(Digits::of(length as u64).text().as_bytes());
    out.extend_from_slice(b"\r\n\r\n");
    pieces.iter().for_each(|piece| out.extend_from_slice(piece.as_bytes()));
}

/// A number as text, without an allocation.
pub(crate) struct Digits {
    text: [u8; 20],
    start: usize,
}

impl Digits {
    pub fn of(mut number: u64) -> Self {
        let (mut text, mut start) = ([0; 20], 20);
        loop {
            start -= 1;
            text[start] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                return Self { text, start };
            }
        }
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.text[self.start..]).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::pin::{Pin, pin};
    use std::task::{Context, Poll, Waker};

    use tokio::io::ReadBuf;

    use super::*;

    const LIMIT: usize = 64;

    /// A stream that returns `piece` bytes at a time and is pending before each piece.
    struct Pieces<'a> {
        left: &'a [u8],
        piece: usize,
        pending: bool,
    }

    impl AsyncRead for Pieces<'_> {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            to: &mut ReadBuf<'_>,
        ) -> Poll<std::io::Result<()>> {
            self.pending = !self.pending;
            if self.pending {
                return Poll::Pending;
            }
            let (piece, left) = self.left.split_at(self.piece.min(self.left.len()).min(to.remaining()));
            to.put_slice(piece);
            self.left = left;
            Poll::Ready(Ok(()))
        }
    }

    /// Returns the items of a stream and the text that belongs to no message. Drops pending reads.
    fn read(stream: &str, piece: usize) -> (Vec<String>, String) {
        let text = Tail::new(TEXT_KEPT);
        let from = Pieces { left: stream.as_bytes(), piece, pending: false };
        let mut frames = Frames::new(from, LIMIT).with_text(text.clone());
        let mut found = Vec::new();
        loop {
            let Poll::Ready(next) = pin!(frames.next()).poll(&mut Context::from_waker(Waker::noop())) else {
                continue;
            };
            match next.expect("a stream without errors") {
                Some(Frame::Message(body)) => found.push(String::from_utf8_lossy(&body).into_owned()),
                Some(Frame::TooLarge { length, start }) => {
                    found.push(format!("{length}: {}", String::from_utf8_lossy(&start)));
                }
                None => return (found, text.text()),
            }
        }
    }

    /// Checks the items and the text of a stream that arrives in pieces of several sizes.
    fn check(stream: &str, frames: &[&str], text: &str) {
        for piece in [1, 3, 19, 100, stream.len()] {
            let (found, left) = read(stream, piece);
            assert_eq!(found, frames, "of {stream:?} in pieces of {piece}");
            assert_eq!(left, text, "of {stream:?} in pieces of {piece}");
        }
    }

    fn framed(bodies: &[&str]) -> String {
        let mut out = Vec::new();
        bodies.iter().for_each(|body| append(&mut out, &[body]));
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn messages_are_read_as_they_were_written() {
        let largest = "x".repeat(LIMIT);
        let bodies = ["{}", "", r#"{"a":"é🦀"}"#, "Content-Length: 2\r\n\r\n", &largest];
        check(&framed(&bodies), &bodies, "");
        check(
            "content-type: a\r\nCONTENT-LENGTH :3 \r\n\r\n[1]Content-Length: 1\r\n\r\n2",
            &["[1]", "2"],
            "",
        );
        for part_of_one in ["Content-Length: 3\r\n\r\n{}", "Content-Length: 3\r\n\r", "Conte", ""] {
            check(&format!("{}{part_of_one}", framed(&["1"])), &["1"], "");
        }
    }

    #[test]
    fn numbers_become_text() {
        for number in [0, 9, 10, 65_536, u64::MAX] {
            assert_eq!(Digits::of(number).text(), number.to_string());
        }
        let mut out = Vec::new();
        append(&mut out, &["{", "é", "}"]);
        assert_eq!(out, "Content-Length: 4\r\n\r\n{é}".as_bytes());
    }

    #[test]
    fn text_between_messages_is_kept_apart() {
        let one = framed(&["1"]);
        check(
            &format!("hello\n{one}a line, \r\n\r\nöther {one}{one}bye"),
            &["1"; 3],
            "hello\na line, \nöther bye",
        );
        check(&format!("content of no header\n{one}"), &["1"], "content of no header\n");
        check("only text", &[], "only text");
    }

    #[test]
    fn a_large_message_is_owned() {
        let (large, mut stream) = ("x".repeat(LARGE), framed(&["1"]));
        stream.push_str(&framed(&[&large, "2"]));
        let from = Pieces { left: stream.as_bytes(), piece: stream.len(), pending: false };
        let mut frames = Frames::new(from, 2 * LARGE);
        let mut found = Vec::new();
        while found.len() < 3 {
            if let Poll::Ready(next) = pin!(frames.next()).poll(&mut Context::from_waker(Waker::noop())) {
                let Ok(Some(Frame::Message(body))) = next else { panic!("a message") };
                found.push((matches!(body, Cow::Owned(_)), body.to_vec()));
            }
        }
        assert_eq!(found, [(false, b"1".to_vec()), (true, large.into_bytes()), (false, b"2".to_vec())]);
        assert!(frames.buffer.capacity() < LARGE);
    }

    #[test]
    fn a_message_above_the_limit_is_skipped() {
        let kept = START_KEPT as usize;
        for length in [LIMIT + 1, kept, kept + 1] {
            let body = "y".repeat(length);
            let start = format!("{length}: {}", &body[..length.min(kept)]);
            check(&framed(&["1", &body, "2"]), &["1", &start, "2"], "");
        }
    }

    #[test]
    fn a_header_without_a_length_is_text() {
        let implausible = (MAX_PLAUSIBLE_LENGTH + 1).to_string();
        for value in ["", "x", "-1", "1 2", "0x10", "99999999999999999999", &implausible] {
            let header = format!("Content-Length: {value}");
            let stream = format!("{header}\r\n\r\n{{}}{}", framed(&["1"]));
            check(&stream, &["1"], &format!("{header}\n{{}}"));
        }
        check("Content-Type: 5\r\n\r\nContent-Length: 1\r\n\r\n1", &["1"], "Content-Type: 5\n");
    }
}
