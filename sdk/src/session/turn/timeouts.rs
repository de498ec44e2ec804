//! The timeouts of a turn, and the diagnostics reported when one elapses.

use std::hash::BuildHasher;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

use crate::error::turn::{TimeoutKind, TurnTimeout};
use crate::events::{SessionEvent, answer::Answer};
use crate::generated::{event_requests, kind};
use crate::runtime::{hash::QuickHash, timer};
use crate::wire::{peek, peek::keys};

/// Maximum number of open tools and requests that a timeout names.
const MAX_OPEN: usize = 256;

/// Maximum number of events whose text is not joined yet.
const MAX_PIECES: usize = 64;

/// The largest event in bytes that is kept whole.
const MAX_EVENT: usize = 64 << 10;

/// Measures the time of one turn and records what it waits for.
pub(crate) struct Watch {
    pub total: Option<Duration>,
    pub idle: Option<Duration>,
    pub first_event: Option<Duration>,
    started: Instant,
    last: Option<(SessionEvent, Instant)>,
    /// The open tools and requests: a hash of their kind and id, and what to call them.
    open: Vec<(u64, String)>,
    unfinished: String,
    /// The events whose text continues `unfinished`. Most turns end before anybody asks for it.
    pieces: Vec<SessionEvent>,
    /// The timeout that elapses next, with its duration and its end.
    next: Option<(TimeoutKind, Duration, Instant)>,
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
            open: Vec::new(),
            unfinished: String::new(),
            pieces: Vec::new(),
            next: None,
            timer: Box::pin(tokio::time::sleep_until(started)),
        }
    }

    fn find_next(&self) -> Option<(TimeoutKind, Duration, Instant)> {
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
        self.next = self.find_next();
        if let Some((.., at)) = self.next {
            self.timer.as_mut().reset(at);
        }
    }

    /// Records an event of the session. `ours` is true if it belongs to the turn.
    pub fn record(&mut self, event: &SessionEvent, ours: bool) {
        self.last = Some((event.clone(), Instant::now()));
        // A timeout of the whole turn does not move.
        if self.idle.is_some() || self.first_event.is_some() {
            self.set_timer();
        }
        let kind = event.kind();
        match kind {
            kind::ASSISTANT_MESSAGE_DELTA if ours && event.agent_id().is_none() => {
                if self.pieces.is_empty() {
                    self.pieces.reserve(MAX_PIECES / 4);
                }
                self.pieces.push(event.clone());
                if self.pieces.len() == MAX_PIECES || event.size() > MAX_EVENT {
                    self.join_pieces();
                }
            }
            kind::ASSISTANT_MESSAGE | kind::ASSISTANT_TURN_RETRY if event.agent_id().is_none() => {
                self.pieces.clear();
                self.unfinished.clear();
            }
            kind::TOOL_EXECUTION_START => {
                let [id, name] = event.pick(keys!(ToolExecutionStartData, ["toolCallId", "toolName"]));
                self.open(tool_call(id), &name.and_then(peek::string).unwrap_or_default());
            }
            kind::TOOL_EXECUTION_COMPLETE if !self.open.is_empty() => {
                let [id] = event.pick(keys!(ToolExecutionCompleteData, ["toolCallId"]));
                self.close(tool_call(id));
            }
            _ if event_requests::is_request(kind) => self.open(request(kind, event), kind),
            _ => {
                if let Some(kind) = event_requests::completed_by(kind) {
                    self.close(request(kind, event));
                }
            }
        }
    }

    /// Records the start of a tool or request.
    fn open(&mut self, id: Option<u64>, name: &str) {
        self.close(id);
        if let Some(id) = id.filter(|_| self.open.len() < MAX_OPEN) {
            self.open.push((id, name.to_owned()));
        }
    }

    fn close(&mut self, id: Option<u64>) {
        self.open.retain(|(open, _)| Some(*open) != id);
    }

    fn join_pieces(&mut self) {
        for event in self.pieces.drain(..) {
            let [text] = event.pick(keys!(AssistantMessageDeltaData, ["deltaContent"]));
            self.unfinished.push_str(&text.and_then(peek::string).unwrap_or_default());
        }
    }

    /// Takes out the text of the message that is not complete.
    pub fn take_unfinished(&mut self) -> String {
        self.join_pieces();
        std::mem::take(&mut self.unfinished)
    }

    /// Waits until a timeout has elapsed.
    pub fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        match self.next {
            Some(_) => self.timer.as_mut().poll(context),
            None => Poll::Pending,
        }
    }

    /// Returns true if a timeout had elapsed when the last event was recorded.
    pub fn has_elapsed(&self) -> bool {
        self.next.zip(self.last.as_ref()).is_some_and(|((.., at), (_, last))| at <= *last)
    }

    /// Returns the diagnostics of the timeout that has elapsed.
    pub fn report(&mut self, answer: Answer) -> Option<TurnTimeout> {
        let (kind, after, _) = self.next?;
        Some(TurnTimeout {
            kind,
            after,
            last_event: self.last.as_ref().map(|(event, at)| (event.kind().to_owned(), at.elapsed())),
            waiting_for: self.open.iter().map(|(_, name)| name.clone()).collect(),
            answer,
            unfinished: self.take_unfinished(),
            stderr: String::new(),
        })
    }
}

/// Returns the hash of the id of a tool call, which is JSON.
fn tool_call(id: Option<&str>) -> Option<u64> {
    id.map(|id| QuickHash::default().hash_one(id))
}

/// Returns the hash of the request of this kind that the event begins or completes.
fn request(kind: &str, event: &SessionEvent) -> Option<u64> {
    // The id usually comes first, and need not be searched: it only decides what a timeout names.
    let id = event.first_string(event_requests::ID).or_else(|| event.request_id());
    id.map(|id| QuickHash::default().hash_one((kind, id)))
}
