//! Answering the requests that the CLI makes on us, whatever becomes of the code that answers.

use std::pin::Pin;
use std::sync::Arc;

use crate::connection::Connection;
use crate::error::RpcError;
use crate::rpc::{Caller, ClientMethod};
use crate::session_rpc::SessionRpc;
use crate::session_state::SessionState;
use crate::wire;

/// A request of the CLI, for the code that answers it.
pub(crate) struct Incoming {
    pub params: Box<str>,
    pub session: Arc<SessionState>,
}

/// Code that answers requests of one method: params in, the result's JSON out.
pub(crate) type Handler =
    Arc<dyn Fn(Incoming) -> Pin<Box<dyn Future<Output = Result<String, RpcError>> + Send>> + Send + Sync>;

/// Gives typed code the form all handlers have.
pub(crate) fn typed<M, F, Fut>(handle: F) -> Handler
where
    M: ClientMethod,
    F: Fn(M::Params, HandlerContext) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<M::Result, RpcError>> + Send + 'static,
{
    Arc::new(move |incoming: Incoming| {
        let context = HandlerContext { session: incoming.session };
        let params = wire::from_json::<M::Params>(&incoming.params);
        let handling = params.map(|params| handle(params, context));
        Box::pin(async move {
            match handling {
                Ok(handling) => handling.await.map(|result| wire::to_json(&result)),
                Err(error) => Err(RpcError::new(RpcError::INVALID_PARAMS, error.to_string())),
            }
        })
    })
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
        SessionRpc(self.caller())
    }

    pub(crate) fn caller(&self) -> &Caller {
        self.session.caller()
    }
}

impl std::fmt::Debug for HandlerContext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HandlerContext").field("session_id", &self.session_id()).finish_non_exhaustive()
    }
}

/// The answer owed to one request. Dropped without one, as when the handler panics, it answers with an error.
pub(crate) struct Answer {
    connection: Arc<Connection>,
    id: Option<String>,
}

impl Answer {
    pub fn new(connection: Arc<Connection>, id: &str) -> Self {
        Self { connection, id: Some(id.to_owned()) }
    }

    pub fn give(mut self, answer: Result<String, RpcError>) {
        if let Some(id) = self.id.take() {
            self.connection.respond(&id, &answer);
        }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        if let Some(id) = self.id.take() {
            let error = RpcError::new(RpcError::INTERNAL_ERROR, "the handler ended without an answer");
            self.connection.respond(&id, &Err(error));
        }
    }
}
