//! The events of a session and their subscribers.

pub(crate) mod answer;
pub(crate) mod dedup;
pub(crate) mod envelope;
pub(crate) mod event;
pub(crate) mod notifications;
pub(crate) mod queue;
pub(crate) mod stream;
pub(crate) mod tool_call;
pub(crate) mod usage;
pub(crate) mod work;

pub use event::{MalformedEvent, SessionEvent, UnrecognizedEvent};
pub use stream::{Events, Subscription};
