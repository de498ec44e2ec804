//! The fake by the types of methods.

use std::sync::Arc;

use serde_json::{Value, json};

use super::shared::Script;
use super::{FakeCli, RawAnswer, events};
use crate::methods::session::{
    SessionPermissionsHandlePendingPermissionRequest, SessionToolsHandlePendingToolCall,
};
use crate::rpc::RpcError;
use crate::rpc::{ClientMethod, Notification, ServerMethod};
use crate::types::{HandlePendingToolCallRequest, PermissionDecisionRequest};
use crate::wire::{self, Wire};

/// An answer to a method: its result as JSON or as its type, or a `Result` of these.
pub trait IntoAnswer {
    /// The result's JSON, or the error to answer with.
    ///
    /// # Errors
    /// The error to answer with.
    fn into_answer(self) -> Result<String, RpcError>;
}

impl<T: Wire> IntoAnswer for T {
    fn into_answer(self) -> Result<String, RpcError> {
        Ok(wire::to_json(&self))
    }
}

impl<T: Wire> IntoAnswer for Result<T, RpcError> {
    fn into_answer(self) -> Result<String, RpcError> {
        self.map(|result| wire::to_json(&result))
    }
}

/// A closure that answers a method: `Fn(M::Params) -> impl IntoAnswer`.
pub trait Answering<M: ServerMethod>: Fn(M::Params) -> <Self as Answering<M>>::Answer {
    /// The answer that the closure gives.
    type Answer: IntoAnswer;
}

impl<M, F, A> Answering<M> for F
where
    M: ServerMethod,
    F: Fn(M::Params) -> A,
    A: IntoAnswer,
{
    type Answer = A;
}

impl FakeCli {
    /// Answers this method with the closure from now on.
    ///
    /// ```
    /// # use copilot_session::{RpcError, methods::session::{SessionModelGetCurrent, SessionSend}};
    /// # use serde_json::json;
    /// # fn example(fake: &copilot_session::testing::FakeCli) {
    /// fake.on::<SessionModelGetCurrent>(|()| json!({"modelId": "gpt-5"}));
    /// fake.on::<SessionSend>(|params| {
    ///     assert_eq!(params.prompt, "Hello");
    ///     Err::<(), _>(RpcError::new(-32000, "no prompts today"))
    /// });
    /// # }
    /// ```
    ///
    /// The test fails when the params or the answer do not have the shape of the method's types, and when
    /// the closure panics.
    pub fn on<M: ServerMethod>(&self, answer: impl Answering<M> + Send + Sync + 'static) {
        let answer = move |params: &Value| -> RawAnswer {
            let params = read::<M::Params>(params, "the params", M::NAME);
            match answer(params).into_answer() {
                Ok(json) => {
                    let result = parse(&json);
                    read::<M::Result>(&result, "the result", M::NAME);
                    Ok(result)
                }
                Err(error) => Err(error_object(&error)),
            }
        };
        self.0.script(M::NAME, Script::Answer(Arc::new(answer)));
    }

    /// Waits for the next request of this method that nobody waited for yet, and gives its params.
    ///
    /// # Panics
    /// When there is none in half of the fake's life.
    pub async fn received<M: ServerMethod>(&self) -> M::Params {
        read::<M::Params>(&self.received_raw(M::NAME).await, "the params", M::NAME)
    }

    /// The params of all requests of this method so far.
    pub fn calls<M: ServerMethod>(&self) -> Vec<M::Params> {
        let calls = self.calls_raw(M::NAME);
        calls.iter().map(|params| read::<M::Params>(params, "the params", M::NAME)).collect()
    }

    /// Asks the client and waits for its answer. The params are JSON, checked against their type, with the
    /// `sessionId` for what is asked of a session.
    ///
    /// # Errors
    /// What the client answers.
    ///
    /// # Panics
    /// When the params have another shape, and when there is no answer in half of the fake's life.
    pub async fn request<M: ClientMethod>(&self, params: impl Wire) -> Result<M::Result, RpcError> {
        let params = parse(&wire::to_json(&params));
        read::<M::Params>(&params, "the params", M::NAME);
        let answer = self.request_raw(M::NAME, params).await;
        answer.map(|result| read::<M::Result>(&result, "the result", M::NAME)).map_err(|error| RpcError {
            code: error["code"].as_i64().unwrap_or_default(),
            message: error["message"].as_str().unwrap_or_default().to_owned(),
            data: error.get("data").map(Value::to_string),
        })
    }

    /// Tells the client something. The params are JSON, checked against their type.
    ///
    /// # Panics
    /// When the params have another shape.
    pub fn notify<N: Notification>(&self, params: impl Wire) {
        let params = parse(&wire::to_json(&params));
        read::<N::Params>(&params, "the params", N::NAME);
        self.notify_raw(N::NAME, params);
    }

    /// Asks a session for a permission, such as [`requests::shell("rm -rf /")`](super::requests::shell),
    /// and waits for the decision.
    ///
    /// # Panics
    /// When it is no [`types::PermissionDetails`](crate::types::PermissionDetails), and when there is no
    /// decision in half of the fake's life.
    pub async fn expect_permission(&self, session_id: &str, request: Value) -> PermissionDecisionRequest {
        let id = self.request_id();
        self.emit(session_id, events::permission(&id, request));
        self.decided::<SessionPermissionsHandlePendingPermissionRequest>(&id).await
    }

    /// Calls a tool of a session, as a model would, and waits for its result. A tool that the session does not
    /// have could be another client's, so nobody answers for it.
    ///
    /// # Panics
    /// When there is none in half of the fake's life.
    pub async fn expect_tool_result(
        &self,
        session_id: &str,
        tool: &str,
        arguments: Value,
    ) -> HandlePendingToolCallRequest {
        let id = self.request_id();
        self.emit(session_id, events::tool_call(session_id, &id, tool, arguments));
        self.decided::<SessionToolsHandlePendingToolCall>(&id).await
    }

    fn request_id(&self) -> String {
        format!("request-{}", self.0.number())
    }

    /// Waits for what the client makes of an event that asks something.
    async fn decided<M: ServerMethod>(&self, request_id: &str) -> M::Params {
        let wanted = |params: &Value| params["requestId"] == json!(request_id);
        read::<M::Params>(&self.received_with(M::NAME, wanted).await.params, "the params", M::NAME)
    }
}

fn parse(json: &str) -> Value {
    serde_json::from_str(json).expect("what is written is JSON")
}

/// Reads JSON as a type that it should have.
fn read<T: Wire>(json: &Value, what: &str, method: &str) -> T {
    wire::from_json(&json.to_string())
        .unwrap_or_else(|error| panic!("{what} of `{method}` do not fit its type: {error}"))
}

fn error_object(error: &RpcError) -> Value {
    let mut object = super::error(error.code, &error.message);
    if let Some(data) = &error.data {
        object["data"] = serde_json::from_str(data).unwrap_or_else(|_| data.as_str().into());
    }
    object
}
