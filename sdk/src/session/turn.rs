//! Turns: a prompt with its events and its answer, until the agent is idle or starts the next prompt.

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
use crate::events::{Events, SessionEvent, answer::Answer, work::Work};
use crate::session::host::Host;
use crate::session::turn::{timeouts::Watch, tracker::Relation, tracker::Tracker};
use crate::trace::{spans, turn::TurnSpan};

/// Maximum number of events held until it is known which turn they belong to. Beyond it the oldest are dropped.
const MAX_HELD: usize = 4096;

/// A turn of the agent: a stream of its events, and a future of its answer.
///
/// Reading the events is optional; awaiting the turn reads the rest and returns the answer. The stream has only the
/// events of this turn, from its prompt (`user.message`) on. Unread events of an earlier turn are not among them, and
/// neither are those of other prompts. [`Session::events`](crate::Session::events) has all events.
///
/// The turn ends when the session is idle after the prompt, when the agent starts another prompt, when the session
/// ends, or when the connection closes; [`turns`](crate::turns) has the full list. Dropping the turn does not stop
/// the agent; [`Session::abort`](crate::Session::abort) does.
///
/// A turn has no timeout unless [`timeout`](Self::timeout), [`timeout_at`](Self::timeout_at),
/// [`idle_timeout`](Self::idle_timeout) or [`first_event_timeout`](Self::first_event_timeout) sets one. When one
/// elapses, the turn ends here with [`Error::TurnTimeout`], and the agent continues. A timeout of more than 30 years
/// counts as none.
#[must_use = "await the turn for its answer"]
pub struct Turn {
    events: Events,
    tracker: Tracker,
    /// Events that may belong to this turn: those of another client's prompt, until the agent's first message
    /// decides.
    held: VecDeque<SessionEvent>,
    /// The number of events dropped because too many were held.
    missed: u64,
    /// Held events that turned out to belong to this turn.
    ready: VecDeque<SessionEvent>,
    outcome: Option<Result<Answer, Error>>,
    /// The work of the agent in this turn so far.
    work: Work,
    started: Instant,
    watch: Option<Watch>,
    /// Weak, so that the turn does not keep the client alive. It supplies the diagnostics of a timeout.
    host: Weak<Host>,
    span: TurnSpan,
}

impl Turn {
    pub(crate) fn new(
        events: Events,
        tracker: Tracker,
        started: Instant,
        host: Weak<Host>,
        span: TurnSpan,
    ) -> Self {
        let (held, ready, work) = Default::default();
        Self {
            events,
            tracker,
            held,
            missed: 0,
            ready,
            outcome: None,
            work,
            started,
            watch: None,
            host,
            span,
        }
    }

    /// The message id of the prompt, from the result of `session.send`.
    pub fn message_id(&self) -> &str {
        self.tracker.message_id()
    }

    /// Returns the next event of the turn; none once the turn has ended or has taken too long.
    ///
    /// Cancel-safe.
    pub async fn next(&mut self) -> Option<SessionEvent> {
        std::future::poll_fn(|context| self.poll_event(context)).await
    }

    /// Reads the rest of the turn and returns its answer.
    pub(crate) async fn answer(mut self) -> Result<Answer, Error> {
        loop {
            if let Some(outcome) = self.outcome.take() {
                return outcome;
            }
            self.next().await;
        }
    }

    /// Sets the timeout of the whole turn, counted from the start of [`Session::prompt`](crate::Session::prompt). That
    /// call itself waits for the CLI's response until the client's
    /// [`call_timeout`](crate::ClientBuilder::call_timeout), 2 minutes by default: where that is the shorter one, this
    /// timeout limits both together.
    pub fn timeout(self, timeout: Duration) -> Self {
        self.set(|watch| watch.total = Some(timeout))
    }

    /// Sets the time at which the whole turn must be over. It is a [`timeout`](Self::timeout) until then, so the one
    /// that is set last counts. A time before the prompt ends the turn at once.
    pub fn timeout_at(self, deadline: impl Into<Instant>) -> Self {
        let limit = deadline.into().saturating_duration_since(self.started);
        self.timeout(limit)
    }

    /// Sets the maximum time between two events of the session. A tool that runs for long may cause no events
    /// meanwhile. While the prompt is queued, the events of earlier prompts count as well.
    pub fn idle_timeout(self, timeout: Duration) -> Self {
        self.set(|watch| watch.idle = Some(timeout))
    }

    /// Sets the maximum time from the prompt to the first event of the session, in place of the
    /// [`idle_timeout`](Self::idle_timeout).
    pub fn first_event_timeout(self, timeout: Duration) -> Self {
        self.set(|watch| watch.first_event = Some(timeout))
    }

