//! The JSON-RPC connection: a reader task, a writer task, the table of pending calls, and a task for their timeouts.
//!
//! * The reader runs no user code: no handler, no `Drop` of a handler, no log writer, no waker under a lock.
//! * Only the writer writes.
//! * No lock is held across an await, a wake, or a call of user code.
//! * Every pending call ends, with its response or with [`Closed`]: whatever ends the reader or the writer closes
//!   the connection, through a guard.

mod tasks;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::runtime::Handle;
use tokio::sync::{Notify, oneshot, watch};
use tokio::time::Instant;

use crate::rpc::frame::{self, Frames};
use crate::rpc::in_flight::InFlight;
use crate::rpc::message::{self, NoResult, Params, Response};
use crate::rpc::outbox::Outbox;
use crate::rpc::responder::Responder;
use crate::rpc::wire_log::{Log, WireLog};
use crate::rpc::{Closed, RpcError};
use crate::runtime::{BoxFuture, aside::caught, hash::QuickHash, lock, spawn, timer};
use crate::tail::Tail;
use tasks::{CloseOnDrop, read, time_out, write};

/// The layer above a connection. The reader calls it, so it must neither block nor run user code.
pub(crate) trait Service: Send + Sync {
    /// Handles a request of the peer.
    fn request(&self, method: &str, params: &str, responder: Responder);

    /// Handles a notification whose params may be no JSON. Returns false if they are not, or if it does not know the
    /// method; it has done nothing then, and gets the notification again once it is checked.
    fn unchecked(&self, method: &str, params: &str) -> bool;

    /// Handles a notification.
    fn notification(&self, method: &str, params: &str);

    /// Handles a request or notification of which only the start is readable. A request has a responder.
    fn unreadable(&self, method: &str, start: &str, error: RpcError, responder: Option<Responder>);

    /// Observes a call before it is written, under the lock of the pending calls. Returns a callback for
    /// its response; a call with a callback stays pending even if its caller is dropped.
    fn calling(&self, method: &str, params: Params<'_>) -> Option<OnResponse>;

    /// Ends everything that depends on the connection.
    fn closed(&self, closed: &Closed);
}

/// Receives the response to a call before its caller does.
pub(crate) type OnResponse = Box<dyn FnOnce(&Response) + Send>;

/// Adds what is known about the other end to the reason why a stream ended.
pub(crate) type Diagnose = Box<dyn FnOnce(Closed) -> BoxFuture<Closed> + Send>;

/// A connection to a peer. It lives until its stream ends or [`Connection::end`].
pub(crate) struct Connection {
    outbox: Outbox,
    calls: Mutex<Calls>,
    /// Wakes the task for timeouts when a deadline comes before those it knows, or to end.
    look_sooner: Notify,
    /// The in-flight requests of the peer.
    pub in_flight: InFlight,
    wire_log: Option<Log>,
    /// The end of the received text that belongs to no message.
    text: Tail,
    closed: watch::Sender<Option<Closed>>,
    /// All tasks of the client run here, whichever thread spawns them.
    pub runtime: Handle,
}

/// The configuration of a connection.
pub(crate) struct Options {
    /// Maximum size of a received message in bytes.
    pub max_message_size: usize,
    pub wire_log: Option<WireLog>,
    /// Receives the end of the text that belongs to no message.
    pub text: Tail,
    pub diagnose: Option<Diagnose>,
}

impl Default for Options {
    fn default() -> Self {
        let text = Tail::new(frame::TEXT_KEPT);
        Self { max_message_size: frame::MAX_MESSAGE_SIZE, wire_log: None, text, diagnose: None }
    }
}

/// The pending calls.
#[derive(Default)]
struct Calls {
    last_id: u64,
    pending: HashMap<u64, Pending, QuickHash>,
    /// None before the start and once the connection is closed.
    service: Option<Arc<dyn Service>>,
    closed: Option<Closed>,
    /// The time at which the task for timeouts looks next. It stays when the call that set it is over, so that calls
    /// with one timeout wake the task once in that time, and not for each call.
    next_look: Option<Instant>,
}

impl Calls {
    /// Returns the id of the next call.
    fn next_id(&mut self) -> Result<u64, Closed> {
        if let Some(closed) = &self.closed {
            return Err(closed.clone());
        }
        self.last_id += 1;
        Ok(self.last_id)
    }
}

struct Pending {
    /// None once the call has timed out.
    caller: Option<oneshot::Sender<Response>>,
    on_response: Option<OnResponse>,
    deadline: Option<Instant>,
}

/// The reason of a connection that we closed ourselves.
pub(crate) const STOPPED: &str = "the client was stopped";

impl Connection {
    /// Starts the tasks. `service` makes the layer above from the new connection.
    pub fn open<R, W, S>(
        runtime: Handle,
        from: R,
        to: W,
        options: Options,
        service: impl FnOnce(&Arc<Self>) -> Arc<S>,
    ) -> Arc<S>
    where
        R: AsyncRead + Send + Unpin + 'static,
        W: AsyncWrite + Send + Unpin + 'static,
        S: Service + 'static,
    {
        let Options { max_message_size, wire_log, text, diagnose } = options;
        let frames = Frames::new(from, max_message_size).with_text(text.clone());
        let connection = Arc::new(Self {
            outbox: Outbox::default(),
            calls: Mutex::default(),
            look_sooner: Notify::new(),
            in_flight: InFlight::default(),
            wire_log: wire_log.map(WireLog::open),
            text,
            closed: watch::Sender::new(None),
            runtime: runtime.clone(),
        });
        let service = service(&connection);
        lock(&connection.calls).service = Some(Arc::clone(&service) as Arc<dyn Service>);
        let (reader, writer) = (CloseOnDrop(Arc::clone(&connection)), CloseOnDrop(Arc::clone(&connection)));
        let writer = spawn(&runtime, write(to, writer));
        let reader = spawn(&runtime, read(frames, Arc::clone(&service), diagnose, reader));
        spawn(&runtime, time_out(connection, reader, writer));
        service
    }

