//! What a fake answers unless the test says otherwise: just what the CLI of its version was seen to.

use serde_json::{Value, json};

use super::{RawAnswer, error};

/// The answer of this version to a request; none for one that only a test can answer. `number` is a new
/// number at every call.
pub(super) fn answer(
    version: &str,
    method: &str,
    params: &Value,
    number: impl Fn() -> u64,
) -> Option<RawAnswer> {
    let id = params["sessionId"].as_str().unwrap_or("given-by-the-cli");
    Some(Ok(match method {
        "connect" if is_from(version, [1, 0, 50]) => {
            json!({"ok": true, "protocolVersion": 3, "version": version, "taskKinds": ["agent", "shell"]})
        }
        "ping" => json!({
            "message": params["message"].as_str().map_or("pong".to_owned(), |text| format!("pong: {text}")),
            "timestamp": timestamp(version),
            "protocolVersion": 3,
        }),
        "status.get" => json!({"version": version, "protocolVersion": 3}),
        "session.create" | "session.resume" => json!({
            "sessionId": id,
            "workspacePath": format!("/home/user/.copilot/session-state/{id}"),
            "capabilities": {"ui": {"elicitation": false}},
        }),
        "session.send" => json!({"messageId": format!("message-{}", number())}),
        "session.log" => json!({"eventId": format!("event-{}", number())}),
        "session.getMessages" => json!({"events": []}),
        "session.detach" if is_from(version, [1, 0, 81]) => json!({"success": true}),
        "session.eventLog.registerInterest" if is_from(version, [1, 0, 50]) => {
            json!({"handle": format!("interest-{}", number())})
        }
        "session.tools.listPendingRequests" | "session.permissions.pendingRequests"
            if is_from(version, [1, 0, 50]) =>
        {
            json!({"items": []})
        }
        "session.destroy" | "session.abort" => json!({"success": true}),
        answer if answer.contains(".handlePending") => json!({"success": true}),
        "runtime.shutdown" => json!({}),
        // These came later than the version.
        "connect"
        | "session.detach"
        | "session.eventLog.registerInterest"
        | "session.tools.listPendingRequests"
        | "session.permissions.pendingRequests" => return Some(Err(unknown(method))),
        _ => return None,
    }))
}

/// What the CLI says to a method that it does not know.
pub(super) fn unknown(method: &str) -> Value {
    error(-32601, &format!("Unhandled method {method}"))
}

/// Milliseconds up to 1.0.40, text from 1.0.65.
fn timestamp(version: &str) -> Value {
    if is_from(version, [1, 0, 41]) {
        json!("2026-01-01T00:00:00.000000000Z")
    } else {
        json!(1_767_225_600_000_i64)
    }
}

/// Whether the version is this one or a later one.
fn is_from(version: &str, numbers: [u64; 3]) -> bool {
    let parts = version.split(['.', '-']).map(|part| part.parse().unwrap_or(0));
    parts.take(3).collect::<Vec<u64>>() >= numbers.to_vec()
}
