//! The answers of the model to its requests.

use std::any::Any;
use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{ModelRequest, Reply};

/// Decides the answer to every completion request of a server.
///
/// ```
/// # use copilot_session_model::{Reply, Script};
/// // Two agents, whose requests come in any order.
/// Script::from_fn(|request| match request.system_text().contains("You explore.") {
///     true => Reply::text("Three files."),
///     false => Reply::text("The explorer has found three files."),
/// });
/// ```
pub struct Script(Kind);

enum Kind {
    Replies(VecDeque<Reply>),
    Function(Box<dyn FnMut(&ModelRequest) -> Reply + Send>),
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Replies(replies) => f.debug_tuple("Script").field(replies).finish(),
            Kind::Function(_) => f.debug_struct("Script").finish_non_exhaustive(),
        }
    }
}

impl Script {
    /// Sends these replies in order, one per request. A request after the last one gets an HTTP 500 and is
    /// [unexpected](crate::ModelServer::take_unexpected).
    pub fn replies(replies: impl IntoIterator<Item = Reply>) -> Self {
        Self(Kind::Replies(replies.into_iter().collect()))
    }

    /// Calls a function for each reply, for turns whose requests have no fixed order, such as those of sub-agents. One
    /// call ends before the next begins. If the function panics, the request gets an HTTP 500 and is
    /// [unexpected](crate::ModelServer::take_unexpected).
    pub fn from_fn(function: impl FnMut(&ModelRequest) -> Reply + Send + 'static) -> Self {
        Self(Kind::Function(Box::new(function)))
    }

    /// The reply to this request, or the reason for having none.
    pub(super) fn reply_to(&mut self, request: &ModelRequest) -> Result<Reply, String> {
        match &mut self.0 {
            Kind::Replies(replies) => replies
                .pop_front()
                .ok_or_else(|| format!("the script has no reply for {}", request.describe())),
            Kind::Function(function) => {
                catch_unwind(AssertUnwindSafe(|| function(request))).map_err(|panic| {
                    let why = panic_text(&*panic);
                    format!("the script panicked at {}: {why}", request.describe())
                })
            }
        }
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let owned = panic.downcast_ref::<String>().map(String::as_str);
    owned.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message")
}
