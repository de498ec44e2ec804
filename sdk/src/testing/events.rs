//! Events in the form of the CLI, for [`FakeCli::emit`](super::FakeCli::emit) and
//! [`FakeCli::turn`](super::FakeCli::turn).
//!
//! An event is plain JSON. [`event`] creates one of any type. Data that a function does not set can be
//! added by `event["data"]["model"] = "gpt-5".into()`.

use serde_json::{Value, json};

use crate::generated::kind;
use crate::types::PermissionDetails;
use crate::wire;

/// An event with this type and data, such as `event("session.title_changed", json!({"title": "Oslo"}))`.
pub fn event(kind: &str, data: Value) -> Value {
    json!({"type": kind, "data": data})
}

/// An ephemeral event.
pub(super) fn ephemeral(kind: &str, data: Value) -> Value {
    let mut event = event(kind, data);
    event["ephemeral"] = true.into();
    event
}

/// The agent starts on the prompt with this id.
pub fn user_message(message_id: &str) -> Value {
    event(kind::USER_MESSAGE, json!({"content": "a prompt", "messageId": message_id}))
}

/// A piece of the agent's message.
pub fn delta(text: &str) -> Value {
    ephemeral(kind::ASSISTANT_MESSAGE_DELTA, json!({"messageId": "answer", "deltaContent": text}))
}

/// A message of the agent.
pub fn assistant_message(text: &str) -> Value {
    event(kind::ASSISTANT_MESSAGE, json!({"messageId": "answer", "content": text, "toolRequests": []}))
}

/// The agent failed. The kind is the `errorType` of the event: "authentication", "authorization", "policy",
/// "quota", "rate_limit" and "context_limit" are known to [`Error::kind`](crate::Error::kind); "query" is
/// any other failure of the model.
pub fn failure(kind: &str, message: &str) -> Value {
    event(kind::SESSION_ERROR, json!({"errorType": kind, "message": message}))
}

/// The agent is idle.
pub fn idle() -> Value {
    ephemeral(kind::SESSION_IDLE, json!({"mode": "interactive"}))
}

/// The agent is idle after an abort.
pub fn aborted() -> Value {
    let mut event = idle();
    event["data"]["aborted"] = true.into();
    event
}

/// The model calls a tool of a client. The request id differs from that of every other request of the session; the id
/// of the tool call is `call-` with the request id after it.
pub fn tool_call(session_id: &str, request_id: &str, tool: &str, arguments: Value) -> Value {
    event(
        kind::EXTERNAL_TOOL_REQUESTED,
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

/// The agent requests a permission: one of [`requests`](super::requests), or any other
/// [`types::PermissionDetails`](PermissionDetails).
///
/// # Panics
/// If the request does not match the type, for example because a required key is missing: a client could
/// not pass it to its policy. A kind unknown to this crate may have any shape. To test a mismatch, set
/// `event["data"]["permissionRequest"]` directly.
pub fn permission(request_id: &str, request: Value) -> Value {
    if let Err(error) = wire::from_json::<PermissionDetails>(&request.to_string()) {
        panic!("the permission request {request} does not match its type: {error}");
    }
    event(
        kind::PERMISSION_REQUESTED,
        json!({
            "requestId": request_id,
            "permissionRequest": request,
            "agentMode": "interactive",
            "permissionMode": "manual",
        }),
    )
}

/// The agent starts on a prompt, or continues after tools.
pub fn turn_start() -> Value {
    event(kind::ASSISTANT_TURN_START, json!({"turnId": "0"}))
}

/// The agent finishes the work that [`turn_start`] began.
pub fn turn_end() -> Value {
    event(kind::ASSISTANT_TURN_END, json!({"turnId": "0"}))
}

/// A tool starts, whether it belongs to the CLI or a client.
pub fn tool_start(call_id: &str, tool: &str, arguments: Value) -> Value {
    event(
        kind::TOOL_EXECUTION_START,
        json!({"toolCallId": call_id, "toolName": tool, "arguments": arguments}),
    )
}

/// A tool completes with this text for the model.
pub fn tool_complete(call_id: &str, result: &str) -> Value {
    event(
        kind::TOOL_EXECUTION_COMPLETE,
        json!({"toolCallId": call_id, "success": true, "result": {"content": result}}),
    )
}

/// A tool fails with an error: its code, such as `denied` for a call that was refused, and its message.
pub fn tool_failed(call_id: &str, code: &str, message: &str) -> Value {
    event(
        kind::TOOL_EXECUTION_COMPLETE,
        json!({"toolCallId": call_id, "success": false, "error": {"code": code, "message": message}}),
    )
}

/// The usage of a call of the model.
pub fn usage(input_tokens: u64, output_tokens: u64) -> Value {
    let tokens = json!({"model": "fake", "inputTokens": input_tokens, "outputTokens": output_tokens});
    ephemeral(kind::ASSISTANT_USAGE, tokens)
}

/// The answer of the agent to a prompt: the text in pieces, then the whole message with this id, between
/// [`turn_start`] and [`turn_end`].
pub fn answer(message_id: &str, text: &str) -> Vec<Value> {
    [turn_start()].into_iter().chain(message(message_id, text)).chain([turn_end()]).collect()
}

/// The answer without [`turn_start`] and [`turn_end`].
pub(super) fn message(message_id: &str, text: &str) -> impl Iterator<Item = Value> {
    let deltas = text.split_inclusive(' ').map(delta);
    deltas.chain([assistant_message(text)]).map(move |mut event| {
        event["data"]["messageId"] = message_id.into();
        event
    })
}
