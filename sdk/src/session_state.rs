//! What the connection knows of a session: who handles what, and who watches.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use crate::aside::drop_aside;
use crate::broadcast::Ask;
use crate::capabilities::Known;
use crate::connection::{Connection, lock};
use crate::error::Closed;
use crate::event::SessionEvent;
use crate::events::{Ended, Events, Observers};
use crate::handler::{Handler, HandlerContext};
use crate::json;
use crate::notices::Notices;
use crate::repeats::Repeats;
use crate::rpc::Caller;
use crate::running::{EventRequests, Running};
use crate::tool::{self, Tool};
use crate::versions::{CliVersion, Feature};

/// The part of a session that lives as long as the CLI may speak of it.
pub(crate) struct SessionState {
    id: Arc<str>,
    caller: Caller,
    versions: CliVersion,
    observers: Arc<Observers<SessionEvent>>,
    repeats: Mutex<Repeats>,
    notices: Notices,
    handlers: Mutex<Handlers>,
    handler_limit: Option<Duration>,
    running: EventRequests,
    requests: Running,
    capabilities: Mutex<Known>,
    /// As the CLI last told it, or as it was configured.
    working_directory: Mutex<Option<Arc<str>>>,
    ended: OnceLock<Ended>,
    /// Held while a shell command is started.
    shell_start: tokio::sync::Mutex<()>,
    /// Held while the tools are replaced.
    tools_change: tokio::sync::Mutex<()>,
}

/// What this client does for the session.
#[derive(Default)]
pub(crate) struct Handlers {
    pub tools: HashMap<String, Tool>,
    /// By method.
    pub requests: HashMap<&'static str, Handler<HandlerContext>>,
    /// By the kind of event that asks.
    pub broadcasts: HashMap<&'static str, Ask>,
    /// How long each may take.
    pub limit: Option<Duration>,
}

impl SessionState {
    pub fn new(
        id: String,
        connection: Arc<Connection>,
        versions: CliVersion,
        handlers: Handlers,
    ) -> Arc<Self> {
        let id: Arc<str> = id.into();
        let observers = Observers::with_backlog(Arc::clone(connection.gate()));
        Arc::new(Self {
            caller: Caller::new(connection, Some(Arc::clone(&id))),
            id,
            versions,
            observers,
            repeats: Mutex::default(),
            notices: Notices::default(),
            handler_limit: handlers.limit,
            handlers: Mutex::new(handlers),
            running: EventRequests::default(),
            requests: Running::default(),
            capabilities: Mutex::default(),
            working_directory: Mutex::default(),
            ended: OnceLock::new(),
            shell_start: tokio::sync::Mutex::default(),
            tools_change: tokio::sync::Mutex::default(),
        })
    }

    pub fn id(&self) -> &str {
        &self.id
    }

    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    pub fn versions(&self) -> &CliVersion {
        &self.versions
    }

    pub fn notices(&self) -> &Notices {
        &self.notices
    }

    /// The handlers at work on broadcast requests, by request.
    pub fn running(&self) -> &EventRequests {
        &self.running
    }

    /// The handlers at work on the CLI's JSON-RPC requests, by id.
    pub fn requests(&self) -> &Running {
        &self.requests
    }

    /// Lets the handler that calls this go on when its request ends.
    pub fn spare_current_handler(&self) {
        self.running.spare_current();
        self.requests.spare_current();
    }

    /// How long a handler may take.
    pub fn handler_limit(&self) -> Option<Duration> {
        self.handler_limit
    }

    pub fn handler(&self, method: &str) -> Option<Handler<HandlerContext>> {
        lock(&self.handlers).requests.get(method).cloned()
    }

    pub fn tool(&self, name: &str) -> Option<Tool> {
        lock(&self.handlers).tools.get(name).cloned()
    }

    /// Replaces the tools, and gives those there were.
    pub fn replace_tools(&self, tools: HashMap<String, Tool>) -> HashMap<String, Tool> {
        std::mem::replace(&mut lock(&self.handlers).tools, tools)
    }

