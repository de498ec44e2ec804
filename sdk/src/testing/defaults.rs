//! The behaviour that a fake has by itself, which is that of the CLI of its version.

use serde_json::{Value, json};

use super::events;
use super::raw::{RawResponse, error};
use super::state::State;
use crate::generated::kind;
use crate::rpc::RpcError;

/// The methods that older versions do not have, each with the first examined version that has it.
const SINCE: &[(&str, [u64; 3])] = &[
    ("connect", [1, 0, 50]),
    ("session.detach", [1, 0, 81]),
    ("session.eventLog.registerInterest", [1, 0, 50]),
    ("session.tools.listPendingRequests", [1, 0, 50]),
    ("session.permissions.pendingRequests", [1, 0, 50]),
];

impl State {
    /// Returns the response to a request for which the test has none. An unexpected one fails the test.
    pub fn default_response(&mut self, method: &str, params: &Value) -> RawResponse {
        let unknown = Err(error(RpcError::METHOD_NOT_FOUND, &format!("Unhandled method {method}")));
        if SINCE.iter().any(|(newer, since)| *newer == method && !self.is_from(*since)) {
            return unknown;
        }
        let id = params["sessionId"].as_str().unwrap_or("given-by-the-cli");
        Ok(match method {
            "connect" => json!({
                "ok": true,
                "protocolVersion": 3,
                "version": self.version,
                "taskKinds": ["agent", "shell"],
            }),
            "ping" => {
                let text = params["message"].as_str();
                // Milliseconds up to 1.0.40, text from 1.0.65 on.
                let timestamp = match self.is_from([1, 0, 41]) {
                    true => json!("2026-01-01T00:00:00.000000000Z"),
                    false => json!(1_767_225_600_000_i64),
                };
                json!({
                    "message": text.map_or("pong".to_owned(), |text| format!("pong: {text}")),
                    "timestamp": timestamp,
                    "protocolVersion": 3,
                })
            }
            "status.get" => json!({"version": self.version, "protocolVersion": 3}),
            "session.create" | "session.resume" => json!({
                "sessionId": id,
                "workspacePath": format!("/home/user/.copilot/session-state/{id}"),
                "capabilities": {"ui": {"elicitation": false}},
            }),
            "session.send" => json!({"messageId": format!("message-{}", self.number())}),
            "session.log" => json!({"eventId": format!("event-{}", self.number())}),
            "session.getMessages" => json!({"events": []}),
            "session.eventLog.registerInterest" => {
                json!({"handle": format!("interest-{}", self.number())})
            }
            "session.tools.listPendingRequests" | "session.permissions.pendingRequests" => {
                json!({"items": []})
            }
            "session.detach" | "session.destroy" | "session.abort" => json!({"success": true}),
            method if method.contains(".handlePending") => json!({"success": true}),
            "runtime.shutdown" => json!({}),
            _ => {
                let why = format!("unexpected call of `{method}`, for which the fake has no response");
                self.failures.push(why);
                return unknown;
            }
        })
    }

    /// Sends the response to a call. A prompt then gets its turn, and an abort ends one.
    pub fn finish_call(&mut self, id: Value, method: &str, params: &Value, response: RawResponse) {
        match (method, response) {
            ("session.send", Ok(result)) => self.receive_prompt(id, params, result),
            ("session.abort", Ok(result)) if result["success"] != false => self.abort(id, params, result),
            (_, response) => self.respond(id, response),
        }
    }

    /// Responds to an abort, and ends the running turn.
    fn abort(&mut self, id: Value, params: &Value, result: Value) {
        let session_id = params["sessionId"].as_str().unwrap_or_default();
        let is_running = self.prompts.iter().any(|prompt| prompt.begun && prompt.session_id == session_id);
        // A CLI that is idle begins a prompt immediately.
        if !is_running && self.begin_turn(session_id).is_none() {
            return self.respond(id, Ok(result));
        }
        let drops_prompts = self.is_from([1, 0, 81]);
        self.end_turns(session_id, drops_prompts);
        let reason = if self.is_from([1, 0, 65]) { "user_initiated" } else { "user initiated" };
        let abort = events::event(kind::ABORT, json!({"reason": reason}));
        if drops_prompts {
            let queue = events::ephemeral(kind::PENDING_MESSAGES_MODIFIED, json!({}));
            self.emit_all(session_id, [abort, queue, events::turn_end()]);
            self.respond(id, Ok(result));
            let idle = events::ephemeral(kind::ASSISTANT_IDLE, json!({"aborted": true}));
            return self.emit_all(session_id, [idle, events::aborted()]);
        }
        let info = json!({"infoType": "cancellation", "message": "Operation cancelled by user"});
        self.respond(id, Ok(result));
        self.emit_all(session_id, [abort, events::ephemeral(kind::SESSION_INFO, info)]);
        if !self.prompts.iter().any(|prompt| prompt.session_id == session_id) {
            let marked = if self.is_from([1, 0, 40]) { json!({"aborted": true}) } else { json!({}) };
            self.emit(session_id, events::ephemeral(kind::SESSION_IDLE, marked));
        }
    }
}
