//! Notifications other than `session.event`, and their subscribers by name.

use std::collections::HashMap;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use tokio::runtime::Handle;

use crate::events::stream::{Ended, Events, Subscribers, Subscription};
use crate::rpc::Notification;
use crate::runtime::lock;
use crate::wire::peek;
use crate::wire::{self, DecodeError};

/// The undecoded params of a notification. Only its subscribers know their type.
type Params = Arc<str>;

/// The subscribers of all notifications, by name.
pub(crate) struct NotificationSubscribers {
    by_name: Mutex<ByName>,
    /// The runtime that closures are called on.
    runtime: Handle,
}

#[derive(Default)]
struct ByName {
    subscribers: HashMap<&'static str, Arc<Subscribers<Params>>>,
    ended: Option<Ended>,
}

impl NotificationSubscribers {
    pub fn new(runtime: Handle) -> Self {
        Self { by_name: Mutex::default(), runtime }
    }

    /// Passes a notification to its subscribers.
    pub fn push(&self, name: &str, params: &str) {
        let subscribers = lock(&self.by_name).subscribers.get(name).cloned();
        if let Some(subscribers) = subscribers {
            subscribers.push(params.into());
        }
    }

    /// Ends all subscriptions.
    pub fn end(&self, ended: Ended) {
        let mut all = lock(&self.by_name);
        all.ended.get_or_insert_with(|| ended.clone());
        let lists: Vec<_> = all.subscribers.values().cloned().collect();
        drop(all);
        for subscribers in lists {
            subscribers.end(ended.clone());
        }
    }

    /// Subscribes to one notification.
    pub fn subscribe<N: Notification>(&self) -> Notifications<N> {
        let mut all = lock(&self.by_name);
        let subscribers = all.subscribers.entry(N::NAME);
        let subscribers = Arc::clone(subscribers.or_insert_with(|| Subscribers::new(self.runtime.clone())));
        let ended = all.ended.clone();
        drop(all);
        if let Some(ended) = ended {
            subscribers.end(ended);
        }
        Notifications { events: subscribers.subscribe(), kind: PhantomData }
    }

    /// Calls `handle` for each notification of one kind, in its own task.
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

/// A notification whose params do not match the schema.
#[derive(Clone)]
#[non_exhaustive]
pub struct MalformedNotification {
    /// The notification's name on the wire.
    pub kind: &'static str,
    /// The mismatch, with its JSON path.
    pub error: DecodeError,
    /// The params as JSON text, as received. They may hold secrets.
    pub params: Arc<str>,
}

impl MalformedNotification {
    /// Returns true if the params are an object with this string under `key`.
    pub(crate) fn has(&self, key: &str, value: &str) -> bool {
        let found = peek::pick(&self.params, [key]).ok();
        found.and_then(|[raw]| peek::string(raw?)).is_some_and(|found| found == value)
    }
}

impl std::fmt::Debug for MalformedNotification {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Without the params, since it is unknown which of them are secret.
        f.debug_struct("MalformedNotification")
            .field("kind", &self.kind)
            .field("error", &self.error)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Display for MalformedNotification {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the params of the notification {} do not match its schema", self.kind)
    }
}

impl std::error::Error for MalformedNotification {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

/// Notifications of one kind in order, until the session or connection that sends them ends.
///
/// No notification is dropped: unread ones are kept in memory. Dropping this value ends the subscription.
#[must_use = "notifications are seen by reading them"]
pub struct Notifications<N> {
    events: Events<Params>,
    kind: PhantomData<fn() -> N>,
}

impl<N: Notification> Notifications<N> {
    /// Returns the next notification, or its error if it cannot be decoded; none once the session or its
    /// connection has ended. There is no time limit.
    ///
    /// Cancel-safe: a notification is removed only when it is returned.
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
