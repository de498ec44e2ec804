//! The session or client that a handler works for.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::call::Caller;
use crate::call::life::Life;
use crate::call::peer::Peer;
use crate::events::SessionEvent;
use crate::handlers::event_request::EventRequests;
use crate::rpc::in_flight;
use crate::runtime::lock;
use crate::server_rpc::ServerRpc;
use crate::session_rpc::SessionRpc;
use crate::trace::turn::CurrentTurn;
use crate::version::CliVersion;
use crate::wire::peek::{self, keys};

/// The part of a session that its handlers need, with its event requests.
pub(crate) struct Scope {
    pub life: Arc<Life>,
    pub caller: Caller,
    /// The owner number of its in-flight requests.
    pub number: u64,
    pub event_requests: EventRequests,
    /// The turn whose span is the parent of those of the handlers.
    pub turn: CurrentTurn,
    working_directory: Mutex<WorkingDirectory>,
}

/// The directory that the CLI last reported, or the configured one.
#[derive(Default)]
struct WorkingDirectory {
    known: Option<Arc<str>>,
    /// An event that may carry a newer one. It is read on demand.
    reported: Option<SessionEvent>,
}

impl WorkingDirectory {
    fn get(&mut self) -> Option<Arc<str>> {
        if let Some(directory) = self.reported.take().as_ref().and_then(directory_of) {
            self.known = Some(directory);
        }
        self.known.clone()
    }
}

/// Returns the working directory that an event carries.
fn directory_of(event: &SessionEvent) -> Option<Arc<str>> {
    // The data of `session.context_changed` is the context itself.
    let [context] = event.pick(keys!(StartData, ["context"]));
    let context = context.unwrap_or(event.raw_data());
    peek::text(context, keys!(WorkingDirectoryContext, ["cwd"])[0]).map(|directory| directory.into())
}

impl Scope {
    pub fn new(id: String, peer: &Arc<Peer>) -> Self {
        let life = Arc::new(Life::new(id));
        Self {
            caller: Caller::new(Arc::clone(peer), Some(Arc::clone(&life))),
            life,
            number: in_flight::number(),
            event_requests: EventRequests::default(),
            turn: CurrentTurn::default(),
            working_directory: Mutex::default(),
        }
    }

    /// The session's id.
    pub fn id(&self) -> &str {
        self.life.id()
    }

    pub fn peer(&self) -> &Arc<Peer> {
        &self.caller.peer
    }

    pub fn version(&self) -> &CliVersion {
        self.peer().version()
    }

    /// The working directory of the agent; none if it is not known.
    pub fn working_directory(&self) -> Option<Arc<str>> {
        lock(&self.working_directory).get()
    }

    pub fn set_working_directory(&self, directory: &str) {
        *lock(&self.working_directory) = WorkingDirectory { known: Some(directory.into()), reported: None };
    }

    /// Records an event that may carry the working directory.
    pub fn report_working_directory(&self, event: &SessionEvent) {
        let directory = &mut *lock(&self.working_directory);
        // If this one has none, the one before it still counts.
        directory.get();
        directory.reported = Some(event.clone());
    }
}

/// The session that a handler works for.
#[derive(Clone)]
pub struct HandlerContext {
    pub(crate) scope: Arc<Scope>,
    timeout: Option<Duration>,
}

impl HandlerContext {
    pub(crate) fn new(scope: &Arc<Scope>, timeout: Option<Duration>) -> Self {
        Self { scope: Arc::clone(scope), timeout }
    }

    /// The session's id.
    pub fn session_id(&self) -> &str {
        self.scope.id()
    }

    /// The typed methods of the session. A handler may wait for them, since it does not block the connection.
    pub fn rpc(&self) -> SessionRpc<'_> {
        SessionRpc(&self.scope.caller)
    }
}

impl std::fmt::Debug for HandlerContext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HandlerContext").field("session_id", &self.session_id()).finish_non_exhaustive()
    }
}

/// The client that a handler works for, if it was registered with the client.
#[derive(Clone)]
pub struct ClientContext {
    caller: Caller,
    session_id: Option<Box<str>>,
    timeout: Option<Duration>,
}

impl ClientContext {
    pub(crate) fn new(peer: &Arc<Peer>, session_id: Option<&str>, timeout: Option<Duration>) -> Self {
        let caller = Caller::new(Arc::clone(peer), None);
        Self { caller, session_id: session_id.map(Into::into), timeout }
    }

    /// The id of the session that the request names; none if it names none.
    pub fn session_id(&self) -> Option<&str> {
        self.session_id.as_deref()
    }

    /// The typed methods of the CLI. A handler may wait for them, since it does not block the connection.
    pub fn rpc(&self) -> ServerRpc<'_> {
        ServerRpc(&self.caller)
    }
}

impl std::fmt::Debug for ClientContext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientContext").field("session_id", &self.session_id).finish_non_exhaustive()
    }
}

/// The timeout of a handler, from its context.
pub trait HandlerTimeout: Send + 'static {
    /// Returns the timeout; none if there is none.
    fn timeout(&self) -> Option<Duration>;
}

impl HandlerTimeout for HandlerContext {
    fn timeout(&self) -> Option<Duration> {
        self.timeout
    }
}

impl HandlerTimeout for ClientContext {
    fn timeout(&self) -> Option<Duration> {
        self.timeout
    }
}
