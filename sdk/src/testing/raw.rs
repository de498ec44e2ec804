//! The functions of the fake that accept names of methods and unchecked JSON.

use std::sync::Arc;

use serde_json::{Value, json};

use super::FakeCli;
use super::log::ReceivedCall;
use super::state::State;

/// The response to a request: the result, or the error object.
pub type RawResponse = Result<Value, Value>;

/// Creates the error object of a response.
pub fn error(code: i64, message: &str) -> Value {
    json!({"code": code, "message": message})
}

/// The response in a message.
pub(super) fn response_of(message: &Value) -> RawResponse {
    match message.get("error") {
        Some(error) => Err(error.clone()),
        None => Ok(message["result"].clone()),
    }
}

impl FakeCli {
    /// Like [`on`](Self::on): responds to this method with the closure from now on.
    pub fn on_raw(&self, method: &str, respond: impl Fn(&Value) -> RawResponse + Send + Sync + 'static) {
        self.respond_with(method, move |params| Some(respond(params)));
    }

    /// Sends no response to this method. The test handles it with [`received_call`](Self::received_call)
    /// and [`reply`](Self::reply).
    pub fn hold(&self, method: &str) {
        self.respond_with(method, |_| None);
    }

    pub(super) fn respond_with(
        &self,
        method: &str,
        respond: impl Fn(&Value) -> Option<RawResponse> + Send + Sync + 'static,
    ) {
        self.0.state().responses.insert(method.to_owned(), Arc::new(respond));
    }

    /// Restores the default response to this method, without a delay.
    pub fn release(&self, method: &str) {
        self.0.state().release(method);
    }

    /// Responds to a held call. Calls may get responses in any order, and more than once.
    pub fn reply(&self, call: &ReceivedCall, response: RawResponse) {
        self.reply_as(call.id.clone(), response);
    }

    /// Sends a response with any id.
    pub fn reply_as(&self, id: Value, response: RawResponse) {
        self.0.state().respond(id, response);
    }

    /// Like [`notify`](Self::notify): sends a notification.
    pub fn notify_raw(&self, method: &str, params: Value) {
        self.0.state().send(json!({"jsonrpc": "2.0", "method": method, "params": params}));
    }

    /// Like [`request`](Self::request): sends a request to the client and waits for its response.
    ///
    /// # Panics
    /// If there is none within half of the fake's timeout.
    pub async fn request_raw(&self, method: &str, params: Value) -> RawResponse {
        let id = self.0.state().number();
        self.request_as(json!(id), method, params).await
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
        let request = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        self.0.state().send(request);
    }

    /// Waits for the client's response to the request with this id.
    ///
    /// # Panics
    /// If there is none within half of the fake's timeout.
    pub async fn received_response(&self, id: &Value, method: &str) -> RawResponse {
        self.wait(&format!("the client's response to `{method}`"), |state| state.take_response(id)).await
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
        self.wait(&format!("the client's request `{method}`"), |state| state.take_call(method, &wanted)).await
    }

    /// Like [`calls`](Self::calls): the params of all requests of this method so far.
    pub fn calls_raw(&self, method: &str) -> Vec<Value> {
        let state = self.0.state();
        let calls = state.received().filter(|json| json["method"] == method);
        calls.map(|json| json["params"].clone()).collect()
    }

    pub(super) async fn wait<T>(&self, what: &str, find: impl FnMut(&mut State) -> Option<T>) -> T {
        self.0.find(what, find).await.unwrap_or_else(|missing| panic!("{missing}"))
    }
}
