//! Event requests: requests that the CLI publishes as session events (`*.requested`) to every client. The client that
//! handles one answers with a call (`…handlePending…`).

use std::borrow::Cow;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex};

use tracing::Instrument as _;

use crate::error::Error;
use crate::events::SessionEvent;
use crate::generated::{event_requests, kind, session_event::SessionEventData};
use crate::handlers::context::{HandlerContext, HandlerTimeout, Scope};
use crate::handlers::reply::{self, IntoReply, Replies};
use crate::runtime::{BoxFuture, hash::QuickHash, lock};
use crate::wire::peek::{self, keys};
use crate::wire::{self, Wire, escaped, redact};

/// Code that starts the handler for an event request of one kind.
pub(crate) type EventHandler = Arc<dyn Fn(&HandlerContext, &Request<'_>) + Send + Sync>;

/// An event request, with the parts of its data that are needed before a handler decodes it. One scan finds them all.
pub(crate) struct Request<'e> {
    pub event: &'e SessionEvent,
    /// Its id; none if that is no string.
    id: Option<Cow<'e, str>>,
    /// An id that is no string, as it is written.
    other_id: Option<&'e str>,
    /// The tool that the model calls.
    pub tool: Option<Cow<'e, str>>,
    /// The details of a permission request, as JSON.
    pub details: Option<&'e str>,
    /// True for a permission request that a hook has decided.
    pub is_resolved: bool,
    /// True if only the start of its data can be read, so that no handler gets it.
    is_cut_off: bool,
}

const TOOL: [&str; 1] = keys!(ExternalToolRequestedData, ["toolName"]);

impl<'e> Request<'e> {
    pub fn read(event: &'e SessionEvent) -> Self {
        if event.kind() == kind::EXTERNAL_TOOL_REQUESTED
            && let SessionEventData::ExternalToolRequested(call) = event.data()
        {
            // Its handler needs all of the data, and the event keeps it.
            let [id, tool] = [&call.request_id, &call.tool_name].map(|text| Some(Cow::Borrowed(&**text)));
            return Self {
                event,
                id,
                other_id: None,
                tool,
                details: None,
                is_resolved: false,
                is_cut_off: false,
            };
        }
        const PERMISSION: [&str; 2] = keys!(PermissionRequestedData, ["permissionRequest", "resolvedByHook"]);
        let keys = [event_requests::ID, TOOL[0], PERMISSION[0], PERMISSION[1]];
        let [written_id, tool, details, resolved] = event.pick(keys);
        let [id, tool] = [written_id, tool].map(|text| peek::string(text?));
        let other_id = written_id.filter(|_| id.is_none());
        Self { event, id, other_id, tool, details, is_resolved: resolved == Some("true"), is_cut_off: false }
    }

    /// Returns the request of an event whose data can be read only at its start; `event` has none. One that a hook has
    /// decided is not recognized, since that key stands at the end.
    pub fn read_start(event: &'e SessionEvent, data: &'e str) -> Self {
        let [id, tool] =
            peek::pick_start(data, [event_requests::ID, TOOL[0]]).map(|text| peek::string(text?));
        Self { event, id, other_id: None, tool, details: None, is_resolved: false, is_cut_off: true }
    }

    /// Its id; one that is no string as it is written.
    pub fn any_id(&self) -> Option<&str> {
        self.id.as_deref().or(self.other_id)
    }
}

/// Returns the fields of the answer after a failure, whose reason is the text.
type Refusal = Box<dyn Fn(&Scope, &str) -> String + Send>;

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

/// Turns a typed closure into an [`EventHandler`], and returns it with the kind of events that it handles. `refused` is
/// the response after a failure, which has none of its reason, since a model or an MCP server may read it.
pub(crate) fn handler<E: EventRequest>(
    refused: Option<E::Response>,
    handle: impl Replies<E, E::Response>,
) -> (&'static str, EventHandler) {
    // A refusal of our own has no key twice.
    let refused: Arc<str> = refused.and_then(|refused| fields::<E>(&refused).ok()).unwrap_or_default().into();
    let handle = Arc::new(handle);
    let handler = move |context: &HandlerContext, request: &Request<'_>| {
        let (data, own) = (decode::<E>(request.event), context.clone());
        let (handle, refused) = (Arc::clone(&handle), Arc::clone(&refused));
        answer::<E>(context, request, move |_, _| refused.to_string(), async move {
            let data = data?;
            let response = (*handle).clone()(data, own).await.into_reply()?;
            Ok(Some(fields::<E>(&response)?))
        });
    };
    (E::KIND, Arc::new(handler))
}

