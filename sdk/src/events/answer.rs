//! The answer that a turn ends with.

use std::time::Duration;

use crate::events::{SessionEvent, tool_call::ToolCall, usage::Usage, work::Work};
use crate::generated::kind;
use crate::generated::session_event::SessionEventData;
use crate::types::{AssistantMessageData, AssistantUsageData};

/// The outcome of a turn.
#[derive(Clone)]
pub struct Answer {
    pub(crate) message_id: String,
    /// An `assistant.message` that can be read.
    pub(crate) message: Option<SessionEvent>,
    pub(crate) aborted: bool,
    pub(crate) work: Work,
}

impl Answer {
    /// The text of the agent's last message; empty if there is none.
    pub fn text(&self) -> &str {
        self.message().map_or("", |message| &message.content)
    }

    /// The agent's last message: the last `assistant.message` of the turn that does not come from a
    /// sub-agent.
    pub fn message(&self) -> Option<&AssistantMessageData> {
        match self.event()?.data() {
            SessionEventData::AssistantMessage(message) => Some(message),
            _ => None,
        }
    }

    /// The event of the agent's last message.
    pub fn event(&self) -> Option<&SessionEvent> {
        self.message.as_ref()
    }

    /// The id of the prompt, as returned by `session.send`.
    pub fn message_id(&self) -> &str {
        &self.message_id
    }

    /// Returns true if the turn was aborted, or the CLI dropped its prompt before the agent started on it;
    /// see [`turns`](crate::turns).
    pub fn is_aborted(&self) -> bool {
        self.aborted
    }

    /// The usage of the turn's model calls, including those of sub-agents: the sum of their `assistant.usage`. Zero
    /// where the CLI reports nothing.
    pub fn usage(&self) -> Usage {
        self.work.usage()
    }

    /// The model calls of the turn with their models, tokens and durations (`assistant.usage`), including those of
    /// sub-agents. Beyond 4096 calls or 16 MiB of JSON the later ones are only in [`usage`](Self::usage).
    pub fn model_calls(&self) -> impl Iterator<Item = &AssistantUsageData> {
        self.work.events.iter().filter_map(|event| match event.data() {
            SessionEventData::AssistantUsage(usage) => Some(&**usage),
            _ => None,
        })
    }

    /// The tool calls that began in the turn (`tool.execution_start`) with their outcomes (`tool.execution_complete`),
    /// including those of sub-agents. Beyond 4096 calls or 16 MiB of JSON the later calls, and the messages of later
    /// errors, are missing. The stream of the turn also has the results.
    pub fn tool_calls(&self) -> impl Iterator<Item = ToolCall<'_>> {
        let starts = self.work.events.iter().filter(|event| event.kind() == kind::TOOL_EXECUTION_START);
        starts.zip(self.work.outcomes.iter()).filter_map(|(event, outcome)| match event.data() {
            SessionEventData::ToolExecutionStart(start) => Some(ToolCall { start, outcome }),
            _ => None,
        })
    }

    /// The time from the sending of the prompt until the turn has read its last event. It includes the prompt's wait in
    /// the CLI's queue.
    pub fn duration(&self) -> Duration {
        self.work.duration
    }
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answer")
            .field("message_id", &self.message_id)
            .field("message", &self.message())
            .field("aborted", &self.aborted)
            .finish()
    }
}
