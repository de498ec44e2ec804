//! What becomes of events that an observer does not keep up with.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;

use crate::events::SessionEvent;
use crate::wire::peek;

/// The treatment of events that wait for an observer that does not keep up.
///
/// None of these holds up the session, other observers, or the handlers of requests: those never
/// depend on an observer. Where events were left out, the observer gets an event that stands for them, and
/// [`SessionEvent::missed`] gives their number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Delivery {
    /// All events wait, however many.
    Unbounded,
    /// Above this many, what is merely more of the same becomes one: pieces of one text are joined, and a
    /// count or a partial result makes way for the next. Nothing is missed; what waits then is
    /// this many events, the texts of the messages, and one event for each thing that happens.
    /// The default, with 4096.
    Merge(usize),
    /// Above this many, the oldest [ephemeral](SessionEvent::is_ephemeral) events are left out. Those that
    /// stay in the session's history are kept, with `session.idle` and the requests.
    DropOldest(usize),
    /// Above this many, the observation ends, once what waits has been read.
    Close(usize),
}

impl Default for Delivery {
    fn default() -> Self {
        Self::Merge(4096)
    }
}

/// Something that observers are told.
pub(crate) trait Deliver: Clone {
    /// The text by which `next` continues this, when both are pieces of one text.
    fn continued<'n>(&self, next: &'n Self) -> Option<Cow<'n, str>>;
    /// Whether `next` says all that this does.
    fn outdated(&self, next: &Self) -> bool;
    /// This with more text at its end.
    fn with(self, more: &str) -> Self;
    /// Whether it may be left out.
    fn is_passing(&self) -> bool;
    /// What tells that so many were left out; none where that is told in another way.
    fn gap(missed: u64) -> Option<Self>;
    /// How much text it holds, in bytes.
    fn bytes(&self) -> usize;
}

/// Where kinds of events that are pieces of one text have the text, and which text it is.
const PIECES: [(&str, &str, &str); 4] = [
    ("assistant.message_delta", "messageId", "deltaContent"),
    ("assistant.reasoning_delta", "reasoningId", "deltaContent"),
    ("assistant.tool_call_delta", "toolCallId", "inputDelta"),
    ("tool.shell_output", "toolCallId", "text"),
];

/// Kinds of events of which the last says all, and what they are about.
const STATES: [(&str, &str); 3] = [
    ("assistant.streaming_delta", ""),
    ("session.usage_info", ""),
    ("tool.execution_partial_result", "toolCallId"),
];

impl Deliver for SessionEvent {
    fn continued<'n>(&self, next: &'n Self) -> Option<Cow<'n, str>> {
        let (_, id, text) = PIECES.into_iter().find(|(kind, ..)| *kind == next.kind())?;
        if self.kind() != next.kind() || self.agent_id() != next.agent_id() {
            return None;
        }
        let [same, stream] = peek::pick(self.raw_data(), [id, "stream"]).ok()?;
        let [other, others, text] = peek::pick(next.raw_data(), [id, "stream", text]).ok()?;
        if same != other || stream != others {
            return None;
        }
        peek::string(text?)
    }

    fn outdated(&self, next: &Self) -> bool {
        let Some((_, id)) = STATES.into_iter().find(|(kind, _)| *kind == next.kind()) else { return false };
        let of =
            |event: &Self| peek::pick(event.raw_data(), [id]).ok().and_then(|[id]| id.map(str::to_owned));
        self.kind() == next.kind() && self.agent_id() == next.agent_id() && of(self) == of(next)
    }

    fn with(self, more: &str) -> Self {
        let Some((.., text)) = PIECES.into_iter().find(|(kind, ..)| *kind == self.kind()) else {
            return self;
        };
        self.with_longer(text, more).unwrap_or(self)
    }

    fn is_passing(&self) -> bool {
        // Some of those that the CLI does not keep say more than that something goes on.
        let kind = self.kind();
        self.is_ephemeral()
            && !kind.ends_with(".requested")
            && !kind.ends_with(".completed")
            && !ENDS.contains(&kind)
    }

    fn gap(missed: u64) -> Option<Self> {
        Some(Self::missing(missed))
    }

    fn bytes(&self) -> usize {
        self.raw().len()
    }
}

/// Passing events that are never left out.
const ENDS: [&str; 7] = [
    "session.idle",
    "assistant.idle",
    "session.error",
    "session.shutdown",
    "abort",
    "command.execute",
    "mcp.oauth_required",
];