/// Decodes an event request, or returns the reason of the failure.
pub(crate) fn decode<E: EventRequest>(event: &SessionEvent) -> Result<E, String> {
    event.decode().map_err(|error| format!("the request could not be read: {error}"))
}

/// Returns the fields of an answer with this response, or the reason why it cannot be sent.
pub(crate) fn fields<E: EventRequest>(response: &E::Response) -> Result<String, String> {
    let fields = E::KEY.map(|key| wire::to_member(key, response)).transpose();
    fields.map(Option::unwrap_or_default).map_err(|error| error.to_string())
}

/// Answers an event request with the fields that `answering` returns, apart from the `requestId`. If it returns none,
/// another client can answer; if it fails, `refusal` returns the fields. It runs on a task of its own and is cancelled
/// once the request has an answer. Nothing happens if the request is already in flight or done.
pub(crate) fn answer<E: EventRequest>(
    context: &HandlerContext,
    request: &Request<'_>,
    refusal: impl Fn(&Scope, &str) -> String + Send + 'static,
    answering: impl Future<Output = Result<Option<String>, String>> + Send + 'static,
) {
    answer_method(context, request, E::METHOD, Box::new(refusal), Box::pin(answering));
}

/// The part of [`answer`] that is compiled once.
fn answer_method(
    context: &HandlerContext,
    request: &Request<'_>,
    method: &'static str,
    refusal: Refusal,
    answering: BoxFuture<Result<Option<String>, String>>,
) {
    let Some(mut reply) = PendingReply::new(&context.scope, request, method, refusal) else { return };
    if request.is_cut_off {
        // Here and not on a task, since a session that takes the place of this one could not read the event.
        return reply.send(Err("the request cannot be read as a whole".to_owned()));
    }
    let (peer, number, limit) = (Arc::clone(context.scope.peer()), reply.number, context.timeout());
    let handling = async move {
        let answer = reply::caught(limit, answering).await;
        reply.send(answer.and_then(|answer| answer));
    };
    let handling = handling.instrument(context.scope.turn.span());
    peer.connection.in_flight.spawn(number, None, peer.runtime(), handling);
}

/// Initial capacity of the params of an answer, in bytes, which most answers fit.
const PARAMS: usize = 192;

/// The pending answer to one event request.
///
/// If it is dropped without an answer, because the handler was cancelled, it sends a refusal. It sends nothing once the
/// request has an answer or the session has ended.
struct PendingReply {
    scope: Arc<Scope>,
    /// The params of the answer up to the id, whose fields follow.
    params: String,
    /// Its key among the session's event requests.
    key: u64,
    /// Its number among the in-flight requests.
    number: u64,
    method: &'static str,
    refusal: Refusal,
    is_open: bool,
}

impl PendingReply {
    /// Returns none if the event has no `requestId`, or if its request is already in flight or done.
    fn new(
        scope: &Arc<Scope>,
        request: &Request<'_>,
        method: &'static str,
        refusal: Refusal,
    ) -> Option<Self> {
        let event = request.event;
        let Some(id) = &request.id else {
            tracing::error!(kind = event.kind(), "a request without an id cannot be answered");
            return None;
        };
        let scope = Arc::clone(scope);
        let key = EventRequests::key(event.kind(), id);
        let in_flight = &scope.peer().connection.in_flight;
        let number = in_flight.begin(None);
        if !scope.event_requests.begin(key, number, event) {
            in_flight.end(number);
            return None;
        }
        let has_ended = scope.life.ended().is_some();
        let mut params = String::with_capacity(PARAMS);
        params.extend(["{\"", event_requests::ID, "\":\"", &escaped(id), "\""]);
        let mut reply = Self { scope, params, key, number, method, refusal, is_open: true };
        if has_ended {
            // A session that has ended no longer cancels handlers.
            reply.send(Ok(None));
            return None;
        }
        Some(reply)
    }

    /// Ends the request with the fields of an answer, without an answer from here, or with a refusal.
    fn send(&mut self, answer: Result<Option<String>, String>) {
        self.is_open = false;
        self.scope.peer().connection.in_flight.end(self.number);
        if self.scope.event_requests.take(self.key).is_none() {
            return;
        }
        let fields = match answer {
            Ok(Some(fields)) => fields,
            Ok(None) => return,
            Err(reason) => {
                tracing::warn!(method = self.method, reason = &*redact::text(&reason), "a handler failed");
                (self.refusal)(&self.scope, &reason)
            }
        };
        if let Err(error) = self.call(&fields) {
            tracing::warn!(method = self.method, %error, "an answer cannot be sent");
            let refusal = (self.refusal)(&self.scope, &format!("the answer cannot be sent: {error}"));
            drop(self.call(&refusal));
        }
    }

