//! A conversation for display, built from the events of a session.

use std::collections::HashSet;

use crate::events::{SessionEvent, dedup::SeenEvents, usage::Usage};
use crate::generated::kind;
use crate::session::turn::tracker::unreadable_error;
use crate::wire::peek::{self, keys, pick_any};

mod display;
mod entries;
mod html;
mod json;
mod limit;
mod list;
mod markdown;
mod times;
mod turn;

use entries::Part;
pub use entries::{Entry, Notice, Prompt, SubAgent, Text, ToolCall};
use limit::Limit;
use list::Entries;
use times::Moment;
pub use times::Times;
pub use turn::{TranscriptTurn, TurnState};

/// Maximum number of levels above a sub-agent; one further below is an entry of the turn. Each level is a recursion.
const MAX_LEVELS: usize = 64;

/// A readable conversation, built from live events or from a session's history.
///
/// Text and reasoning are joined from their deltas, tool calls contain their results, the steps of a
/// sub-agent are separate, and each turn has its outcome and usage. Events may come from
/// [`Session::messages`](crate::Session::messages), live, or first from the one and then the other: a
/// repeated event counts once if fewer than some thousand others came in between. Events that cannot be
/// read are ignored. `Display` writes the conversation as plain text, [`to_markdown`](Self::to_markdown) and
/// [`to_html`](Self::to_html) as a document. For a session that goes on for days, [`max_bytes`](Self::max_bytes) limits
/// the memory.
///
/// With the feature `serde` it can be stored and read again. A transcript that was read accepts further events, but
/// knows neither the limit nor the ids of the events that it was made of, so it does not notice their repeats. One that
/// is nested more than 127 levels deep cannot be stored.
///
/// ```no_run
/// use copilot_session::Session;
/// use copilot_session::transcript::{Entry, Transcript};
///
/// # async fn run(session: Session) -> Result<(), copilot_session::Error> {
/// let mut events = session.events();
/// let mut transcript: Transcript = session.messages().await?.iter().collect();
/// while let Some(event) = events.next().await {
///     transcript.apply(&event);
///     let Some(turn) = transcript.turns().last() else { continue };
///     for entry in turn.entries() {
///         match entry {
///             Entry::Message(message) => println!("{}", message.text()),
///             Entry::ToolCall(call) => match call.result() {
///                 None => println!("{} {} …", call.name(), call.arguments()),
///                 Some(Ok(text)) => println!("{} returned {text}", call.name()),
///                 Some(Err(error)) => println!("{} failed: {error}", call.name()),
///             },
///             Entry::SubAgent(agent) => println!("{}: {} steps", agent.name(), agent.entries().len()),
///             _ => {}
///         }
///     }
///     println!("{:?}, {} tokens", turn.state(), turn.usage().output_tokens);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
pub struct Transcript {
    turns: Vec<TranscriptTurn>,
    dropped_turns: u64,
    limit: Option<Limit>,
    seen: Seen,
}

impl Transcript {
    /// Creates an empty transcript.
    pub fn new() -> Self {
        Self::default()
    }

    /// The number of turns that were dropped because of [`max_bytes`](Self::max_bytes).
    pub fn dropped_turns(&self) -> u64 {
        self.dropped_turns
    }

    /// The turns, oldest first.
    pub fn turns(&self) -> &[TranscriptTurn] {
        &self.turns
    }

    /// The usage of the whole conversation, including sub-agents: the sum over its [`turns`](Self::turns), so without
    /// those that were dropped. It adds up `assistant.usage`, which a history of CLI 1.0.40 or later does not contain.
    pub fn usage(&self) -> Usage {
        self.turns.iter().map(TranscriptTurn::usage).sum()
    }

    /// Adds an event. Events that no conversation shows are ignored.
    pub fn apply(&mut self, event: &SessionEvent) {
        if self.seen.is_repeated(event) {
            return;
        }
        self.change(event);
        self.shrink(event);
    }

