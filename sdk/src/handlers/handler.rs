//! Answering the requests that the CLI makes on us, whatever becomes of the code that answers.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::call;
use crate::call::Caller;
use crate::handlers::reply::{self, IntoReply};
use crate::rpc::ClientMethod;
use crate::rpc::RpcError;
use crate::rpc::connection::Connection;
use crate::rpc::in_flight;
use crate::server_rpc::ServerRpc;
use crate::session::state::SessionState;
use crate::session_rpc::SessionRpc;
use crate::wire::{self, Wire};

/// Code that answers requests of one method: params in, the result's JSON out.
pub(crate) type Handler<Context> = Arc<dyn Fn(Box<str>, Context) -> Answering + Send + Sync>;
pub(crate) type Answering = Pin<Box<dyn Future<Output = Result<String, RpcError>> + Send>>;

/// Whom a handler works for.
pub(crate) trait Serves: Send + 'static {
    /// How long a handler may take.
    fn limit(&self) -> Option<Duration>;
}

/// Gives typed code the form all handlers have.
#[inline]
pub(crate) fn typed<M, Context, F, Fut>(handle: F) -> Handler<Context>
where
    M: ClientMethod,
    Context: Serves,
    F: Fn(M::Params, Context) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<M::Result, RpcError>> + Send + 'static,
{
    let handle = Arc::new(handle);
    Arc::new(move |params, context| {
        let handle = Arc::clone(&handle);
        Box::pin(async move {
            let params = decode::<M>(&params)?;
            let result = reply::caught(context.limit(), || handle(params, context)).await;
            let result = result.map_err(|failure| RpcError::new(RpcError::INTERNAL_ERROR, failure))?;
            result.map(|result| result_json(&result))
        })
    })
}

/// The same for code that answers with less than the whole result.
#[inline]
pub(crate) fn replying<M, F, Fut>(handle: F) -> Handler<HandlerContext>
where
    M: ClientMethod,
    F: Fn(M::Params, HandlerContext) -> Fut + Send + Sync + 'static,
    Fut: Future<Output: IntoReply<M::Result>> + Send + 'static,
{
    let handle = Arc::new(handle);
    Arc::new(move |params, context| {
        let handle = Arc::clone(&handle);
        Box::pin(async move {
            let params = decode::<M>(&params)?;
            let result = reply::replied(context.limit(), || handle(params, context)).await;
            let result = result.map_err(|failure| RpcError::new(RpcError::INTERNAL_ERROR, failure));
            result.map(|result| result_json(&result))
        })
    })
}

/// A result as JSON: nothing is `null`, as a result may be, where nothing in params is an empty object.
fn result_json(result: &dyn Wire) -> String {
    if result.is_absent() { "null".to_owned() } else { wire::to_json(result) }
}

#[inline]
pub(crate) fn decode<M: ClientMethod>(params: &str) -> Result<M::Params, RpcError> {
    wire::from_json(params).map_err(|error| RpcError::new(RpcError::INVALID_PARAMS, error.to_string()))
}

/// The session a handler works for.
#[derive(Clone)]
pub struct HandlerContext {
    pub(crate) session: Arc<SessionState>,
}

impl HandlerContext {
    /// The session's id.
    pub fn session_id(&self) -> &str {
        self.session.id()
    }

    /// Calls on the session. A handler runs beside the reader, so it may wait for them.
    pub fn rpc(&self) -> SessionRpc<'_> {
        SessionRpc(self.session.caller())
    }
}

impl Serves for HandlerContext {
    fn limit(&self) -> Option<Duration> {
        self.session.handler_limit()
    }
}

impl std::fmt::Debug for HandlerContext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HandlerContext").field("session_id", &self.session_id()).finish_non_exhaustive()
    }
}

/// The client a handler works for that was registered with the client.
#[derive(Clone)]
pub struct ClientContext {
    caller: Caller,
    session_id: Option<Box<str>>,
}

