//! The response owed to a request of the peer.

use std::sync::Arc;

use crate::rpc::RpcError;
use crate::rpc::connection::Connection;
use crate::rpc::message::check_depth;

/// Makes the result of a request that failed, for requests where an error would count as consent.
pub(crate) type OnFailure = fn() -> String;

/// The response owed to a request. If it is dropped without one, because its handler panicked or its
/// session ended, it responds with an error. Every failure passes through `on_failure`.
pub(crate) struct Responder {
    connection: Arc<Connection>,
    id: Box<str>,
    /// The number of the request in [`InFlight`](crate::rpc::in_flight::InFlight).
    number: u64,
    on_failure: Option<OnFailure>,
    is_done: bool,
}

impl Responder {
    /// Registers the request with this id, which is JSON.
    pub(super) fn new(connection: &Arc<Connection>, id: &str) -> Self {
        let number = connection.in_flight.begin(Some(id));
        let connection = Arc::clone(connection);
        Self { connection, id: id.into(), number, on_failure: None, is_done: false }
    }

    /// Sets the conversion of failures.
    pub fn on_failure(mut self, on_failure: Option<OnFailure>) -> Self {
        self.on_failure = on_failure;
        self
    }

    /// Sends the response.
    pub fn respond(mut self, result: Result<String, RpcError>) {
        self.send(result);
    }

    /// Spawns a handler and responds with its result. The handler is dropped when the request is cancelled,
    /// or when the session with the number `owner` ends.
    pub fn run<F>(self, owner: Option<u64>, handler: impl FnOnce() -> F + Send + 'static)
    where
        F: Future<Output = Result<String, RpcError>> + Send,
    {
        let (connection, number) = (Arc::clone(&self.connection), self.number);
        let task = async move { self.respond(handler().await) };
        connection.in_flight.spawn(number, owner, &connection.runtime, task);
    }

    /// Sends the response. A result that cannot be sent is a failure.
    fn send(&mut self, result: Result<String, RpcError>) {
        self.is_done = true;
        self.connection.in_flight.end(self.number);
        let sendable = result.and_then(|result| match check_depth(&result) {
            Ok(()) => Ok(result),
            Err(error) => Err(error.to_string().into()),
        });
        let response = match (sendable, self.on_failure) {
            (Err(error), Some(on_failure)) => {
                tracing::warn!(%error, "a handler failed, so the response is a refusal");
                Ok(on_failure())
            }
            (result, _) => result,
        };
        self.connection.respond(&self.id, &response);
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        if self.is_done {
            return;
        }
        let error = match self.connection.in_flight.end(self.number) {
            true => RpcError::new(RpcError::INTERNAL_ERROR, "the handler ended without a response"),
            false => RpcError::new(RpcError::REQUEST_CANCELLED, "the request was cancelled"),
        };
        self.send(Err(error));
    }
}
