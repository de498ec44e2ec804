//! The messages of a recorded turn.

use serde_json::Value;

const RECORDING: &str = include_str!("../../../../../../tests/recordings/1.0.102-streaming.jsonl");
/// The number of times that the pieces of the answer are repeated, since the recorded answer has four words.
const REPEATED: usize = 20;

/// The bodies between the prompt and the end of the turn, with the id of this session. What the recorder left out is
/// there, as padding of the same length.
pub fn bodies(session: &str) -> Vec<String> {
    let lines = RECORDING.lines().map(|line| serde_json::from_str::<Value>(line).expect("a line of JSON"));
    let mut messages: Vec<Value> = lines
        .skip_while(|line| line["msg"]["method"] != "session.send")
        .filter(|line| line["dir"] == "server" && line["msg"]["method"].is_string())
        .map(|line| line["msg"].clone())
        .collect();
    let kind = |message: &Value, kind: &str| message["params"]["event"]["type"] == kind;
    let end = messages.iter().position(|message| kind(message, "session.idle")).expect("the end of the turn");
    messages.truncate(end + 1);
    let is_delta = |message: &Value| {
        kind(message, "assistant.message_delta") || kind(message, "assistant.streaming_delta")
    };
    let first = messages.iter().position(|message| kind(message, "assistant.message_delta"));
    let first = first.expect("a piece of the answer");
    let deltas = messages[first..].iter().take_while(|message| is_delta(message)).count();
    let pieces = messages[first..first + deltas].to_vec();
    for _ in 1..REPEATED {
        messages.splice(first..first, pieces.clone());
    }
    let recorded = messages[0]["params"]["sessionId"].as_str().expect("the id of the session").to_owned();
    messages
        .into_iter()
        .map(|mut message| {
            restore(&mut message);
            message.to_string().replace(&recorded, session)
        })
        .collect()
}

/// Puts padding in place of the notes of the recorder.
fn restore(value: &mut Value) {
    match value {
        Value::String(text) => {
            let count = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(" characters left out]"));
            if let Some(count) = count.and_then(|count| count.parse().ok()) {
                *text = super::turn::source_code(count);
            }
        }
        Value::Array(values) => values.iter_mut().for_each(restore),
        Value::Object(values) => values.values_mut().for_each(restore),
        _ => {}
    }
}
