//! The entries of one agent in a conversation.

use std::collections::HashSet;
use std::hash::BuildHasher as _;

use serde_json::Value;

use super::times::{Moment, Times};
use super::{Agent, text};
use crate::events::SessionEvent;
use crate::events::usage::Usage;
use crate::runtime::hash::QuickHash;
use crate::wire::{self, Wire, peek::keys};

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
    id: String,
    pub(super) text: String,
    complete: bool,
    times: Times,
}

record!(Text {
    Field id "id",
    Field text "text",
    Field complete "complete",
    Field times "times",
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
    Field message_id "messageId",
    Field text "text",
    Field source "source",
    Field times "times",
});

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
    pub(super) times: Times,
}

record!(ToolCall {
    Field id "id",
    Field name "name",
    Field arguments "arguments",
    Field by_user "byUser",
    Field progress "progress",
    Field output "output",
    Field result "result",
    Field detailed_content "detailedContent",
    Field times "times",
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
    Field key "key",
    Field name "name",
    Field display_name "displayName",
    Field entries "entries",
    Field usage "usage",
    Field outcome "result",
    Field times "times",
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
    Field kind "kind",
    Field category "category",
    Field text "text",
    Field times "times",
});

impl Text {
    fn whole(id: &str, text: String, at: Option<Moment>) -> Self {
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

/// The entries of one agent, the hashes of the ids of its texts and tool calls, and the places of its sub-agents. So in a
/// turn of many thousand entries, a new id is known to be new, and a sub-agent is found, without a look at all of them.
#[derive(Clone, Default)]
pub(super) struct Entries(pub Vec<Entry>, HashSet<u64, QuickHash>, Vec<usize>);

/// The number of the latest entries that are searched without a look at the hashes.
const NEAR: usize = 32;

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

    fn of(part: Part, text: Text) -> Self {
        match part {
            Part::Message => Self::Message(text),
            Part::Reasoning => Self::Reasoning(text),
        }
    }

    fn text(&self) -> Option<(Part, &Text)> {
        match self {
            Self::Message(text) => Some((Part::Message, text)),
            Self::Reasoning(text) => Some((Part::Reasoning, text)),
            _ => None,
        }
    }

    /// The hash of the id of a text or a tool call.
    fn hash(&self) -> Option<u64> {
        match self {
            Self::ToolCall(call) => Some(hash(None, &call.id)),
            _ => self.text().map(|(part, text)| hash(Some(part), &text.id)),
        }
    }
}

/// The hash of the id of a text, or of a tool call.
fn hash(part: Option<Part>, id: &str) -> u64 {
    QuickHash::default().hash_one((part, id))
}

impl Entries {
    /// Adds a delta, whose keys are those of its id and its text.
    pub fn append(&mut self, event: &SessionEvent, part: Part, keys: [&str; 2]) {
        let [id, delta] = event.pick(keys).map(text);
        let at = self.position(part, &id);
        match at.map(|at| &mut self.0[at]) {
            // A delta after the complete text adds nothing.
            Some(Entry::Message(text) | Entry::Reasoning(text)) if text.complete => {}
            Some(Entry::Message(text) | Entry::Reasoning(text)) => text.text.push_str(&delta),
            _ => {
                let times = Times { start: Moment::of(event), end: None };
                self.add(Entry::of(part, Text { id, text: delta, complete: false, times }));
            }
        }
    }

    pub fn message(&mut self, id: &str, content: String, reasoning: String, moment: Option<Moment>) {
        let before = self.position(Part::Message, id).unwrap_or(self.0.len());
        let mut earlier = self.0[..before].iter().rev();
        let known = earlier.find(|entry| !matches!(entry, Entry::Notice(_)));
        if !reasoning.is_empty() && !matches!(known, Some(Entry::Reasoning(_))) {
            self.1.insert(hash(Some(Part::Reasoning), ""));
            self.0.insert(before, Entry::of(Part::Reasoning, Text::whole("", reasoning, moment)));
            self.shifted(before);
        }
        let at = self.position(Part::Message, id);
        if !content.is_empty() {
            self.complete(at, Part::Message, Text::whole(id, content, moment));
        } else if let Some(at) = at {
            self.0.remove(at);
            self.shifted(at);
        }
    }

