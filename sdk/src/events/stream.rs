//! Watching what the CLI tells: each observer has a queue of its own, so a slow one holds up nobody.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::task::{Context, Poll, Waker};

use tokio::runtime::Handle;

use crate::events::SessionEvent;
use crate::events::queue::{Backlog, Deliver, Delivery};
use crate::rpc::Closed;
use crate::runtime::aside::caught;
use crate::runtime::lock;

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

/// How much JSON of these is kept, in bytes.
const BACKLOG_BYTES: usize = 4 << 20;

/// All observers of one thing.
pub(crate) struct Observers<T> {
    state: Mutex<State<T>>,
    /// What closures are called on.
    runtime: Handle,
}

struct State<T> {
    /// Replaced as a whole, so that events are handed over without the lock.
    queues: Arc<[Arc<Queue<T>>]>,
    /// What came before anyone watched; none once somebody has.
    backlog: Option<Backlog<T>>,
    ended: Option<Ended>,
}

/// Bounded as its observer chose.
struct Queue<T>(Mutex<Waiting<T>>);

struct Waiting<T> {
    events: Backlog<T>,
    ended: Option<Ended>,
    waker: Option<Waker>,
}

impl<T: Deliver> Observers<T> {
    /// Observers that see only what comes after them.
    pub fn new(runtime: Handle) -> Arc<Self> {
        let state = State { queues: Arc::default(), backlog: None, ended: None };
        Arc::new(Self { state: Mutex::new(state), runtime })
    }

    /// Observers of which the first also sees what came before it.
    pub fn with_backlog(runtime: Handle) -> Arc<Self> {
        let backlog = Some(Backlog::new(Delivery::default()));
        let state = State { queues: Arc::default(), backlog, ended: None };
        Arc::new(Self { state: Mutex::new(state), runtime })
    }

    /// Hands an event to every observer.
    pub fn push(&self, event: T) {
        let queues = {
            let mut state = lock(&self.state);
            if let Some(backlog) = &mut state.backlog {
                backlog.push_within(BACKLOG, BACKLOG_BYTES, event.clone());
            }
            Arc::clone(&state.queues)
        };
        if let Some((last, others)) = queues.split_last() {
            for queue in others {
                queue.push(event.clone());
            }
            last.push(event);
        }
    }

    /// Tells every observer that nothing more comes.
    pub fn end(&self, ended: Ended) {
        let queues = {
            let mut state = lock(&self.state);
            state.ended.get_or_insert(ended.clone());
            std::mem::take(&mut state.queues)
        };
        for queue in queues.iter() {
            queue.end(ended.clone());
        }
    }

    /// A new observer of what comes from now on.
    pub fn subscribe_from_now(self: &Arc<Self>) -> Events<T> {
        lock(&self.state).backlog = None;
        self.subscribe()
    }

    /// A new observer of what comes from now on, which leaves what came before to another.
    pub fn subscribe_aside(self: &Arc<Self>) -> Events<T> {
        self.watch(&mut lock(&self.state), Backlog::new(Delivery::default()))
    }

    /// A new observer. The first one of all also gets what came before it.
    pub fn subscribe(self: &Arc<Self>) -> Events<T> {
        let mut state = lock(&self.state);
        let events = state.backlog.take().unwrap_or_else(|| Backlog::new(Delivery::default()));
        self.watch(&mut state, events)
    }

    fn watch(self: &Arc<Self>, state: &mut State<T>, events: Backlog<T>) -> Events<T> {
        let ended = state.ended.clone();
        let is_over = ended.is_some();
        let queue = Arc::new(Queue(Mutex::new(Waiting { events, ended, waker: None })));
        if !is_over {
            state.queues = state.queues.iter().chain([&queue]).cloned().collect();
        }
        Events { queue, observers: Arc::downgrade(self), runtime: self.runtime.clone() }
    }
}

impl<T: Deliver> Queue<T> {
    fn push(&self, event: T) {
        let mut waiting = lock(&self.0);
        waiting.events.push(event);
        wake(waiting);
    }

    fn end(&self, ended: Ended) {
        let mut waiting = lock(&self.0);
        waiting.ended.get_or_insert(ended);
        wake(waiting);
    }
}

