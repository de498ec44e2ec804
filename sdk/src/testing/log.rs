//! The log of all messages, which records those that a test has already waited for.

use std::collections::HashSet;

use serde_json::Value;

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

#[derive(Default)]
pub(super) struct Log {
    pub frames: Vec<Frame>,
    /// True once the client has closed its stream.
    pub ended: bool,
    /// The indices of the messages that a wait has returned.
    taken: HashSet<usize>,
    /// The failures of the test.
    pub failures: Vec<String>,
}

impl Log {
    /// The messages of the client.
    fn client(&self) -> impl Iterator<Item = (usize, &Value)> {
        let frames = self.frames.iter().enumerate();
        frames.filter(|(_, frame)| frame.from == Side::Client).map(|(index, frame)| (index, &frame.json))
    }

    /// Takes the first untaken request of this method whose params match.
    pub fn take_call(&mut self, method: &str, params: impl Fn(&Value) -> bool) -> Option<ReceivedCall> {
        let wanted = |(index, json): &(usize, &Value)| {
            json["method"] == method && !self.taken.contains(index) && params(&json["params"])
        };
        let (index, json) = self.client().find(wanted)?;
        let call = ReceivedCall { id: json["id"].clone(), params: json["params"].clone() };
        self.taken.insert(index);
        Some(call)
    }

    /// Takes the client's response to the request with this id.
    pub fn take_response(&mut self, id: &Value) -> Option<super::RawResponse> {
        let wanted = |(index, json): &(usize, &Value)| {
            json.get("method").is_none() && json.get("id") == Some(id) && !self.taken.contains(index)
        };
        let (index, json) = self.client().find(wanted)?;
        let answer = match json.get("error") {
            Some(error) => Err(error.clone()),
            None => Ok(json["result"].clone()),
        };
        self.taken.insert(index);
        Some(answer)
    }

    /// The methods of the client's requests.
    pub fn methods(&self) -> Vec<String> {
        self.client().filter_map(|(_, json)| json["method"].as_str().map(str::to_owned)).collect()
    }

    /// The params of the client's requests of this method.
    pub fn calls(&self, method: &str) -> Vec<Value> {
        let calls = self.client().filter(|(_, json)| json["method"] == method);
        calls.map(|(_, json)| json["params"].clone()).collect()
    }

    /// Summarizes the messages of the client, for a panic.
    pub fn summary(&self) -> String {
        let mut summary = String::from("the client sent:");
        for (_, json) in self.client() {
            let text = json.to_string();
            let end = text.char_indices().nth(200).map_or(text.len(), |(end, _)| end);
            summary.push_str("\n  ");
            summary.push_str(&text[..end]);
        }
        if self.ended {
            summary.push_str("\n  the end of its stream");
        }
        summary
    }
}