    fn set(mut self, set: impl FnOnce(&mut Watch)) -> Self {
        // The timer is created on the client's runtime, since there may be none here. Without a client the turn has
        // ended.
        if let Some(host) = self.host.upgrade() {
            let _runtime = host.peer().runtime().enter();
            let watch = self.watch.get_or_insert_with(|| Watch::new(self.started));
            set(watch);
            watch.set_timer();
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
                    let error = self.tracker.cut_off(ended.into());
                    self.end(Err(error));
                    return Poll::Ready(None);
                }
                Poll::Pending => return self.poll_time(context),
            };
            let shown = self.handle(event);
            // A timeout must also elapse while events arrive without pause.
            if self.outcome.is_none() && self.watch.as_ref().is_some_and(Watch::has_elapsed) {
                self.time_out();
            }
            if shown.is_some() {
                return Poll::Ready(shown);
            }
        }
    }

    /// Handles an event of the session, and returns it if it is the next event of the turn.
    fn handle(&mut self, event: SessionEvent) -> Option<SessionEvent> {
        let relation = self.tracker.follow(&event);
        if let Some(watch) = &mut self.watch {
            watch.record(&event, matches!(relation, Relation::Ours));
        }
        let outcome = match relation {
            Relation::Other => return None,
            Relation::Unclear => {
                if self.held.len() == MAX_HELD {
                    self.held.pop_front();
                    self.missed += 1;
                }
                self.held.push_back(event);
                return None;
            }
            Relation::After(outcome) => {
                self.end(outcome);
                return None;
            }
            Relation::Last(outcome) => Some(outcome),
            Relation::Ours => None,
        };
        self.held.iter().chain([&event]).for_each(|event| self.work.record(event));
        if let Some(outcome) = outcome {
            self.end(outcome);
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

    /// Waits for a timeout, which ends the turn.
    fn poll_time(&mut self, context: &mut Context<'_>) -> Poll<Option<SessionEvent>> {
        let Some(watch) = &mut self.watch else { return Poll::Pending };
        ready!(watch.poll(context));
        self.time_out();
        Poll::Ready(None)
    }

    /// Ends the turn with the timeout that has elapsed.
    fn time_out(&mut self) {
        let answer = self.tracker.answer(false);
        if let Some(mut timeout) = self.watch.as_mut().and_then(|watch| watch.report(answer)) {
            timeout.stderr = self.host.upgrade().map(|host| host.peer().stderr()).unwrap_or_default();
            self.end(Err(Error::TurnTimeout(Box::new(timeout))));
        }
    }

    /// Ends the turn, and adds to its answer what the agent did.
    fn end(&mut self, mut outcome: Result<Answer, Error>) {
        if let Some(answer) = answer_of(&mut outcome) {
            answer.work = std::mem::take(&mut self.work);
            answer.work.duration = self.started.elapsed();
        }
        if let (Err(Error::TurnCutOff(turn)), Some(watch)) = (&mut outcome, &mut self.watch) {
            turn.unfinished = watch.take_unfinished();
        }
        self.close_span(&mut outcome);
        self.outcome = Some(outcome);
    }

    /// Closes the span of the turn with what it cost, or why it failed.
    fn close_span(&mut self, outcome: &mut Result<Answer, Error>) {
        let Some(span) = self.span.take() else { return };
        if let Some(answer) = answer_of(outcome) {
            let usage = answer.usage();
            span.record("gen_ai.usage.input_tokens", usage.input_tokens);
            span.record("gen_ai.usage.output_tokens", usage.output_tokens);
            span.record("gen_ai.usage.cache_read.input_tokens", usage.cache_read_tokens);
            span.record("gen_ai.usage.cache_creation.input_tokens", usage.cache_write_tokens);
            if let Some(call) = answer.model_calls().last() {
                span.record("gen_ai.response.model", &*call.model);
            }
        }
        if let Err(error) = outcome {
            spans::failed(&span, error.kind());
        }
    }
}

/// Returns the answer of a turn, so far as it has one.
fn answer_of(outcome: &mut Result<Answer, Error>) -> Option<&mut Answer> {
    match outcome {
        Ok(answer) => Some(answer),
        Err(Error::Turn(error)) => Some(&mut error.answer),
        Err(Error::TurnTimeout(timeout)) => Some(&mut timeout.answer),
        Err(Error::TurnCutOff(turn)) => Some(&mut turn.answer),
        Err(_) => None,
    }
}

impl IntoFuture for Turn {
    type Output = Result<Answer, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.answer())
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
