//! The handlers of one session.

use std::collections::HashMap;
use std::time::Duration;

use crate::handlers::context::HandlerContext;
use crate::handlers::event_request::EventHandler;
use crate::handlers::handler::Handler;
use crate::handlers::tool::Tool;

/// The handlers of one session.
#[derive(Clone, Default)]
pub(crate) struct Handlers {
    pub tools: HashMap<String, Tool>,
    /// By method.
    pub requests: HashMap<&'static str, Handler<HandlerContext>>,
    /// By the kind of the event.
    pub event_requests: HashMap<&'static str, EventHandler>,
    /// The timeout of each handler.
    pub timeout: Option<Duration>,
}

impl Handlers {
    /// Returns the same handlers with more tools. A new tool replaces one of the same name.
    pub fn with_tools(&self, new: &HashMap<String, Tool>) -> Self {
        let mut both = self.clone();
        both.tools.extend(new.clone());
        both
    }
}
