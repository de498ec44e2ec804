//! The fake by names of methods and plain JSON.

use std::sync::Arc;

use serde_json::{Value, json};

use super::FakeCli;
use super::log::{Call, Log};
use super::shared::Script;

/// The answer to a request: the result, or the error object.
pub type RawAnswer = Result<Value, Value>;

/// The error object of an answer.
pub fn error(code: i64, message: &str) -> Value {
    json!({"code": code, "message": message})
}

impl FakeCli {
    /// As [`on`](Self::on): answers this method with the closure from now on.
    pub fn on_raw(&self, method: &str, answer: impl Fn(&Value) -> RawAnswer + Send + Sync + 'static) {
        self.0.script(method, Script::Answer(Arc::new(answer)));
    }

    /// Does not answer this method, but leaves it to [`received_call`](Self::received_call) and
    /// [`reply`](Self::reply).
    pub fn hold(&self, method: &str) {
        self.0.script(method, Script::Hold);
    }

    /// Answers this method as at first, and at once.
    pub fn release(&self, method: &str) {
        self.0.release(method);
    }

    /// Answers a call that was held: in any order, and twice if need be.
    pub fn reply(&self, call: &Call, answer: RawAnswer) {
        self.reply_as(call.id.clone(), answer);
    }

    /// Answers with an id of any kind.
    pub fn reply_as(&self, id: Value, answer: RawAnswer) {
        self.0.answer_as(id, answer);
    }

    /// As [`notify`](Self::notify): sends a notification.
    pub fn notify_raw(&self, method: &str, params: Value) {
        self.0.notify(method, params);
    }

    /// As [`request`](Self::request): asks the client and waits for its answer.
    ///
    /// # Panics
    /// When there is none in half of the fake's life.
    pub async fn request_raw(&self, method: &str, params: Value) -> RawAnswer {
        self.request_as(json!(self.0.number()), method, params).await
    }

    /// Asks the client under an id of any kind.
    ///
    /// # Panics
    /// When there is no answer in half of the fake's life.
    pub async fn request_as(&self, id: Value, method: &str, params: Value) -> RawAnswer {
        self.ask(&id, method, params);
        self.answered(&id, method).await
    }

    /// Asks the client, and leaves the answer to [`answered`](Self::answered).
    pub fn ask(&self, id: &Value, method: &str, params: Value) {
        self.0.send(json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
    }

    /// Waits for the client's answer to what was asked under this id.
    ///
    /// # Panics
    /// When there is none in half of the fake's life.
    pub async fn answered(&self, id: &Value, method: &str) -> RawAnswer {
        self.wait(&format!("the client's answer to `{method}`"), |log| log.take_answer(id)).await
    }

    /// As [`received`](Self::received): the params of the next request of this method.
    ///
    /// # Panics
    /// When there is none in half of the fake's life.
    pub async fn received_raw(&self, method: &str) -> Value {
        self.received_call(method).await.params
    }

    /// As [`received_raw`](Self::received_raw), with what it takes to [`reply`](Self::reply).
    ///
    /// # Panics
    /// When there is none in half of the fake's life.
    pub async fn received_call(&self, method: &str) -> Call {
        self.received_with(method, |_| true).await
    }

    /// As [`received_call`](Self::received_call), for a request with such params.
    ///
    /// # Panics
    /// When there is none in half of the fake's life.
    pub async fn received_with(&self, method: &str, wanted: impl Fn(&Value) -> bool) -> Call {
        self.wait(&format!("the client's request `{method}`"), |log| log.take_call(method, &wanted)).await
    }

    /// As [`calls`](Self::calls): the params of all requests of this method so far.
    pub fn calls_raw(&self, method: &str) -> Vec<Value> {
        self.0.log.borrow().calls(method)
    }

    pub(super) async fn wait<T>(&self, what: &str, find: impl FnMut(&mut Log) -> Option<T>) -> T {
        self.0.find(what, find).await.unwrap_or_else(|missing| panic!("{missing}"))
    }
}
