//! What a fake answers unless the test says otherwise: just what the CLI of its version was seen to.

use serde_json::{Value, json};

use super::{RawAnswer, error, events};

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

/// What comes of an abort of a turn, around the answer to it.
pub(super) struct EndByAbort {
    pub before: Vec<Value>,
    pub after: Vec<Value>,
    /// Whether the prompts that wait are dropped. Else the next one begins.
    pub drops_queue: bool,
}

/// What this version does to a turn that is aborted, when prompts wait or none does.
pub(super) fn end_by_abort(version: &str, waits: bool) -> EndByAbort {
    let reason = if is_from(version, [1, 0, 65]) { "user_initiated" } else { "user initiated" };
    let abort = events::event("abort", json!({"reason": reason}));
    if is_from(version, [1, 0, 81]) {
        let queue = events::ephemeral("pending_messages.modified", json!({}));
        let before = vec![abort, queue, events::turn_end()];
        let after = vec![events::ephemeral("assistant.idle", json!({"aborted": true})), events::aborted()];
        return EndByAbort { before, after, drops_queue: true };
    }
    let info = json!({"infoType": "cancellation", "message": "Operation cancelled by user"});
    let marked = if is_from(version, [1, 0, 40]) { json!({"aborted": true}) } else { json!({}) };
    let mut after = vec![abort, events::ephemeral("session.info", info)];
    if !waits {
        after.push(events::ephemeral("session.idle", marked));
    }
    EndByAbort { before: Vec::new(), after, drops_queue: false }
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
