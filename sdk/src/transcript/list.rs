//! The list of the entries of one agent.

use std::collections::HashSet;

use super::entries::{Entry, Part, SubAgent, Text, ToolCall, hash};
use super::times::{Moment, Times};
use super::{Agent, text};
use crate::events::SessionEvent;
use crate::runtime::hash::QuickHash;
use crate::wire::{self, Wire, peek::keys};

/// The entries of one agent. A new id is known to be new, and a sub-agent is found, without a look at all entries, of
/// which a turn may have many thousands.
#[derive(Clone, Default)]
pub(super) struct Entries {
    pub list: Vec<Entry>,
    /// The hashes of the ids of texts and tool calls.
    ids: HashSet<u64, QuickHash>,
    /// The places of the sub-agents in the list.
    agents: Vec<usize>,
}

/// The number of the latest entries that are searched without a look at the hashes.
const NEAR: usize = 32;

impl Entries {
    /// Adds a delta, whose keys are those of its id and its text.
    pub fn append(&mut self, event: &SessionEvent, part: Part, keys: [&str; 2]) {
        let [id, delta] = event.pick(keys).map(text);
        let at = self.position(part, &id);
        match at.map(|at| &mut self.list[at]) {
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
        let before = self.position(Part::Message, id).unwrap_or(self.list.len());
        let mut earlier = self.list[..before].iter().rev();
        let known = earlier.find(|entry| !matches!(entry, Entry::Notice(_)));
        if !reasoning.is_empty() && !matches!(known, Some(Entry::Reasoning(_))) {
            self.ids.insert(hash(Some(Part::Reasoning), ""));
            self.list.insert(before, Entry::of(Part::Reasoning, Text::whole("", reasoning, moment)));
            self.shifted(before);
        }
        let at = self.position(Part::Message, id);
        if !content.is_empty() {
            self.complete(at, Part::Message, Text::whole(id, content, moment));
        } else if let Some(at) = at {
            self.list.remove(at);
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
                text.times.start = self.list[at].times().start.or(text.times.start);
                self.ids.insert(hash(Some(part), &text.id));
                self.list[at] = Entry::of(part, text);
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
        let (earlier, near) = self.list.split_at(self.list.len().saturating_sub(NEAR));
        let found = near.iter().rposition(&passes).map(|at| earlier.len() + at);
        let is_earlier = found.is_none() && !earlier.is_empty() && self.ids.contains(&hash());
        if is_earlier { earlier.iter().rposition(passes) } else { found }
    }

    pub fn add(&mut self, entry: Entry) {
        self.ids.extend(entry.hash());
        self.agents.extend(matches!(entry, Entry::SubAgent(_)).then_some(self.list.len()));
        self.list.push(entry);
    }

    /// Finds all hashes and places anew, after the entries were read or dropped.
    pub fn index(&mut self) {
        self.ids.clear();
        self.agents.clear();
        std::mem::take(&mut self.list).into_iter().for_each(|entry| self.add(entry));
    }

    /// Corrects the places after an entry came or went at this one, which is seldom before that of a sub-agent.
    fn shifted(&mut self, at: usize) {
        if self.agents.last().is_some_and(|last| *last >= at) {
            self.index();
        }
    }

    pub fn drop_unfinished(&mut self) {
        self.list.retain(|entry| entry.text().is_none_or(|(_, text)| text.complete));
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
        match self.find(|| hash(None, id), wanted).map(|at| &mut self.list[at]) {
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
        let mut before = &mut *self.list;
        self.agents.iter().rev().filter_map(move |at| {
            let (entries, from) = std::mem::take(&mut before).split_at_mut_checked(*at)?;
            before = entries;
            match from.first_mut() {
                Some(Entry::SubAgent(agent)) => Some(agent),
                _ => None,
            }
        })
    }
}
