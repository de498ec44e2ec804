//! The operations of an SDK that the rows measure.

use std::future::Future;

pub enum Next<E> {
    Event(E),
    /// The subscriber did not get this many events.
    Missed(u64),
}

pub trait Sdk: Sized + Send + Sync + 'static {
    type Session: Send + Sync + 'static;
    type Events: Send + 'static;
    type Event: Send;

    /// Starts a CLI and performs the handshake.
    fn start(cli: &str) -> impl Future<Output = Self> + Send;

    fn stop(self) -> impl Future<Output = ()> + Send;

    /// Creates a session without tools.
    fn plain(&self) -> impl Future<Output = Self::Session> + Send;

    /// Creates a session with a tool that adds two numbers, a policy that approves everything, and streaming.
    fn session(&self) -> impl Future<Output = Self::Session> + Send;

    fn disconnect(session: Self::Session) -> impl Future<Output = ()> + Send;

    fn events(session: &Self::Session) -> Self::Events;

    fn next(events: &mut Self::Events) -> impl Future<Output = Next<Self::Event>> + Send;

    fn kind(event: &Self::Event) -> &str;

    /// The length of a piece of the answer, read from the typed event.
    fn piece(event: &Self::Event) -> usize;

    fn send(session: &Self::Session, prompt: &str) -> impl Future<Output = ()> + Send;

    /// Sends a prompt and returns the length of the answer.
    fn answer(session: &Self::Session, prompt: &str) -> impl Future<Output = usize> + Send;

    /// Calls `session.name.get` and returns the length of the name.
    fn name(session: &Self::Session) -> impl Future<Output = usize> + Send;

    /// Gets the history, and returns the number of events and the length of the messages of the user and the agent.
    fn history(session: &Self::Session) -> impl Future<Output = (usize, usize)> + Send;
}
