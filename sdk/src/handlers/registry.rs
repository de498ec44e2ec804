//! The handlers of one session.

use std::collections::HashMap;
use std::time::Duration;

use crate::handlers::context::HandlerContext;
use crate::handlers::event_request::EventHandler;
use crate::handlers::handler::Handler;
use crate::handlers::tool::Tools;
use crate::runtime::hash::QuickHash;

/// Code by the name of what it handles.
pub(crate) type ByName<Code> = HashMap<&'static str, Code, QuickHash>;

/// The handlers of one session.
#[derive(Clone, Default)]
pub(crate) struct Handlers {
    pub tools: Tools,
    /// By method.
    pub requests: ByName<Handler<HandlerContext>>,
    /// By the kind of the event.
    pub event_requests: ByName<EventHandler>,
    /// The timeout of each handler.
    pub timeout: Option<Duration>,
}
