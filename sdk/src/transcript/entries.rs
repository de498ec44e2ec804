//! The entries of one agent in a conversation.

use serde_json::Value;

use super::turn::Usage;
use super::{Agent, text};
use crate::wire;
use crate::wire::peek::{self, keys};

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
    progress: String,
    output: String,
    result: Option<Result<String, String>>,
    detailed_content: Option<String>,
}

impl std::fmt::Debug for ToolCall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let arguments = crate::wire::redact::json(&self.arguments.to_string());
        f.debug_struct("ToolCall")
            .field("id", &self.id)
            .field("name", &self.name)
            .field("arguments", &arguments)
            .field("by_user", &self.by_user)
            .field("result", &self.result)
            .finish_non_exhaustive()
    }
}

/// A sub-agent: `subagent.started` and all events that carry its id.
#[derive(Debug, Clone, Default)]
pub struct SubAgent {
    agent_id: String,
    tool_call_id: String,
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

    pub(super) fn set_progress(&mut self, progress: String) {
        if self.result.is_none() {
            self.progress = progress;
        }
    }

    pub(super) fn set_output(&mut self, output: String) {
        if self.result.is_none() {
            self.output = output;
        }
    }

    pub(super) fn complete(&mut self, success: bool, result: Option<&str>, error: Option<&str>) {
        let keys = keys!(ToolExecutionCompleteResult, ["content", "detailedContent"]);
        let [content, detailed] =
            result.and_then(|raw| peek::pick(raw, keys).ok()).unwrap_or_default().map(text);
        let keys = keys!(ToolExecutionCompleteError, ["message"]);
        let [message] = error.and_then(|raw| peek::pick(raw, keys).ok()).unwrap_or_default().map(text);
        self.detailed_content =
            Some(detailed).filter(|detailed| !detailed.is_empty() && *detailed != content);
        self.result = Some(if success { Ok(content) } else { Err(message) });
        self.progress = String::new();
        self.output = String::new();
    }
}

impl SubAgent {
    /// The id that its events carry; empty for a CLI that sends none.
    pub fn agent_id(&self) -> &str {
        &self.agent_id
    }

    /// The tool call that started it.
    pub fn tool_call_id(&self) -> &str {
        &self.tool_call_id
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
        self.entries.as_slice()
    }

    /// The usage of the sub-agent, excluding its own sub-agents.
    pub fn usage(&self) -> &Usage {
        &self.usage
    }

    /// The outcome: `subagent.completed`, or the error of `subagent.failed`; none while it runs.
    pub fn result(&self) -> Option<Result<(), &str>> {
        self.outcome.as_ref().map(|outcome| outcome.as_ref().copied().map_err(String::as_str))
    }