    fn change(&mut self, event: &SessionEvent) {
        match event.kind() {
            kind::USER_MESSAGE => self.user_message(event),
            // A turn is one or more calls of the model. A history has no other sign of its end.
            kind::ASSISTANT_TURN_START if Agent::of(event).is_none() => self.current(event).start_call(),
            kind::ASSISTANT_TURN_END if Agent::of(event).is_none() => {
                self.current(event).end_call(Moment::of(event))
            }
            kind::ASSISTANT_MESSAGE_DELTA => {
                let keys = keys!(AssistantMessageDeltaData, ["messageId", "deltaContent"]);
                self.entries(event, |entries| entries.append(event, Part::Message, keys));
            }
            kind::ASSISTANT_REASONING_DELTA => {
                let keys = keys!(AssistantReasoningDeltaData, ["reasoningId", "deltaContent"]);
                self.entries(event, |entries| entries.append(event, Part::Reasoning, keys));
            }
            kind::ASSISTANT_MESSAGE => self.message(event),
            kind::ASSISTANT_REASONING => self.entries(event, |entries| entries.reasoning(event)),
            // A failed attempt has ended, and its text is not part of the answer.
            kind::ASSISTANT_TURN_RETRY => self.entries(event, Entries::drop_unfinished),
            kind::ASSISTANT_USAGE => self.add_usage(event),
            kind::TOOL_EXECUTION_START | kind::TOOL_USER_REQUESTED => self.tool_start(event),
            kind::TOOL_EXECUTION_PROGRESS => {
                let keys = keys!(ToolExecutionProgressData, ["toolCallId", "progressMessage"]);
                self.tool_update(event, keys, |call| &mut call.progress);
            }
            kind::TOOL_EXECUTION_PARTIAL_RESULT => {
                let keys = keys!(ToolExecutionPartialData, ["toolCallId", "partialOutput"]);
                self.tool_update(event, keys, |call| &mut call.output);
            }
            kind::TOOL_EXECUTION_COMPLETE => self.tool_complete(event),
            kind::SUBAGENT_STARTED | kind::SUBAGENT_COMPLETED | kind::SUBAGENT_FAILED => {
                self.sub_agent(event)
            }
            kind::SESSION_ERROR => self.error(event),
            kind::ABORT | kind::SESSION_IDLE | kind::SESSION_SHUTDOWN => self.end(event),
            kind::SESSION_SNAPSHOT_REWIND => self.rewind(event),
            kind => {
                if let Some(keys) = notice_keys(kind) {
                    self.notice(event, keys);
                }
            }
        }
    }

    fn user_message(&mut self, event: &SessionEvent) {
        let [content, id, source] =
            event.pick(keys!(UserMessageData, ["content", "messageId", "source"])).map(text);
        let times = Times::at(Moment::of(event));
        let prompt = Prompt { message_id: id, text: content, source, times };
        // The text of a skill is not a new prompt of the user.
        if event.agent_id().is_some() || prompt.source.starts_with("skill-") {
            self.entries(event, |entries| entries.add(Entry::Prompt(prompt)));
            return;
        }
        if let Some(last) = self.turns.last_mut() {
            last.finish();
        }
        self.turns.push(TranscriptTurn::new(event.id(), prompt));
    }

    fn message(&mut self, event: &SessionEvent) {
        let keys = keys!(AssistantMessageData, ["messageId", "content", "reasoningText", "toolRequests"]);
        let [id, content, reasoning, requests] = event.pick(keys);
        let (id, content, reasoning) = (text(id), text(content), text(reasoning));
        let requests = requests.and_then(|raw| peek::items(raw).ok()).unwrap_or_default();
        self.entries(event, |entries| {
            entries.message(&id, content, reasoning, Moment::of(event));
            let keys = keys!(AssistantMessageToolRequest, ["toolCallId", "name", "arguments"]);
            for [id, name, arguments] in requests.iter().filter_map(|raw| peek::pick(raw, keys).ok()) {
                entries.start_call(&text(id), &text(name), arguments, false);
            }
        });
        if Agent::of(event).is_none() {
            self.current(event).answer_call(!requests.is_empty());
        }
    }

