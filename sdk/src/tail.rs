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

    /// Returns the bytes as text, without secrets and without the rest of a line whose start was dropped, unless there is
    /// no other; invalid UTF-8 is replaced.
    pub fn text(&self) -> String {
        let Kept { bytes, cut, .. } = &*lock(&self.0);
        // A line without its start may begin in a secret, whose key is gone. A character without its start would be
        // shown as a replacement character.
        let line = bytes.iter().position(|byte| *byte == b'\n').map(|end| end + 1);
        let character = || bytes.iter().take(3).take_while(|byte| **byte & 0xC0 == 0x80).count();
        let start = match cut {
            true => line.filter(|start| *start < bytes.len()).unwrap_or_else(character),
            false => 0,
        };
        redact::text(&String::from_utf8_lossy(bytes.get(start..).unwrap_or_default())).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::Tail;

    #[test]
    fn the_end_is_kept_in_whole_characters() {
        let tail = Tail::new(8192);
        tail.push(b"\x80whole");
        assert_eq!(tail.text(), "\u{FFFD}whole");
        tail.push("\u{20AC}".repeat(4096).as_bytes());
        tail.push(b"end");
        let text = tail.text();
        assert!(text.len() <= 8192 && text.len() > 8192 - 3, "{}", text.len());
        assert!(text.starts_with('\u{20AC}') && text.ends_with("\u{20AC}end"));
    }

    #[test]
    fn a_secret_without_its_start_is_not_shown() {
        let tail = Tail::new(32);
        tail.push(b"a long line, token=SECRET-SECRET-SECRET\nthe last line");
        assert_eq!(tail.text(), "the last line");
        tail.push(b"\n");
        assert_eq!(tail.text(), "the last line\n");
    }

    #[test]
    fn provisional_bytes_are_replaced() {
        let tail = Tail::new(4);
        tail.push(b"a");
        tail.push_provisional(b"bc");
        assert_eq!(tail.text(), "abc");
        tail.push_provisional(b"defgh");
        assert_eq!(tail.text(), "efgh");
        tail.push(b"i");
        assert_eq!(tail.text(), "i");
        tail.clear();
        assert_eq!(tail.text(), "");
    }
}