    /// Sends a request. The receiver yields its response, or ends if the call is abandoned.
    pub fn request(
        &self,
        method: &str,
        params: Params<'_>,
        timeout: Option<Duration>,
    ) -> Result<(u64, oneshot::Receiver<Response>), Closed> {
        let (caller, response) = oneshot::channel();
        let deadline = timeout.and_then(|timeout| timer::end(Instant::now(), timeout));
        let mut calls = lock(&self.calls);
        let id = calls.next_id()?;
        let on_response = calls.service.as_ref().and_then(|service| service.calling(method, params));
        calls.pending.insert(id, Pending { caller: Some(caller), on_response, deadline });
        let is_next = deadline.is_some_and(|deadline| calls.next_look.is_none_or(|next| deadline < next));
        if is_next {
            calls.next_look = deadline;
        }
        drop(calls);
        if is_next {
            self.look_sooner.notify_one();
        }
        message::request(id, method, params, |pieces| self.send(pieces));
        Ok((id, response))
    }

    /// Sends a request whose response is ignored.
    pub fn request_unanswered(&self, method: &str, params: Params<'_>) {
        let id = lock(&self.calls).next_id();
        if let Ok(id) = id {
            message::request(id, method, params, |pieces| self.send(pieces));
        }
    }

    /// Drops a pending call; a late response is ignored.
    pub fn abandon(&self, id: u64) {
        let mut calls = lock(&self.calls);
        let is_over = calls.pending.get(&id).is_some_and(|call| call.on_response.is_none());
        let abandoned = is_over.then(|| calls.pending.remove(&id));
        drop(calls);
        // Without the lock, since its drop wakes the caller, and a waker may run any code.
        caught(|| drop(abandoned));
    }

