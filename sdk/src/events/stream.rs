//! Subscriptions to events. Each subscriber has its own queue, so a slow one delays no other.
//!
//! No lock is held while a waker or user code runs.

use std::pin::Pin;
use std::sync::{Arc, Mutex, Weak};
use std::task::{Context, Poll, Waker};

use tokio::runtime::Handle;

use crate::events::SessionEvent;
use crate::events::queue::{Overflow, Queue};
use crate::rpc::Closed;
use crate::runtime::aside::caught;
use crate::runtime::{lock, spawn};

/// The reason why a subscription ended.
#[derive(Debug, Clone)]
pub(crate) enum Ended {
    /// The session was disconnected or shut down.
    Session,
    /// The connection is closed.
    Connection(Closed),
}

/// Maximum number of events kept for the first subscriber.
const MAX_BACKLOG: usize = 1024;

/// Maximum size of their JSON in bytes.
const MAX_BACKLOG_SIZE: usize = 4 << 20;

/// The subscribers of one session.
pub(crate) struct Subscribers {
    state: Mutex<State>,
    /// The runtime that closures are called on.
    runtime: Handle,
}

struct State {
    /// Replaced as a whole, so that events are passed on without the lock.
    subscribers: Arc<[Arc<Subscriber>]>,
    /// Events before the first subscriber; none once there was one.
    backlog: Option<Queue>,
    ended: Option<Ended>,
}

/// The queue of one subscriber, shared with its [`Events`].
struct Subscriber(Mutex<SubscriberState>);

struct SubscriberState {
    events: Queue,
    ended: Option<Ended>,
    waker: Option<Waker>,
}

impl Subscribers {
    /// Creates a list whose first subscriber also receives earlier events.
    pub fn new(runtime: Handle) -> Arc<Self> {
        let backlog = Some(Queue::default());
        let state = State { subscribers: Arc::default(), backlog, ended: None };
        Arc::new(Self { state: Mutex::new(state), runtime })
    }

    /// Passes an event to every subscriber.
    pub fn push(&self, event: SessionEvent) {
        let subscribers = {
            let mut state = lock(&self.state);
            if let Some(backlog) = &mut state.backlog {
                backlog.push_within(MAX_BACKLOG, MAX_BACKLOG_SIZE, event.clone());
            }
            Arc::clone(&state.subscribers)
        };
        if let Some((last, others)) = subscribers.split_last() {
            for subscriber in others {
                subscriber.change(|state| state.events.push(event.clone()));
            }
            last.change(|state| state.events.push(event));
        }
    }

    /// Ends all subscriptions.
    pub fn end(&self, ended: Ended) {
        let subscribers = {
            let mut state = lock(&self.state);
            state.ended.get_or_insert(ended.clone());
            std::mem::take(&mut state.subscribers)
        };
        for subscriber in subscribers.iter() {
            subscriber.change(|state| state.ended = Some(ended.clone()));
        }
    }

    /// Subscribes to later events and discards the earlier ones.
    pub fn subscribe_from_now(self: &Arc<Self>) -> Events {
        lock(&self.state).backlog = None;
        self.subscribe()
    }

    /// Subscribes to later events and leaves the earlier ones to the first regular subscriber.
    pub fn subscribe_without_backlog(self: &Arc<Self>) -> Events {
        self.add(&mut lock(&self.state), Queue::default())
    }

    /// Subscribes. The first subscriber also receives the earlier events.
    pub fn subscribe(self: &Arc<Self>) -> Events {
        let mut state = lock(&self.state);
        let events = state.backlog.take().unwrap_or_default();
        self.add(&mut state, events)
    }

    fn add(self: &Arc<Self>, state: &mut State, events: Queue) -> Events {
        let ended = state.ended.clone();
        let is_over = ended.is_some();
        let subscriber = Arc::new(Subscriber(Mutex::new(SubscriberState { events, ended, waker: None })));
        if !is_over {
            state.subscribers = state.subscribers.iter().chain([&subscriber]).cloned().collect();
        }
        Events { subscriber, subscribers: Arc::downgrade(self), runtime: self.runtime.clone() }
    }
}

