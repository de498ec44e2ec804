//! The entries of a conversation.

use std::hash::BuildHasher as _;

use serde_json::Value;

use super::Agent;
use super::list::Entries;
use super::times::{Moment, Times};
use crate::events::usage::Usage;
use crate::runtime::hash::QuickHash;

/// An entry of a conversation.
#[derive(Clone)]
#[non_exhaustive]
pub enum Entry {
    /// Text of the agent: `assistant.message` and its deltas. A message that only requests tools is not an
    /// entry.
    Message(Text),
    /// Reasoning of the model: `assistant.reasoning` and its deltas, or the `reasoningText` of a message.
    Reasoning(Text),
    /// A tool call, with its result.
    ToolCall(ToolCall),
    /// A sub-agent, with its steps.
    SubAgent(SubAgent),
    /// A `user.message` that does not start a turn: the prompt of a sub-agent, or the text of a skill.
    Prompt(Prompt),
    /// A notice beside the conversation.
    Notice(Notice),
}

/// Text of the model, complete or in progress.
#[derive(Clone)]
pub struct Text {
    pub(super) id: String,
    pub(super) text: String,
    pub(super) complete: bool,
    pub(super) times: Times,
}

record!(Text {
    Required id "id",
    Required text "text",
    Required complete "complete",
    Required times "times",
});

/// A `user.message`.
#[derive(Clone)]
pub struct Prompt {
    pub(super) message_id: String,
    pub(super) text: String,
    pub(super) source: String,
    pub(super) times: Times,
}

record!(Prompt {
    Required message_id "messageId",
    Required text "text",
    Required source "source",
    Required times "times",
});

/// A tool call: `tool.execution_start` or `tool.user_requested`, and the events that follow it.
#[derive(Clone)]
pub struct ToolCall {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) arguments: Value,
    pub(super) by_user: bool,
    pub(super) progress: String,
    pub(super) output: String,
    pub(super) result: Option<Result<String, String>>,
    pub(super) detailed_content: Option<String>,
    pub(super) times: Times,
}

record!(ToolCall {
    Required id "id",
    Required name "name",
    Required arguments "arguments",
    Required by_user "byUser",
    Required progress "progress",
    Required output "output",
    Optional result "result",
    Optional detailed_content "detailedContent",
    Required times "times",
});

/// A sub-agent: `subagent.started` and all events that carry its id.
#[derive(Clone, Default)]
pub struct SubAgent {
    pub(super) key: Agent,
    pub(super) name: String,
    pub(super) display_name: String,
    pub(super) entries: Entries,
    pub(super) usage: Usage,
    pub(super) outcome: Option<Result<(), String>>,
    pub(super) times: Times,
}

record!(SubAgent {
    Required key "key",
    Required name "name",
    Required display_name "displayName",
    Required entries "entries",
    Required usage "usage",
    Optional outcome "result",
    Required times "times",
});

/// A notice about the session: `session.info`, `session.warning`, `session.error` that fails no turn,
/// `session.model_change`, `session.mode_changed`, `session.compaction_complete`, `session.truncation`,
/// `session.context_cleared` or `session.task_complete`.
#[derive(Clone)]
pub struct Notice {
    pub(super) kind: String,
    pub(super) category: String,
    pub(super) text: String,
    pub(super) times: Times,
}

record!(Notice {
    Required kind "kind",
    Required category "category",
    Required text "text",
    Required times "times",
});

impl Text {
    pub(super) fn whole(id: &str, text: String, at: Option<Moment>) -> Self {
        Self { id: id.to_owned(), text, complete: true, times: Times::at(at) }
    }

    /// The `messageId` or `reasoningId`; empty for reasoning known only from its message.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns true if the text is complete: not while it is written, nor after an abort or error
    /// interrupted it.
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    /// The times of the first piece and of the whole text; both are the same if there were no deltas.
    pub fn times(&self) -> Times {
        self.times
    }
}

impl Prompt {
    /// The `messageId`; empty for a CLI that sends none.
    pub fn message_id(&self) -> &str {
        &self.message_id
    }

    /// The `content`.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The source, such as `skill-pdf`; empty for the user.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The time of the event, as start and end.
    pub fn times(&self) -> Times {
        self.times
    }
}