    /// What the CLI offers, as far as it has told.
    pub fn capabilities(&self) -> &Mutex<Known> {
        &self.capabilities
    }

    /// The folder the agent works in, as far as that is known.
    pub fn working_directory(&self) -> Option<Arc<str>> {
        lock(&self.working_directory).clone()
    }

    pub fn set_working_directory(&self, directory: &str) {
        *lock(&self.working_directory) = Some(directory.into());
    }

    /// Takes note of where the agent works, which these events tell.
    fn moved(&self, event: &SessionEvent) {
        let [context, cwd] = json::pick(event.raw_data(), ["context", "cwd"]).unwrap_or_default();
        let [inner] = context.map_or(Ok([None]), |context| json::pick(context, ["cwd"])).unwrap_or_default();
        if let Some(directory) = inner.or(cwd).and_then(json::string) {
            self.set_working_directory(&directory);
        }
    }

    /// Held while a shell command is started.
    pub fn shell_start(&self) -> &tokio::sync::Mutex<()> {
        &self.shell_start
    }

    /// Held while the tools are replaced.
    pub fn tools_change(&self) -> &tokio::sync::Mutex<()> {
        &self.tools_change
    }

    /// Why it is over, here or as a whole; none while it is not.
    pub fn ended(&self) -> Option<&Ended> {
        self.ended.get()
    }

    pub fn subscribe(&self) -> Events {
        self.observers.subscribe()
    }

    pub fn subscribe_from_now(&self) -> Events {
        self.observers.subscribe_from_now()
    }

    pub fn subscribe_aside(&self) -> Events {
        self.observers.subscribe_aside()
    }

    /// Takes a live event: answers what it asks, then shows it to all who watch.
    pub fn deliver(self: &Arc<Self>, event: SessionEvent) {
        if lock(&self.repeats).has_seen(event.id()) {
            return tracing::debug!(id = event.id(), "the CLI sent an event again");
        }
        match event.kind() {
            "capabilities.changed" => lock(&self.capabilities).change(event.raw_data()),
            "abort" if !self.versions.has(Feature::AbortCompletesTools) => self.running.cancel_all(),
            "session.idle" => lock(&self.repeats).forget(),
            "session.start" | "session.resume" | "session.context_changed" => self.moved(&event),
            kind if kind.ends_with(".completed") || kind.ends_with("_completed") => self.completed(&event),
            _ => self.ask(&event),
        }
        self.observers.push(event);
    }

    /// Tells observers of an event that came and cannot be read.
    pub fn miss(&self) {
        self.observers.push(SessionEvent::missing(1));
    }

    /// Has an event answered that asks something of a client.
    pub fn ask(self: &Arc<Self>, event: &SessionEvent) {
        if event.kind() == "external_tool.requested" {
            return tool::requested(self, event);
        }
        let ask = lock(&self.handlers).broadcasts.get(event.kind()).cloned();
        if let Some(ask) = ask {
            ask(self, event);
        }
    }

    /// A request that was answered, by whomever, or has become void needs no answer of ours.
    fn completed(&self, event: &SessionEvent) {
        let [request] = json::pick(event.raw_data(), ["requestId"]).unwrap_or_default();
        if let Some(request) = request.and_then(json::string) {
            self.running.cancel(&EventRequests::key(event.kind(), &request));
        }
    }

    /// Frees what the session held, ends the handlers at work, and tells its observers that it is over.
    pub fn end(&self, closed: Option<Closed>) {
        let ended = closed.map_or(Ended::Session, Ended::Connection);
        // The first reason stays.
        drop(self.ended.set(ended.clone()));
        let handlers = std::mem::take(&mut *lock(&self.handlers));
        drop_aside(handlers);
        self.running.cancel_all();
        self.requests.cancel_all();
        self.notices.end(ended.clone());
        self.observers.end(ended);
    }
}