    /// Makes the call that answers with these fields.
    fn call(&mut self, fields: &str) -> Result<(), Error> {
        let start = self.params.len();
        self.params.extend([if fields.is_empty() { "" } else { "," }, fields, "}"]);
        let sent = self.scope.caller.answer_json(self.method, &self.params);
        self.params.truncate(start);
        sent
    }
}

impl Drop for PendingReply {
    fn drop(&mut self) {
        if self.is_open {
            self.send(Err("the handler ended without an answer".to_owned()));
        }
    }
}

/// Maximum number of finished requests that are remembered.
const REMEMBERED: usize = 1024;

/// The event requests of a session. Each is handled once, even if it arrives several times.
#[derive(Default)]
pub(crate) struct EventRequests(Mutex<Requests>);

#[derive(Default)]
struct Requests {
    /// The number among the in-flight requests and the event of each; none once it is done.
    known: HashMap<u64, Option<(u64, SessionEvent)>, QuickHash>,
    /// The keys of those that are done, the oldest first.
    done: VecDeque<u64>,
}

impl EventRequests {
    /// Returns the key of a request: a hash of its kind and id, since ids are unique only within a kind. Two different
    /// requests practically never have the same. `kind` is that of the event which begins the request, or of the one
    /// that completes it.
    pub fn key(kind: &str, id: &str) -> u64 {
        QuickHash::default().hash_one((event_requests::completed_by(kind).unwrap_or(kind), id))
    }

    /// Adds a request. Returns false if it is in flight or done: it may arrive both as an event and in the list of
    /// pending requests.
    fn begin(&self, key: u64, number: u64, event: &SessionEvent) -> bool {
        match lock(&self.0).known.entry(key) {
            Entry::Occupied(_) => false,
            Entry::Vacant(place) => {
                place.insert(Some((number, event.clone())));
                true
            }
        }
    }

    /// Ends a request and returns its number among the in-flight requests with its event; none if it was not in
    /// flight.
    pub fn take(&self, key: u64) -> Option<(u64, SessionEvent)> {
        let mut requests = lock(&self.0);
        match requests.known.insert(key, None) {
            // It was done before.
            Some(None) => None,
            in_flight_or_new => {
                requests.remember(key);
                in_flight_or_new.flatten()
            }
        }
    }

    /// Ends and returns all requests.
    pub fn take_all(&self) -> Vec<(u64, SessionEvent)> {
        let in_flight = |(key, request): (&u64, &Option<_>)| request.is_some().then_some(*key);
        let keys: Vec<u64> = lock(&self.0).known.iter().filter_map(in_flight).collect();
        keys.into_iter().filter_map(|key| self.take(key)).collect()
    }
}

impl Requests {
    /// Keeps the key of a request that is done, in place of the oldest one.
    fn remember(&mut self, key: u64) {
        self.done.push_back(key);
        if self.done.len() > REMEMBERED
            && let Some(oldest) = self.done.pop_front()
        {
            self.known.remove(&oldest);
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
        assert!(requests.begin(key, 0, &event()) && !requests.begin(key, 1, &event()), "it is in flight");
        assert!(requests.take(key).is_some() && requests.take(key).is_none());
        assert!(!requests.begin(key, 2, &event()), "it is done");
        let other = EventRequests::key("external_tool.requested", "1");
        assert!(requests.begin(other, 3, &event()), "another kind");
    }

    #[test]
    fn a_request_that_is_done_before_it_comes_does_not_begin() {
        let requests = EventRequests::default();
        assert!(requests.take(EventRequests::key("mcp.oauth_completed", "1")).is_none());
        assert!(!requests.begin(EventRequests::key("mcp.oauth_required", "1"), 0, &event()));
    }

    #[test]
    fn a_bounded_number_of_requests_is_remembered() {
        let requests = EventRequests::default();
        for id in 0..3 * REMEMBERED as u64 {
            requests.take(id);
        }
        let requests = lock(&requests.0);
        assert_eq!((requests.known.len(), requests.done.len()), (REMEMBERED, REMEMBERED));
    }
}
