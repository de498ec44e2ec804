//! The queue of one subscriber, and its overflow policy.

use std::collections::VecDeque;

use crate::events::SessionEvent;
use crate::generated::{event_requests, kind};
use crate::wire::peek::{self, keys};

/// The overflow policy: the treatment of events that wait for a slow subscriber.
///
/// No policy delays the session, other subscribers, or the handlers of requests. Where events were dropped,
/// the subscriber receives a marker event whose [`SessionEvent::missed`] is their number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Overflow {
    /// Keeps all events, without a limit.
    Unbounded,
    /// Above this number of waiting events, or 16 MiB of their JSON, merges those that only continue or replace an
    /// earlier one: pieces of one text are joined, and a count or a partial result is replaced by the next. Nothing is
    /// lost. The queue then holds this many events, the texts of the messages, and all events that cannot be merged.
    /// The default, with 4096.
    Merge(usize),
    /// Above this number of waiting events, drops the oldest [ephemeral](SessionEvent::is_ephemeral) ones.
    /// Events of the session's history, `session.idle`, and requests are kept.
    DropOldest(usize),
    /// Above this number of waiting events, ends the subscription once those have been read.
    Close(usize),
}

impl Default for Overflow {
    fn default() -> Self {
        Self::Merge(4096)
    }
}

/// Events that continue or replace an earlier one of their kind: the key of a text that is continued, or none if the
/// event replaces the earlier one, and the keys of what must be equal.
const MERGED: [(&str, [&str; 3]); 7] = [
    (kind::ASSISTANT_MESSAGE_DELTA, keys!(AssistantMessageDeltaData, ["deltaContent", "messageId", ""])),
    (
        kind::ASSISTANT_REASONING_DELTA,
        keys!(AssistantReasoningDeltaData, ["deltaContent", "reasoningId", ""]),
    ),
    (kind::ASSISTANT_TOOL_CALL_DELTA, keys!(AssistantToolCallDeltaData, ["inputDelta", "toolCallId", ""])),
    (kind::TOOL_SHELL_OUTPUT, keys!(ToolShellOutputData, ["text", "toolCallId", "stream"])),
    (kind::TOOL_EXECUTION_PARTIAL_RESULT, keys!(ToolExecutionPartialData, ["", "toolCallId", ""])),
    (kind::ASSISTANT_STREAMING_DELTA, [""; 3]),
    (kind::SESSION_USAGE_INFO, [""; 3]),
];

/// Returns the keys of events that can be merged.
fn merged(event: &SessionEvent) -> Option<[&'static str; 3]> {
    MERGED.into_iter().find(|(kind, _)| *kind == event.kind()).map(|(_, keys)| keys)
}

/// Returns true if an overflow policy may drop the event.
fn is_droppable(event: &SessionEvent) -> bool {
    // Some ephemeral events report more than progress, those of a newer CLI among them.
    let kind = event.kind();
    event.is_ephemeral()
        && !event_requests::is_request(kind)
        && !kind.ends_with(".requested")
        && event_requests::completed_by(kind).is_none()
        && !NEVER_DROPPED.contains(&kind)
}

/// Ephemeral events that are never dropped.
const NEVER_DROPPED: [&str; 5] =
    [kind::SESSION_IDLE, kind::ASSISTANT_IDLE, kind::SESSION_ERROR, kind::SESSION_SHUTDOWN, kind::ABORT];

/// The events that wait for one subscriber.
#[derive(Default)]
pub(crate) struct Queue {
    entries: VecDeque<Entry>,
    /// The size of their texts in bytes.
    bytes: usize,
    /// The number of events at the front that are known not to be droppable.
    undroppable: usize,
    pub overflow: Overflow,
    missed: u64,
    /// True if the subscription ended because of [`Overflow::Close`].
    pub overrun: bool,
}

struct Entry {
    event: SessionEvent,
    /// Text of later events that continues this one.
    more: String,
}

impl Entry {
    fn size(&self) -> usize {
        self.event.size() + self.more.len()
    }
}

/// The number of events for which there is room from the first on.
const USUAL: usize = 16;

/// The size in bytes of waiting events from which on they are merged, however few they are: a partial result repeats
/// the one before it.
const MAX_UNMERGED: usize = 16 << 20;

/// The number of events searched for one that can be merged, since pieces of several texts may alternate.
const LOOK_BACK: usize = 8;

impl Queue {
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn push(&mut self, event: SessionEvent) {
        let overflow = self.overflow;
        match overflow {
            Overflow::Merge(limit)
                if (self.entries.len() >= limit || self.bytes >= MAX_UNMERGED) && self.merge(&event) =>
            {
                return;
            }
            Overflow::DropOldest(limit) if self.entries.len() >= limit => self.drop_oldest(),
            Overflow::Close(limit) if self.overrun || self.entries.len() >= limit => {
                self.overrun = true;
                return;
            }
            _ => {}
        }
        if self.entries.capacity() == 0 {
            self.entries.reserve(USUAL);
        }
        self.add(event);
    }

