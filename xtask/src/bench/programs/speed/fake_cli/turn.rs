//! The turns that a prompt asks for.

use std::collections::HashSet;
use std::iter;

use serde_json::json;

use super::{Object, Out, Session, recorded, text};

pub const PARENT: &str = "482a8520-a920-4b1b-89d5-cc4d4c8df425";
/// The events that are written with one call.
const BLOCK: usize = 500;
/// The length of the texts.
const SIZE: usize = 200;
const UNSET: &str = "@@@@@@@@@@@@";

/// Source code of a length in characters, which has escapes in JSON.
pub fn source_code(length: usize) -> String {
    "    let value = map.get(\"key\").unwrap();\n".chars().cycle().take(length).collect()
}

pub struct Turn<'a> {
    pub session: &'a str,
    /// The id of the user's message.
    pub message: &'a str,
    pub state: &'a mut Session,
    /// Kept for the next turn with this prompt.
    pub block: &'a mut Option<Block>,
}

impl Turn<'_> {
    /// Plays a turn, or the next part of a turn that is written in parts; then it returns true.
    ///
    /// * `deltas:N`: N pieces of the answer of 200 bytes.
    /// * `recorded`: a recorded turn.
    /// * `tools:N`, `permissions:N`: N tool calls or permission requests, one after another.
    /// * `history:N`: makes N events the history of the session.
    pub fn play(&mut self, prompt: &str, out: &mut Out) -> bool {
        let (what, count) = prompt.split_once(':').unwrap_or((prompt, "0"));
        let count: usize = count.parse().expect("a number");
        match what {
            "deltas" => return self.deltas(count, out),
            "recorded" => {
                let block = self.block.get_or_insert_with(|| Block::new(recorded::bodies(self.session)));
                block.write(usize::MAX, out);
                return false;
            }
            "tools" | "permissions" => {
                begin(out, self.session, self.message);
                let is_tool = what == "tools";
                let message = self.message.to_owned();
                let requests = Requests { is_tool, message, left: count, open: HashSet::new() };
                self.state.requests.insert(requests).next(out, self.session);
                return false;
            }
            "history" => self.state.history = history(count, out),
            _ => {}
        }
        begin(out, self.session, self.message);
        end(out, self.session, self.message);
        false
    }

    fn deltas(&mut self, count: usize, out: &mut Out) -> bool {
        let block = self.block.get_or_insert_with(|| Block::new(vec![delta(self.session); count.min(BLOCK)]));
        if block.left == 0 {
            block.left = count;
            begin(out, self.session, self.message);
        }
        let part = block.left.min(BLOCK);
        block.write(part, out);
        block.left -= part;
        if block.left == 0 {
            end(out, self.session, self.message);
        }
        block.left > 0
    }
}

fn begin(out: &mut Out, session: &str, message: &str) {
    let data = json!({"content": "speed", "messageId": message, "delivery": "idle", "turnId": "0"});
    out.notify(session, "user.message", &data.to_string(), false);
}

