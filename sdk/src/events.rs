//! Watching a session: each observer has a queue of its own, so a slow one holds up nobody.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, Weak};
use std::task::{Context, Poll, Waker};

use crate::connection::lock;
use crate::error::Closed;
use crate::event::SessionEvent;

/// Why there are no more events.
#[derive(Debug, Clone)]
pub(crate) enum Ended {
    /// The session was disconnected or shut down.
    Session,
    /// The connection is over.
    Connection(Closed),
}

/// How many events are kept for a first observer that comes after them.
const BACKLOG: usize = 1024;

/// All observers of one session.
pub(crate) struct Observers(Mutex<State>);

struct State {
    queues: Vec<Arc<Queue>>,
    /// What came before anyone watched; none once somebody has.
    backlog: Option<VecDeque<SessionEvent>>,
    ended: Option<Ended>,
}

/// Unbounded: an observer misses nothing, and what it leaves unread is its own to bound.
#[derive(Default)]
struct Queue(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    events: VecDeque<SessionEvent>,
    ended: Option<Ended>,
    waker: Option<Waker>,
}

impl Observers {
    pub fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(State { queues: Vec::new(), backlog: Some(VecDeque::new()), ended: None })))
    }

    /// Hands an event to every observer.
    pub fn push(&self, event: SessionEvent) {
        let mut state = lock(&self.0);
        if let Some(backlog) = &mut state.backlog {
            if backlog.len() == BACKLOG {
                backlog.pop_front();
            }
            backlog.push_back(event);
        } else if let Some((last, others)) = state.queues.split_last() {
            for queue in others {
                queue.push(event.clone());
            }
            last.push(event);
        }
    }

    /// Tells every observer that nothing more comes.
    pub fn end(&self, ended: Ended) {
        let queues = {
            let mut state = lock(&self.0);
            state.ended.get_or_insert(ended.clone());
            std::mem::take(&mut state.queues)
        };
        for queue in queues {
            queue.end(ended.clone());
        }
    }

    /// A new observer of what comes from now on.
    pub fn subscribe_from_now(self: &Arc<Self>) -> Events {
        lock(&self.0).backlog = None;
        self.subscribe()
    }

    /// A new observer. The first one of all also gets what came before it.
    pub fn subscribe(self: &Arc<Self>) -> Events {
        let queue = Arc::new(Queue::default());
        let mut state = lock(&self.0);
        lock(&queue.0).events = state.backlog.take().unwrap_or_default();
        match &state.ended {
            Some(ended) => queue.end(ended.clone()),
            None => state.queues.push(Arc::clone(&queue)),
        }
        Events { queue, observers: Arc::downgrade(self) }
    }
}

impl Queue {
    fn push(&self, event: SessionEvent) {
        let mut waiting = lock(&self.0);
        waiting.events.push_back(event);
        let waker = waiting.waker.take();
        drop(waiting);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn end(&self, ended: Ended) {
        let mut waiting = lock(&self.0);
        waiting.ended.get_or_insert(ended);
        let waker = waiting.waker.take();
        drop(waiting);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// The events of a session from the moment it was made, in order, until the session ends.
///
/// Nothing is left out: an observer that reads slowly keeps what it has not read in memory.
/// Dropping it ends the observation.
#[must_use = "events are seen by reading them"]
pub struct Events {
    queue: Arc<Queue>,
    observers: Weak<Observers>,
}

impl Events {
    /// The next event; none once the session or its connection has ended.
    ///
    /// Cancel-safe: an event is taken only when it is returned.
    pub async fn next(&mut self) -> Option<SessionEvent> {
        std::future::poll_fn(|context| self.poll_event(context)).await.ok()
    }

    pub(crate) fn poll_event(&mut self, context: &mut Context<'_>) -> Poll<Result<SessionEvent, Ended>> {
        let mut waiting = lock(&self.queue.0);
        if let Some(event) = waiting.events.pop_front() {
            return Poll::Ready(Ok(event));
        }
        if let Some(ended) = &waiting.ended {
            return Poll::Ready(Err(ended.clone()));
        }
        if !waiting.waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
            waiting.waker = Some(context.waker().clone());
        }
        Poll::Pending
    }
}

impl futures_core::Stream for Events {
    type Item = SessionEvent;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<SessionEvent>> {
        self.poll_event(context).map(Result::ok)
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        if let Some(observers) = self.observers.upgrade() {
            lock(&observers.0).queues.retain(|queue| !Arc::ptr_eq(queue, &self.queue));
        }
    }
}

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Events").field("unread", &lock(&self.queue.0).events.len()).finish_non_exhaustive()
    }
}

/// An observer that a closure is called for, until [`unsubscribe`](Self::unsubscribe) or the
/// session's end. Dropping this value leaves the observer in place.
#[derive(Debug)]
pub struct Subscription(tokio::task::AbortHandle);

impl Subscription {
    /// Calls `handle` for each event, on a task of its own. A call that panics is logged, and the next
    /// event goes to it all the same.
    pub(crate) fn start(mut events: Events, mut handle: impl FnMut(&SessionEvent) + Send + 'static) -> Self {
        let task = tokio::spawn(async move {
            while let Some(event) = events.next().await {
                let call = std::panic::AssertUnwindSafe(|| handle(&event));
                if std::panic::catch_unwind(call).is_err() {
                    tracing::error!(kind = event.kind(), "an event observer panicked");
                }
            }
        });
        Self(task.abort_handle())
    }

    /// Ends the observation. A call that is running is finished.
    pub fn unsubscribe(self) {
        self.0.abort();
    }
}
