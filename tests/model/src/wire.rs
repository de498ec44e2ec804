//! Chat completions as JSON: the chunks of a stream, and the whole answer.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::Stall;
use super::reply::Piece;

/// One action of a connection while it sends an answer.
pub(super) enum Step {
    Send(Bytes),
    Hold(Stall),
    Wait(Duration),
    Cut,
}

/// The parts of an answer that are not its content.
pub(super) struct Envelope {
    /// The index of the request, which makes the id of the completion.
    pub index: usize,
    /// The requested model, which the answer repeats.
    pub model: String,
    /// The number of the first tool call in this answer.
    pub first_call: usize,
    /// The number of tokens of the request and of the answer.
    pub usage: (u64, u64),
}

impl Envelope {
    /// The answer as server-sent events.
    pub(super) fn stream(&self, pieces: Vec<Piece>) -> Vec<Step> {
        let finish = finish_reason(&pieces);
        let mut steps = vec![self.chunk(json!({"role": "assistant", "content": ""}), Value::Null)];
        let mut calls = 0;
        steps.extend(pieces.into_iter().map(|piece| match piece {
            Piece::Text(text) => self.chunk(json!({"content": text}), Value::Null),
            Piece::Reasoning(text) => self.chunk(json!({"reasoning_content": text}), Value::Null),
            Piece::ToolCall(name, arguments) => {
                let mut call = self.call(calls, &name, &arguments);
                call["index"] = calls.into();
                calls += 1;
                self.chunk(json!({"tool_calls": [call]}), Value::Null)
            }
            Piece::Stall(stall) => Step::Hold(stall),
            Piece::Pause(pause) => Step::Wait(pause),
            Piece::Cut => Step::Cut,
        }));
        steps.push(self.chunk(json!({}), finish.into()));
        let mut usage = self.object("chat.completion.chunk", json!([]));
        usage["usage"] = self.usage();
        steps.push(event(&usage));
        steps.push(Step::Send(Bytes::from_static(b"data: [DONE]\n\n")));
        steps
    }

    /// The answer as one body, after its stalls and cuts.
    pub(super) fn whole(&self, pieces: Vec<Piece>) -> Vec<Step> {
        let finish = finish_reason(&pieces);
        let (mut text, mut reasoning) = (String::new(), String::new());
        let (mut calls, mut steps) = (Vec::new(), Vec::new());
        for piece in pieces {
            match piece {
                Piece::Text(more) => text += &more,
                Piece::Reasoning(more) => reasoning += &more,
                Piece::ToolCall(name, arguments) => {
                    calls.push(self.call(calls.len(), &name, &arguments));
                }
                Piece::Stall(stall) => steps.push(Step::Hold(stall)),
                Piece::Pause(pause) => steps.push(Step::Wait(pause)),
                Piece::Cut => steps.push(Step::Cut),
            }
        }
        let mut message = Map::from_iter([("role".to_owned(), json!("assistant"))]);
        message.insert("content".to_owned(), json!(Some(text).filter(|text| !text.is_empty())));
        if !reasoning.is_empty() {
            message.insert("reasoning_content".to_owned(), reasoning.into());
        }
        if !calls.is_empty() {
            message.insert("tool_calls".to_owned(), calls.into());
        }
        let choice = json!({"index": 0, "message": message, "finish_reason": finish});
        let mut body = self.object("chat.completion", json!([choice]));
        body["usage"] = self.usage();
        steps.push(Step::Send(body.to_string().into()));
        steps
    }

    fn chunk(&self, delta: Value, finish: Value) -> Step {
        let choice = json!({"index": 0, "delta": delta, "finish_reason": finish});
        event(&self.object("chat.completion.chunk", json!([choice])))
    }

    fn object(&self, object: &str, choices: Value) -> Value {
        let id = format!("chatcmpl-{}", self.index);
        json!({"id": id, "object": object, "created": 0, "model": self.model, "choices": choices})
    }

    fn call(&self, place: usize, name: &str, arguments: &str) -> Value {
        let id = format!("call_{}", self.first_call + place);
        json!({"id": id, "type": "function", "function": {"name": name, "arguments": arguments}})
    }

    fn usage(&self) -> Value {
        let (input, output) = self.usage;
        json!({"prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output})
    }
}

fn finish_reason(pieces: &[Piece]) -> &'static str {
    let calls_tools = pieces.iter().any(|piece| matches!(piece, Piece::ToolCall(..)));
    if calls_tools { "tool_calls" } else { "stop" }
}

fn event(data: &Value) -> Step {
    Step::Send(format!("data: {data}\n\n").into())
}