/// Wakes who waits for events, without the lock: a waker may run any code, such as the end of the very task that
/// owns the queue.
fn wake<T: Deliver>(mut waiting: MutexGuard<'_, Waiting<T>>) {
    let waker = waiting.waker.take();
    drop(waiting);
    if let Some(waker) = waker {
        waker.wake();
    }
}

/// The events of a session in order, until the session ends.
///
/// What an observer does not keep up with waits in memory, as [`delivery`](Self::delivery) says.
/// Dropping it ends the observation.
#[must_use = "events are seen by reading them"]
pub struct Events<T = SessionEvent> {
    queue: Arc<Queue<T>>,
    observers: Weak<Observers<T>>,
    runtime: Handle,
}

impl Events {
    /// Says what becomes of events that wait: by default, as [`Delivery::default`] says.
    pub fn delivery(self, delivery: Delivery) -> Self {
        lock(&self.queue.0).events.set_delivery(delivery);
        self
    }

    /// Calls the closure for each event, in order, on a task of its own. One that panics is logged, and
    /// the next event goes to it all the same.
    pub fn on(self, handle: impl FnMut(&SessionEvent) + Send + 'static) -> Subscription {
        Subscription::start(self, handle)
    }

    /// Tells whether the observation has ended since too much waited; see [`Delivery::Close`].
    pub fn is_overrun(&self) -> bool {
        lock(&self.queue.0).events.is_overrun()
    }
}

#[allow(private_bounds, reason = "what observers can be told is not a user's to extend")]
impl<T: Deliver> Events<T> {
    /// The next event; none once the session or its connection has ended. There is no time limit.
    ///
    /// Cancel-safe: an event is taken only when it is returned.
    pub async fn next(&mut self) -> Option<T> {
        std::future::poll_fn(|context| self.poll_event(context)).await.ok()
    }

    pub(crate) fn poll_event(&mut self, context: &mut Context<'_>) -> Poll<Result<T, Ended>> {
        let mut waker = None;
        loop {
            let mut waiting = lock(&self.queue.0);
            if let Some(event) = waiting.events.pop() {
                return Poll::Ready(Ok(event));
            }
            if waiting.events.is_overrun() {
                return Poll::Ready(Err(Ended::Session));
            }
            if let Some(ended) = &waiting.ended {
                return Poll::Ready(Err(ended.clone()));
            }
            if waiting.waker.as_ref().is_some_and(|known| known.will_wake(context.waker())) {
                return Poll::Pending;
            }
            if let Some(waker) = waker.take() {
                let old = waiting.waker.replace(waker);
                drop(waiting);
                drop(old);
                return Poll::Pending;
            }
            drop(waiting);
            // Without the lock, since a waker may run any code, also when it is cloned or dropped.
            waker = Some(context.waker().clone());
        }
    }
}

#[allow(private_bounds, reason = "as above")]
impl<T: Deliver> futures_core::Stream for Events<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        self.poll_event(context).map(Result::ok)
    }
}

impl<T> Drop for Events<T> {
    fn drop(&mut self) {
        if let Some(observers) = self.observers.upgrade() {
            let mut state = lock(&observers.state);
            let others = state.queues.iter().filter(|queue| !Arc::ptr_eq(queue, &self.queue));
            let others = others.cloned().collect();
            let all = std::mem::replace(&mut state.queues, others);
            drop(state);
            drop(all);
        }
    }
}

#[allow(private_bounds, reason = "as above")]
impl<T: Deliver> std::fmt::Debug for Events<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Events").field("unread", &lock(&self.queue.0).events.len()).finish_non_exhaustive()
    }
}

/// An observer that a closure is called for, until [`unsubscribe`](Self::unsubscribe) or the
/// session's end. Dropping this value leaves the observer in place.
#[derive(Debug)]
pub struct Subscription(tokio::task::AbortHandle);

impl Subscription {
    /// Calls `handle` for each event, on a task of its own on the client's runtime. A call that panics is logged, and the next
    /// event goes to it all the same.
    pub(crate) fn start<T: Deliver + Send + 'static>(
        mut events: Events<T>,
        mut handle: impl FnMut(&T) + Send + 'static,
    ) -> Self {
        let runtime = events.runtime.clone();
        let task = runtime.spawn(async move {
            while let Some(event) = events.next().await {
                if caught(|| handle(&event)).is_none() {
                    tracing::error!("an observer panicked");
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
