//! The entries of one agent in a conversation.

use serde_json::Value;

use super::{Agent, text};
use crate::events::SessionEvent;
use crate::events::usage::Usage;
use crate::wire::peek::keys;
use crate::wire::{self, redact};

/// An entry of a conversation.
#[derive(Debug, Clone)]
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
#[derive(Debug, Clone)]
pub struct Text {
    part: Part,
    id: String,
    text: String,
    complete: bool,
}

/// A `user.message`.
#[derive(Debug, Clone)]
pub struct Prompt {
    pub(super) message_id: String,
    pub(super) text: String,
    pub(super) source: String,
}

/// A tool call: `tool.execution_start` or `tool.user_requested`, and the events that follow it.
#[derive(Clone)]
pub struct ToolCall {
    id: String,
    name: String,
    arguments: Value,
    by_user: bool,
    pub(super) progress: String,
    pub(super) output: String,
    pub(super) result: Option<Result<String, String>>,
    pub(super) detailed_content: Option<String>,
}

impl std::fmt::Debug for ToolCall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ToolCall")
            .field("id", &self.id)
            .field("name", &self.name)
            .field("arguments", &redact::json(&self.arguments.to_string()))
            .field("by_user", &self.by_user)
            .field("result", &self.result)
            .finish_non_exhaustive()
    }
}

/// A sub-agent: `subagent.started` and all events that carry its id.
#[derive(Debug, Clone, Default)]
pub struct SubAgent {
    pub(super) key: Agent,
    pub(super) name: String,
    pub(super) display_name: String,
    pub(super) entries: Entries,
    pub(super) usage: Usage,
    pub(super) outcome: Option<Result<(), String>>,
}

/// A notice about the session: `session.info`, `session.warning`, `session.error` that fails no turn,
/// `session.model_change`, `session.mode_changed`, `session.compaction_complete`, `session.truncation`,
/// `session.context_cleared` or `session.task_complete`.
#[derive(Debug, Clone)]
pub struct Notice {
    pub(super) kind: String,
    pub(super) category: String,
    pub(super) text: String,
}

impl Text {
    fn whole(part: Part, id: &str, text: String) -> Self {
        Self { part, id: id.to_owned(), text, complete: true }
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

    fn new(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            name: String::new(),
            arguments: Value::Null,
            by_user: false,
            progress: String::new(),
            output: String::new(),
            result: None,
            detailed_content: None,
        }
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
        &self.entries.0
    }

    /// The usage of the sub-agent, excluding its own sub-agents.
    pub fn usage(&self) -> &Usage {
        &self.usage
    }

    /// The outcome: `subagent.completed`, or the error of `subagent.failed`; none while it runs.
    pub fn result(&self) -> Option<Result<(), &str>> {
        self.outcome.as_ref().map(|outcome| outcome.as_ref().copied().map_err(String::as_str))
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
}

/// The two kinds of text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Part {
    Message,
    Reasoning,
}

/// The entries of one agent.
#[derive(Debug, Clone, Default)]
pub(super) struct Entries(pub Vec<Entry>);

impl Entry {
    fn of(text: Text) -> Self {
        match text.part {
            Part::Message => Self::Message(text),
            Part::Reasoning => Self::Reasoning(text),
        }
    }

    fn text(&mut self) -> Option<&mut Text> {
        match self {
            Self::Message(text) | Self::Reasoning(text) => Some(text),
            _ => None,
        }
    }
}

impl Entries {
    /// Adds a delta, whose keys are those of its id and its text.
    pub fn append(&mut self, event: &SessionEvent, part: Part, keys: [&str; 2]) {
        let [id, delta] = event.pick(keys).map(text);
        let at = self.position(part, &id);
        match at.and_then(|at| self.0[at].text()) {
            // A delta after the complete text adds nothing.
            Some(text) if text.complete => {}
            Some(text) => text.text.push_str(&delta),
            None => self.put(None, Text { part, id, text: delta, complete: false }),
        }
    }

