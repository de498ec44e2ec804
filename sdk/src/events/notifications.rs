//! Notifications other than `session.event`, and their subscribers by name.

use std::collections::HashMap;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use tokio::runtime::Handle;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};

use crate::events::stream::{Ended, Subscription};
use crate::rpc::Notification;
use crate::runtime::{aside::caught, lock};
use crate::wire::{self, DecodeError, peek};

/// The undecoded params of a notification. Only its subscribers know their type.
type Params = Arc<str>;

/// The subscribers of one notification.
type Senders = Arc<[UnboundedSender<Params>]>;

/// The subscribers of all notifications, by name.
pub(crate) struct NotificationSubscribers {
    state: Arc<Mutex<State>>,
    /// The runtime that closures are called on.
    runtime: Handle,
}

#[derive(Default)]
struct State {
    /// Replaced as a whole, so that notifications are passed on without the lock. The channels are unbounded: no
    /// notification may be dropped, and they are few.
    by_name: HashMap<&'static str, Senders>,
    ended: Option<Ended>,
}

impl NotificationSubscribers {
    pub fn new(runtime: Handle) -> Self {
        Self { state: Arc::default(), runtime }
    }

    /// Passes a notification to its subscribers.
    pub fn push(&self, name: &str, params: &str) {
        let Some(senders) = lock(&self.state).by_name.get(name).cloned() else { return };
        let params = Params::from(params);
        for sender in senders.iter() {
            // A subscription that was dropped is removed when the next one begins.
            caught(|| drop(sender.send(Arc::clone(&params))));
        }
        release(senders);
    }

    /// Ends all subscriptions.
    pub fn end(&self, ended: Ended) {
        let mut state = lock(&self.state);
        state.ended.get_or_insert(ended);
        let senders = std::mem::take(&mut state.by_name);
        drop(state);
        senders.into_values().for_each(release);
    }

    /// Subscribes to one notification.
    pub fn subscribe<N: Notification>(&self) -> Notifications<N> {
        Notifications { receiver: self.receiver(N::NAME), state: Arc::clone(&self.state), kind: PhantomData }
    }

    fn receiver(&self, name: &'static str) -> UnboundedReceiver<Params> {
        let (sender, receiver) = mpsc::unbounded_channel();
        let mut state = lock(&self.state);
        if state.ended.is_none() {
            let senders = state.by_name.entry(name).or_default();
            let open = senders.iter().filter(|sender| !sender.is_closed());
            let open = open.chain([&sender]).cloned().collect();
            let all = std::mem::replace(senders, open);
            drop(state);
            release(all);
        }
        receiver
    }

    /// Calls `handle` for each notification of one kind, in its own task.
    pub fn on<N: Notification>(
        &self,
        mut handle: impl FnMut(Result<N::Params, MalformedNotification>) + Send + 'static,
    ) -> Subscription {
        let mut receiver = self.receiver(N::NAME);
        let poll_next = move |context: &mut Context<'_>| receiver.poll_recv(context);
        Subscription::start(&self.runtime, poll_next, move |params| handle(decode::<N>(params)))
    }
}

/// Drops senders. The last one of a subscriber wakes it, and a waker may run any code, and may panic.
fn release(senders: Senders) {
    let all = senders.to_vec();
    drop(senders);
    for sender in all {
        caught(|| drop(sender));
    }
}

fn decode<N: Notification>(params: Params) -> Result<N::Params, MalformedNotification> {
    wire::from_json(&params).map_err(|error| MalformedNotification { kind: N::NAME, error, params })
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
        peek::text(&self.params, key).is_some_and(|found| found == value)
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
    receiver: UnboundedReceiver<Params>,
    state: Arc<Mutex<State>>,
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
        self.receiver.poll_recv(context).map(|params| match params {
            Some(params) => Ok(decode::<N>(params)),
            None => Err(lock(&self.state).ended.clone().unwrap_or(Ended::Session)),
        })
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
