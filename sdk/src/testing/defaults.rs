//! The default responses of a fake, as the CLI of its version sends them.

use serde_json::{Value, json};

use super::{RawResponse, error, events};
use crate::generated::kind;

/// Returns the default response to a request; none if only a test can respond. `number` returns a new
/// number for each call.
pub(super) fn response(
    version: &str,
    method: &str,
    params: &Value,
    number: impl Fn() -> u64,
) -> Option<RawResponse> {
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
        method if method.contains(".handlePending") => json!({"success": true}),
        "runtime.shutdown" => json!({}),
        // Methods that are newer than the version.
        "connect"
        | "session.detach"
        | "session.eventLog.registerInterest"
        | "session.tools.listPendingRequests"
        | "session.permissions.pendingRequests" => return Some(Err(unknown(method))),
        _ => return None,
    }))
}

/// The events of an abort, before and after its response.
pub(super) struct EndByAbort {
    pub before: Vec<Value>,
    pub after: Vec<Value>,
    /// True if the waiting prompts are dropped. Otherwise the next one begins.
    pub drops_queue: bool,
}

/// Returns the events with which this version aborts a turn. `waits` is true if prompts wait.
pub(super) fn end_by_abort(version: &str, waits: bool) -> EndByAbort {
    let reason = if is_from(version, [1, 0, 65]) { "user_initiated" } else { "user initiated" };
    let abort = events::event(kind::ABORT, json!({"reason": reason}));
    if is_from(version, [1, 0, 81]) {
        let queue = events::ephemeral(kind::PENDING_MESSAGES_MODIFIED, json!({}));
        let before = vec![abort, queue, events::turn_end()];
        let after =
            vec![events::ephemeral(kind::ASSISTANT_IDLE, json!({"aborted": true})), events::aborted()];
        return EndByAbort { before, after, drops_queue: true };
    }
    let info = json!({"infoType": "cancellation", "message": "Operation cancelled by user"});
    let marked = if is_from(version, [1, 0, 40]) { json!({"aborted": true}) } else { json!({}) };
    let mut after = vec![abort, events::ephemeral(kind::SESSION_INFO, info)];
    if !waits {
        after.push(events::ephemeral(kind::SESSION_IDLE, marked));
    }
    EndByAbort { before: Vec::new(), after, drops_queue: false }
}

/// The CLI's error for an unknown method.
pub(super) fn unknown(method: &str) -> Value {
    error(-32601, &format!("Unhandled method {method}"))
}

/// Milliseconds up to 1.0.40, text from 1.0.65 on.
fn timestamp(version: &str) -> Value {
    if is_from(version, [1, 0, 41]) {
        json!("2026-01-01T00:00:00.000000000Z")
    } else {
        json!(1_767_225_600_000_i64)
    }
}

/// Returns true if the version is at least this one.
fn is_from(version: &str, numbers: [u64; 3]) -> bool {
    let parts = version.split(['.', '-']).map(|part| part.parse().unwrap_or(0));
    parts.take(3).collect::<Vec<u64>>() >= numbers.to_vec()
}
