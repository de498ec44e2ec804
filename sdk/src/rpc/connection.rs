//! The JSON-RPC connection: one task reads, one writes, and whoever calls waits for its own answer.

mod tasks;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use serde_json::value::RawValue;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot, watch};

use crate::call;
use crate::error::Error;
use crate::events::notifications::Notices;
use crate::events::stream::Ended;
use crate::handlers::handler::{ClientContext, Handler};
use crate::process::Watcher;
use crate::rpc::frame::{self, Frames};
use crate::rpc::in_flight::Running;
use crate::rpc::wire_log::{Log, WireLog};
use crate::rpc::{Closed, RpcError};
use crate::runtime::lock;
use crate::session::shell::routes::{self, ShellRoutes};
use crate::session::state::SessionState;
use crate::session::table::Sessions;
use crate::tail::Tail;
use crate::version::{CliVersion, Feature};
use crate::wire::peek;
use crate::wire::{DecodeError, quote};
use tasks::{CloseOnDrop, read, write};

/// What a request is answered with: the result's JSON, or why there is none.
pub(crate) type Reply = Result<Box<str>, NoResult>;

#[derive(Debug)]
pub(crate) enum NoResult {
    Rpc(RpcError),
    /// An answer that is no JSON, or too large.
    Unreadable(DecodeError),
    Closed(Closed),
}

/// One connection to a CLI. It lives until its stream ends or [`Connection::end`].
pub(crate) struct Connection {
    /// Unbounded: each entry is a call whose caller waits for the answer, or an answer to the CLI,
    /// which must never be lost or block the reader.
    outgoing: mpsc::UnboundedSender<Outgoing>,
    calls: Mutex<Calls>,
    sessions: Sessions,
    /// What the client was made on: its tasks run there, whoever starts them.
    runtime: Handle,
    /// What the client itself handles, by method.
    handlers: ClientHandlers,
    handler_limit: Option<Duration>,
    /// The GitHub token that goes with the calls that take one. Secret.
    github_token: Option<String>,
    /// The handlers at work on the CLI's requests, by id.
    requests: Running,
    notices: Notices,
    shells: ShellRoutes,
    wire_log: Option<Log>,
    /// Whether we have ended our side of the stream.
    left: AtomicBool,
    /// The CLI, where it is a child of ours.
    process: Option<Watcher>,
    /// The end of what came and is no message.
    text: Tail,
    /// The CLI's version, once it has told.
    version: OnceLock<CliVersion>,
    closed: watch::Sender<Option<Closed>>,
}

/// What a connection is made with, beside its streams.
pub(crate) struct Options {
    pub handlers: ClientHandlers,
    /// How long a handler of the client may take.
    pub handler_limit: Option<Duration>,
    /// The GitHub token that goes with the calls that take one. Secret.
    pub github_token: Option<String>,
    /// Who watches which notification from the start.
    pub notices: Option<Notices>,
    /// The largest message taken, in bytes.
    pub message_limit: usize,
    pub wire_log: Option<WireLog>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            handlers: HashMap::new(),
            handler_limit: None,
            github_token: None,
            notices: None,
            message_limit: frame::LARGEST,
            wire_log: None,
        }
    }
}

/// What a client handles, whatever the session.
pub(crate) type ClientHandlers = HashMap<&'static str, Handler<ClientContext>>;

enum Outgoing {
    Message(String),
    /// Ends our side of the stream after what was queued before.
    End,
}

#[derive(Default)]
struct Calls {
    last_id: u64,
    pending: HashMap<u64, Pending>,
    closed: Option<Closed>,
}

struct Pending {
    waiting: oneshot::Sender<Reply>,
    /// The session that starts a shell process by this call. It is told of the process even when the
    /// caller has gone away.
    shell_of: Option<String>,
}

/// Why a connection is over that we ended.
pub(crate) const STOPPED: &str = "the client was stopped";

impl Connection {
    /// Starts the two tasks.
    pub fn open<R, W>(
        runtime: Handle,
        from: R,
        to: W,
        options: Options,
        process: Option<Watcher>,
    ) -> Arc<Self>
    where
        R: AsyncRead + Send + Unpin + 'static,
        W: AsyncWrite + Send + Unpin + 'static,
    {
        let Options { handlers, handler_limit, github_token, notices, message_limit, wire_log } = options;
        let (outgoing, queue) = mpsc::unbounded_channel();
        let text =
            process.as_ref().map_or_else(|| Tail::new(frame::TEXT), |process| process.stdout().clone());
        let frames = Frames::new(from, message_limit).keep_text(text.clone());
        let connection = Arc::new(Self {
            outgoing,
            calls: Mutex::default(),
            sessions: Sessions::default(),
            runtime: runtime.clone(),
            handlers,
            handler_limit,
            github_token,
            requests: Running::default(),
            notices: notices.unwrap_or_else(|| Notices::new(runtime.clone())),
            shells: ShellRoutes::default(),
            wire_log: wire_log.map(WireLog::open),
            left: AtomicBool::new(false),
            process,
            text,
            version: OnceLock::new(),
            closed: watch::Sender::new(None),
        });
        let (reader, writer) = (CloseOnDrop::new(&connection), CloseOnDrop::new(&connection));
        runtime.spawn(write(to, queue, writer));
        runtime.spawn(read(frames, reader));
        connection
    }