impl ToolCall {
    /// The `toolCallId`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The tool's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The arguments of the call; null if unknown.
    pub fn arguments(&self) -> &Value {
        &self.arguments
    }

    /// Returns true if the user requested the call, not the model (`tool.user_requested`).
    pub fn is_user_requested(&self) -> bool {
        self.by_user
    }

    /// The last progress report (`tool.execution_progress`); empty once the call is complete.
    pub fn progress(&self) -> &str {
        &self.progress
    }

    /// The output so far (`tool.execution_partial_result`); empty once the call is complete.
    pub fn output(&self) -> &str {
        &self.output
    }

    /// The text of the result or of the error (`tool.execution_complete`); none until then, and forever if
    /// the turn was interrupted.
    pub fn result(&self) -> Option<Result<&str, &str>> {
        self.result.as_ref().map(|result| result.as_deref().map_err(String::as_str))
    }

    /// The text to show instead of the result that the model received, such as a diff; none if they are the
    /// same.
    pub fn detailed_content(&self) -> Option<&str> {
        self.detailed_content.as_deref()
    }

    /// The times of the start and the end of the execution.
    pub fn times(&self) -> Times {
        self.times
    }
}

impl SubAgent {
    /// The id that its events carry; empty for a CLI that sends none.
    pub fn agent_id(&self) -> &str {
        &self.key.id
    }

    /// The tool call that started it.
    pub fn tool_call_id(&self) -> &str {
        &self.key.call
    }

    /// The `agentName`; empty if unknown.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The `agentDisplayName`.
    pub fn display_name(&self) -> &str {
        &self.display_name
    }

    /// The steps of the sub-agent in order, including its own sub-agents.
    pub fn entries(&self) -> &[Entry] {
        &self.entries.list
    }

    /// The usage of the sub-agent, excluding its own sub-agents.
    pub fn usage(&self) -> &Usage {
        &self.usage
    }

    /// The outcome: `subagent.completed`, or the error of `subagent.failed`; none while it runs.
    pub fn result(&self) -> Option<Result<(), &str>> {
        self.outcome.as_ref().map(|outcome| outcome.as_ref().copied().map_err(String::as_str))
    }

    /// The times of its first event and of its outcome.
    pub fn times(&self) -> Times {
        self.times
    }
}

impl Notice {
    /// The type of its event.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The `infoType`, `warningType`, `errorType` or `outcome`, such as `notification` for a line of
    /// `session.log`; often empty.
    pub fn category(&self) -> &str {
        &self.category
    }

    /// The text to show: the message, the new model or mode, or the summary of a task; may be empty.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The time of the event, as start and end.
    pub fn times(&self) -> Times {
        self.times
    }
}

/// The two kinds of text.
#[derive(Debug, Clone, Copy, PartialEq, Hash)]
pub(super) enum Part {
    Message,
    Reasoning,
}

impl Entry {
    /// The start and the end of the entry.
    pub fn times(&self) -> Times {
        match self {
            Self::Message(text) | Self::Reasoning(text) => text.times,
            Self::ToolCall(call) => call.times,
            Self::SubAgent(agent) => agent.times,
            Self::Prompt(prompt) => prompt.times,
            Self::Notice(notice) => notice.times,
        }
    }

    pub(super) fn of(part: Part, text: Text) -> Self {
        match part {
            Part::Message => Self::Message(text),
            Part::Reasoning => Self::Reasoning(text),
        }
    }

    pub(super) fn text(&self) -> Option<(Part, &Text)> {
        match self {
            Self::Message(text) => Some((Part::Message, text)),
            Self::Reasoning(text) => Some((Part::Reasoning, text)),
            _ => None,
        }
    }

    /// The hash of the id of a text or a tool call.
    pub(super) fn hash(&self) -> Option<u64> {
        match self {
            Self::ToolCall(call) => Some(hash(None, &call.id)),
            _ => self.text().map(|(part, text)| hash(Some(part), &text.id)),
        }
    }
}

/// The hash of the id of a text, or of a tool call.
pub(super) fn hash(part: Option<Part>, id: &str) -> u64 {
    QuickHash::default().hash_one((part, id))
}
