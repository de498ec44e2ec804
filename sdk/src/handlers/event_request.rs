//! Event requests: requests that the CLI publishes as session events (`*.requested`) to every client. The client that
//! handles one answers with a call (`…handlePending…`).

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex};

use crate::events::SessionEvent;
use crate::generated::event_requests;
use crate::handlers::context::{HandlerContext, Scope};
use crate::handlers::reply::{self, IntoReply};
use crate::runtime::lock;
use crate::wire::{self, Wire, peek, quote};

/// Code that starts the handler for an event request of one kind.
pub(crate) type EventHandler = Arc<dyn Fn(&HandlerContext, &SessionEvent) + Send + Sync>;

/// The data of an event request.
pub(crate) trait EventRequest: Wire + Send + 'static {
    /// The event's type on the wire.
    const KIND: &'static str;
    /// The method whose call answers the request.
    const METHOD: &'static str;
    /// The key of the response in the method's params; none if there is no response.
    const KEY: Option<&'static str>;
    /// The response.
    type Response: Wire + Send + 'static;
}

/// A function that returns the fields of the answer, apart from the `requestId`, after a handler failed for this
/// reason. If a model or an MCP server reads the answer, it must not contain the reason.
pub(crate) type Refusal = fn(&str) -> String;

/// Turns a typed closure into an [`EventHandler`], and returns it with the kind of events that it handles.
#[inline]
pub(crate) fn handler<E, F, Fut>(refusal: Refusal, handle: F) -> (&'static str, EventHandler)
where
    E: EventRequest,
    F: Fn(E, HandlerContext) -> Fut + Send + Sync + 'static,
    Fut: Future<Output: IntoReply<E::Response>> + Send + 'static,
{
    let handle = Arc::new(handle);
    let handler: EventHandler = Arc::new(move |context, event| {
        let Some(reply) = PendingReply::new::<E>(context.scope(), event, refusal) else { return };
        let data = match wire::from_json::<E>(event.raw_data()) {
            Ok(data) => data,
            Err(error) => return reply.fail(&format!("the request could not be read: {error}")),
        };
        let (handle, context) = (Arc::clone(&handle), context.clone());
        reply.run(async move |reply| {
            match reply::replied(context.timeout(), || handle(data, context)).await {
                Ok(response) => reply.respond(&fields::<E>(&response)),
                Err(failure) => reply.fail(&failure),
            }
        });
    });
    (E::KIND, handler)
}

/// Returns the fields of an answer with this response.
pub(crate) fn fields<E: EventRequest>(response: &E::Response) -> String {
    E::KEY.map(|key| format!(r#""{key}":{}"#, wire::to_json(response))).unwrap_or_default()
}

/// The pending answer to one event request.
///
/// If it is dropped without an answer, because the handler panicked, it sends a refusal. It sends nothing once the
/// request has an answer or the session has ended.
pub(crate) struct PendingReply {
    scope: Arc<Scope>,
    request_id: String,
    /// Its key among the session's event requests.
    key: String,
    /// Its number among the in-flight requests.
    number: u64,
    method: &'static str,
    refusal: Refusal,
    is_open: bool,
}

impl PendingReply {
    /// Returns none if the event has no `requestId`, or if its request is already in flight or done.
    pub fn new<E: EventRequest>(scope: &Arc<Scope>, event: &SessionEvent, refusal: Refusal) -> Option<Self> {
        let [id] = event.pick([event_requests::ID]);
        let Some(id) = id.and_then(peek::string) else {
            tracing::error!(kind = event.kind(), "a request without an id cannot be answered");
            return None;
        };
        let (scope, request_id) = (Arc::clone(scope), id.into_owned());
        let key = EventRequests::key(event.kind(), &request_id);
        let in_flight = scope.peer().connection().in_flight();
        let number = in_flight.begin(None);
        if !scope.event_requests().begin(&key, number, event) {
            in_flight.end(number);
            return None;
        }
        let has_ended = scope.life().ended().is_some();
        let reply = Self { scope, request_id, key, number, method: E::METHOD, refusal, is_open: true };
        if has_ended {
            // A session that has ended no longer cancels handlers.
            reply.withdraw();
            return None;
        }
        Some(reply)
    }

    /// Spawns the handler. It is cancelled once the request has an answer.
    pub fn run<Fut>(self, handler: impl FnOnce(Self) -> Fut)
    where
        Fut: Future<Output = ()> + Send + 'static,
    {
        let (peer, number) = (Arc::clone(self.scope.peer()), self.number);
        peer.connection().in_flight().spawn(number, None, peer.runtime(), handler(self));
    }

    /// Removes the request from those in flight. Returns false if it was already removed.
    fn end(&self) -> bool {
        self.scope.peer().connection().in_flight().end(self.number);
        self.scope.event_requests().end(&self.key)
    }

    /// Sends an answer with these fields.
    pub fn respond(mut self, fields: &str) {
        self.send(fields);
    }

    /// Logs that the handler failed and sends a refusal.
    pub fn fail(mut self, reason: &str) {
        tracing::warn!(method = self.method, reason, "a handler failed");
        self.send(&(self.refusal)(reason));
    }

    /// Drops the request without an answer, so that another client can answer it.
    pub fn withdraw(mut self) {
        self.is_open = false;
        self.end();
    }

    fn send(&mut self, fields: &str) {
        self.is_open = false;
        if !self.end() {
            return;
        }
        let answer = |fields: &str| {
            let comma = if fields.is_empty() { "" } else { "," };
            let params = format!(r#"{{"requestId":{}{comma}{fields}}}"#, quote(&self.request_id));
            self.scope.caller().answer_json(self.method, &params)
        };
        if let Err(error) = answer(fields) {
            tracing::warn!(method = self.method, %error, "an answer cannot be sent");
            drop(answer(&(self.refusal)(&format!("the answer cannot be sent: {error}"))));
        }
    }
}

impl Drop for PendingReply {
    fn drop(&mut self) {
        if self.is_open {
            tracing::warn!(method = self.method, "a handler ended without an answer");
            self.send(&(self.refusal)("the handler ended without an answer"));
        }
    }
}

/// Maximum number of finished requests that are remembered.
const REMEMBERED: usize = 1024;

/// The event requests of a session. Each is handled once, even if it arrives several times.
#[derive(Default)]
pub(crate) struct EventRequests {
    in_flight: Mutex<HashMap<String, (u64, SessionEvent)>>,
    done: Mutex<Done>,
}

#[derive(Default)]
struct Done {
    keys: HashSet<String>,
    /// The same keys, the oldest first.
    order: VecDeque<String>,
}

impl EventRequests {
    /// Returns the key of a request, since ids are unique only within a kind. `kind` is that of the event which
    /// begins the request, or of the one that completes it.
    pub fn key(kind: &str, id: &str) -> String {
        format!("{} {id}", event_requests::completed_by(kind).unwrap_or(kind))
    }

    /// Adds a request. Returns false if it is in flight or done: it may arrive both as an event and in the list of
    /// pending requests.
    fn begin(&self, key: &str, number: u64, event: &SessionEvent) -> bool {
        match lock(&self.in_flight).entry(key.to_owned()) {
            Entry::Occupied(_) => return false,
            Entry::Vacant(entry) => drop(entry.insert((number, event.clone()))),
        }
        // Checked after the insertion, since `take` may run in between: it records the key before it removes the
        // request.
        let is_done = lock(&self.done).keys.contains(key);
        if is_done {
            lock(&self.in_flight).remove(key);
        }
        !is_done
    }

    /// Removes a request and returns its number among the in-flight requests with its event; none if it was not in
    /// flight.
    pub fn take(&self, key: &str) -> Option<(u64, SessionEvent)> {
        self.remember(key);
        lock(&self.in_flight).remove(key)
    }

    /// Removes and returns all requests.
    pub fn take_all(&self) -> Vec<(u64, SessionEvent)> {
        let keys: Vec<String> = lock(&self.in_flight).keys().cloned().collect();
        keys.into_iter().filter_map(|key| self.take(&key)).collect()
    }

    fn end(&self, key: &str) -> bool {
        self.take(key).is_some()
    }

    fn remember(&self, key: &str) {
        let mut done = lock(&self.done);
        if !done.keys.insert(key.to_owned()) {
            return;
        }
        done.order.push_back(key.to_owned());
        if done.order.len() > REMEMBERED
            && let Some(oldest) = done.order.pop_front()
        {
            done.keys.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event() -> SessionEvent {
        SessionEvent::from_json(r#"{"type": "any"}"#).expect("an event")
    }

    #[test]
    fn a_request_is_handled_once() {
        let requests = EventRequests::default();
        let key = EventRequests::key("permission.requested", "1");
        assert!(requests.begin(&key, 0, &event()) && !requests.begin(&key, 1, &event()), "it is in flight");
        assert!(requests.end(&key) && !requests.end(&key));
        assert!(!requests.begin(&key, 2, &event()), "it is done");
        let other = EventRequests::key("external_tool.requested", "1");
        assert!(requests.begin(&other, 3, &event()), "another kind");
    }

    #[test]
    fn a_request_that_is_done_before_it_comes_does_not_begin() {
        let requests = EventRequests::default();
        assert!(requests.take(&EventRequests::key("mcp.oauth_completed", "1")).is_none());
        assert!(!requests.begin(&EventRequests::key("mcp.oauth_required", "1"), 0, &event()));
    }

    #[test]
    fn a_bounded_number_of_requests_is_remembered() {
        let requests = EventRequests::default();
        for id in 0..3 * REMEMBERED {
            requests.end(&id.to_string());
        }
        let done = lock(&requests.done);
        assert_eq!((done.keys.len(), done.order.len()), (REMEMBERED, REMEMBERED));
    }
}