    fn add_usage(&mut self, event: &SessionEvent) {
        let usage = Usage::read(event);
        self.current(event).usage += usage;
        if let Some(agent) = Agent::of(event)
            && let Some(agent) = self.agent(event, &agent)
        {
            agent.usage += usage;
        }
    }

    fn tool_start(&mut self, event: &SessionEvent) {
        let [id, name, arguments] =
            event.pick(keys!(ToolExecutionStartData, ["toolCallId", "toolName", "arguments"]));
        let by_user = event.kind() == kind::TOOL_USER_REQUESTED;
        self.entries(event, |entries| {
            let id = text(id);
            entries.start_call(&id, &text(name), arguments, by_user);
            if let Some(call) = entries.call(&id) {
                call.times.start = Moment::of(event);
            }
        });
    }

    /// Sets a text of a tool call that is not complete.
    fn tool_update(
        &mut self,
        event: &SessionEvent,
        keys: [&str; 2],
        of: impl Fn(&mut ToolCall) -> &mut String,
    ) {
        let [id, text] = event.pick(keys).map(text);
        if let Some(call) = self.call(event, &id).filter(|call| call.result.is_none()) {
            *of(call) = text;
        }
    }

    fn tool_complete(&mut self, event: &SessionEvent) {
        let [id, success, result, error] =
            event.pick(keys!(ToolExecutionCompleteData, ["toolCallId", "success", "result", "error"]));
        let id = text(id);
        if self.call(event, &id).is_none() {
            // It may be the end of a call that was dropped while it ran.
            if self.has_dropped() {
                return;
            }
            self.entries(event, |entries| entries.start_call(&id, "", None, false));
        }
        let Some(call) = self.call(event, &id) else { return };
        let [content, detailed] =
            pick_any(result, keys!(ToolExecutionCompleteResult, ["content", "detailedContent"])).map(text);
        let [message] = pick_any(error, keys!(ToolExecutionCompleteError, ["message"])).map(text);
        call.detailed_content = Some(detailed).filter(|text| !text.is_empty() && *text != content);
        call.result = Some(if success == Some("true") { Ok(content) } else { Err(message) });
        call.times.end = Moment::of(event);
        call.progress.clear();
        call.output.clear();
    }

    fn sub_agent(&mut self, event: &SessionEvent) {
        let keys = keys!(SubagentFailedData, ["toolCallId", "agentName", "agentDisplayName", "error"]);
        let [call, name, display_name, error] = event.pick(keys).map(text);
        let key = Agent { id: event.agent_id().unwrap_or_default().to_owned(), call };
        if let Some(agent) = self.agent(event, &key) {
            agent.name = name;
            agent.display_name = display_name;
            match event.kind() {
                kind::SUBAGENT_STARTED => return,
                kind::SUBAGENT_FAILED => agent.outcome = Some(Err(error)),
                _ => agent.outcome = Some(Ok(())),
            }
            agent.times.end = Moment::of(event);
        }
    }

    fn error(&mut self, event: &SessionEvent) {
        let [kind, id] = event.pick(keys!(ErrorData, ["errorType", "originatingMessageId"])).map(text);
        // Lines of the session's log are also sent as errors.
        if kind == "notification" || event.agent_id().is_some() {
            return self.notice(event, keys!(ErrorData, ["message", "errorType"]));
        }
        let Ok(error) = event.decode().or_else(unreadable_error) else { return };
        let is_named = |turn: &TranscriptTurn| !id.is_empty() && turn.message_id() == id;
        let named = self.turns.iter().rposition(is_named);
        let may_be_named = |turn: &TranscriptTurn| id.is_empty() || turn.message_id().is_empty();
        if named.is_none() && !self.turns.last().is_some_and(|turn| !turn.ended && may_be_named(turn)) {
            // The prompt was rejected before it became part of the conversation.
            self.turns.push(TranscriptTurn::default());
        }
        let index = named.unwrap_or(self.turns.len() - 1);
        self.turns[index].note(Moment::of(event));
        self.turns[index].fail(error, Moment::of(event));
    }

