//! One turn of a conversation: its prompt, entries, state and usage.

use super::entries::{Entry, Prompt};
use super::list::Entries;
use super::times::{Moment, Times};
use crate::events::usage::Usage;
use crate::types::ErrorData;

/// A prompt and everything up to the next one: the events from one `user.message` of the session's own
/// agent to the next.
#[derive(Clone, Default)]
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
    times: Times,
    /// The time of the last event that is not about the session.
    latest: Option<Moment>,
    pub(super) dropped_entries: u64,
}

record!(TranscriptTurn {
    Required event_id "eventId",
    Optional prompt "prompt",
    Required entries "entries",
    Required usage "usage",
    Required state "state",
    Required ended "ended",
    Optional wants_tools "wantsTools",
    Required times "times",
    Optional latest "latest",
    Required dropped_entries "droppedEntries",
});

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
        let times = Times { end: None, ..prompt.times };
        let event_id = event_id.to_owned();
        Self { event_id, prompt: Some(prompt), state: TurnState::Running, times, ..Self::default() }
    }

    /// The prompt of the user. None for entries before the first prompt, such as log lines, and for a
    /// prompt that was rejected before it became part of the conversation.
    pub fn prompt(&self) -> Option<&Prompt> {
        self.prompt.as_ref()
    }

    /// The entries of the turn in order. Those of sub-agents are in [`Entry::SubAgent`].
    pub fn entries(&self) -> &[Entry] {
        &self.entries.list
    }

    /// The state of the turn.
    pub fn state(&self) -> &TurnState {
        &self.state
    }

    /// The usage of the turn, including sub-agents.
    pub fn usage(&self) -> &Usage {
        &self.usage
    }

    /// The times of its first event and of its end: `session.idle` or, in a history, which has none, the last event of
    /// its agent.
    pub fn times(&self) -> Times {
        self.times
    }

    /// The number of entries that were dropped from the start of the turn, or of a sub-agent, because the transcript
    /// has a limit ([`Transcript::max_bytes`](super::Transcript::max_bytes)).
    pub fn dropped_entries(&self) -> u64 {
        self.dropped_entries
    }

    /// Notes the time of an event of the turn.
    pub(super) fn note(&mut self, moment: Option<Moment>) {
        self.times.start = self.times.start.or(moment);
        self.latest = moment.or(self.latest);
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
            self.times.end = None;
        }
    }

    pub(super) fn answer_call(&mut self, wants_tools: bool) {
        self.wants_tools = Some(wants_tools || self.wants_tools == Some(true));
    }

    pub(super) fn end_call(&mut self, moment: Option<Moment>) {
        if self.wants_tools == Some(false) {
            self.settle(TurnState::Finished, moment);
        }
    }

    pub(super) fn fail(&mut self, error: ErrorData, moment: Option<Moment>) {
        if let TurnState::Running | TurnState::Finished = self.state {
            self.state = TurnState::Failed(Box::new(error));
            self.times.end = moment;
        }
    }

    /// Ends the turn when the session is idle.
    pub(super) fn idle(&mut self, moment: Option<Moment>) {
        if !self.ended {
            self.times.end = moment;
        }
        self.finish();
    }

    /// Ends the turn, at the latest with its last event.
    pub(super) fn finish(&mut self) {
        self.ended = true;
        self.settle(TurnState::Finished, self.times.end.or(self.latest));
    }

    /// Sets the state, unless another one was set before.
    pub(super) fn settle(&mut self, state: TurnState, moment: Option<Moment>) {
        if let TurnState::Running = self.state {
            self.state = state;
            self.times.end = moment;
        }
    }
}
