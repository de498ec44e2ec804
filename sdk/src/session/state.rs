//! The state of a session: its handlers, its subscribers, and what the CLI last reported of it.

use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::time::Duration;

use crate::call::{Caller, life::Life, peer::Peer};
use crate::error::Error;
use crate::events::stream::{Ended, Subscribers};
use crate::events::{SessionEvent, dedup::SeenEvents, notifications::NotificationSubscribers};
use crate::generated::{event_requests, kind};
use crate::handlers::context::{HandlerContext, Scope};
use crate::handlers::event_request::{EventRequests, Request};
use crate::handlers::{handler::Handler, registry::Handlers, tool};
use crate::runtime::{aside::release, lock, timer, timer::Sleep};
use crate::session::capabilities::KnownCapabilities;
use crate::session::turn::prompts::Prompts;
use crate::version::{CliVersion, Feature};
use crate::wire::{peek, peek::keys, quote};

/// The part of a session that lives as long as the CLI may speak of it.
pub(crate) struct SessionState {
    /// The part that handlers use.
    pub scope: Arc<Scope>,
    pub subscribers: Arc<Subscribers>,
    /// The prompts of this client.
    pub prompts: Arc<Prompts>,
    seen: Mutex<SeenEvents>,
    pub notifications: NotificationSubscribers,
    /// Shared, so that the reader need not drop the last reference.
    handlers: Mutex<Arc<Handlers>>,
    /// The capabilities, as far as they are known.
    pub capabilities: Mutex<KnownCapabilities>,
    /// The session that took the place of this one.
    successor: OnceLock<Weak<SessionState>>,
    /// The lock that is held while a shell command is started.
    pub shell_start: tokio::sync::Mutex<()>,
    /// The lock that is held while the handlers are replaced.
    changing: tokio::sync::Mutex<()>,
}

impl SessionState {
    pub fn new(id: String, peer: &Arc<Peer>, handlers: Handlers) -> Arc<Self> {
        let runtime = peer.runtime().clone();
        Arc::new(Self {
            scope: Arc::new(Scope::new(id, peer)),
            subscribers: Subscribers::new(runtime.clone()),
            prompts: Arc::default(),
            seen: Mutex::default(),
            notifications: NotificationSubscribers::new(runtime),
            handlers: Mutex::new(Arc::new(handlers)),
            capabilities: Mutex::default(),
            successor: OnceLock::new(),
            shell_start: tokio::sync::Mutex::default(),
            changing: tokio::sync::Mutex::default(),
        })
    }

    pub fn id(&self) -> &str {
        self.scope.id()
    }

    pub fn life(&self) -> &Life {
        &self.scope.life
    }

    /// Returns an error if a user's handle may send nothing more.
    pub fn check(&self) -> Result<(), Error> {
        self.life().check_handle()
    }

    pub fn caller(&self) -> &Caller {
        &self.scope.caller
    }

    pub fn peer(&self) -> &Arc<Peer> {
        self.scope.peer()
    }

    pub fn version(&self) -> &CliVersion {
        self.scope.version()
    }

    /// Returns the handler of a method with its context, from this session or from its successor.
    pub fn handler(self: Arc<Self>, method: &str) -> Option<(HandlerContext, Handler<HandlerContext>)> {
        let found = self.look(|handlers| {
            let handler = handlers.requests.get(method).cloned()?;
            Some((HandlerContext::new(&self.scope, handlers.timeout), handler))
        });
        found.or_else(|| self.successor()?.handler(method))
    }

    /// Runs a closure on the handlers without the lock. If they are replaced meanwhile, they are not dropped here,
    /// since this may be the reader, which must run no user code.
    fn look<R>(&self, look: impl FnOnce(&Handlers) -> R) -> R {
        let handlers = Arc::clone(&lock(&self.handlers));
        let found = look(&handlers);
        release(handlers);
        found
    }

