//! The events of a flood. Both sides know them, so that each notices when one is missing.

use serde_json::{Value, json};

/// The name of the sessions' tool.
pub const TOOL: &str = "echo";

/// The number of events in a block, which has one message of the agent.
pub const BLOCK: u64 = 500;

/// One event of the turn.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Step {
    TurnStart,
    Delta,
    /// The size of the answer so far.
    Size,
    Usage,
    ToolCall,
    Permission,
    Message,
    TurnEnd,
}

impl Step {
    /// The event at this place.
    pub fn at(place: u64) -> Self {
        match place % BLOCK {
            0 => Self::TurnStart,
            place if place == BLOCK - 2 => Self::Message,
            place if place == BLOCK - 1 => Self::TurnEnd,
            place if place % 100 == 50 => Self::ToolCall,
            place if place % 100 == 60 => Self::Permission,
            place if place % 50 == 25 => Self::Usage,
            place if place % 10 == 3 => Self::Size,
            _ => Self::Delta,
        }
    }

    /// The kind of the event.
    pub fn kind(self) -> &'static str {
        match self {
            Self::TurnStart => "assistant.turn_start",
            Self::Delta => "assistant.message_delta",
            Self::Size => "assistant.streaming_delta",
            Self::Usage => "session.usage_info",
            Self::ToolCall => "external_tool.requested",
            Self::Permission => "permission.requested",
            Self::Message => "assistant.message",
            Self::TurnEnd => "assistant.turn_end",
        }
    }

    /// Returns true if the CLI does not keep the event.
    pub fn is_ephemeral(self) -> bool {
        matches!(self, Self::Delta | Self::Size | Self::Usage)
    }

    /// The event's data.
    pub fn data(self, place: u64, session: &str) -> Value {
        let block = place / BLOCK;
        match self {
            Self::TurnStart | Self::TurnEnd => json!({"turnId": block.to_string()}),
            Self::Delta => json!({"messageId": message_id(block), "deltaContent": piece(place)}),
            Self::Size => json!({"totalResponseSizeBytes": place}),
            Self::Usage => json!({
                "tokenLimit": 128_000, "currentTokens": place, "messagesLength": 2, "systemTokens": 4439,
                "conversationTokens": 37, "toolDefinitionsTokens": 4338, "isInitial": false,
            }),
            Self::ToolCall => tool_call(session, &format!("tool-{place}"), &format!("word {place}")),
            Self::Permission => permission(&format!("permission-{place}")),
            Self::Message => message(block),
        }
    }
}

/// A call of the tool with a word.
pub fn tool_call(session: &str, request: &str, word: &str) -> Value {
    json!({
        "requestId": request, "sessionId": session, "toolCallId": format!("call-{request}"),
        "toolName": TOOL, "arguments": {"word": word}, "workingDirectory": "/workspace",
    })
}

/// The result of the tool for a word.
pub fn heard(word: &str) -> String {
    format!("heard: {word}")
}

fn permission(request: &str) -> Value {
    json!({
        "requestId": request,
        "permissionRequest": {
            "kind": "shell", "toolCallId": "call_sh", "fullCommandText": "echo hi > out.txt",
            "shellType": "bash", "intention": "write a file",
            "commands": [{"identifier": "echo hi > out.txt", "readOnly": false}],
            "possiblePaths": [], "canOfferSessionApproval": false, "hasWriteFileRedirection": false,
            "possibleUrls": [],
        },
        "agentMode": "interactive", "permissionMode": "manual",
    })
}

/// The id of the message of a block.
pub fn message_id(block: u64) -> String {
    format!("248a72f8-5d63-43f4-88bc-{block:012}")
}

/// The data of the whole message of a block.
pub fn message(block: u64) -> Value {
    json!({"messageId": message_id(block), "content": text(block), "toolRequests": []})
}

/// The whole text of the message of a block.
pub fn text(block: u64) -> String {
    let places = block * BLOCK..(block + 1) * BLOCK;
    places.filter(|place| Step::at(*place) == Step::Delta).map(piece).collect()
}

/// The text of the delta at this place.
fn piece(place: u64) -> String {
    format!("[{place}] it \"rains\" in C:\\Oslo,\n\tat 7 °C ☔ — and it goes on like this. ")
}
