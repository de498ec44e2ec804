//! How long a turn is waited for, and what is told when that was not long enough.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

use crate::error::turn::{Limit, TurnTimeout};
use crate::events::SessionEvent;
use crate::events::answer::Answer;
use crate::handlers::event_request::EventRequests;
use crate::wire::peek;

/// Time limits of the wait for a turn; see [`Turn::limits`](crate::Turn::limits). By default there is none, and
/// one of more than 30 years is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    total: Option<Duration>,
    idle: Option<Duration>,
    first_event: Option<Duration>,
}

impl Limits {
    /// The time from the prompt to the end of the turn.
    pub fn total(mut self, limit: Duration) -> Self {
        self.total = Some(limit);
        self
    }

    /// The time from one event of the session to the next. A tool that runs for long may say nothing meanwhile.
    /// While the prompt waits for its turn, events of the work before it count as well.
    pub fn idle(mut self, limit: Duration) -> Self {
        self.idle = Some(limit);
        self
    }

    /// The time from the prompt to the first event of the session.
    pub fn first_event(mut self, limit: Duration) -> Self {
        self.first_event = Some(limit);
        self
    }
}

/// The most open tools and requests that a timeout names.
const MAX_OPEN: usize = 256;

/// No program waits for longer, and clocks reach that far.
const LONGEST: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);

/// When this limit is passed, counted from then; never when it is longer than the longest.
fn due(which: Limit, limit: Option<Duration>, from: Instant) -> Option<(Limit, Duration, Instant)> {
    let limit = limit.filter(|limit| *limit <= LONGEST)?;
    Some((which, limit, from.checked_add(limit)?))
}

/// Watches the time of one turn.
pub(crate) struct Watch {
    limits: Limits,
    started: Instant,
    last: Option<(String, Instant)>,
    /// What is open, by its kind and id.
    open: BTreeMap<String, String>,
    unfinished: String,
    timer: Pin<Box<Sleep>>,
}

impl Watch {
    pub fn new(limits: Limits, started: Instant) -> Self {
        let mut watch = Self {
            limits,
            started,
            last: None,
            open: BTreeMap::new(),
            unfinished: String::new(),
            timer: Box::pin(tokio::time::sleep_until(started)),
        };
        watch.set_timer();
        watch
    }

    /// The limit that is passed next, and when.
    fn next(&self) -> Option<(Limit, Duration, Instant)> {
        let Limits { total, idle, first_event } = self.limits;
        let total = due(Limit::Total, total, self.started);
        let other = match &self.last {
            Some((_, last)) => due(Limit::Idle, idle, *last),
            None if first_event.is_some() => due(Limit::FirstEvent, first_event, self.started),
            None => due(Limit::Idle, idle, self.started),
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
        let Some((limit, after, _)) = self.next() else { return Poll::Pending };
        if self.timer.as_mut().poll(context).is_pending() {
            return Poll::Pending;
        }
        Poll::Ready(TurnTimeout {
            limit,
            after,
            last_event: self.last.as_ref().map(|(kind, at)| (kind.clone(), at.elapsed())),
            waiting_for: self.open.values().cloned().collect(),
            answer: answer(),
            unfinished: std::mem::take(&mut self.unfinished),
            stderr: String::new(),
        })
    }
}
