//! What the turn of a burst is made of. Both sides know it, so that each can tell what is missing.

use serde_json::{Value, json};

/// The tool that the sessions have.
pub const TOOL: &str = "echo";

/// How many events make a block: one message of the agent, with what it does meanwhile.
pub const BLOCK: u64 = 500;

/// One event of the turn.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Step {
    TurnStart,
    Delta,
    /// How long the answer is by now.
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

    /// Whether the event is passing only.
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

/// What the tool makes of a word.
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

/// What the delta at this place says.
fn piece(place: u64) -> String {
    format!("[{place}] it \"rains\" in C:\\Oslo,\n\tat 7 °C ☔ — and it goes on like this. ")
}
