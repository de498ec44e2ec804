//! The functions of the fake that check params and results against the types of methods.

use serde_json::{Value, json};

use super::{FakeCli, events};
use crate::methods::session::{
    SessionPermissionsHandlePendingPermissionRequest, SessionToolsHandlePendingToolCall,
};
use crate::rpc::{ClientMethod, Notification, RpcError, ServerMethod};
use crate::types::{HandlePendingToolCallRequest, PermissionDecisionRequest};
use crate::wire::{self, Wire};

/// A response to a method: its result as JSON or as its type, or a `Result` of these.
pub trait IntoResponse {
    /// Returns the result as JSON.
    ///
    /// # Errors
    /// The error to respond with.
    fn into_response(self) -> Result<String, RpcError>;
}

impl<T: Wire> IntoResponse for T {
    fn into_response(self) -> Result<String, RpcError> {
        Ok(wire::to_json(&self))
    }
}

impl<T: Wire> IntoResponse for Result<T, RpcError> {
    fn into_response(self) -> Result<String, RpcError> {
        self.map(|result| wire::to_json(&result))
    }
}

/// A closure that responds to a method: `Fn(M::Params) -> impl IntoResponse`.
pub trait ResponseFn<M: ServerMethod>: Fn(M::Params) -> <Self as ResponseFn<M>>::Response {
    /// The response of the closure.
    type Response: IntoResponse;
}

impl<M, F, A> ResponseFn<M> for F
where
    M: ServerMethod,
    F: Fn(M::Params) -> A,
    A: IntoResponse,
{
    type Response = A;
}

impl FakeCli {
    /// Responds to this method with the closure from now on.
    ///
    /// ```
    /// # use copilot_session::{RpcError, methods::session::{SessionModelGetCurrent, SessionSend}};
    /// # use serde_json::json;
    /// # fn example(fake: &copilot_session::testing::FakeCli) {
    /// fake.on::<SessionModelGetCurrent>(|()| json!({"modelId": "gpt-5"}));
    /// fake.on::<SessionSend>(|params| {
    ///     assert_eq!(params.prompt, "Hello");
    ///     Err::<(), _>(RpcError::new(-32000, "no prompts accepted"))
    /// });
    /// # }
    /// ```
    ///
    /// The test fails if the params or the response do not match the types of the method, or if the closure
    /// panics.
    pub fn on<M: ServerMethod>(&self, respond: impl ResponseFn<M> + Send + Sync + 'static) {
        self.on_raw(M::NAME, move |params| {
            let response = respond(read(params, "the params", M::NAME)).into_response();
            response.map(|json| checked::<M::Result>(&json, "the result", M::NAME)).map_err(error_object)
        });
    }

    /// Waits for the next request of this method that no other wait has returned, and returns its params.
    ///
    /// # Panics
    /// If there is none within half of the fake's timeout.
    pub async fn received<M: ServerMethod>(&self) -> M::Params {
        read::<M::Params>(&self.received_raw(M::NAME).await, "the params", M::NAME)
    }

    /// The params of all requests of this method so far.
    pub fn calls<M: ServerMethod>(&self) -> Vec<M::Params> {
        let calls = self.calls_raw(M::NAME);
        calls.iter().map(|params| read::<M::Params>(params, "the params", M::NAME)).collect()
    }

    /// Sends a request to the client and waits for its response. The params are JSON, checked against their
    /// type, including the `sessionId` for a method of a session.
    ///
    /// # Errors
    /// The error that the client responds with.
    ///
    /// # Panics
    /// If the params do not match their type, or if there is no response within half of the fake's timeout.
    pub async fn request<M: ClientMethod>(&self, params: impl Wire) -> Result<M::Result, RpcError> {
        let params = checked::<M::Params>(&written(&params), "the params", M::NAME);
        let response = self.request_raw(M::NAME, params).await;
        response.map(|result| read::<M::Result>(&result, "the result", M::NAME)).map_err(|error| RpcError {
            code: error["code"].as_i64().unwrap_or_default(),
            message: error["message"].as_str().unwrap_or_default().to_owned(),
            data: error.get("data").map(Value::to_string),
        })
    }

    /// Sends a notification to the client. The params are JSON, checked against their type.
    ///
    /// # Panics
    /// If the params do not match their type.
    pub fn notify<N: Notification>(&self, params: impl Wire) {
        let params = checked::<N::Params>(&written(&params), "the params", N::NAME);
        self.notify_raw(N::NAME, params);
    }

    /// Requests a permission of a session, such as [`requests::shell("rm -rf /")`](super::requests::shell),
    /// and waits for the decision. A policy and [`Decision::approve`](crate::Decision::approve) answer
    /// [`ApproveOnce`](crate::types::PermissionDecision::ApproveOnce), a policy and
    /// [`Decision::deny`](crate::Decision::deny) [`Reject`](crate::types::PermissionDecision::Reject).
    ///
    /// # Panics
    /// If it is not a [`types::PermissionDetails`](crate::types::PermissionDetails), or if there is no
    /// decision within half of the fake's timeout.
    pub async fn expect_permission(&self, session_id: &str, request: Value) -> PermissionDecisionRequest {
        let id = self.request_id();
        self.emit(session_id, events::permission(&id, request));
        let what = "the decision on the permission request";
        self.reply_to::<SessionPermissionsHandlePendingPermissionRequest>(&id, what).await
    }

    /// Calls a tool of a session, as a model would, and waits for its result. The client does not respond
    /// for a tool that the session does not have, since that may be another client's.
    ///
    /// # Panics
    /// If there is no result within half of the fake's timeout.
    pub async fn expect_tool_result(
        &self,
        session_id: &str,
        tool: &str,
        arguments: Value,
    ) -> HandlePendingToolCallRequest {
        let id = self.request_id();
        self.emit(session_id, events::tool_call(session_id, &id, tool, arguments));
        let what = format!("the result of the tool `{tool}`");
        self.reply_to::<SessionToolsHandlePendingToolCall>(&id, &what).await
    }

    fn request_id(&self) -> String {
        format!("request-{}", self.0.state().number())
    }

    /// Waits for the client's reply to an event request.
    async fn reply_to<M: ServerMethod>(&self, request_id: &str, what: &str) -> M::Params {
        let wanted = |params: &Value| params["requestId"] == json!(request_id);
        let what = format!("{what} (`{}`)", M::NAME);
        let reply = self.wait(&what, |state| state.take_call(M::NAME, wanted)).await;
        read::<M::Params>(&reply.params, "the params", M::NAME)
    }
}

/// Params as JSON.
fn written(params: &dyn Wire) -> String {
    wire::to_params(params).unwrap_or_else(|error| panic!("{error}"))
}

/// Parses JSON that must match a type.
fn checked<T: Wire>(json: &str, what: &str, method: &str) -> Value {
    let value = serde_json::from_str(json).expect("written values are JSON");
    read::<T>(&value, what, method);
    value
}

/// Decodes JSON that must match a type.
fn read<T: Wire>(json: &Value, what: &str, method: &str) -> T {
    wire::from_json(&json.to_string())
        .unwrap_or_else(|error| panic!("{what} of `{method}` do not match its type: {error}"))
}

fn error_object(error: RpcError) -> Value {
    let mut object = super::error(error.code, &error.message);
    if let Some(data) = error.data {
        object["data"] = serde_json::from_str(&data).unwrap_or_else(|_| data.into());
    }
    object
}
