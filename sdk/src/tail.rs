//! The end of a program's output, kept for errors.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use crate::runtime::lock;
use crate::wire::redact;

/// The last bytes of an output, shared by its reader and the users of the tail.
#[derive(Clone)]
pub(crate) struct Tail(Arc<Mutex<Ring>>);

/// The state of a tail.
struct Ring {
    /// Maximum number of bytes.
    limit: usize,
    /// The bytes, oldest first.
    bytes: VecDeque<u8>,
    /// The number of bytes at the end that the next push replaces.
    provisional: usize,
    /// True if the start of the output was dropped.
    cut: bool,
}

impl Tail {
    /// Creates a tail that keeps the last `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self(Arc::new(Mutex::new(Ring { limit, bytes: VecDeque::new(), provisional: 0, cut: false })))
    }

    /// Appends bytes, replaces provisional ones, and drops the oldest ones beyond the limit.
    pub fn push(&self, bytes: &[u8]) {
        self.push_provisional(bytes);
        lock(&self.0).provisional = 0;
    }

    /// Like [`push`](Self::push), but the bytes are provisional: the next push replaces them.
    pub fn push_provisional(&self, bytes: &[u8]) {
        let mut ring = lock(&self.0);
        let kept = ring.bytes.len().saturating_sub(ring.provisional);
        ring.bytes.truncate(kept);
        let excess = bytes.len().saturating_sub(ring.limit);
        let bytes = bytes.get(excess..).unwrap_or_default();
        ring.bytes.extend(bytes);
        ring.provisional = bytes.len();
        let more = ring.bytes.len().saturating_sub(ring.limit);
        ring.bytes.drain(..more);
        ring.cut |= excess + more > 0;
    }

    /// Removes everything.
    pub fn clear(&self) {
        let mut ring = lock(&self.0);
        *ring = Ring { limit: ring.limit, bytes: VecDeque::new(), provisional: 0, cut: false };
    }

    /// Returns the bytes as text, without secrets; invalid UTF-8 is replaced.
    pub fn text(&self) -> String {
        let mut ring = lock(&self.0);
        let cut = ring.cut;
        let bytes = &*ring.bytes.make_contiguous();
        // A character without its start would be shown as a replacement character.
        let partial = bytes.iter().take(3).take_while(|byte| cut && **byte & 0xC0 == 0x80).count();
        redact::text(&String::from_utf8_lossy(bytes.get(partial..).unwrap_or_default())).into_owned()
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
