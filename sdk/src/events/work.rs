//! The work of the agent in a turn.

use std::time::Duration;

use crate::events::{SessionEvent, tool_call::Outcomes, usage::Usage};
use crate::generated::kind;

/// Maximum number of events that are kept for one turn.
const MAX_KEPT: usize = 4096;

/// Maximum size of their JSON in bytes.
const MAX_SIZE: usize = 16 << 20;

/// The work of the agent in a turn: its events, which are decoded on demand.
#[derive(Clone, Default)]
pub(crate) struct Work {
    /// The first `assistant.usage` and `tool.execution_start` of the turn.
    pub events: Vec<SessionEvent>,
    /// The outcomes of the tool calls among them.
    pub outcomes: Outcomes,
    /// The size in bytes of the JSON of the events, and of the errors among the outcomes.
    size: usize,
    /// The usage of the calls whose events are not kept.
    further: Option<Box<Usage>>,
    pub duration: Duration,
}

impl Work {
    /// Records an event of the turn. Most are not about work.
    pub fn record(&mut self, event: &SessionEvent) {
        let is_usage = match event.kind() {
            kind::ASSISTANT_USAGE => true,
            kind::TOOL_EXECUTION_START => false,
            kind::TOOL_EXECUTION_COMPLETE => {
                self.size += self.outcomes.complete(event, MAX_SIZE.saturating_sub(self.size));
                return;
            }
            _ => return,
        };
        let size = self.size + event.size();
        if self.events.len() < MAX_KEPT && size <= MAX_SIZE {
            self.size = size;
            self.events.push(event.clone());
            if !is_usage {
                self.outcomes.start(event);
            }
        } else if is_usage {
            **self.further.get_or_insert_default() += Usage::read(event);
        }
    }

    pub fn usage(&self) -> Usage {
        let usages = self.events.iter().filter(|event| event.kind() == kind::ASSISTANT_USAGE);
        usages.map(Usage::read).sum::<Usage>() + self.further.as_deref().copied().unwrap_or_default()
    }
}