impl ClientContext {
    pub(crate) fn new(connection: Arc<Connection>, session_id: Option<&str>) -> Self {
        Self { caller: Caller::new(connection, None), session_id: session_id.map(Into::into) }
    }

    /// The session that the request names, if it names one.
    pub fn session_id(&self) -> Option<&str> {
        self.session_id.as_deref()
    }

    /// Calls on the CLI. A handler runs beside the reader, so it may wait for them.
    pub fn rpc(&self) -> ServerRpc<'_> {
        ServerRpc(&self.caller)
    }
}

impl Serves for ClientContext {
    fn limit(&self) -> Option<Duration> {
        self.caller.connection().handler_limit()
    }
}

impl std::fmt::Debug for ClientContext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientContext").field("session_id", &self.session_id).finish_non_exhaustive()
    }
}

/// Makes the answer of a request that failed, where to the CLI an error would be as good as a yes.
pub(crate) type OnFailure = fn(RpcError) -> Result<String, RpcError>;

/// The answer owed to one request. Dropped without one, as when the handler panics or the session ends, it
/// answers with an error. Whatever the failure, and whoever the handler belongs to, `on_failure` has the last
/// word.
pub(crate) struct Answer {
    connection: Arc<Connection>,
    id: String,
    /// The key of the request in the tables of requests at work.
    key: String,
    /// The number of its handler.
    number: u64,
    session: Option<Arc<SessionState>>,
    on_failure: Option<OnFailure>,
    given: bool,
}

impl Answer {
    pub fn new(connection: &Arc<Connection>, id: &str, on_failure: Option<OnFailure>) -> Self {
        let number = in_flight::number();
        let key = connection.requests().begin_as(id, number);
        let (connection, id) = (Arc::clone(connection), id.to_owned());
        Self { connection, id, key, number, session: None, on_failure, given: false }
    }

    pub fn give(mut self, answer: Result<String, RpcError>) {
        self.send(answer);
    }

    /// Runs the code that answers, until it is done, or its session is, or the CLI wants no answer any more.
    pub fn run(
        mut self,
        session: Option<Arc<SessionState>>,
        call: impl FnOnce() -> Answering + Send + 'static,
    ) {
        let (connection, key, number) = (Arc::clone(&self.connection), self.key.clone(), self.number);
        if let Some(session) = &session {
            session.requests().begin(&key, number);
        }
        self.session.clone_from(&session);
        let task = in_flight::spawn(connection.runtime(), number, async move { self.give(call().await) });
        if let Some(session) = session {
            session.requests().set(&key, task.clone());
        }
        connection.requests().set(&key, task);
    }

    fn send(&mut self, answer: Result<String, RpcError>) {
        self.given = true;
        self.connection.requests().end(&self.key);
        if let Some(session) = &self.session {
            session.requests().end(&self.key);
        }
        self.connection.respond(&self.id, &settled(answer, self.on_failure));
    }
}

/// The answer in its last form: what cannot be sent is a failure, and a failure is what `on_failure` says.
pub(crate) fn settled(
    answer: Result<String, RpcError>,
    on_failure: Option<OnFailure>,
) -> Result<String, RpcError> {
    let sendable = |result: String| match call::check_depth(&result) {
        Ok(()) => Ok(result),
        Err(error) => Err(RpcError::new(RpcError::INTERNAL_ERROR, error.to_string())),
    };
    match (answer.and_then(sendable), on_failure) {
        (Err(error), Some(on_failure)) => {
            tracing::warn!(%error, "a handler failed, so the answer is no");
            on_failure(error)
        }
        (answer, _) => answer,
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        if self.given {
            return;
        }
        let error = match self.connection.requests().end(&self.key) {
            true => RpcError::new(RpcError::INTERNAL_ERROR, "the handler ended without an answer"),
            false => RpcError::new(RpcError::REQUEST_CANCELLED, "the request was cancelled"),
        };
        self.send(Err(error));
    }
}