    pub fn message(&mut self, id: &str, content: String, reasoning: String) {
        let before = self.position(Part::Message, id).unwrap_or(self.0.len());
        let mut earlier = self.0[..before].iter().rev();
        let known = earlier.find(|entry| !matches!(entry, Entry::Notice(_)));
        if !reasoning.is_empty() && !matches!(known, Some(Entry::Reasoning(_))) {
            self.0.insert(before, Entry::of(Text::whole(Part::Reasoning, "", reasoning)));
        }
        let at = self.position(Part::Message, id);
        if !content.is_empty() {
            self.put(at, Text::whole(Part::Message, id, content));
        } else if let Some(at) = at {
            self.0.remove(at);
        }
    }

    pub fn reasoning(&mut self, event: &SessionEvent) {
        let [id, content] = event.pick(keys!(AssistantReasoningData, ["reasoningId", "content"])).map(text);
        // Reasoning known from a message has no id yet.
        let is_known =
            |text: &Text| text.part == Part::Reasoning && text.id.is_empty() && text.text == content;
        let at = self.position(Part::Reasoning, &id).or_else(|| self.rposition(is_known));
        self.put(at, Text::whole(Part::Reasoning, &id, content));
    }

    /// Replaces the entry at this index, or adds one.
    fn put(&mut self, at: Option<usize>, text: Text) {
        match at {
            Some(at) => self.0[at] = Entry::of(text),
            None => self.0.push(Entry::of(text)),
        }
    }

    fn position(&mut self, part: Part, id: &str) -> Option<usize> {
        self.rposition(|text| text.part == part && text.id == id)
    }

    fn rposition(&mut self, wanted: impl Fn(&Text) -> bool) -> Option<usize> {
        self.0.iter_mut().rposition(|entry| entry.text().is_some_and(|text| wanted(text)))
    }

    pub fn drop_unfinished(&mut self) {
        self.0.retain_mut(|entry| entry.text().is_none_or(|text| text.complete));
    }

    /// Adds a tool call, or updates it: the request of the model and the start of the execution are the
    /// same call. Some model servers reuse an id once the call is complete.
    pub fn start_call(&mut self, id: &str, name: &str, arguments: Option<&str>, by_user: bool) {
        if self.call(id).is_none_or(|call| call.result.is_some() && !call.name.is_empty()) {
            self.0.push(Entry::ToolCall(ToolCall::new(id)));
        }
        if let Some(call) = self.call(id) {
            if !name.is_empty() {
                call.name = name.to_owned();
            }
            call.by_user |= by_user;
            if let Some(arguments) = arguments.and_then(|raw| wire::from_json(raw).ok()) {
                call.arguments = arguments;
            }
        }
    }

    /// The last tool call with this id.
    pub fn call(&mut self, id: &str) -> Option<&mut ToolCall> {
        self.0.iter_mut().rev().find_map(|entry| match entry {
            Entry::ToolCall(call) if call.id == id => Some(call),
            _ => None,
        })
    }

    /// The entries that contain a tool call: these, or those of a sub-agent at most so many levels below.
    pub fn holder_of(&mut self, call: &str, levels: usize) -> Option<&mut Self> {
        if self.call(call).is_some() {
            return Some(self);
        }
        let below = levels.checked_sub(1)?;
        self.sub_agents().find_map(|agent| agent.entries.holder_of(call, below))
    }

    /// A sub-agent, at any depth.
    pub fn agent(&mut self, key: &Agent) -> Option<&mut SubAgent> {
        self.sub_agents().find_map(|agent| match agent.key.unify(key) {
            true => Some(agent),
            false => agent.entries.agent(key),
        })
    }

    fn sub_agents(&mut self) -> impl Iterator<Item = &mut SubAgent> {
        self.0.iter_mut().rev().filter_map(|entry| match entry {
            Entry::SubAgent(agent) => Some(agent),
            _ => None,
        })
    }
}
