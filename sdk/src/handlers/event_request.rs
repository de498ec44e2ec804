//! Requests that come as events to every client, and are answered by a call of the one that can.

use std::sync::Arc;

use crate::events::SessionEvent;
use crate::handlers::handler::{HandlerContext, Serves};
use crate::handlers::reply::{self, IntoReply};
use crate::rpc::in_flight::{self, EventRequests};
use crate::session::state::SessionState;
use crate::wire::peek;
use crate::wire::quote;
use crate::wire::{self, Wire};

/// Code that sees to a live event of one kind.
pub(crate) type Ask = Arc<dyn Fn(&Arc<SessionState>, &SessionEvent) + Send + Sync>;

/// How a request of one kind is answered.
pub(crate) struct Form<R> {
    /// The call that answers.
    pub method: &'static str,
    /// The fields of the answer beside the `requestId`: `"result":…`, or nothing.
    pub fields: fn(R) -> String,
    /// The fields of the answer when the handler fails, for this reason. The reason is for whoever runs the
    /// handler, so that an answer that a model or an MCP server reads has it not.
    pub refusal: fn(&str) -> String,
}

/// Gives typed code the form of an [`Ask`].
#[inline]
pub(crate) fn ask<D, R, F, Fut>(form: Form<R>, handle: F) -> Ask
where
    D: Wire + Send + 'static,
    R: Send + 'static,
    F: Fn(D, HandlerContext) -> Fut + Send + Sync + 'static,
    Fut: Future<Output: IntoReply<R>> + Send + 'static,
{
    let handle = Arc::new(handle);
    Arc::new(move |session, event| {
        let Some(owed) = Owed::new(session, event, form.method, form.refusal) else { return };
        let data = match wire::from_json::<D>(event.raw_data()) {
            Ok(data) => data,
            Err(error) => return owed.fail(&format!("the request could not be read: {error}")),
        };
        let (fields, handle) = (form.fields, Arc::clone(&handle));
        let context = HandlerContext { session: Arc::clone(session) };
        let limit = context.limit();
        owed.run(async move |owed| match reply::replied(limit, || handle(data, context)).await {
            Ok(reply) => owed.give(&fields(reply)),
            Err(failure) => owed.fail(&failure),
        });
    })
}

/// The answer owed to one broadcast request.
///
/// Dropped without one, as when the handler panics, it refuses; once the request is over, or the
/// session, nothing is owed any more.
pub(crate) struct Owed {
    session: Arc<SessionState>,
    request_id: String,
    /// Its key among the requests that are at work.
    key: String,
    /// The number of its handler.
    number: u64,
    method: &'static str,
    refusal: fn(&str) -> String,
    open: bool,
}

impl Owed {
    /// None when the event does not say which request is to be answered, or when it is being answered.
    pub fn new(
        session: &Arc<SessionState>,
        event: &SessionEvent,
        method: &'static str,
        refusal: fn(&str) -> String,
    ) -> Option<Self> {
        let [id] = peek::pick(event.raw_data(), ["requestId"]).unwrap_or_default();
        let Some(id) = id.and_then(peek::string) else {
            tracing::error!(kind = event.kind(), "a request without an id cannot be answered");
            return None;
        };
        let (session, request_id) = (Arc::clone(session), id.into_owned());
        let (key, number) = (EventRequests::key(event.kind(), &request_id), in_flight::number());
        if !session.running().begin(&key, number, event) {
            return None;
        }
        // Its handlers were ended before this one was known, so that nobody ends it.
        if session.life().ended().is_some() {
            session.running().end(&key);
            return None;
        }
        Some(Self { session, request_id, key, number, method, refusal, open: true })
    }

    /// Runs the code that answers, until it is done or the request is over.
    pub fn run<Fut>(self, work: impl FnOnce(Self) -> Fut)
    where
        Fut: Future<Output = ()> + Send + 'static,
    {
        let (session, key, number) = (Arc::clone(&self.session), self.key.clone(), self.number);
        let task = in_flight::spawn(session.caller().connection().runtime(), number, work(self));
        session.running().set(&key, task);
    }

    /// Answers with these fields.
    pub fn give(mut self, fields: &str) {
        self.send(fields);
    }

    /// Answers that the handler failed.
    pub fn fail(mut self, reason: &str) {
        tracing::warn!(method = self.method, reason, "a handler failed");
        self.send(&(self.refusal)(reason));
    }

    /// Leaves the answer to another client.
    pub fn leave(mut self) {
        self.open = false;
        self.session.running().end(&self.key);
    }

    fn send(&mut self, fields: &str) {
        self.open = false;
        if !self.session.running().end(&self.key) {
            return;
        }
        let answer = |fields: &str| {
            let comma = if fields.is_empty() { "" } else { "," };
            let params = format!(r#"{{"requestId":{}{comma}{fields}}}"#, quote(&self.request_id));
            self.session.caller().answer_json(self.method, &params)
        };
        if let Err(error) = answer(fields) {
            tracing::warn!(method = self.method, %error, "an answer cannot be sent");
            drop(answer(&(self.refusal)(&format!("the answer is of no use: {error}"))));
        }
    }
}

impl Drop for Owed {
    fn drop(&mut self) {
        if self.open {
            tracing::warn!(method = self.method, "a handler ended without an answer");
            self.send(&(self.refusal)("the handler ended without an answer"));
        }
    }
}