    /// Resolves the pending call with this id.
    fn complete(&self, id: u64, response: impl FnOnce() -> Response) {
        let call = lock(&self.calls).pending.remove(&id);
        let Some(Pending { caller, on_response, .. }) = call else {
            return tracing::debug!(id, "ignoring a response that no call awaits");
        };
        let response = response();
        if let Some(on_response) = on_response {
            on_response(&response);
        }
        resolve(caller, response);
    }

    /// Fails the overdue pending calls and returns the next deadline; none while no call has one.
    fn fail_overdue(&self) -> Option<Instant> {
        let now = Instant::now();
        let mut overdue = Vec::new();
        let next_look = {
            let calls = &mut *lock(&self.calls);
            calls.pending.retain(|_, call| {
                if call.deadline.is_none_or(|deadline| deadline > now) {
                    return true;
                }
                call.deadline = None;
                overdue.extend(call.caller.take());
                call.on_response.is_some()
            });
            calls.next_look = calls.pending.values().filter_map(|call| call.deadline).min();
            calls.next_look
        };
        for caller in overdue {
            resolve(Some(caller), Err(NoResult::TimedOut));
        }
        next_look
    }

    /// The end of the received text that belongs to no message.
    pub fn text(&self) -> String {
        self.text.text()
    }

    /// Responds to a request. `id` is its id as JSON, sent back unchanged.
    pub(super) fn respond(&self, id: &str, result: &Result<String, RpcError>) {
        message::reply(id, result, |pieces| self.send(pieces));
    }

    /// Closes our side of the stream after everything queued before is written.
    pub fn end(&self) {
        self.outbox.end();
    }

    /// Returns true once the connection is closed, so that all calls fail.
    pub fn is_closed(&self) -> bool {
        lock(&self.calls).closed.is_some()
    }

    /// Waits until the connection is closed and returns the reason.
    ///
    /// Cancel-safe.
    pub async fn closed(&self) -> Closed {
        let mut closed = self.closed.subscribe();
        let closed = closed.wait_for(Option::is_some).await;
        closed.ok().and_then(|reason| reason.clone()).unwrap_or_else(|| Closed::new("the connection ended"))
    }

    /// Waits until the wire log is written, up to a time limit.
    pub async fn wire_log_written(&self) {
        if let Some(log) = &self.wire_log {
            log.flush().await;
        }
    }

    /// Sends a message, from the pieces of its JSON.
    fn send(&self, pieces: &[&str]) {
        if let Some(log) = &self.wire_log {
            log.sent(&pieces.concat());
        }
        let sent = self.outbox.push(pieces);
        // After `end` the reader sees the end of the stream, and has the better reason.
        if !sent && !self.outbox.is_over() {
            self.close(Closed::new("the stream cannot be written"));
        }
    }

    /// Fails all pending and later calls, ends the service, and closes our side of the stream. A later call only
    /// ends the requests that came in between.
    pub fn close(&self, mut reason: Closed) {
        let is_ours = self.outbox.is_over();
        if is_ours {
            // We closed our side first; the end of the stream followed from that.
            STOPPED.clone_into(&mut reason.reason);
        }
        let ended = {
            let calls = &mut *lock(&self.calls);
            let is_first = calls.closed.is_none();
            calls.closed.get_or_insert_with(|| reason.clone());
            is_first.then(|| (std::mem::take(&mut calls.pending), calls.service.take()))
        };
        let Some((pending, service)) = ended else { return self.in_flight.cancel_all() };
        if let Some(log) = self.wire_log.as_ref().filter(|_| !is_ours) {
            log.ended(&reason);
        }
        for (_, call) in pending {
            resolve(call.caller, Err(NoResult::Closed(reason.clone())));
        }
        if let Some(service) = service {
            service.closed(&reason);
        }
        self.in_flight.cancel_all();
        caught(|| drop(self.closed.send_replace(Some(reason))));
        self.look_sooner.notify_one();
        self.end();
    }
}

/// Passes a response to its caller, who may be gone. A waker that panics must not keep others from what they wait for.
fn resolve(caller: Option<oneshot::Sender<Response>>, response: Response) {
    caught(|| drop(caller.map(|caller| caller.send(response))));
}