    fn add(&mut self, event: SessionEvent) {
        self.bytes += event.size();
        self.entries.push_back(Entry { event, more: String::new() });
    }

    /// Adds an event when there may never be a subscriber. Above a limit the oldest events are dropped,
    /// whatever they are.
    pub fn push_within(&mut self, max_events: usize, max_bytes: usize, event: SessionEvent) {
        self.add(event);
        while (self.entries.len() > max_events || self.bytes > max_bytes) && self.take_front().is_some() {
            self.missed += 1;
        }
    }

    fn merge(&mut self, event: &SessionEvent) -> bool {
        let Some([text, ids @ ..]) = merged(event) else { return false };
        // A text can only continue a text.
        let is_text = |event: &SessionEvent| event.pick([text])[0].is_some_and(|raw| raw.starts_with('"'));
        let is_earlier = |entry: &&mut Entry| {
            let earlier = &entry.event;
            earlier.kind() == event.kind()
                && earlier.agent_id() == event.agent_id()
                && earlier.pick(ids) == event.pick(ids)
                && (text.is_empty() || is_text(earlier))
        };
        let Some(entry) = self.entries.iter_mut().rev().take(LOOK_BACK).find(is_earlier) else {
            return false;
        };
        let size = entry.size();
        if text.is_empty() {
            entry.event = event.clone();
        } else {
            let [more] = event.pick([text]);
            let Some(more) = more.and_then(peek::string) else { return false };
            entry.more.push_str(&more);
        }
        self.bytes = self.bytes - size + entry.size();
        true
    }

    fn drop_oldest(&mut self) {
        let offset = self.entries.range(self.undroppable..).position(|entry| is_droppable(&entry.event));
        let Some(offset) = offset else { return self.undroppable = self.entries.len() };
        self.undroppable += offset;
        let dropped = self.entries.remove(self.undroppable);
        self.bytes -= dropped.as_ref().map_or(0, Entry::size);
        self.missed += 1;
    }

    fn take_front(&mut self) -> Option<Entry> {
        self.undroppable = self.undroppable.saturating_sub(1);
        let entry = self.entries.pop_front()?;
        self.bytes -= entry.size();
        Some(entry)
    }