    pub fn reasoning(&mut self, event: &SessionEvent) {
        let [id, content] = event.pick(keys!(AssistantReasoningData, ["reasoningId", "content"])).map(text);
        // Reasoning known from a message has no id yet.
        let is_known = |entry: &Entry| matches!(entry, Entry::Reasoning(text) if text.id.is_empty() && text.text == content);
        let unnamed = || self.find(|| hash(Some(Part::Reasoning), ""), is_known);
        let at = self.position(Part::Reasoning, &id).or_else(unnamed);
        self.complete(at, Part::Reasoning, Text::whole(&id, content, Moment::of(event)));
    }

    /// Replaces the text at this index, or adds one.
    fn complete(&mut self, at: Option<usize>, part: Part, mut text: Text) {
        match at {
            Some(at) => {
                text.times.start = self.0[at].times().start.or(text.times.start);
                self.1.insert(hash(Some(part), &text.id));
                self.0[at] = Entry::of(part, text);
            }
            None => self.add(Entry::of(part, text)),
        }
    }

    fn position(&self, part: Part, id: &str) -> Option<usize> {
        let wanted = |entry: &Entry| entry.text().is_some_and(|(of, text)| of == part && text.id == id);
        self.find(|| hash(Some(part), id), wanted)
    }

    /// Finds the last entry with an id of this hash that passes.
    fn find(&self, hash: impl Fn() -> u64, passes: impl Fn(&Entry) -> bool) -> Option<usize> {
        let (earlier, near) = self.0.split_at(self.0.len().saturating_sub(NEAR));
        let found = near.iter().rposition(&passes).map(|at| earlier.len() + at);
        let is_earlier = found.is_none() && !earlier.is_empty() && self.1.contains(&hash());
        if is_earlier { earlier.iter().rposition(passes) } else { found }
    }

    pub fn add(&mut self, entry: Entry) {
        self.1.extend(entry.hash());
        self.2.extend(matches!(entry, Entry::SubAgent(_)).then_some(self.0.len()));
        self.0.push(entry);
    }

    /// Finds all hashes and places anew, after the entries were read or dropped.
    pub fn index(&mut self) {
        self.1.clear();
        self.2.clear();
        std::mem::take(&mut self.0).into_iter().for_each(|entry| self.add(entry));
    }

    /// Corrects the places after an entry came or went at this one, which is seldom before that of a sub-agent.
    fn shifted(&mut self, at: usize) {
        if self.2.last().is_some_and(|last| *last >= at) {
            self.index();
        }
    }

    pub fn drop_unfinished(&mut self) {
        self.0.retain(|entry| entry.text().is_none_or(|(_, text)| text.complete));
        self.shifted(0);
    }

    /// Adds a tool call, or updates it: the request of the model and the start of the execution are the
    /// same call. Some model servers reuse an id once the call is complete.
    pub fn start_call(&mut self, id: &str, name: &str, arguments: Option<&str>, by_user: bool) {
        if self.call(id).is_none_or(|call| call.result.is_some() && !call.name.is_empty()) {
            self.add(Entry::ToolCall(ToolCall { id: id.to_owned(), ..ToolCall::empty() }));
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
        let wanted = |entry: &Entry| matches!(entry, Entry::ToolCall(call) if call.id == id);
        match self.find(|| hash(None, id), wanted).map(|at| &mut self.0[at]) {
            Some(Entry::ToolCall(call)) => Some(call),
            _ => None,
        }
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

    /// The sub-agents, the latest first.
    fn sub_agents(&mut self) -> impl Iterator<Item = &mut SubAgent> {
        let mut before = &mut *self.0;
        self.2.iter().rev().filter_map(move |at| {
            let (entries, from) = std::mem::take(&mut before).split_at_mut_checked(*at)?;
            before = entries;
            match from.first_mut() {
                Some(Entry::SubAgent(agent)) => Some(agent),
                _ => None,
            }
        })
    }
}
