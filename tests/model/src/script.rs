//! The answers of the model to its requests.

use std::any::Any;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{ModelRequest, Reply};

/// Decides the answer to every completion request.
pub struct Script(Kind);

enum Kind {
    Replies(VecDeque<Reply>),
    Function(Box<dyn FnMut(&ModelRequest) -> Reply + Send>),
}

impl Script {
    /// Sends these replies in order, one per request. A request after the last one gets an HTTP 500 and is
    /// recorded as unexpected.
    pub fn replies(replies: impl IntoIterator<Item = Reply>) -> Self {
        Self(Kind::Replies(replies.into_iter().collect()))
    }

    /// Calls a function for each reply, for turns whose requests have no fixed order, such as those of
    /// sub-agents. A panic of the function is answered with an HTTP 500 and recorded as unexpected.
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
