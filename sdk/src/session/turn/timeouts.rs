//! The timeouts of a turn, and what is known when one is over.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

use crate::error::turn::{TimeoutKind, TurnTimeout};
use crate::events::SessionEvent;
use crate::events::answer::Answer;
use crate::handlers::event_request::EventRequests;
use crate::runtime::timer;
use crate::wire::peek;

/// The timeouts of one turn.
#[derive(Default)]
pub(crate) struct Timeouts {
    pub total: Option<Duration>,
    pub idle: Option<Duration>,
    pub first_event: Option<Duration>,
}

/// The most open tools and requests that a timeout names.
const MAX_OPEN: usize = 256;

/// The end of a timeout that counts from then, if it has one.
fn due(
    kind: TimeoutKind,
    timeout: Option<Duration>,
    from: Instant,
) -> Option<(TimeoutKind, Duration, Instant)> {
    let timeout = timeout?;
    Some((kind, timeout, timer::end(from, timeout)?))
}

/// Watches the time of one turn.
pub(crate) struct Watch {
    timeouts: Timeouts,
    started: Instant,
    last: Option<(String, Instant)>,
    /// What is open, by its kind and id.
    open: BTreeMap<String, String>,
    unfinished: String,
    timer: Pin<Box<Sleep>>,
}

impl Watch {
    pub fn new(started: Instant) -> Self {
        Self {
            timeouts: Timeouts::default(),
            started,
            last: None,
            open: BTreeMap::new(),
            unfinished: String::new(),
            timer: Box::pin(tokio::time::sleep_until(started)),
        }
    }

    /// Changes the timeouts.
    pub fn set(&mut self, set: impl FnOnce(&mut Timeouts)) {
        set(&mut self.timeouts);
        self.set_timer();
    }

    /// The timeout that is over next, and when.
    fn next(&self) -> Option<(TimeoutKind, Duration, Instant)> {
        let Timeouts { total, idle, first_event } = self.timeouts;
        let total = due(TimeoutKind::Total, total, self.started);
        let other = match &self.last {
            Some((_, last)) => due(TimeoutKind::Idle, idle, *last),
            None if first_event.is_some() => due(TimeoutKind::FirstEvent, first_event, self.started),
            None => due(TimeoutKind::Idle, idle, self.started),
        };
        total.into_iter().chain(other).min_by_key(|(.., at)| *at)
    }

    fn set_timer(&mut self) {
        if let Some((.., at)) = self.next() {
            self.timer.as_mut().reset(at);
        }
    }

    /// Takes note of an event of the session, which may be the turn's own.
    pub fn see(&mut self, event: &SessionEvent, ours: bool) {
        self.last = Some((event.kind().to_owned(), Instant::now()));
        self.set_timer();
        let kind = event.kind();
        match kind {
            "assistant.message_delta" if ours && event.agent_id().is_none() => {
                let [text] = peek::pick(event.raw_data(), ["deltaContent"]).unwrap_or_default();
                self.unfinished.push_str(&text.and_then(peek::string).unwrap_or_default());
            }
            "assistant.message" | "assistant.turn_retry" if event.agent_id().is_none() => {
                self.unfinished.clear()
            }
            "tool.execution_start" => {
                let [id, name] = peek::pick(event.raw_data(), ["toolCallId", "toolName"]).unwrap_or_default();
                self.open(kind, id, name.and_then(peek::string).unwrap_or_default().as_ref());
            }
            "tool.execution_complete" => self.closed(event, "toolCallId"),
            _ if kind.ends_with(".requested") => {
                let [id] = peek::pick(event.raw_data(), ["requestId"]).unwrap_or_default();
                self.open(kind, id, kind);
            }
            _ if kind.ends_with(".completed") => self.closed(event, "requestId"),
            _ => {}
        }
    }

    fn open(&mut self, kind: &str, id: Option<&str>, what: &str) {
        if let Some(id) = id.filter(|_| self.open.len() < MAX_OPEN) {
            self.open.insert(EventRequests::key(kind, id), what.to_owned());
        }
    }

    fn closed(&mut self, event: &SessionEvent, key: &str) {
        let [id] = peek::pick(event.raw_data(), [key]).unwrap_or_default();
        if let Some(id) = id {
            self.open.remove(&EventRequests::key(event.kind(), id));
        }
    }

    /// Whether the time is up: then, all that is known.
    pub fn poll(&mut self, context: &mut Context<'_>, answer: impl FnOnce() -> Answer) -> Poll<TurnTimeout> {
        let Some((kind, after, _)) = self.next() else { return Poll::Pending };
        if self.timer.as_mut().poll(context).is_pending() {
            return Poll::Pending;
        }
        Poll::Ready(TurnTimeout {
            kind,
            after,
            last_event: self.last.as_ref().map(|(kind, at)| (kind.clone(), at.elapsed())),
            waiting_for: self.open.values().cloned().collect(),
            answer: answer(),
            unfinished: std::mem::take(&mut self.unfinished),
            stderr: String::new(),
        })
    }
}
