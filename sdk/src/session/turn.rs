//! One prompt and everything that follows from it, until the agent rests or takes up another.

pub(crate) mod failure;
pub(crate) mod json;
pub(crate) mod prompts;
pub(crate) mod timeouts;
pub(crate) mod tracker;

use std::collections::VecDeque;
use std::future::IntoFuture;
use std::pin::Pin;
use std::sync::Weak;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::Instant;

use crate::error::Error;
use crate::events::Events;
use crate::events::SessionEvent;
use crate::events::answer::Answer;
use crate::session::host::Host;
use crate::session::turn::timeouts::{Timeouts, Watch};
use crate::session::turn::tracker::{Seen, Tracker};

/// The most events that wait for it to be clear whose they are. Above that the oldest are missed.
const MAX_HELD: usize = 4096;

/// A turn of the agent: the events as they come, then the answer.
///
/// Reading the events is optional; awaiting the turn reads the rest and gives the answer. The events are those
/// of this turn, from its prompt (`user.message`) on. The rest of an earlier turn is not among them, even if nobody
/// has read it, and neither is the work on another prompt. [`Session::events`](crate::Session::events) shows all.
///
/// The turn ends when the session is idle after the prompt, when the agent takes up another prompt, when the
/// session ends, or when the connection does; [`turns`](crate::turns) is the full list. Dropping the turn does not stop
/// the agent; [`Session::abort`](crate::Session::abort) does.
///
/// A turn may take any time unless it has a [`timeout`](Self::timeout), an [`idle_timeout`](Self::idle_timeout) or a
/// [`first_event_timeout`](Self::first_event_timeout). When one of them is over, the turn ends here with
/// [`Error::TurnTimeout`], and the agent goes on. A timeout of more than 30 years is none.
#[must_use = "await the turn for its answer"]
pub struct Turn {
    events: Events,
    tracker: Tracker,
    /// Events of which it is not known yet whether they are this turn's: at most what comes of another client's
    /// prompt up to the agent's first message.
    held: VecDeque<SessionEvent>,
    /// The number of events that were not kept, since too many were held.
    missed: u64,
    /// Events that turned out to be this turn's.
    ready: VecDeque<SessionEvent>,
    outcome: Option<Result<Answer, Error>>,
    started: Instant,
    watch: Option<Watch>,
    /// Asked only when the time is up, and not kept alive for that.
    host: Weak<Host>,
}

impl Turn {
    pub(crate) fn new(events: Events, tracker: Tracker, started: Instant, host: Weak<Host>) -> Self {
        let (held, ready) = Default::default();
        Self { events, tracker, held, missed: 0, ready, outcome: None, started, watch: None, host }
    }

    /// The id of the prompt, as `session.send` answered.
    pub fn message_id(&self) -> &str {
        self.tracker.message_id()
    }

    /// The next event of the turn; none once the turn is over.
    ///
    /// Cancel-safe.
    pub async fn next(&mut self) -> Option<SessionEvent> {
        std::future::poll_fn(|context| self.poll_event(context)).await
    }

    /// Sets the time that the whole turn may take, counted from the prompt.
    pub fn timeout(self, timeout: Duration) -> Self {
        self.set(|timeouts| timeouts.total = Some(timeout))
    }

    /// Sets the time that may pass from one event of the session to the next. A tool that runs for long may say nothing
    /// meanwhile. While the prompt waits for its turn, events of the work before it count as well.
    pub fn idle_timeout(self, timeout: Duration) -> Self {
        self.set(|timeouts| timeouts.idle = Some(timeout))
    }

    /// Sets the time that may pass from the prompt to the first event of the session, instead of the
    /// [`idle_timeout`](Self::idle_timeout).
    pub fn first_event_timeout(self, timeout: Duration) -> Self {
        self.set(|timeouts| timeouts.first_event = Some(timeout))
    }

    fn set(mut self, set: impl FnOnce(&mut Timeouts)) -> Self {
        // On the client's runtime, since there may be none here. Without a client the turn has ended.
        if let Some(host) = self.host.upgrade() {
            let _runtime = host.peer().runtime().enter();
            self.watch.get_or_insert_with(|| Watch::new(self.started)).set(set);
        }
        self
    }

    fn poll_event(&mut self, context: &mut Context<'_>) -> Poll<Option<SessionEvent>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Poll::Ready(Some(event));
            }
            if self.outcome.is_some() {
                return Poll::Ready(None);
            }
            let event = match self.events.poll_event(context) {
                Poll::Ready(Ok(event)) => event,
                Poll::Ready(Err(ended)) => {
                    self.outcome = Some(Err(ended.into()));
                    return Poll::Ready(None);
                }
                Poll::Pending => return self.poll_time(context),
            };
            let shown = self.take(event);
            if self.outcome.is_none() {
                // A session that never falls silent has its timeout, too.
                let _ = self.poll_time(context);
            }
            if shown.is_some() {
                return Poll::Ready(shown);
            }
        }
    }

    /// Takes an event of the session, and gives it back if it is the next one to show.
    fn take(&mut self, event: SessionEvent) -> Option<SessionEvent> {
        let seen = self.tracker.see(&event);
        if let Some(watch) = &mut self.watch {
            watch.see(&event, matches!(seen, Seen::Ours));
        }
        match seen {
            Seen::Other => return None,
            Seen::Unclear => {
                if self.held.len() == MAX_HELD {
                    self.held.pop_front();
                    self.missed += 1;
                }
                self.held.push_back(event);
                return None;
            }
            Seen::After(outcome) => {
                self.outcome = Some(outcome);
                return None;
            }
            Seen::Last(outcome) => self.outcome = Some(outcome),
            Seen::Ours => {}
        }
        if self.held.is_empty() {
            return Some(event);
        }
        self.held.push_back(event);
        self.ready = std::mem::take(&mut self.held);
        if self.missed > 0 {
            self.ready.push_front(SessionEvent::missed_marker(std::mem::take(&mut self.missed)));
        }
        None
    }

    /// Ends the turn when its time is up.
    fn poll_time(&mut self, context: &mut Context<'_>) -> Poll<Option<SessionEvent>> {
        let Some(watch) = &mut self.watch else { return Poll::Pending };
        let mut timeout = ready!(watch.poll(context, || self.tracker.answer(false)));
        timeout.stderr = self.host.upgrade().map(|host| host.peer().stderr()).unwrap_or_default();
        self.outcome = Some(Err(Error::TurnTimeout(Box::new(timeout))));
        Poll::Ready(None)
    }
}

impl IntoFuture for Turn {
    type Output = Result<Answer, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(mut self) -> Self::IntoFuture {
        Box::pin(async move {
            loop {
                if let Some(outcome) = self.outcome.take() {
                    return outcome;
                }
                self.next().await;
            }
        })
    }
}

impl futures_core::Stream for Turn {
    type Item = SessionEvent;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<SessionEvent>> {
        self.poll_event(context)
    }
}

impl std::fmt::Debug for Turn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Turn").field("message_id", &self.message_id()).finish_non_exhaustive()
    }
}
