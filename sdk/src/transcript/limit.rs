//! The limit of a transcript's memory.

use serde_json::Value;

use super::entries::{Entry, Prompt};
use super::list::Entries;
use super::{Transcript, TranscriptTurn, TurnState};
use crate::events::SessionEvent;
use crate::types::ErrorData;
use crate::wire;

/// A limit, and how much came in since the transcript was measured.
#[derive(Debug, Clone)]
pub(super) struct Limit {
    max: usize,
    unmeasured: usize,
}

impl Transcript {
    /// Limits the memory for the texts of the conversation, in bytes. When it is exceeded, the oldest turns are
    /// dropped and counted; from a last turn that is larger alone, the oldest entries. The newest entry is kept,
    /// whatever its size. It is measured each time that a quarter of the limit has come in, so the transcript may grow
    /// by about a quarter more. The result of a call that was dropped while it ran is ignored. Default: no limit.
    pub fn max_bytes(mut self, max: usize) -> Self {
        self.limit = Some(Limit { max, unmeasured: 0 });
        self
    }

    /// Drops the oldest parts if the transcript has become too large.
    pub(super) fn shrink(&mut self, event: &SessionEvent) {
        let Some(limit) = &mut self.limit else { return };
        limit.unmeasured = limit.unmeasured.saturating_add(event.raw().len() + size_of::<Entry>());
        // What an event adds is about as large as this, so most of them need no measuring.
        if limit.unmeasured <= limit.max / 4 {
            return;
        }
        limit.unmeasured = 0;
        let size: usize = self.turns.iter().map(TranscriptTurn::size).sum();
        let mut excess = size.saturating_sub(limit.max);
        self.dropped_turns += drop_oldest(&mut self.turns, TranscriptTurn::size, &mut excess);
        if let Some(last) = self.turns.last_mut().filter(|_| excess > 0) {
            last.dropped_entries += last.entries.drop_oldest(&mut excess);
        }
    }

    /// Returns true if something may end whose start was dropped.
    pub(super) fn has_dropped(&self) -> bool {
        self.dropped_turns > 0 || self.turns.iter().any(|turn| turn.dropped_entries > 0)
    }
}

impl TranscriptTurn {
    fn size(&self) -> usize {
        let error = match self.state() {
            TurnState::Failed(error) => size_of::<ErrorData>() + wire::to_json(error.as_ref()).len(),
            _ => 0,
        };
        let prompt = self.prompt().map_or(0, prompt_size);
        size_of::<Self>() + self.event_id.len() + prompt + error + self.entries.size()
    }
}

impl Entries {
    fn size(&self) -> usize {
        self.list.iter().map(Entry::size).sum()
    }

    /// Drops the oldest entries, and then the oldest ones of a sub-agent that is the last. Returns their number.
    fn drop_oldest(&mut self, excess: &mut usize) -> u64 {
        let dropped = drop_oldest(&mut self.list, Entry::size, excess);
        if dropped > 0 {
            self.index();
        }
        match self.list.last_mut() {
            Some(Entry::SubAgent(agent)) if *excess > 0 => dropped + agent.entries.drop_oldest(excess),
            _ => dropped,
        }
    }
}

/// Drops things from the start until so many bytes are free, but not the last one. Returns their number.
fn drop_oldest<T>(things: &mut Vec<T>, size: fn(&T) -> usize, excess: &mut usize) -> u64 {
    let mut dropped = 0;
    while *excess > 0 && dropped + 1 < things.len() {
        *excess = excess.saturating_sub(size(&things[dropped]));
        dropped += 1;
    }
    things.drain(..dropped);
    dropped as u64
}

impl Entry {
    fn size(&self) -> usize {
        let content = match self {
            Self::Message(text) | Self::Reasoning(text) => bytes([text.id(), text.text()]),
            Self::ToolCall(call) => {
                let result = call.result().map_or("", |result| result.unwrap_or_else(|error| error));
                let results = [result, call.detailed_content().unwrap_or_default()];
                let texts = bytes([call.id(), call.name(), call.progress(), call.output()]);
                value_size(call.arguments()) + texts + bytes(results)
            }
            Self::SubAgent(agent) => {
                let error = agent.result().and_then(Result::err).unwrap_or_default();
                let names =
                    bytes([agent.agent_id(), agent.tool_call_id(), agent.name(), agent.display_name()]);
                names + error.len() + agent.entries.size()
            }
            Self::Prompt(prompt) => prompt_size(prompt),
            Self::Notice(notice) => bytes([notice.kind(), notice.category(), notice.text()]),
        };
        size_of::<Self>() + content
    }
}

fn prompt_size(prompt: &Prompt) -> usize {
    bytes([prompt.message_id(), prompt.text(), prompt.source()])
}

fn bytes<const N: usize>(texts: [&str; N]) -> usize {
    texts.map(str::len).iter().sum()
}

fn value_size(value: &Value) -> usize {
    let content = match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(value_size).sum(),
        Value::Object(fields) => fields.iter().map(|(key, value)| key.len() + value_size(value)).sum(),
        _ => 0,
    };
    size_of::<Value>() + content
}
