//! The end of a text that a program printed, kept for errors.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use crate::runtime::lock;
use crate::wire::redact;

/// The last bytes of a text, shared between who reads it and those who ask.
#[derive(Clone)]
pub(crate) struct Tail(Arc<Mutex<Ring>>);

/// What a tail holds.
struct Ring {
    /// How many bytes are kept.
    limit: usize,
    /// The bytes, oldest first.
    bytes: VecDeque<u8>,
    /// How many of the last bytes may turn out to be no text.
    unsettled: usize,
    /// Whether the start of the text is no longer there.
    cut: bool,
}

impl Tail {
    /// Keeps the last bytes up to this limit.
    pub fn new(limit: usize) -> Self {
        Self(Arc::new(Mutex::new(Ring { limit, bytes: VecDeque::new(), unsettled: 0, cut: false })))
    }

    /// Appends bytes, in place of those that were not settled, and drops the oldest ones beyond the limit.
    pub fn push(&self, bytes: &[u8]) {
        self.push_unsettled(bytes);
        lock(&self.0).unsettled = 0;
    }

    /// As [`push`](Self::push), with bytes that the next push replaces.
    pub fn push_unsettled(&self, bytes: &[u8]) {
        let mut ring = lock(&self.0);
        let settled = ring.bytes.len().saturating_sub(ring.unsettled);
        ring.bytes.truncate(settled);
        let excess = bytes.len().saturating_sub(ring.limit);
        let bytes = bytes.get(excess..).unwrap_or_default();
        ring.bytes.extend(bytes);
        ring.unsettled = bytes.len();
        let more = ring.bytes.len().saturating_sub(ring.limit);
        ring.bytes.drain(..more);
        ring.cut |= excess + more > 0;
    }

    /// Forgets everything.
    pub fn clear(&self) {
        let mut ring = lock(&self.0);
        *ring = Ring { limit: ring.limit, bytes: VecDeque::new(), unsettled: 0, cut: false };
    }

    /// The bytes as text, without secrets; what is not UTF-8 is replaced.
    pub fn text(&self) -> String {
        let mut ring = lock(&self.0);
        let cut = ring.cut;
        let bytes = &*ring.bytes.make_contiguous();
        // A character that lost its start would only show as a replacement mark.
        let halves = bytes.iter().take(3).take_while(|byte| cut && **byte & 0xC0 == 0x80).count();
        redact::text(&String::from_utf8_lossy(bytes.get(halves..).unwrap_or_default())).into_owned()
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
    fn what_is_not_settled_is_replaced() {
        let tail = Tail::new(4);
        tail.push(b"a");
        tail.push_unsettled(b"bc");
        assert_eq!(tail.text(), "abc");
        tail.push_unsettled(b"defgh");
        assert_eq!(tail.text(), "efgh");
        tail.push(b"i");
        assert_eq!(tail.text(), "i");
        tail.clear();
        assert_eq!(tail.text(), "");
    }
}
