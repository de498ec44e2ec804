//! The log of all messages, which records those that a test has already waited for.

use serde_json::Value;

use super::raw::{RawResponse, response_of};
use super::state::State;
use crate::wire::redact;

/// The sender of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The client.
    Client,
    /// The fake CLI.
    Cli,
}

/// A message; a JSON string if it was not JSON.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    /// The sender.
    pub from: Side,
    /// The message.
    pub json: Value,
}

/// A request of the client.
#[derive(Debug, Clone, PartialEq)]
pub struct ReceivedCall {
    /// The id to respond to.
    pub id: Value,
    /// The params of the request.
    pub params: Value,
}

impl State {
    /// The messages of the client.
    pub fn received(&self) -> impl Iterator<Item = &Value> {
        self.frames.iter().filter(|(frame, _)| frame.from == Side::Client).map(|(frame, _)| &frame.json)
    }

    /// Takes the first message of the client that matches and that no wait has taken.
    fn take(&mut self, wanted: impl Fn(&Value) -> bool) -> Option<&Value> {
        let (frame, taken) = self
            .frames
            .iter_mut()
            .find(|(frame, taken)| !taken && frame.from == Side::Client && wanted(&frame.json))?;
        *taken = true;
        Some(&frame.json)
    }

    /// Takes a request of this method whose params match.
    pub fn take_call(&mut self, method: &str, wanted: impl Fn(&Value) -> bool) -> Option<ReceivedCall> {
        let json = self.take(|json| json["method"] == method && wanted(&json["params"]))?;
        Some(ReceivedCall { id: json["id"].clone(), params: json["params"].clone() })
    }

    /// Takes the client's response to the request with this id.
    pub fn take_response(&mut self, id: &Value) -> Option<RawResponse> {
        self.take(|json| json.get("method").is_none() && json.get("id") == Some(id)).map(response_of)
    }

    /// Summarizes what happened, for a panic.
    pub fn summary(&self) -> String {
        let mut parts = [self.unused(), self.unfinished()].concat();
        parts.push("the client sent:".to_owned());
        let mut summary = parts.join("; ");
        for message in self.received() {
            summary.push_str("\n  ");
            summary.extend(redact::json(&message.to_string()).chars().take(200));
        }
        if self.ended {
            summary.push_str("\n  the end of its stream");
        }
        summary
    }
}