    fn end(&mut self, event: &SessionEvent) {
        let Some(turn) = self.turns.last_mut().filter(|_| event.agent_id().is_none()) else { return };
        let idle = event.kind() == kind::SESSION_IDLE;
        if !idle || event.pick(keys!(IdleData, ["aborted"])) == [Some("true")] {
            turn.settle(TurnState::Aborted, Moment::of(event));
        }
        match event.kind() {
            kind::ABORT => {}
            kind::SESSION_IDLE => turn.idle(Moment::of(event)),
            _ => turn.finish(),
        }
    }

    /// Removes the part of the conversation that the CLI rewound.
    fn rewind(&mut self, event: &SessionEvent) {
        let [first, removed] = event.pick(keys!(SnapshotRewindData, ["upToEventId", "eventIds"]));
        let first = text(first);
        if let Some(ids) = removed.and_then(|raw| peek::items(raw).ok()) {
            let removed: HashSet<_> = ids.into_iter().filter_map(peek::string).collect();
            self.turns.retain(|turn| !removed.contains(turn.event_id.as_str()));
        } else if !first.is_empty()
            && let Some(from) = self.turns.iter().position(|turn| turn.event_id == first)
        {
            self.turns.truncate(from);
        }
    }

    fn notice(&mut self, event: &SessionEvent, keys: [&str; 2]) {
        let [text, category] = event.pick(keys).map(text);
        let retry = category == "model_retry";
        let times = Times::at(Moment::of(event));
        let notice = Notice { kind: event.kind().to_owned(), category, text, times };
        self.entries(event, |entries| {
            // CLIs without `assistant.turn_retry` send this at a retry.
            if retry {
                entries.drop_unfinished();
            }
            entries.add(Entry::Notice(notice));
        });
    }

    /// Returns the current turn: the last one, or a new one without a prompt if there is none.
    fn current(&mut self, event: &SessionEvent) -> &mut TranscriptTurn {
        if self.turns.is_empty() {
            let mut turn = TranscriptTurn::default();
            if event.kind().starts_with("assistant.") {
                turn.start_call();
            }
            self.turns.push(turn);
        }
        let last = self.turns.len() - 1;
        let turn = &mut self.turns[last];
        // Those of the session may come long after the end of the turn.
        if !event.kind().starts_with("session.") || turn.times().start().is_none() {
            turn.note(Moment::of(event));
        }
        turn
    }

    /// Changes the entries of the agent that an event comes from.
    fn entries(&mut self, event: &SessionEvent, change: impl FnOnce(&mut Entries)) {
        match Agent::of(event) {
            None => change(&mut self.current(event).entries),
            Some(key) => {
                if let Some(agent) = self.agent(event, &key) {
                    change(&mut agent.entries);
                }
            }
        }
    }

    /// Returns a sub-agent. On its first event it is added after the tool call that started it.
    fn agent(&mut self, event: &SessionEvent, key: &Agent) -> Option<&mut SubAgent> {
        if self.find_agent(key).is_none() {
            let times = Times { start: Moment::of(event), end: None };
            let agent = Entry::SubAgent(SubAgent { key: key.clone(), times, ..SubAgent::default() });
            match self.turns.iter_mut().rev().find_map(|turn| turn.entries.holder_of(&key.call, MAX_LEVELS)) {
                Some(entries) => entries.add(agent),
                None => self.current(event).entries.add(agent),
            }
        }
        self.find_agent(key)
    }

    fn find_agent(&mut self, key: &Agent) -> Option<&mut SubAgent> {
        self.turns.iter_mut().rev().find_map(|turn| turn.entries.agent(key))
    }