impl Subscriber {
    /// Changes the state and wakes the reader after releasing the lock, since a waker may run any code, even the drop
    /// of the task that owns the queue, and may panic.
    fn change(&self, change: impl FnOnce(&mut SubscriberState)) {
        let mut state = lock(&self.0);
        change(&mut state);
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            caught(|| waker.wake());
        }
    }
}

/// The events of a session in order, until the session ends.
///
/// Unread events wait in memory, limited by the [overflow policy](Self::overflow). Dropping this value ends
/// the subscription.
#[must_use = "events are seen by reading them"]
pub struct Events {
    subscriber: Arc<Subscriber>,
    subscribers: Weak<Subscribers>,
    runtime: Handle,
}

impl Events {
    /// Sets the overflow policy. The default is [`Overflow::default`].
    pub fn overflow(self, policy: Overflow) -> Self {
        lock(&self.subscriber.0).events.overflow = policy;
        self
    }

    /// Calls the closure for each event, in order, in its own task. If it panics, the panic is logged and
    /// the closure is called for the next event.
    pub fn on(mut self, mut handle: impl FnMut(&SessionEvent) + Send + 'static) -> Subscription {
        let runtime = self.runtime.clone();
        let poll_next = move |context: &mut Context<'_>| self.poll_event(context).map(Result::ok);
        Subscription::start(&runtime, poll_next, move |event| handle(&event))
    }

    /// Returns true if the subscription ended because too many events waited; see [`Overflow::Close`].
    pub fn is_overrun(&self) -> bool {
        lock(&self.subscriber.0).events.overrun
    }

    /// Returns the next event; none once the session or its connection has ended. There is no time limit.
    ///
    /// Cancel-safe: an event is removed only when it is returned.
    pub async fn next(&mut self) -> Option<SessionEvent> {
        std::future::poll_fn(|context| self.poll_event(context)).await.ok()
    }

    pub(crate) fn poll_event(&mut self, context: &mut Context<'_>) -> Poll<Result<SessionEvent, Ended>> {
        let mut waker = None;
        loop {
            let mut state = lock(&self.subscriber.0);
            if let Some(event) = state.events.pop() {
                return Poll::Ready(Ok(event));
            }
            if state.events.overrun {
                return Poll::Ready(Err(Ended::Session));
            }
            if let Some(ended) = &state.ended {
                return Poll::Ready(Err(ended.clone()));
            }
            if state.waker.as_ref().is_some_and(|known| known.will_wake(context.waker())) {
                return Poll::Pending;
            }
            if let Some(waker) = waker.take() {
                let old = state.waker.replace(waker);
                drop(state);
                drop(old);
                return Poll::Pending;
            }
            drop(state);
            // Without the lock, since cloning or dropping a waker may run any code.
            waker = Some(context.waker().clone());
        }
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
        if let Some(subscribers) = self.subscribers.upgrade() {
            let mut state = lock(&subscribers.state);
            let others =
                state.subscribers.iter().filter(|subscriber| !Arc::ptr_eq(subscriber, &self.subscriber));
            let others = others.cloned().collect();
            let all = std::mem::replace(&mut state.subscribers, others);
            drop(state);
            drop(all);
        }
    }
}

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Events")
            .field("unread", &lock(&self.subscriber.0).events.len())
            .finish_non_exhaustive()
    }
}

/// A closure that is called for each event until [`unsubscribe`](Self::unsubscribe) or the end of the
/// session. Dropping this value does not end the subscription.
#[derive(Debug)]
pub struct Subscription(tokio::task::AbortHandle);

impl Subscription {
    /// Calls `handle` for each item of a stream, in its own task. If it panics, the panic is logged and it is called
    /// for the next item.
    pub(crate) fn start<T: Send>(
        runtime: &Handle,
        mut poll_next: impl FnMut(&mut Context<'_>) -> Poll<Option<T>> + Send + 'static,
        mut handle: impl FnMut(T) + Send + 'static,
    ) -> Self {
        let task = spawn(runtime, async move {
            while let Some(item) = std::future::poll_fn(&mut poll_next).await {
                if caught(|| handle(item)).is_none() {
                    tracing::error!("the closure of a subscription panicked");
                }
            }
        });
        Self(task.abort_handle())
    }

    /// Ends the subscription. A running call is finished.
    pub fn unsubscribe(self) {
        self.0.abort();
    }
}
