//! What the connection knows of a session: who handles what, and who watches.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::time::Duration;

use crate::call::Caller;
use crate::call::life::Life;
use crate::error::{Closed, Error};
use crate::events::SessionEvent;
use crate::events::dedup::Repeats;
use crate::events::notifications::Notices;
use crate::events::stream::{Ended, Events, Observers};
use crate::handlers::event_request::Ask;
use crate::handlers::handler::{Handler, HandlerContext};
use crate::handlers::tool::{self, Tool};
use crate::rpc::connection::Connection;
use crate::rpc::in_flight::{EventRequests, Running};
use crate::runtime::aside::release;
use crate::runtime::lock;
use crate::runtime::timer::{self, Sleep};
use crate::session::capabilities::Known;
use crate::version::{CliVersion, Feature};
use crate::wire::peek;

/// The part of a session that lives as long as the CLI may speak of it.
pub(crate) struct SessionState {
    life: Arc<Life>,
    caller: Caller,
    versions: CliVersion,
    observers: Arc<Observers<SessionEvent>>,
    repeats: Mutex<Repeats>,
    notices: Notices,
    /// Shared with who looks into them, so that the last share can be let go of aside.
    handlers: Mutex<Arc<Handlers>>,
    running: EventRequests,
    requests: Running,
    capabilities: Mutex<Known>,
    /// As the CLI last told it, or as it was configured.
    working_directory: Mutex<Option<Arc<str>>>,
    /// The session that took the place of this one.
    successor: OnceLock<Weak<SessionState>>,
    /// Held while a shell command is started.
    shell_start: tokio::sync::Mutex<()>,
    /// Held while the tools are replaced.
    tools_change: tokio::sync::Mutex<()>,
}

/// What this client does for the session.
#[derive(Clone, Default)]
pub(crate) struct Handlers {
    pub tools: HashMap<String, Tool>,
    /// By method.
    pub requests: HashMap<&'static str, Handler<HandlerContext>>,
    /// By the kind of event that asks.
    pub broadcasts: HashMap<&'static str, Ask>,
    /// How long each may take.
    pub limit: Option<Duration>,
}

impl Handlers {
    /// These, with more tools. Of two with one name the new one counts.
    pub fn with_tools(&self, new: &HashMap<String, Tool>) -> Self {
        let mut both = self.clone();
        both.tools.extend(new.clone());
        both
    }
}

impl SessionState {
    pub fn new(
        id: String,
        connection: Arc<Connection>,
        versions: CliVersion,
        handlers: Handlers,
    ) -> Arc<Self> {
        let life = Arc::new(Life::new(id));
        let runtime = connection.runtime().clone();
        let observers = Observers::with_backlog(runtime.clone());
        Arc::new(Self {
            caller: Caller::new(connection, Some(Arc::clone(&life))),
            life,
            versions,
            observers,
            repeats: Mutex::default(),
            notices: Notices::new(runtime),
            handlers: Mutex::new(Arc::new(handlers)),
            running: EventRequests::default(),
            requests: Running::default(),
            capabilities: Mutex::default(),
            working_directory: Mutex::default(),
            successor: OnceLock::new(),
            shell_start: tokio::sync::Mutex::default(),
            tools_change: tokio::sync::Mutex::default(),
        })
    }

    pub fn id(&self) -> &str {
        self.life.id()
    }

    /// Whether it still is a session.
    pub fn life(&self) -> &Life {
        &self.life
    }

    /// Refuses what a handle of the user may not do any more.
    pub fn check(&self) -> Result<(), Error> {
        self.life.check_handle()
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
        lock(&self.handlers).limit
    }

    /// The handler of a method, and the session whose it is: this one, or the one that took its place.
    pub fn handler(self: Arc<Self>, method: &str) -> Option<(Arc<Self>, Handler<HandlerContext>)> {
        let handler = self.look(|handlers| handlers.requests.get(method).cloned());
        match handler {
            Some(handler) => Some((self, handler)),
            None => self.successor()?.handler(method),
        }
    }

    /// Looks into the handlers without the lock. They may be taken away meanwhile, and what they have captured
    /// must not be dropped by the reader, which is who looks.
    fn look<R>(&self, look: impl FnOnce(&Handlers) -> R) -> R {
        let handlers = Arc::clone(&lock(&self.handlers));
        let found = look(&handlers);
        release(handlers);
        found
    }