    /// Returns a tool call, in any turn, of the agent that the event comes from.
    fn call(&mut self, event: &SessionEvent, id: &str) -> Option<&mut ToolCall> {
        match Agent::of(event) {
            Some(key) => self.find_agent(&key)?.entries.call(id),
            None => self.turns.iter_mut().rev().find_map(|turn| turn.entries.call(id)),
        }
    }
}

impl<'a> Extend<&'a SessionEvent> for Transcript {
    fn extend<I: IntoIterator<Item = &'a SessionEvent>>(&mut self, events: I) {
        events.into_iter().for_each(|event| self.apply(event));
    }
}

impl<'a> FromIterator<&'a SessionEvent> for Transcript {
    fn from_iter<I: IntoIterator<Item = &'a SessionEvent>>(events: I) -> Self {
        let mut transcript = Self::new();
        transcript.extend(events);
        transcript
    }
}

/// The sub-agent that an event comes from: its id or, in old CLIs, the tool call that started it.
#[derive(Clone, Default)]
struct Agent {
    id: String,
    call: String,
}

record!(Agent {
    Required id "id",
    Required call "call",
});

impl Agent {
    /// Returns none for the session's own agent.
    fn of(event: &SessionEvent) -> Option<Self> {
        let [call] = event.pick(keys!(AssistantMessageData, ["parentToolCallId"])).map(text);
        let id = event.agent_id().unwrap_or_default().to_owned();
        (!id.is_empty() || !call.is_empty()).then_some(Self { id, call })
    }

    /// Returns true if both are the same sub-agent, and then completes this one: events before
    /// `subagent.started` contain only one of the two.
    fn unify(&mut self, other: &Self) -> bool {
        let is_same = match self.id.is_empty() || other.id.is_empty() {
            true => !other.call.is_empty() && self.call == other.call,
            false => self.id == other.id,
        };
        if is_same && self.id.is_empty() {
            self.id.clone_from(&other.id);
        }
        if is_same && self.call.is_empty() {
            self.call.clone_from(&other.call);
        }
        is_same
    }
}

/// The keys of the text and the category of a notice.
fn notice_keys(kind: &str) -> Option<[&'static str; 2]> {
    Some(match kind {
        kind::SESSION_INFO => keys!(InfoData, ["message", "infoType"]),
        kind::SESSION_WARNING => keys!(WarningData, ["message", "warningType"]),
        kind::SESSION_MODEL_CHANGE => keys!(ModelChangeData, ["newModel", ""]),
        kind::SESSION_MODE_CHANGED => keys!(ModeChangedData, ["newMode", ""]),
        kind::SESSION_COMPACTION_COMPLETE => keys!(CompactionCompleteData, ["error", "outcome"]),
        kind::SESSION_TRUNCATION => keys!(TruncationData, ["performedBy", ""]),
        kind::SESSION_CONTEXT_CLEARED => keys!(ContextClearedData, ["initialMessage", ""]),
        kind::SESSION_TASK_COMPLETE => keys!(TaskCompleteData, ["summary", "outcome"]),
        _ => return None,
    })
}

/// The string of a raw value; empty if missing.
fn text(raw: Option<&str>) -> String {
    raw.and_then(peek::string).map(std::borrow::Cow::into_owned).unwrap_or_default()
}

/// The recent events, to detect repeated ones.
#[derive(Debug, Clone, Default)]
struct Seen {
    recent: SeenEvents,
    /// The id of the last event that is not ephemeral.
    latest: String,
    /// True once a live ephemeral event was added. Before that, all events may come from the history.
    live: bool,
}

impl Seen {
    fn is_repeated(&mut self, event: &SessionEvent) -> bool {
        if event.id().is_empty() {
            return false;
        }
        if self.recent.has_seen(event.id(), None) {
            return true;
        }
        if !event.is_ephemeral() {
            event.id().clone_into(&mut self.latest);
        } else if let Some(parent) = event.parent_id().filter(|_| !self.live) {
            // An ephemeral event is older than the end of the history, which does not contain it, if its
            // parent is not the last event.
            self.live = parent == self.latest || !self.recent.contains(parent);
            return !self.live;
        }
        false
    }
}
