//! Events as the CLI words them, for [`FakeCli::emit`](super::FakeCli::emit).

use serde_json::{Value, json};

/// An event of this type with this data.
pub fn event(kind: &str, data: Value) -> Value {
    json!({"type": kind, "data": data})
}

/// The agent takes up the prompt of this id.
pub fn user_message(message_id: &str) -> Value {
    event("user.message", json!({"content": "a prompt", "messageId": message_id}))
}

/// A piece of the agent's message.
pub fn delta(text: &str) -> Value {
    let mut event = event("assistant.message_delta", json!({"messageId": "answer", "deltaContent": text}));
    event["ephemeral"] = true.into();
    event
}

/// A message of the agent.
pub fn assistant_message(text: &str) -> Value {
    event("assistant.message", json!({"messageId": "answer", "content": text, "toolRequests": []}))
}

/// The agent failed.
pub fn failure(kind: &str, message: &str) -> Value {
    event("session.error", json!({"errorType": kind, "message": message}))
}

/// The agent rests.
pub fn idle() -> Value {
    let mut event = event("session.idle", json!({"mode": "interactive"}));
    event["ephemeral"] = true.into();
    event
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

/// The agent asks leave for something.
pub fn permission(request_id: &str, request: Value) -> Value {
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