    fn matches(&self, key: &Agent) -> bool {
        let same_call = !key.call.is_empty() && self.tool_call_id == key.call;
        match key.id.is_empty() || self.agent_id.is_empty() {
            true => same_call,
            false => self.agent_id == key.id,
        }
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
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Part {
    Message,
    Reasoning,
}

/// The entries of one agent.
#[derive(Debug, Clone, Default)]
pub(super) struct Entries(Vec<Entry>);

impl Entry {
    fn part(&self) -> Option<(Part, &Text)> {
        match self {
            Self::Message(text) => Some((Part::Message, text)),
            Self::Reasoning(text) => Some((Part::Reasoning, text)),
            _ => None,
        }
    }

    fn part_mut(&mut self) -> Option<(Part, &mut Text)> {
        match self {
            Self::Message(text) => Some((Part::Message, text)),
            Self::Reasoning(text) => Some((Part::Reasoning, text)),
            _ => None,
        }
    }
}

impl Entries {
    pub fn as_slice(&self) -> &[Entry] {
        &self.0
    }

    pub fn push(&mut self, entry: Entry) {
        self.0.push(entry);
    }

    pub fn append(&mut self, part: Part, id: &str, delta: &str) {
        match self.part_mut(part, id) {
            // A delta after the complete text adds nothing.
            Some(text) if text.complete => {}
            Some(text) => text.text.push_str(delta),
            None => {
                let text = Text { id: id.to_owned(), text: delta.to_owned(), complete: false };
                self.push(match part {
                    Part::Message => Entry::Message(text),
                    Part::Reasoning => Entry::Reasoning(text),
                });
            }
        }
    }

    pub fn message(&mut self, id: &str, content: String, reasoning: String) {
        let at = self.position(Part::Message, id);
        let before = at.unwrap_or(self.0.len());
        let mut earlier = self.0.iter().take(before).rev();
        let known = earlier.find(|entry| !matches!(entry, Entry::Notice(_)));
        if !reasoning.is_empty() && !matches!(known, Some(Entry::Reasoning(_))) {
            let text = Text { id: String::new(), text: reasoning, complete: true };
            self.0.insert(before, Entry::Reasoning(text));
        }
        match (self.part_mut(Part::Message, id), content.is_empty()) {
            (Some(text), false) => (text.text, text.complete) = (content, true),
            (None, false) => {
                self.push(Entry::Message(Text { id: id.to_owned(), text: content, complete: true }))
            }
            (_, true) => self.0.retain(|entry| !is_part(entry, Part::Message, id)),
        }
    }

    pub fn reasoning(&mut self, id: &str, content: String) {
        // Reasoning known from a message has no id yet.
        let without_id = |entry: &Entry| {
            entry.part().is_some_and(|(part, text)| {
                part == Part::Reasoning && text.id.is_empty() && text.text == content
            })
        };
        let at = self.position(Part::Reasoning, id).or_else(|| self.0.iter().rposition(without_id));
        let whole = Text { id: id.to_owned(), text: content, complete: true };
        match at.and_then(|at| self.0.get_mut(at)) {
            Some(entry) => *entry = Entry::Reasoning(whole),
            None => self.push(Entry::Reasoning(whole)),
        }
    }

    pub fn drop_unfinished(&mut self) {
        self.0.retain(|entry| entry.part().is_none_or(|(_, text)| text.complete));
    }

    /// Adds a tool call, or updates it: the request of the model and the start of the execution are the
    /// same call. Some model servers reuse an id once the call is complete.
    pub fn start_call(&mut self, id: &str, name: &str, arguments: Option<&str>, by_user: bool) {
        if self.call(id).is_none_or(|call| call.result.is_some() && !call.name.is_empty()) {
            self.push(Entry::ToolCall(ToolCall::new(id)));
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

    /// The entries that contain a tool call: these, or those of a sub-agent.
    pub fn holder_of(&mut self, call: &str) -> Option<&mut Self> {
        if self.call(call).is_some() {
            return Some(self);
        }
        self.sub_agents().find_map(|agent| agent.entries.holder_of(call))
    }

    pub fn push_agent(&mut self, key: &Agent) {
        let (agent_id, tool_call_id) = (key.id.clone(), key.call.clone());
        self.push(Entry::SubAgent(SubAgent { agent_id, tool_call_id, ..SubAgent::default() }));
    }

    /// A sub-agent, at any depth.
    pub fn agent(&mut self, key: &Agent) -> Option<&mut SubAgent> {
        self.sub_agents().find_map(|agent| match agent.matches(key) {
            true => {
                // Events before `subagent.started` contain only one of the two.
                if agent.agent_id.is_empty() {
                    agent.agent_id.clone_from(&key.id);
                }
                if agent.tool_call_id.is_empty() {
                    agent.tool_call_id.clone_from(&key.call);
                }
                Some(agent)
            }
            false => agent.entries.agent(key),
        })
    }

    fn sub_agents(&mut self) -> impl Iterator<Item = &mut SubAgent> {
        self.0.iter_mut().rev().filter_map(|entry| match entry {
            Entry::SubAgent(agent) => Some(agent),
            _ => None,
        })
    }

    fn position(&self, part: Part, id: &str) -> Option<usize> {
        self.0.iter().rposition(|entry| is_part(entry, part, id))
    }

    fn part_mut(&mut self, part: Part, id: &str) -> Option<&mut Text> {
        let entry = self.position(part, id).and_then(|at| self.0.get_mut(at))?;
        entry.part_mut().map(|(_, text)| text)
    }
}

fn is_part(entry: &Entry, part: Part, id: &str) -> bool {
    entry.part().is_some_and(|(kind, text)| kind == part && text.id == id)
}