    /// Notes the version that the CLI tells in the handshake.
    pub fn told_version(&self, version: &CliVersion) {
        drop(self.version.set(version.clone()));
    }

    pub fn github_token(&self) -> Option<&str> {
        self.github_token.as_deref()
    }

    pub fn version(&self) -> Option<&CliVersion> {
        self.version.get()
    }

    /// Sends a request. The answer comes through the receiver, or never does when the id is forgotten.
    pub fn request(&self, method: &str, params: &str) -> Result<(u64, oneshot::Receiver<Reply>), Closed> {
        let (sender, receiver) = oneshot::channel();
        let starts_shell = method == routes::EXEC && self.tells_of_shells();
        let shell_of = starts_shell.then(|| session_of(params)).flatten();
        let mut calls = lock(&self.calls);
        if let Some(closed) = &calls.closed {
            return Err(closed.clone());
        }
        calls.last_id += 1;
        let id = calls.last_id;
        if shell_of.is_some() {
            self.shells.starting();
        }
        calls.pending.insert(id, Pending { waiting: sender, shell_of });
        drop(calls);
        self.send(message(
            Some(&id.to_string()),
            &format!(r#""method":{},"params":{params}"#, quote(method)),
        ));
        Ok((id, receiver))
    }

    /// Whether the CLI says what becomes of the shell processes that it is asked to start.
    fn tells_of_shells(&self) -> bool {
        self.version().is_none_or(|version| version.has(Feature::ShellNotifications))
    }

    /// Sends a request whose answer nobody waits for.
    pub fn request_unanswered(&self, method: &str, params: &str) {
        if let Ok((id, _)) = self.request(method, params) {
            self.forget(id);
        }
    }

    /// Gives up on an answer.
    pub fn forget(&self, id: u64) {
        let pending = &mut lock(&self.calls).pending;
        if pending.get(&id).is_some_and(|call| call.shell_of.is_none()) {
            pending.remove(&id);
        }
    }

    /// Hands the answer of a request to whoever waits for it.
    pub fn answered(&self, id: u64, reply: Reply) {
        let call = lock(&self.calls).pending.remove(&id);
        let Some(call) = call else { return tracing::debug!(id, "an answer that nobody waits for") };
        let early = call.shell_of.map(|session| {
            let notes = self.shells.started(&session, reply.as_deref().ok());
            (session, notes)
        });
        // A caller that has gone away needs no answer.
        drop(call.waiting.send(reply));
        if let Some((session, notes)) = early.and_then(|(id, notes)| Some((self.session(&id)?, notes))) {
            for note in notes {
                session.notices().push(&note.name, &note.params);
            }
        }
    }

    /// What the client itself handles.
    pub fn handler(&self, method: &str) -> Option<Handler<ClientContext>> {
        self.handlers.get(method).cloned()
    }

    /// How long a handler of the client may take.
    pub fn handler_limit(&self) -> Option<Duration> {
        self.handler_limit
    }

    /// The handlers at work on the CLI's requests, by id.
    pub fn requests(&self) -> &Running {
        &self.requests
    }

    /// Lets the handler that calls this go on when its request ends, as it does with its session and with the
    /// connection: what the handler waits for may be that very end.
    pub fn spare_current_handler(&self) {
        self.requests.spare_current();
        for session in self.sessions.all() {
            session.spare_current_handler();
        }
    }

    /// The CLI, where it is a child of ours.
    pub fn process(&self) -> Option<&Watcher> {
        self.process.as_ref()
    }

    /// Adds to a time limit's error what came and is no message, unless it is there.
    pub fn explain(&self, mut error: Error) -> Error {
        if let Error::Timeout { stdout, .. } = &mut error
            && stdout.is_empty()
        {
            *stdout = self.text.text();
        }
        error
    }

    /// Who watches which notification, whatever the session.
    pub fn notices(&self) -> &Notices {
        &self.notices
    }

    /// Which session a shell process belongs to.
    pub fn shells(&self) -> &ShellRoutes {
        &self.shells
    }

    /// Answers a request of the CLI. `id` is its JSON, given back as it came.
    pub fn respond(&self, id: &str, answer: &Result<String, RpcError>) {
        let mut body = match answer {
            Ok(result) => format!(r#""result":{result}"#),
            Err(error) => error_body(error),
        };
        // The CLI would wait for ever for an answer that it cannot read.
        if let Err(error) = call::check_depth(&body) {
            body = error_body(&RpcError::new(RpcError::INTERNAL_ERROR, error.to_string()));
        }
        self.send(message(Some(id), &body));
    }

    /// Ends our side of the stream once all that was sent is written.
    pub fn end(&self) {
        self.left.store(true, Ordering::Relaxed);
        drop(self.outgoing.send(Outgoing::End));
    }

    /// Waits until the connection is over and says why.
    ///
    /// Cancel-safe.
    pub async fn closed(&self) -> Closed {
        let mut closed = self.closed.subscribe();
        match closed.wait_for(Option::is_some).await {
            Ok(reason) => reason.clone().unwrap_or_else(|| Closed::new("the connection ended")),
            Err(_) => Closed::new("the connection ended"),
        }
    }

    /// Waits until the wire log is written, for a limited time.
    pub(crate) async fn wire_log_written(&self) {
        if let Some(log) = &self.wire_log {
            log.flush().await;
        }
    }

    /// The sessions that are open, whose events and requests find them here.
    pub fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    /// Forgets a session, unless another has its place.
    pub fn unregister(&self, session: &Arc<SessionState>) {
        if self.sessions.remove(session) {
            self.shells.forget(session.id());
        }
    }

    /// Ends a session that the CLI has no more.
    pub fn end_session(&self, id: &str) {
        if let Some(session) = self.session(id) {
            self.unregister(&session);
            session.end(None);
        }
    }

    pub fn session(&self, id: &str) -> Option<Arc<SessionState>> {
        self.sessions.get(id)
    }

    /// What the client was made on: its tasks run there, whoever starts them.
    pub fn runtime(&self) -> &Handle {
        &self.runtime
    }

    fn send(&self, message: String) {
        if let Some(log) = &self.wire_log {
            log.sent(&message);
        }
        let sent = self.outgoing.send(Outgoing::Message(message));
        // After our own goodbye the reader sees the end by itself, and knows more of it.
        if sent.is_err() && !self.left.load(Ordering::Relaxed) {
            self.close(Closed::new("nothing can be written any more"));
        }
    }

    /// Fails what is pending and all that comes later, and ends our side of the stream. The first reason
    /// given stays.
    pub fn close(&self, mut reason: Closed) {
        if self.left.load(Ordering::Relaxed) {
            // We ended our side first, so that the rest is what came of that.
            STOPPED.clone_into(&mut reason.reason);
        }
        let (pending, first) = {
            let mut calls = lock(&self.calls);
            let first = calls.closed.is_none();
            calls.closed.get_or_insert_with(|| reason.clone());
            (std::mem::take(&mut calls.pending), first)
        };
        if let Some(log) = self.wire_log.as_ref().filter(|_| first && !self.left.load(Ordering::Relaxed)) {
            log.ended(&reason);
        }
        for (_, call) in pending {
            drop(call.waiting.send(Err(NoResult::Closed(reason.clone()))));
        }
        for session in self.sessions.take_all() {
            session.end(Some(reason.clone()));
        }
        self.requests.cancel_all();
        self.notices.end(Ended::Connection(reason.clone()));
        self.closed.send_if_modified(|closed| {
            let first = closed.is_none();
            closed.get_or_insert(reason);
            first
        });
        self.end();
    }
}

/// The session that a call is about.
pub(crate) fn session_of(params: &str) -> Option<String> {
    let [session] = peek::pick(params, ["sessionId"]).ok()?;
    peek::string(session?).map(|id| id.into_owned())
}

/// A JSON-RPC message of these parts.
fn message(id: Option<&str>, rest: &str) -> String {
    match id {
        Some(id) => format!(r#"{{"jsonrpc":"2.0","id":{id},{rest}}}"#),
        None => format!(r#"{{"jsonrpc":"2.0",{rest}}}"#),
    }
}

/// The part of a message that holds an error.
fn error_body(error: &RpcError) -> String {
    let data = match &error.data {
        Some(json) if serde_json::from_str::<&RawValue>(json).is_ok() => format!(r#","data":{json}"#),
        Some(text) => format!(r#","data":{}"#, quote(text)),
        None => String::new(),
    };
    format!(r#""error":{{"code":{},"message":{}{data}}}"#, error.code, quote(&error.message))
}
