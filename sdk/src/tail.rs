//! The end of a program's output, kept for errors.

use std::sync::{Arc, Mutex};

use crate::runtime::lock;
use crate::wire::redact;

/// The last bytes of an output, shared by its reader and the users of the tail.
#[derive(Clone)]
pub(crate) struct Tail(Arc<Mutex<Kept>>);

/// The state of a tail.
#[derive(Default)]
struct Kept {
    /// Maximum number of bytes.
    limit: usize,
    bytes: Vec<u8>,
    /// The number of bytes that the next push keeps; those behind are provisional.
    settled: usize,
    /// True if the start of the output was dropped.
    cut: bool,
}

impl Tail {
    /// Creates a tail that keeps the last `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self(Arc::new(Mutex::new(Kept { limit, ..Kept::default() })))
    }

    /// Appends bytes, replaces provisional ones, and drops the oldest ones beyond the limit.
    pub fn push(&self, bytes: &[u8]) {
        self.push_provisional(bytes);
        let mut kept = lock(&self.0);
        kept.settled = kept.bytes.len();
    }

    /// Like [`push`](Self::push), but the bytes are provisional: the next push replaces them.
    pub fn push_provisional(&self, bytes: &[u8]) {
        let kept = &mut *lock(&self.0);
        kept.bytes.truncate(kept.settled);
        kept.bytes.extend_from_slice(bytes);
        let excess = kept.bytes.len().saturating_sub(kept.limit);
        kept.bytes.drain(..excess);
        kept.settled = kept.settled.saturating_sub(excess);
        kept.cut |= excess > 0;
    }

    /// Removes everything.
    pub fn clear(&self) {
        let kept = &mut *lock(&self.0);
        *kept = Kept { limit: kept.limit, ..Kept::default() };
    }

    /// Returns the bytes as text, without secrets; invalid UTF-8 is replaced. A line whose start was dropped is left
    /// out, since it may begin in a secret, whose key is gone; if there is no other, its least length takes its place.
    pub fn text(&self) -> String {
        let Kept { bytes, cut, limit, .. } = &*lock(&self.0);
        let lines = match cut {
            true => bytes.splitn(2, |byte| *byte == b'\n').nth(1).unwrap_or_default(),
            false => bytes,
        };
        if *cut && lines.is_empty() {
            return format!("[a line of at least {limit} bytes]");
        }
        redact::text(&String::from_utf8_lossy(lines)).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::Tail;

    #[test]
    fn the_end_is_kept_in_whole_lines() {
        let tail = Tail::new(8192);
        tail.push(b"\x80whole");
        assert_eq!(tail.text(), "\u{FFFD}whole");
        let line = "\u{20AC}\n";
        tail.push(line.repeat(4096).as_bytes());
        tail.push(b"end");
        assert_eq!(tail.text(), line.repeat(8192 / 4 - 1) + "end");
    }

    #[test]
    fn a_secret_without_its_start_is_not_shown() {
        let tail = Tail::new(32);
        tail.push(b"a long line, token=SECRET-SECRET-SECRET\nthe last line");
        assert_eq!(tail.text(), "the last line");
        tail.push(b"\n");
        assert_eq!(tail.text(), "the last line\n");
        for end in ["", "\n"] {
            let tail = Tail::new(32);
            tail.push(format!("token={}{end}", "SECRET".repeat(9)).as_bytes());
            assert_eq!(tail.text(), "[a line of at least 32 bytes]");
        }
    }

    #[test]
    fn a_private_key_without_its_start_is_not_shown() {
        let tail = Tail::new(64);
        tail.push(
            b"-----BEGIN PRIVATE KEY-----\nSECRET/SECRET\nSECRET=\n-----END PRIVATE KEY-----\nthe last line",
        );
        assert_eq!(tail.text(), "[redacted]-----END PRIVATE KEY-----\nthe last line");
    }

    #[test]
    fn provisional_bytes_are_replaced() {
        let tail = Tail::new(4);
        tail.push(b"a");
        tail.push_provisional(b"bc");
        assert_eq!(tail.text(), "abc");
        tail.push_provisional(b"d\nefg");
        assert_eq!(tail.text(), "efg");
        tail.push(b"\ni");
        assert_eq!(tail.text(), "i");
        tail.clear();
        assert_eq!(tail.text(), "");
    }
}
