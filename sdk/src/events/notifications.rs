//! Watching notifications other than a session's events, each by its name.

use std::collections::HashMap;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use tokio::runtime::Handle;

use crate::events::stream::{Ended, Events, Observers, Subscription};
use crate::rpc::Notification;
use crate::runtime::lock;
use crate::wire::peek;
use crate::wire::{self, DecodeError};

/// The params of a notification, undecoded: only who watches knows their type.
type Params = Arc<str>;

/// Who watches which notification.
pub(crate) struct Notices {
    watched: Mutex<Watched>,
    /// What closures are called on.
    runtime: Handle,
}

#[derive(Default)]
struct Watched {
    by_name: HashMap<&'static str, Arc<Observers<Params>>>,
    ended: Option<Ended>,
}

impl Notices {
    pub fn new(runtime: Handle) -> Self {
        Self { watched: Mutex::default(), runtime }
    }

    /// Hands a notification to those who watch its kind.
    pub fn push(&self, name: &str, params: &str) {
        let observers = lock(&self.watched).by_name.get(name).cloned();
        if let Some(observers) = observers {
            observers.push(params.into());
        }
    }

    /// Tells all who watch that nothing more comes.
    pub fn end(&self, ended: Ended) {
        let mut watched = lock(&self.watched);
        watched.ended.get_or_insert_with(|| ended.clone());
        let all: Vec<_> = watched.by_name.values().cloned().collect();
        drop(watched);
        for observers in all {
            observers.end(ended.clone());
        }
    }

    /// A new observer of one kind.
    pub fn subscribe<N: Notification>(&self) -> Notifications<N> {
        let mut watched = lock(&self.watched);
        let observers = watched.by_name.entry(N::NAME);
        let observers = Arc::clone(observers.or_insert_with(|| Observers::new(self.runtime.clone())));
        let ended = watched.ended.clone();
        drop(watched);
        if let Some(ended) = ended {
            observers.end(ended);
        }
        Notifications { events: observers.subscribe(), kind: PhantomData }
    }

    /// Calls `handle` for each notification of one kind, on a task of its own.
    #[inline]
    pub fn on<N: Notification>(
        &self,
        mut handle: impl FnMut(Result<N::Params, MalformedNotification>) + Send + 'static,
    ) -> Subscription {
        let events = self.subscribe::<N>().events;
        Subscription::start(events, move |params: &Params| handle(decode::<N>(params)))
    }
}

#[inline]
fn decode<N: Notification>(params: &Params) -> Result<N::Params, MalformedNotification> {
    wire::from_json(params).map_err(|error| MalformedNotification {
        kind: N::NAME,
        error,
        params: Arc::clone(params),
    })
}

/// A notification whose params do not have the shape that the schema gives them.
#[derive(Clone)]
#[non_exhaustive]
pub struct MalformedNotification {
    /// The notification's name on the wire.
    pub kind: &'static str,
    /// The mismatch, and its place in the JSON.
    pub error: DecodeError,
    /// The params, as JSON text, just as they came. They may hold secrets.
    pub params: Arc<str>,
}

impl MalformedNotification {
    /// Whether the params are an object that has this string under this key.
    pub(crate) fn has(&self, key: &str, value: &str) -> bool {
        let found = peek::pick(&self.params, [key]).ok();
        found.and_then(|[raw]| peek::string(raw?)).is_some_and(|found| found == value)
    }
}

impl std::fmt::Debug for MalformedNotification {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Not the params, of which nothing says what is secret.
        f.debug_struct("MalformedNotification")
            .field("kind", &self.kind)
            .field("error", &self.error)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Display for MalformedNotification {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the params of the notification {} are not as expected", self.kind)
    }
}

impl std::error::Error for MalformedNotification {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
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
    /// The next notification, or what came in its place and cannot be read as one; none once the session or its
    /// connection has ended. There is no time limit.
    ///
    /// Cancel-safe: a notification is taken only when it is returned.
    pub async fn next(&mut self) -> Option<Result<N::Params, MalformedNotification>> {
        std::future::poll_fn(|context| self.poll(context)).await.ok()
    }

    pub(crate) fn poll(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<Result<N::Params, MalformedNotification>, Ended>> {
        self.events.poll_event(context).map(|next| next.map(|params| decode::<N>(&params)))
    }
}

impl<N: Notification> futures_core::Stream for Notifications<N> {
    type Item = Result<N::Params, MalformedNotification>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll(context).map(Result::ok)
    }
}

impl<N: Notification> std::fmt::Debug for Notifications<N> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Notifications").field("kind", &N::NAME).finish_non_exhaustive()
    }
}