    /// Replaces the handlers, and makes the call that announces them to the CLI. If the CLI refuses, the old ones stay.
    pub async fn change_handlers<T>(
        &self,
        change: impl FnOnce(&Handlers) -> Handlers,
        call: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        // One change at a time, so that the tools here are those that the CLI was sent last.
        let _changing = self.changing.lock().await;
        let old = Arc::clone(&lock(&self.handlers));
        let new = change(&old);
        // The CLI may call the new tools before it responds, and the old ones until then.
        let mut both = Handlers { tools: old.tools.clone(), ..new.clone() };
        both.tools.extend(new.tools.clone());
        self.set_handlers(Arc::new(both));
        let result = call.await;
        match &result {
            Ok(_) => self.set_handlers(Arc::new(new)),
            // The CLI may have accepted the new ones nevertheless.
            Err(Error::Decode { .. }) => {}
            Err(_) => self.set_handlers(Arc::clone(&old)),
        }
        release(old);
        result
    }

    /// Sets the handlers in one step, so that each request finds the old or the new ones, unless the session has
    /// ended.
    fn set_handlers(&self, new: Arc<Handlers>) {
        let mut handlers = lock(&self.handlers);
        if self.life().ended().is_none() {
            let old = std::mem::replace(&mut *handlers, new);
            drop(handlers);
            release(old);
        }
    }

