//! Transcripts of recorded and of made-up events.

use std::path::Path;

use copilot_session::transcript::{Entry, SubAgent, ToolCall, Transcript, TranscriptTurn, TurnState};
use copilot_session::{SessionEvent, Usage};
use serde_json::{Value, json};

mod exports;
mod made_up;
mod recorded;

/// The live events of a recording, and each history that was read in it.
struct Recording {
    live: Vec<SessionEvent>,
    histories: Vec<Vec<SessionEvent>>,
}

impl Recording {
    fn load(name: &str) -> Self {
        let path = folder().join(format!("{name}.jsonl"));
        let text = std::fs::read_to_string(&path).expect("a recording");
        let (mut live, mut histories) = (Vec::new(), Vec::new());
        for line in text.lines() {
            let line: Value = serde_json::from_str(line).expect("JSON lines");
            live.extend(line.pointer("/msg/params/event").filter(|json| json["type"].is_string()).map(event));
            let history = line.pointer("/msg/result/events").and_then(Value::as_array);
            let history = history.filter(|events| events.iter().all(|json| json["type"].is_string()));
            histories.extend(history.map(|events| events.iter().map(event).collect()));
        }
        Self { live, histories }
    }

    fn live(name: &str) -> Transcript {
        Self::load(name).live.iter().collect()
    }

    /// The names of all recordings.
    fn names() -> Vec<String> {
        let entries = std::fs::read_dir(folder()).expect("the recordings");
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        names.filter_map(|name| Some(name.strip_suffix(".jsonl")?.to_owned())).collect()
    }
}

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("recordings")
}

fn event(json: &Value) -> SessionEvent {
    SessionEvent::from_json(json.to_string()).expect("an event")
}

fn tool_calls(turn: &TranscriptTurn) -> Vec<&ToolCall> {
    let calls = turn.entries().iter().filter_map(|entry| match entry {
        Entry::ToolCall(call) => Some(call),
        _ => None,
    });
    calls.collect()
}

fn sub_agents(turn: &TranscriptTurn) -> Vec<&SubAgent> {
    let agents = turn.entries().iter().filter_map(|entry| match entry {
        Entry::SubAgent(agent) => Some(agent),
        _ => None,
    });
    agents.collect()
}

/// The number of calls, input tokens and output tokens.
fn counts(usage: &Usage) -> [u64; 3] {
    [usage.calls, usage.input_tokens, usage.output_tokens]
}
