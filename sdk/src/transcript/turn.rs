//! One turn of a conversation: its prompt, entries, state and usage.

use super::entries::{Entries, Entry, Prompt};
use crate::events::usage::Usage;
use crate::types::ErrorData;

/// A prompt and everything up to the next one: the events from one `user.message` of the session's own
/// agent to the next.
#[derive(Debug, Clone, Default)]
pub struct TranscriptTurn {
    /// The id of the `user.message` event, which a rewind refers to.
    pub(super) event_id: String,
    prompt: Option<Prompt>,
    pub(super) entries: Entries,
    pub(super) usage: Usage,
    state: TurnState,
    /// True once the session was idle, or another prompt followed.
    pub(super) ended: bool,
    /// True if the last call of the model requested tools; none before it responded.
    wants_tools: Option<bool>,
}

/// The state of a turn.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub enum TurnState {
    /// The agent is running.
    Running,
    /// The turn ended: `session.idle`, the next prompt, or a last answer that requests no tools.
    #[default]
    Finished,
    /// The turn was interrupted: `abort`, or the end of the session.
    Aborted,
    /// The turn failed with this `session.error`.
    Failed(Box<ErrorData>),
}

impl TranscriptTurn {
    pub(super) fn new(event_id: &str, prompt: Prompt) -> Self {
        let event_id = event_id.to_owned();
        Self { event_id, prompt: Some(prompt), state: TurnState::Running, ..Self::default() }
    }

    /// The prompt of the user. None for entries before the first prompt, such as log lines, and for a
    /// prompt that was rejected before it became part of the conversation.
    pub fn prompt(&self) -> Option<&Prompt> {
        self.prompt.as_ref()
    }

    /// The entries of the turn in order. Those of sub-agents are in [`Entry::SubAgent`].
    pub fn entries(&self) -> &[Entry] {
        &self.entries.0
    }

    /// The state of the turn.
    pub fn state(&self) -> &TurnState {
        &self.state
    }

    /// The usage of the turn, including sub-agents.
    pub fn usage(&self) -> &Usage {
        &self.usage
    }

    /// The id of the prompt; empty if unknown.
    pub(super) fn message_id(&self) -> &str {
        self.prompt.as_ref().map_or("", Prompt::message_id)
    }

    pub(super) fn start_call(&mut self) {
        self.wants_tools = None;
        // Remaining work, or a hook, may make the agent continue.
        if let TurnState::Finished = self.state {
            self.state = TurnState::Running;
            self.ended = false;
        }
    }

    pub(super) fn answer_call(&mut self, wants_tools: bool) {
        self.wants_tools = Some(wants_tools || self.wants_tools == Some(true));
    }

    pub(super) fn end_call(&mut self) {
        if self.wants_tools == Some(false) {
            self.settle(TurnState::Finished);
        }
    }

    pub(super) fn fail(&mut self, error: ErrorData) {
        if let TurnState::Running | TurnState::Finished = self.state {
            self.state = TurnState::Failed(Box::new(error));
        }
    }

    pub(super) fn finish(&mut self) {
        self.ended = true;
        self.settle(TurnState::Finished);
    }

    /// Sets the state, unless another one was set before.
    pub(super) fn settle(&mut self, state: TurnState) {
        if let TurnState::Running = self.state {
            self.state = state;
        }
    }
}
