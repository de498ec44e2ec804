//! The timeouts of a turn, and the diagnostics reported when one elapses.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

use crate::error::turn::{TimeoutKind, TurnTimeout};
use crate::events::{SessionEvent, answer::Answer};
use crate::generated::{event_requests, kind};
use crate::runtime::timer;
use crate::wire::{peek, peek::keys};

/// Maximum number of open tools and requests that a timeout names.
const MAX_OPEN: usize = 256;

/// Measures the time of one turn and records what it waits for.
pub(crate) struct Watch {
    pub total: Option<Duration>,
    pub idle: Option<Duration>,
    pub first_event: Option<Duration>,
    started: Instant,
    last: Option<(String, Instant)>,
    /// The tools and requests that are open, by the kind and the id with which they began.
    open: BTreeMap<String, String>,
    unfinished: String,
    timer: Pin<Box<Sleep>>,
}

impl Watch {
    pub fn new(started: Instant) -> Self {
        Self {
            total: None,
            idle: None,
            first_event: None,
            started,
            last: None,
            open: BTreeMap::new(),
            unfinished: String::new(),
            timer: Box::pin(tokio::time::sleep_until(started)),
        }
    }

    /// Returns the timeout that elapses next, with its duration and its end.
    fn next(&self) -> Option<(TimeoutKind, Duration, Instant)> {
        let since_last = match &self.last {
            Some((_, last)) => (TimeoutKind::Idle, self.idle, *last),
            None if self.first_event.is_some() => (TimeoutKind::FirstEvent, self.first_event, self.started),
            None => (TimeoutKind::Idle, self.idle, self.started),
        };
        let all = [(TimeoutKind::Total, self.total, self.started), since_last].into_iter();
        let all = all.filter_map(|(kind, limit, from)| Some((kind, limit?, timer::end(from, limit?)?)));
        all.min_by_key(|(.., at)| *at)
    }

    /// Sets the timer to the timeout that elapses next.
    pub fn set_timer(&mut self) {
        if let Some((.., at)) = self.next() {
            self.timer.as_mut().reset(at);
        }
    }

    /// Records an event of the session. `ours` is true if it belongs to the turn.
    pub fn record(&mut self, event: &SessionEvent, ours: bool) {
        self.last = Some((event.kind().to_owned(), Instant::now()));
        self.set_timer();
        let kind = event.kind();
        match kind {
            kind::ASSISTANT_MESSAGE_DELTA if ours && event.agent_id().is_none() => {
                let [text] = event.pick(keys!(AssistantMessageDeltaData, ["deltaContent"]));
                self.unfinished.push_str(&text.and_then(peek::string).unwrap_or_default());
            }
            kind::ASSISTANT_MESSAGE | kind::ASSISTANT_TURN_RETRY if event.agent_id().is_none() => {
                self.unfinished.clear()
            }
            kind::TOOL_EXECUTION_START => {
                let [id, name] = event.pick(keys!(ToolExecutionStartData, ["toolCallId", "toolName"]));
                self.open(kind, id, name.and_then(peek::string).unwrap_or_default().as_ref());
            }
            kind::TOOL_EXECUTION_COMPLETE => {
                let [id] = event.pick(keys!(ToolExecutionCompleteData, ["toolCallId"]));
                self.close(kind::TOOL_EXECUTION_START, id);
            }
            _ if event_requests::is_request(kind) => {
                let [id] = event.pick([event_requests::ID]);
                self.open(kind, id, kind);
            }
            _ => {
                if let Some(request) = event_requests::completed_by(kind) {
                    let [id] = event.pick([event_requests::ID]);
                    self.close(request, id);
                }
            }
        }
    }

    fn open(&mut self, kind: &str, id: Option<&str>, what: &str) {
        if let Some(id) = id.filter(|_| self.open.len() < MAX_OPEN) {
            self.open.insert(format!("{kind} {id}"), what.to_owned());
        }
    }

    fn close(&mut self, kind: &str, id: Option<&str>) {
        if let Some(id) = id {
            self.open.remove(&format!("{kind} {id}"));
        }
    }

    /// Waits for the next timeout and returns its diagnostics.
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
