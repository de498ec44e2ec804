//! Watching notifications other than a session's events, each by its name.

use std::collections::HashMap;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};

use crate::connection::lock;
use crate::events::{Ended, Events, Observers, Subscription};
use crate::rpc::Notification;
use crate::wire;

/// The params of a notification, undecoded: only who watches knows their type.
type Params = Arc<str>;

/// Who watches which notification.
#[derive(Default)]
pub(crate) struct Notices(Mutex<Watched>);

#[derive(Default)]
struct Watched {
    by_name: HashMap<&'static str, Arc<Observers<Params>>>,
    ended: Option<Ended>,
}

impl Notices {
    /// Hands a notification to those who watch its kind.
    pub fn push(&self, name: &str, params: &str) {
        let observers = lock(&self.0).by_name.get(name).cloned();
        if let Some(observers) = observers {
            observers.push(params.into());
        }
    }

    /// Tells all who watch that nothing more comes.
    pub fn end(&self, ended: Ended) {
        let mut watched = lock(&self.0);
        watched.ended.get_or_insert_with(|| ended.clone());
        let all: Vec<_> = watched.by_name.values().cloned().collect();
        drop(watched);
        for observers in all {
            observers.end(ended.clone());
        }
    }

    /// A new observer of one kind.
    pub fn subscribe<N: Notification>(&self) -> Notifications<N> {
        let mut watched = lock(&self.0);
        let observers = Arc::clone(watched.by_name.entry(N::NAME).or_insert_with(Observers::new));
        let ended = watched.ended.clone();
        drop(watched);
        if let Some(ended) = ended {
            observers.end(ended);
        }
        Notifications { events: observers.subscribe(), kind: PhantomData }
    }

    /// Calls `handle` for each notification of one kind, on a task of its own.
    #[inline]
    pub fn on<N: Notification>(&self, mut handle: impl FnMut(&N::Params) + Send + 'static) -> Subscription {
        let events = self.subscribe::<N>().events;
        Subscription::start(events, move |params: &Params| {
            if let Some(params) = decode::<N>(params) {
                handle(&params);
            }
        })
    }
}

/// One that cannot be read is logged, and passed over.
#[inline]
fn decode<N: Notification>(params: &str) -> Option<N::Params> {
    wire::from_json(params)
        .inspect_err(|error| tracing::warn!(kind = N::NAME, %error, "a notification that cannot be read"))
        .ok()
}

/// Notifications of one kind in order, until the session or the connection that sends them ends.
///
/// Nothing is left out: an observer that reads slowly keeps what it has not read in memory.
/// Dropping it ends the observation.
#[must_use = "notifications are seen by reading them"]
pub struct Notifications<N> {
    events: Events<Params>,
    kind: PhantomData<fn() -> N>,
}

impl<N: Notification> Notifications<N> {
    /// The next notification; none once the session or its connection has ended. There is no time limit.
    ///
    /// Cancel-safe: a notification is taken only when it is returned.
    pub async fn next(&mut self) -> Option<N::Params> {
        std::future::poll_fn(|context| self.poll(context)).await.ok()
    }

    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<N::Params, Ended>> {
        loop {
            match ready!(self.events.poll_event(context)) {
                Err(ended) => return Poll::Ready(Err(ended)),
                Ok(params) => {
                    if let Some(params) = decode::<N>(&params) {
                        return Poll::Ready(Ok(params));
                    }
                }
            }
        }
    }
}

impl<N: Notification> futures_core::Stream for Notifications<N> {
    type Item = N::Params;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<N::Params>> {
        self.poll(context).map(Result::ok)
    }
}

impl<N: Notification> std::fmt::Debug for Notifications<N> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Notifications").field("kind", &N::NAME).finish_non_exhaustive()
    }
}
