//! The functions of the fake that accept names of methods and unchecked JSON.

use std::sync::Arc;

use serde_json::{Value, json};

use super::FakeCli;
use super::log::{Log, ReceivedCall};
use super::shared::Script;

/// The response to a request: the result, or the error object.
pub type RawResponse = Result<Value, Value>;

/// Creates the error object of a response.
pub fn error(code: i64, message: &str) -> Value {
    json!({"code": code, "message": message})
}

impl FakeCli {
    /// Like [`on`](Self::on): responds to this method with the closure from now on.
    pub fn on_raw(&self, method: &str, respond: impl Fn(&Value) -> RawResponse + Send + Sync + 'static) {
        self.0.script(method, Script::Respond(Arc::new(respond)));
    }

    /// Sends no response to this method. The test handles it with [`received_call`](Self::received_call)
    /// and [`reply`](Self::reply).
    pub fn hold(&self, method: &str) {
        self.0.script(method, Script::Hold);
    }

    /// Restores the default response to this method, without a delay.
    pub fn release(&self, method: &str) {
        self.0.release(method);
    }

    /// Responds to a held call. Calls may get responses in any order, and more than once.
    pub fn reply(&self, call: &ReceivedCall, response: RawResponse) {
        self.reply_as(call.id.clone(), response);
    }

    /// Sends a response with any id.
    pub fn reply_as(&self, id: Value, response: RawResponse) {
        self.0.respond_as(id, response);
    }

    /// Like [`notify`](Self::notify): sends a notification.
    pub fn notify_raw(&self, method: &str, params: Value) {
        self.0.notify(method, params);
    }

    /// Like [`request`](Self::request): sends a request to the client and waits for its response.
    ///
    /// # Panics
    /// If there is none within half of the fake's timeout.
    pub async fn request_raw(&self, method: &str, params: Value) -> RawResponse {
        self.request_as(json!(self.0.number()), method, params).await
    }

    /// Sends a request with any id and waits for the response.
    ///
    /// # Panics
    /// If there is none within half of the fake's timeout.
    pub async fn request_as(&self, id: Value, method: &str, params: Value) -> RawResponse {
        self.send_request(&id, method, params);
        self.received_response(&id, method).await
    }

    /// Sends a request with any id; [`received_response`](Self::received_response) returns the response.
    pub fn send_request(&self, id: &Value, method: &str, params: Value) {
        self.0.send(json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
    }

    /// Waits for the client's response to the request with this id.
    ///
    /// # Panics
    /// If there is none within half of the fake's timeout.
    pub async fn received_response(&self, id: &Value, method: &str) -> RawResponse {
        self.wait(&format!("the client's response to `{method}`"), |log| log.take_response(id)).await
    }

    /// Like [`received`](Self::received): the params of the next request of this method.
    ///
    /// # Panics
    /// If there is none within half of the fake's timeout.
    pub async fn received_raw(&self, method: &str) -> Value {
        self.received_call(method).await.params
    }

    /// Like [`received_raw`](Self::received_raw), with the id that [`reply`](Self::reply) needs.
    ///
    /// # Panics
    /// If there is none within half of the fake's timeout.
    pub async fn received_call(&self, method: &str) -> ReceivedCall {
        self.received_with(method, |_| true).await
    }

    /// Like [`received_call`](Self::received_call), for a request whose params match.
    ///
    /// # Panics
    /// If there is none within half of the fake's timeout.
    pub async fn received_with(&self, method: &str, wanted: impl Fn(&Value) -> bool) -> ReceivedCall {
        self.wait(&format!("the client's request `{method}`"), |log| log.take_call(method, &wanted)).await
    }

    /// Like [`calls`](Self::calls): the params of all requests of this method so far.
    pub fn calls_raw(&self, method: &str) -> Vec<Value> {
        self.0.log.borrow().calls(method)
    }

    pub(super) async fn wait<T>(&self, what: &str, find: impl FnMut(&mut Log) -> Option<T>) -> T {
        self.0.find(what, find).await.unwrap_or_else(|missing| panic!("{missing}"))
    }
}