fn end(out: &mut Out, session: &str, message: &str) {
    let data = json!({
        "messageId": out.id(), "originatingMessageId": message, "model": "fake-model", "content": "done",
        "toolRequests": [], "turnId": "0",
    });
    out.notify(session, "assistant.message", &data.to_string(), false);
    out.notify(session, "session.idle", r#"{"mode":"interactive"}"#, true);
}

fn delta(session: &str) -> String {
    // The JSON of the text has this size.
    let escaped = |length: usize| json!(source_code(length)).to_string();
    let length = (0..SIZE).rev().find(|length| escaped(*length).len() <= SIZE + 2).expect("a length");
    let content = source_code(length) + &"x".repeat(SIZE + 2 - escaped(length).len());
    let event = json!({
        "type": "assistant.message_delta", "data": {"messageId": PARENT, "deltaContent": content}, "ephemeral": true,
        "id": PARENT, "timestamp": super::TIME, "parentId": PARENT,
    });
    let params = json!({"sessionId": session, "event": event});
    json!({"jsonrpc": "2.0", "method": "session.event", "params": params}).to_string()
}

/// The frames of notifications, ready to be written again with new ids.
pub struct Block {
    bytes: Vec<u8>,
    /// The end of each frame, and the place of the last digits of its event's id.
    frames: Vec<(usize, Option<usize>)>,
    /// The events of this turn that are still to be written.
    left: usize,
    used: u64,
}

impl Block {
    fn new(bodies: Vec<String>) -> Self {
        let mut out = Out::default();
        let frames = bodies.into_iter().map(|body| {
            let start = body.rfind(r#""id":""#).filter(|_| body.contains(r#""method":"session.event""#));
            let digits = start.map(|start| start + r#""id":"00000000-0000-4000-8000-"#.len());
            out.frame(&body);
            let end = out.bytes.len();
            (end, digits.map(|digits| end - body.len() + digits))
        });
        let frames = frames.collect();
        Self { bytes: out.bytes, frames, left: 0, used: 0 }
    }

    /// Writes the first frames, as many as there are.
    fn write(&mut self, count: usize, out: &mut Out) {
        let frames = &self.frames[..count.min(self.frames.len())];
        for place in frames.iter().filter_map(|(_, place)| *place) {
            self.used += 1;
            let digits = iter::successors(Some(self.used), |rest| Some(rest >> 4));
            for (byte, digit) in self.bytes[place..place + UNSET.len()].iter_mut().rev().zip(digits) {
                *byte = b"0123456789abcdef"[(digit & 15) as usize];
            }
        }
        out.bytes.extend_from_slice(&self.bytes[..frames.last().map_or(0, |(end, _)| *end)]);
    }
}

fn history(count: usize, out: &mut Out) -> String {
    let content = source_code(SIZE);
    let events: Vec<String> = (0..count)
        .map(|index| {
            let (kind, data) = match index % 4 {
                0 => ("user.message", json!({"content": content, "messageId": out.id(), "turnId": "0"})),
                1 => ("assistant.turn_start", json!({"turnId": "0", "interactionId": PARENT})),
                2 => {
                    let id = out.id();
                    let data =
                        json!({"messageId": id, "content": content, "toolRequests": [], "turnId": "0"});
                    ("assistant.message", data)
                }
                _ => ("assistant.turn_end", json!({"turnId": "0"})),
            };
            out.event(kind, &data.to_string(), false)
        })
        .collect();
    format!(r#"{{"events":[{}]}}"#, events.join(","))
}

/// The requests of a turn.
pub struct Requests {
    is_tool: bool,
    message: String,
    left: usize,
    open: HashSet<String>,
}

impl Requests {
    /// Sends the next request, or the end of the turn.
    fn next(&mut self, out: &mut Out, session: &str) {
        if self.left == 0 {
            return end(out, session, &self.message);
        }
        self.left -= 1;
        let (id, call) = (out.id(), format!("call_{}", self.left));
        let (kind, data) = if self.is_tool {
            let data = json!({
                "requestId": id, "sessionId": session, "toolCallId": call, "toolName": "add",
                "arguments": {"a": 1, "b": 2}, "workingDirectory": "/work",
            });
            ("external_tool.requested", data)
        } else {
            let command = "touch /tmp/file";
            let data = json!({
                "requestId": id,
                "permissionRequest": {
                    "kind": "shell", "toolCallId": call, "fullCommandText": command, "intention": "x",
                    "commands": [{"identifier": command, "readOnly": false}], "possiblePaths": [],
                    "canOfferSessionApproval": false, "hasWriteFileRedirection": false, "possibleUrls": [],
                },
                "promptRequest": {
                    "kind": "commands", "fullCommandText": command, "intention": "x", "toolCallId": call,
                    "commandIdentifiers": [command], "canOfferSessionApproval": false,
                },
            });
            ("permission.requested", data)
        };
        out.notify(session, kind, &data.to_string(), false);
        self.open.insert(id);
    }

    /// Responds to an answer of the client.
    pub fn answered(&mut self, out: &mut Out, session: &str, params: &Object) {
        let id = text(params, "requestId");
        assert!(self.open.remove(id), "no such request: {id}");
        let (kind, data) = if self.is_tool {
            assert!(params["result"].get().contains(r#""3""#), "not the sum: {}", params["result"]);
            ("external_tool.completed", json!({"requestId": id}))
        } else {
            ("permission.completed", json!({"requestId": id, "result": {"kind": "approved"}}))
        };
        out.notify(session, kind, &data.to_string(), false);
        self.next(out, session);
    }
}
