//! The answer that a turn ends with.

use crate::events::SessionEvent;
use crate::generated::session_event::SessionEventData;
use crate::types::AssistantMessageData;

/// The outcome of a turn.
#[derive(Clone)]
pub struct Answer {
    pub(crate) message_id: String,
    /// An `assistant.message` that can be read.
    pub(crate) message: Option<SessionEvent>,
    pub(crate) aborted: bool,
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