    /// Returns the handled events that the CLI sends only to clients that register for them.
    pub fn interests(&self) -> Vec<&'static str> {
        const ON_REQUEST: [&str; 3] =
            [kind::MCP_OAUTH_REQUIRED, kind::SAMPLING_REQUESTED, kind::SESSION_LIMITS_EXHAUSTED_REQUESTED];
        self.look(|handlers| {
            ON_REQUEST.into_iter().filter(|kind| handlers.event_requests.contains_key(kind)).collect()
        })
    }

    /// Returns a timer that elapses after this time.
    pub fn sleep(&self, limit: Duration) -> Sleep {
        Box::pin(timer::sleep(self.peer().runtime().clone(), limit))
    }

    /// Returns true if the CLI sent an event before. An event request with another `requestId` is another event,
    /// whatever its id, since it needs an answer.
    fn is_repeated(&self, event: &SessionEvent, request: Option<&Request<'_>>) -> bool {
        lock(&self.seen).has_seen(event.id(), request.and_then(Request::any_id))
    }

    /// Dispatches a live event: starts its handler if it is a request, then publishes it.
    pub fn deliver(&self, event: SessionEvent) {
        let kind = event.kind();
        let request = event_requests::is_request(kind).then(|| Request::read(&event));
        if self.is_repeated(&event, request.as_ref()) {
            return tracing::debug!(id = event.id(), "the CLI repeated an event");
        }
        match kind {
            kind::CAPABILITIES_CHANGED => {
                lock(&self.capabilities).change(KnownCapabilities::of_event(event.raw_data()));
            }
            kind::ABORT if !self.version().has(Feature::AbortCompletesTools) => {
                drop(self.cancel_event_requests())
            }
            kind::SESSION_IDLE => {
                lock(&self.seen).clear();
                self.trace_idle(&event);
            }
            kind::ASSISTANT_TURN_START if event.agent_id().is_none() => self.scope.turn.set_working(true),
            kind::USER_MESSAGE if event.agent_id().is_none() => self.trace_prompt(&event),
            // A sub-agent may work elsewhere.
            kind::SESSION_START | kind::SESSION_RESUME | kind::SESSION_CONTEXT_CHANGED
                if event.agent_id().is_none() =>
            {
                self.scope.report_working_directory(&event);
            }
            kind => match &request {
                Some(request) => self.handle(request),
                None if event_requests::completed_by(kind).is_some() => self.complete(&event),
                None => {}
            },
        }
        self.subscribers.push(event.clone());
        // A successor has ended the handlers and subscribers of this session, perhaps before they received the event.
        if let Some(successor) = self.successor() {
            successor.deliver(event);
        }
    }

    /// Makes the span of the next turn the parent of what follows.
    fn trace_idle(&self, event: &SessionEvent) {
        self.scope.turn.set_working(false);
        let next = self.prompts.next_span();
        // The idle of an earlier abort may arrive when the next turn has already begun.
        let is_late = || event.pick(keys!(IdleData, ["aborted"])) == [Some("true")];
        if next.strong_count() > 0 || self.scope.turn.is_alive() && !is_late() {
            self.scope.turn.set(next);
        }
    }

    /// Makes the span of a prompt that the agent starts the parent of what follows. A prompt that joins the work of a
    /// turn, or one of the CLI itself, such as that of a hook, continues the turn.
    fn trace_prompt(&self, event: &SessionEvent) {
        self.scope.turn.set_working(true);
        if !self.prompts.are_traced() {
            return;
        }
        let picked = event.pick(keys!(UserMessageData, ["messageId", "content", "interactionId"]));
        let [id, text, interaction] = picked.map(|raw| raw.and_then(peek::string));
        let joins = self.scope.turn.joins(interaction.as_deref()) && self.scope.turn.is_alive();
        if let Some(turn) = self.prompts.start(id.as_deref(), text.as_deref()).filter(|_| !joins) {
            self.scope.turn.set(turn);
        }
    }

    /// Publishes a marker for an event that cannot be read.
    pub fn report_missed(&self) {
        self.subscribers.push(SessionEvent::missed_marker(1));
    }

    /// Starts the handler of an event that is a request, if there is one.
    pub fn handle_event_request(&self, event: &SessionEvent) {
        self.handle(&Request::read(event));
    }

    /// Refuses a request whose event can be read only at the start of its data, if there is a handler for it.
    pub fn refuse(&self, kind: &str, data: &str) {
        let Ok(event) = SessionEvent::from_json(format!(r#"{{"type":{}}}"#, quote(kind))) else { return };
        self.handle(&Request::read_start(&event, data));
    }

    fn handle(&self, request: &Request<'_>) {
        self.look(|handlers| {
            let context = || HandlerContext::new(&self.scope, handlers.timeout);
            let kind = request.event.kind();
            if kind == kind::EXTERNAL_TOOL_REQUESTED {
                tool::requested(&context(), &handlers.tools, request);
            } else if let Some(handler) = handlers.event_requests.get(kind) {
                handler(&context(), request);
            }
        });
    }

    /// Cancels the handler of an event request that a client has answered or the CLI has withdrawn.
    fn complete(&self, event: &SessionEvent) {
        let [id] = event.pick([event_requests::ID]);
        let Some(id) = id.and_then(peek::string) else { return };
        let key = EventRequests::key(event.kind(), &id);
        if let Some((number, _)) = self.scope.event_requests.take(key) {
            self.peer().connection.in_flight.cancel(number);
        }
    }

    /// Cancels the handlers of all event requests and returns the events.
    fn cancel_event_requests(&self) -> Vec<SessionEvent> {
        let in_flight = &self.peer().connection.in_flight;
        let cancel = |(number, event)| {
            in_flight.cancel(number);
            event
        };
        self.scope.event_requests.take_all().into_iter().map(cancel).collect()
    }

    /// Takes the handlers out of a session that is not opened.
    pub fn take_handlers(&self) -> Handlers {
        let handlers = std::mem::take(&mut *lock(&self.handlers));
        Arc::unwrap_or_clone(handlers)
    }

    fn successor(&self) -> Option<Arc<Self>> {
        self.successor.get()?.upgrade()
    }

    /// Ends the session in favour of its successor, which handles the event requests that were in flight.
    pub fn give_way(&self, successor: &Arc<Self>) {
        // Before the end, so that the reader finds the successor once this session has no handlers.
        drop(self.successor.set(Arc::downgrade(successor)));
        for event in self.end(Ended::Session) {
            successor.handle_event_request(&event);
        }
    }

    /// Ends the session with its handlers and subscriptions. Returns the event requests that were in flight.
    pub fn end(&self, ended: Ended) -> Vec<SessionEvent> {
        self.life().end(ended.clone());
        let handlers = std::mem::take(&mut *lock(&self.handlers));
        release(handlers);
        let cancelled = self.cancel_event_requests();
        self.peer().connection.in_flight.end_owner(self.scope.number);
        self.notifications.end(ended.clone());
        self.subscribers.end(ended);
        cancelled
    }
}