    /// Changes the handlers in one step, so that no request finds less than there was before or is after it,
    /// and gives those there were. A session that is over keeps none.
    pub fn change_handlers(&self, change: impl FnOnce(&Handlers) -> Handlers) -> Handlers {
        let mut handlers = lock(&self.handlers);
        if self.life.ended().is_some() {
            return Handlers::default();
        }
        let changed = Arc::new(change(&handlers));
        let old = std::mem::replace(&mut *handlers, changed);
        drop(handlers);
        Arc::unwrap_or_clone(old)
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
        // A sub-agent may work elsewhere.
        if event.agent_id().is_some() {
            return;
        }
        let [context, cwd] = peek::pick(event.raw_data(), ["context", "cwd"]).unwrap_or_default();
        let [inner] = context.map_or(Ok([None]), |context| peek::pick(context, ["cwd"])).unwrap_or_default();
        if let Some(directory) = inner.or(cwd).and_then(peek::string) {
            self.set_working_directory(&directory);
        }
    }

    /// Waits for this time, counted from the call.
    pub fn sleep(&self, limit: Duration) -> Sleep {
        Box::pin(timer::sleep(self.caller.connection().runtime().clone(), limit))
    }

    /// Held while a shell command is started.
    pub fn shell_start(&self) -> &tokio::sync::Mutex<()> {
        &self.shell_start
    }

    /// Held while the tools are replaced.
    pub fn tools_change(&self) -> &tokio::sync::Mutex<()> {
        &self.tools_change
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

    /// Whether the CLI sent an event before. One that asks is another event when it asks for something else, whatever
    /// its id: nobody would answer it.
    fn is_repeated(&self, event: &SessionEvent) -> bool {
        let asks =
            [".requested", "_required", ".execute"].iter().any(|ending| event.kind().ends_with(ending));
        if !asks {
            return lock(&self.repeats).has_seen(event.id());
        }
        let [request] = peek::pick(event.raw_data(), ["requestId"]).unwrap_or_default();
        let id = if event.id().is_empty() { String::new() } else { format!("{} {request:?}", event.id()) };
        lock(&self.repeats).has_seen(&id)
    }

    /// Takes a live event: answers what it asks, then shows it to all who watch.
    pub fn deliver(self: &Arc<Self>, event: SessionEvent) {
        if self.is_repeated(&event) {
            return tracing::debug!(id = event.id(), "the CLI sent an event again");
        }
        match event.kind() {
            "capabilities.changed" => lock(&self.capabilities).change(event.raw_data()),
            "abort" if !self.versions.has(Feature::AbortCompletesTools) => drop(self.running.cancel_all()),
            "session.idle" => lock(&self.repeats).forget(),
            "session.start" | "session.resume" | "session.context_changed" => self.moved(&event),
            kind if kind.ends_with(".completed") || kind.ends_with("_completed") => self.completed(&event),
            _ => self.ask(&event),
        }
        self.observers.push(event.clone());
        // Whoever took the place of this session meanwhile ended its handlers and observers, perhaps before they
        // saw the event.
        if let Some(successor) = self.successor() {
            successor.deliver(event);
        }
    }

    /// Tells observers of an event that came and cannot be read.
    pub fn miss(&self) {
        self.observers.push(SessionEvent::missing(1));
    }

    /// Has an event answered that asks something of a client.
    pub fn ask(self: &Arc<Self>, event: &SessionEvent) {
        if event.kind() == "external_tool.requested" {
            return self.look(|handlers| tool::requested(self, &handlers.tools, event));
        }
        self.look(|handlers| {
            if let Some(ask) = handlers.broadcasts.get(event.kind()) {
                ask(self, event);
            }
        });
    }

    /// A request that was answered, by whomever, or has become void needs no answer of ours.
    fn completed(&self, event: &SessionEvent) {
        let [request] = peek::pick(event.raw_data(), ["requestId"]).unwrap_or_default();
        if let Some(request) = request.and_then(peek::string) {
            self.running.cancel(&EventRequests::key(event.kind(), &request));
        }
    }

    /// Takes the handlers of a session that does not come to be.
    pub fn take_handlers(&self) -> Handlers {
        let handlers = std::mem::take(&mut *lock(&self.handlers));
        Arc::unwrap_or_clone(handlers)
    }

    fn successor(&self) -> Option<Arc<Self>> {
        self.successor.get()?.upgrade()
    }

    /// Ends the session since another takes its place, which is asked again what its handlers worked on.
    pub fn give_way(&self, successor: &Arc<Self>) {
        // Before the end, so that the reader finds the successor when it does not find this session's handlers.
        drop(self.successor.set(Arc::downgrade(successor)));
        for event in self.end(None) {
            successor.ask(&event);
        }
    }

    /// Frees what the session held, ends the handlers at work, and tells its observers that it is over. Gives
    /// the events that asked what those handlers worked on.
    pub fn end(&self, closed: Option<Closed>) -> Vec<SessionEvent> {
        let ended = closed.map_or(Ended::Session, Ended::Connection);
        self.life.end(ended.clone());
        let handlers = std::mem::take(&mut *lock(&self.handlers));
        release(handlers);
        let asked = self.running.cancel_all();
        self.requests.cancel_all();
        self.notices.end(ended.clone());
        self.observers.end(ended);
        asked
    }
}