/// The params of a notification. They are few, and each says something else.
impl Deliver for Arc<str> {
    fn continued<'n>(&self, _: &'n Self) -> Option<Cow<'n, str>> {
        None
    }
    fn outdated(&self, _: &Self) -> bool {
        false
    }
    fn with(self, _: &str) -> Self {
        self
    }
    fn is_passing(&self) -> bool {
        false
    }
    fn gap(_: u64) -> Option<Self> {
        None
    }
    fn bytes(&self) -> usize {
        self.len()
    }
}

/// Events that wait for one observer.
pub(crate) struct Backlog<T> {
    entries: VecDeque<Entry<T>>,
    /// How much text they hold, in bytes, while there is no observer yet.
    bytes: usize,
    /// How many at the front were found not to be passing, and need not be looked at again.
    kept: usize,
    delivery: Delivery,
    missed: u64,
    overrun: bool,
}

struct Entry<T> {
    event: T,
    /// Text of later events that continues this one.
    more: String,
}

/// How far back a piece of the same text is looked for: others may stand between.
const LOOK_BACK: usize = 8;

impl<T: Deliver> Backlog<T> {
    pub fn new(delivery: Delivery) -> Self {
        Self { entries: VecDeque::new(), bytes: 0, kept: 0, delivery, missed: 0, overrun: false }
    }

