//! Events as the CLI words them, for [`FakeCli::emit`](super::FakeCli::emit) and [`FakeCli::turn`](super::FakeCli::turn).
//!
//! An event is plain JSON: [`event`] makes one of any type, and what a function leaves out can be put in
//! by `event["data"]["model"] = "gpt-5".into()`.

use serde_json::{Value, json};

use crate::types::PermissionDetails;
use crate::wire;

/// An event of this type with this data, such as `event("session.title_changed", json!({"title": "Oslo"}))`.
pub fn event(kind: &str, data: Value) -> Value {
    json!({"type": kind, "data": data})
}

/// The same of an event that is not kept.
pub(super) fn ephemeral(kind: &str, data: Value) -> Value {
    let mut event = event(kind, data);
    event["ephemeral"] = true.into();
    event
}

/// The agent takes up the prompt of this id.
pub fn user_message(message_id: &str) -> Value {
    event("user.message", json!({"content": "a prompt", "messageId": message_id}))
}

/// A piece of the agent's message.
pub fn delta(text: &str) -> Value {
    ephemeral("assistant.message_delta", json!({"messageId": "answer", "deltaContent": text}))
}

/// A message of the agent.
pub fn assistant_message(text: &str) -> Value {
    event("assistant.message", json!({"messageId": "answer", "content": text, "toolRequests": []}))
}

/// The agent failed. The kind is the event's `errorType`: "authentication", "authorization", "policy", "quota",
/// "rate_limit", "context_limit" are those that [`Error::kind`](crate::Error::kind) knows, "query" is anything
/// else that went wrong with the model.
pub fn failure(kind: &str, message: &str) -> Value {
    event("session.error", json!({"errorType": kind, "message": message}))
}

/// The agent rests.
pub fn idle() -> Value {
    ephemeral("session.idle", json!({"mode": "interactive"}))
}

/// The agent rests since it was told to stop.
pub fn aborted() -> Value {
    let mut event = idle();
    event["data"]["aborted"] = true.into();
    event
}

/// The model calls a tool of a client.
pub fn tool_call(session_id: &str, request_id: &str, tool: &str, arguments: Value) -> Value {
    event(
        "external_tool.requested",
        json!({
            "requestId": request_id,
            "sessionId": session_id,
            "toolCallId": format!("call-{request_id}"),
            "toolName": tool,
            "arguments": arguments,
            "workingDirectory": "/workspace",
        }),
    )
}

/// The agent asks for a permission: by one of [`requests`](super::requests), or by anything else that is a
/// [`types::PermissionDetails`](PermissionDetails).
///
/// # Panics
/// When the request is none, such as one that lacks what its kind must have: a client could not show it to its
/// policy. A kind that this crate does not know may have any shape. A test of just that puts its own into
/// `event["data"]["permissionRequest"]`.
pub fn permission(request_id: &str, request: Value) -> Value {
    if let Err(error) = wire::from_json::<PermissionDetails>(&request.to_string()) {
        panic!("the permission request {request} does not fit its type: {error}");
    }
    event(
        "permission.requested",
        json!({
            "requestId": request_id,
            "permissionRequest": request,
            "agentMode": "interactive",
            "permissionMode": "manual",
        }),
    )
}

/// The agent begins to work on a prompt, or goes on after tools.
pub fn turn_start() -> Value {
    event("assistant.turn_start", json!({"turnId": "0"}))
}

/// The agent has done what [`turn_start`] began.
pub fn turn_end() -> Value {
    event("assistant.turn_end", json!({"turnId": "0"}))
}

/// A tool begins to run, whoever has it.
pub fn tool_start(call_id: &str, tool: &str, arguments: Value) -> Value {
    event("tool.execution_start", json!({"toolCallId": call_id, "toolName": tool, "arguments": arguments}))
}

/// A tool has run and gives this text to the model.
pub fn tool_complete(call_id: &str, result: &str) -> Value {
    event(
        "tool.execution_complete",
        json!({"toolCallId": call_id, "success": true, "result": {"content": result}}),
    )
}

/// The agent's answer to a prompt: the text in pieces, then the whole message under this id, with the
/// [`turn_start`] before and the [`turn_end`] after it.
pub fn answer(message_id: &str, text: &str) -> Vec<Value> {
    [turn_start()].into_iter().chain(said(message_id, text)).chain([turn_end()]).collect()
}

/// The same without the start and the end of the agent's work.
pub(super) fn said(message_id: &str, text: &str) -> impl Iterator<Item = Value> {
    let deltas = text.split_inclusive(' ').map(delta);
    deltas.chain([assistant_message(text)]).map(move |mut event| {
        event["data"]["messageId"] = message_id.into();
        event
    })
}