    /// Removes the next event, after the marker for dropped ones.
    pub fn pop(&mut self) -> Option<SessionEvent> {
        if self.missed > 0 {
            return Some(SessionEvent::missed_marker(std::mem::take(&mut self.missed)));
        }
        let Entry { event, more } = self.take_front()?;
        if more.is_empty() {
            return Some(event);
        }
        Some(merged(&event).and_then(|[text, ..]| event.with_appended(text, &more)).unwrap_or(event))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(overflow: Overflow) -> Queue {
        Queue { overflow, ..Queue::default() }
    }

    fn event(kind: &str, ephemeral: bool, data: &str) -> SessionEvent {
        let json = format!(r#"{{"type":"{kind}","id":"x","ephemeral":{ephemeral},"data":{data}}}"#);
        SessionEvent::from_json(json).expect("an event")
    }

    fn delta(message: &str, text: &str) -> SessionEvent {
        let text = crate::wire::quote(text);
        let data = format!(r#"{{"messageId":"{message}","deltaContent":{text}}}"#);
        event("assistant.message_delta", true, &data)
    }

    fn size(bytes: u64) -> SessionEvent {
        event("assistant.streaming_delta", true, &format!(r#"{{"totalResponseSizeBytes":{bytes}}}"#))
    }

    fn texts(queue: &mut Queue) -> Vec<String> {
        let text = |event: SessionEvent| match event.missed() {
            Some(count) => format!("missed {count}"),
            None => event.raw_data().to_owned(),
        };
        std::iter::from_fn(|| queue.pop()).map(text).collect()
    }

    #[test]
    fn pieces_are_joined_above_the_limit() {
        let mut queue = with(Overflow::Merge(3));
        for (number, text) in ["a", "b", "c\"\\", "d", "é"].into_iter().enumerate() {
            queue.push(delta("m", text));
            queue.push(size(number as u64));
        }
        queue.push(delta("other", "x"));
        queue.push(delta("m", "!"));
        let expected = [
            r#"{"messageId":"m","deltaContent":"a"}"#,
            r#"{"totalResponseSizeBytes":4}"#,
            r#"{"messageId":"m","deltaContent":"bc\"\\dé!"}"#,
            r#"{"messageId":"other","deltaContent":"x"}"#,
        ];
        let mut texts = texts(&mut queue);
        texts.sort_by_key(|text| expected.iter().position(|expected| expected == text));
        assert_eq!(texts, expected);
    }

    #[test]
    fn a_piece_is_not_joined_to_one_that_is_no_text() {
        let mut queue = with(Overflow::Merge(0));
        let broken = r#"{"messageId":"m","deltaContent":5}"#;
        queue.push(event("assistant.message_delta", true, broken));
        queue.push(delta("m", "a"));
        queue.push(event("assistant.message_delta", true, broken));
        queue.push(delta("m", "b"));
        let joined = r#"{"messageId":"m","deltaContent":"ab"}"#;
        assert_eq!(texts(&mut queue), [broken, joined, broken]);
    }

    /// A partial result contains the one before it, so a few of them may be large.
    #[test]
    fn large_events_are_merged_before_there_are_many() {
        const PIECE: usize = MAX_UNMERGED / 128;
        // Miri is too slow to fill the queue.
        let count = if cfg!(miri) { 2 } else { 40 };
        let mut queue = with(Overflow::default());
        for number in 1..=count {
            queue.push(delta("m", &"y".repeat(PIECE)));
            let data = format!(r#"{{"toolCallId":"t","partialOutput":"{}"}}"#, "x".repeat(number * PIECE));
            queue.push(event("tool.execution_partial_result", true, &data));
            assert!(queue.bytes < MAX_UNMERGED + 2 * (count + 1) * PIECE, "{}", queue.bytes);
        }
        let mut left = texts(&mut queue);
        assert_eq!(queue.bytes, 0);
        let last = left.pop().expect("the last result");
        assert_eq!(last.matches('x').count(), count * PIECE, "the last result is kept");
        let pieces: usize = left.iter().map(|text| text.matches('y').count()).sum();
        assert_eq!(pieces, count * PIECE, "no piece is lost");
    }

    #[test]
    fn only_ephemeral_events_are_dropped() {
        let mut queue = with(Overflow::DropOldest(2));
        queue.push(event("assistant.message", false, r#""kept""#));
        for _ in 0..5 {
            queue.push(delta("m", "."));
        }
        queue.push(event("session.idle", true, r#""idle""#));
        queue.push(event("permission.requested", true, r#""asked""#));
        assert_eq!(texts(&mut queue), ["missed 5", r#""kept""#, r#""idle""#, r#""asked""#]);
        queue.push(delta("m", "later"));
        assert_eq!(texts(&mut queue), [r#"{"messageId":"m","deltaContent":"later"}"#]);
    }

    #[test]
    fn events_that_are_not_droppable_are_checked_once() {
        let mut queue = with(Overflow::DropOldest(10));
        for number in 0..1000 {
            queue.push(if number % 4 == 0 {
                delta("m", ".")
            } else {
                event("assistant.message", false, "{}")
            });
            // The search for the next one to drop begins behind those that were checked.
            let unchecked = queue.entries.range(queue.undroppable..).count();
            assert!(unchecked <= 12, "{unchecked} events are checked again");
        }
        assert_eq!(
            queue.missed,
            250 - queue.entries.iter().filter(|entry| is_droppable(&entry.event)).count() as u64
        );
        // Taking events from the front shifts the rest, and a droppable one is still found there.
        queue.missed = 0;
        let taken = (0..500).filter_map(|_| queue.pop()).filter(is_droppable).count();
        for _ in 0..4 {
            queue.push(delta("m", "."));
        }
        let left: Vec<bool> =
            std::iter::from_fn(|| queue.take_front()).map(|entry| is_droppable(&entry.event)).collect();
        assert_eq!((taken, left.iter().filter(|droppable| **droppable).count()), (0, 1));
    }

    #[test]
    fn the_subscription_may_end() {
        let mut queue = with(Overflow::Close(2));
        for text in ["a", "b", "c"] {
            queue.push(delta(text, text));
        }
        assert!(queue.overrun);
        assert_eq!(texts(&mut queue).len(), 2);
        queue.push(delta("d", "d"));
        assert!(texts(&mut queue).is_empty());
    }

    #[test]
    fn events_before_the_first_subscriber_are_bounded() {
        let mut queue = with(Overflow::Unbounded);
        for number in 0..10 {
            queue.push_within(4, usize::MAX, size(number));
        }
        let texts_left = texts(&mut queue);
        assert_eq!((texts_left.len(), &*texts_left[0]), (5, "missed 6"));
        let mut queue = with(Overflow::Unbounded);
        for _ in 0..10 {
            queue.push_within(usize::MAX, 1000, delta("m", &"x".repeat(300)));
        }
        assert_eq!(texts(&mut queue).len(), 1 + 2, "two events and the marker");
        queue.push_within(usize::MAX, 1000, delta("m", &"x".repeat(2000)));
        assert_eq!(texts(&mut queue), ["missed 1"], "a single event above the limit");
    }
}