    pub fn set_delivery(&mut self, delivery: Delivery) {
        self.delivery = delivery;
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether the observation has ended since too much waited.
    pub fn is_overrun(&self) -> bool {
        self.overrun
    }

    pub fn push(&mut self, event: T) {
        let delivery = self.delivery;
        match delivery {
            Delivery::Merge(limit) if self.entries.len() >= limit && self.merge(&event) => return,
            Delivery::DropOldest(limit) if self.entries.len() >= limit => self.drop_oldest(),
            Delivery::Close(limit) if self.overrun || self.entries.len() >= limit => {
                self.overrun = true;
                return;
            }
            _ => {}
        }
        self.entries.push_back(Entry { event, more: String::new() });
    }

    /// Adds an event for an observer that may never come: above one of the limits the oldest go, whatever
    /// they are.
    pub fn push_within(&mut self, max_events: usize, max_bytes: usize, event: T) {
        self.bytes = self.bytes.saturating_add(event.bytes());
        self.entries.push_back(Entry { event, more: String::new() });
        while self.entries.len() > max_events || self.bytes > max_bytes {
            let Some(oldest) = self.take_front() else { break };
            self.bytes = self.bytes.saturating_sub(oldest.event.bytes());
            self.missed += 1;
        }
    }

    fn merge(&mut self, event: &T) -> bool {
        for entry in self.entries.iter_mut().rev().take(LOOK_BACK) {
            if let Some(text) = entry.event.continued(event) {
                entry.more.push_str(&text);
                return true;
            }
            if entry.event.outdated(event) {
                entry.event = event.clone();
                return true;
            }
        }
        false
    }

    fn drop_oldest(&mut self) {
        let further = self.entries.range(self.kept..).position(|entry| entry.event.is_passing());
        let Some(further) = further else { return self.kept = self.entries.len() };
        self.kept += further;
        self.entries.remove(self.kept);
        self.missed += 1;
    }

    fn take_front(&mut self) -> Option<Entry<T>> {
        self.kept = self.kept.saturating_sub(1);
        self.entries.pop_front()
    }

    /// The next event, before it what tells of those that were left out.
    pub fn pop(&mut self) -> Option<T> {
        if self.missed > 0
            && let Some(gap) = T::gap(std::mem::take(&mut self.missed))
        {
            return Some(gap);
        }
        let Entry { event, more } = self.take_front()?;
        Some(if more.is_empty() { event } else { event.with(&more) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    fn texts(backlog: &mut Backlog<SessionEvent>) -> Vec<String> {
        let text = |event: SessionEvent| match event.missed() {
            Some(count) => format!("missed {count}"),
            None => event.raw_data().to_owned(),
        };
        std::iter::from_fn(|| backlog.pop()).map(text).collect()
    }

    #[test]
    fn pieces_are_joined_above_the_limit() {
        let mut backlog = Backlog::new(Delivery::Merge(3));
        for (number, text) in ["a", "b", "c\"\\", "d", "é"].into_iter().enumerate() {
            backlog.push(delta("m", text));
            backlog.push(size(number as u64));
        }
        backlog.push(delta("other", "x"));
        backlog.push(delta("m", "!"));
        let expected = [
            r#"{"messageId":"m","deltaContent":"a"}"#,
            r#"{"totalResponseSizeBytes":4}"#,
            r#"{"messageId":"m","deltaContent":"bc\"\\dé!"}"#,
            r#"{"messageId":"other","deltaContent":"x"}"#,
        ];
        let mut texts = texts(&mut backlog);
        texts.sort_by_key(|text| expected.iter().position(|expected| expected == text));
        assert_eq!(texts, expected);
    }

    #[test]
    fn only_passing_events_are_left_out() {
        let mut backlog = Backlog::new(Delivery::DropOldest(2));
        backlog.push(event("assistant.message", false, r#""kept""#));
        for _ in 0..5 {
            backlog.push(delta("m", "."));
        }
        backlog.push(event("session.idle", true, r#""idle""#));
        backlog.push(event("permission.requested", true, r#""asked""#));
        assert_eq!(texts(&mut backlog), ["missed 5", r#""kept""#, r#""idle""#, r#""asked""#]);
        backlog.push(delta("m", "later"));
        assert_eq!(texts(&mut backlog), [r#"{"messageId":"m","deltaContent":"later"}"#]);
    }

    /// Passing or not, with a count of how often anything asked.
    #[derive(Clone)]
    struct Counted(bool, std::rc::Rc<std::cell::Cell<usize>>);

    impl Deliver for Counted {
        fn continued<'n>(&self, _: &'n Self) -> Option<Cow<'n, str>> {
            None
        }
        fn outdated(&self, _: &Self) -> bool {
            false
        }
        fn with(self, _: &str) -> Self {
            self
        }
        fn is_passing(&self) -> bool {
            self.1.set(self.1.get() + 1);
            self.0
        }
        fn gap(_: u64) -> Option<Self> {
            None
        }
        fn bytes(&self) -> usize {
            1
        }
    }

    #[test]
    fn what_is_kept_is_looked_at_once() {
        const COUNT: usize = 1000;
        let looks = std::rc::Rc::default();
        let mut backlog = Backlog::new(Delivery::DropOldest(10));
        for number in 0..COUNT {
            backlog.push(Counted(number % 4 == 0, std::rc::Rc::clone(&looks)));
        }
        assert!(looks.get() <= 2 * COUNT, "looked {} times", looks.get());
        assert_eq!(backlog.missed, COUNT as u64 / 4);
        let kept = |backlog: &mut Backlog<Counted>| backlog.take_front().map(|entry| !entry.event.0);
        // What is taken from the front moves what is left, and a passing one is found there still.
        let taken: Vec<bool> = std::iter::from_fn(|| kept(&mut backlog)).take(COUNT / 2).collect();
        assert_eq!(taken, [true; COUNT / 2]);
        for _ in 0..4 {
            backlog.push(Counted(true, std::rc::Rc::clone(&looks)));
        }
        let left: Vec<bool> = std::iter::from_fn(|| kept(&mut backlog)).collect();
        assert_eq!(left.len(), COUNT / 4 + 1, "all that is kept, and the newest passing one");
        assert_eq!(left.iter().filter(|kept| !**kept).count(), 1);
    }

    #[test]
    fn the_observation_may_end() {
        let mut backlog = Backlog::new(Delivery::Close(2));
        for text in ["a", "b", "c"] {
            backlog.push(delta(text, text));
        }
        assert!(backlog.is_overrun());
        assert_eq!(texts(&mut backlog).len(), 2);
        backlog.push(delta("d", "d"));
        assert!(texts(&mut backlog).is_empty());
    }

    #[test]
    fn what_comes_before_the_first_observer_is_bounded() {
        let mut backlog = Backlog::new(Delivery::Unbounded);
        for number in 0..10 {
            backlog.push_within(4, usize::MAX, size(number));
        }
        let texts_left = texts(&mut backlog);
        assert_eq!((texts_left.len(), &*texts_left[0]), (5, "missed 6"));
        let mut backlog = Backlog::new(Delivery::Unbounded);
        for _ in 0..10 {
            backlog.push_within(usize::MAX, 1000, delta("m", &"x".repeat(300)));
        }
        assert_eq!(texts(&mut backlog).len(), 1 + 2, "two and what tells of the others");
        backlog.push_within(usize::MAX, 1000, delta("m", &"x".repeat(2000)));
        assert_eq!(texts(&mut backlog), ["missed 1"], "one that is larger than all that is kept");
    }
}
