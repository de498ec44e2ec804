//! One session of a log: its events become a conversation and spans.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::UNIX_EPOCH;

use copilot_session::transcript::{Transcript, TurnState};
use copilot_session::types::AssistantUsageData;
use copilot_session::{SessionEvent, SessionEventData as Data};
use serde::Deserialize;

use crate::message::{brief, model, shortened};
use crate::span::{Kind, Party, Span, Step, Turn, tokens_in_words};

/// The type of the event that removes turns from a transcript.
const REWIND: &str = "session.snapshot_rewind";

/// The place of a span: the turn, and the index among its spans.
type Place = (usize, usize);

/// A session.
#[derive(Default)]
pub(crate) struct Session {
    pub id: String,
    pub transcript: Transcript,
    /// The turns, the same as those of the transcript.
    pub turns: Vec<Turn>,
    /// The spans that come before the next turn.
    next: Turn,
    /// True between turns.
    is_idle: bool,
    /// The spans that have not ended, and those of sub-agents, by a name.
    open: HashMap<String, Place>,
    /// The names of the tool calls that have not ended, by their ids.
    calls: HashMap<String, String>,
    /// The number of the client that writes now, from 1.
    client: usize,
    /// The turn that ran when another client began, and perhaps goes on.
    interrupted: Option<usize>,
    /// The hashes of the ids of all events, since a log of several clients has them several times.
    seen: HashSet<u64>,
}

/// The request of an event such as `permission.requested`, and its end.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Asked {
    request_id: String,
    tool_call_id: Option<String>,
    permission_request: Option<OfTool>,
    tool_name: Option<String>,
    result: Option<ResultKind>,
    action: Option<String>,
    approved: Option<bool>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct OfTool {
    tool_call_id: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ResultKind {
    kind: String,
}

impl Session {
    pub fn new(id: &str, client: usize) -> Self {
        Self { id: id.to_owned(), client, is_idle: true, ..Self::default() }
    }

    /// Notes that another client has begun. The CLI of the former one may have ended with it, in the middle of a turn.
    pub fn client_begins(&mut self) {
        self.client += 1;
        self.is_idle = true;
        self.interrupted = self.turns.len().checked_sub(1).filter(|turn| self.is_running(*turn));
    }

    fn is_running(&self, turn: usize) -> bool {
        self.transcript.turns().get(turn).is_some_and(|turn| matches!(turn.state(), TurnState::Running))
    }

    /// The index of the turn that something now belongs to: the current or, between turns, the next.
    pub fn turn_index(&self) -> usize {
        if self.is_idle { self.turns.len() } else { self.turns.len().saturating_sub(1) }
    }

    pub fn step(&mut self, step: Step) {
        let index = self.turn_index();
        self.turn(index).step(step);
    }

    fn turn(&mut self, index: usize) -> &mut Turn {
        self.turns.get_mut(index).unwrap_or(&mut self.next)
    }

    /// Adds an event.
    pub fn apply(&mut self, event: &SessionEvent, t_ms: u64, line: u64) {
        let mut hasher = DefaultHasher::new();
        event.id().hash(&mut hasher);
        if !event.id().is_empty() && !self.seen.insert(hasher.finish()) {
            return;
        }
        let data = event.data();
        let interrupted = self.interrupted.filter(|turn| self.is_running(*turn));
        // What was rewound has happened, so it is shown. By the type, since the data may be malformed.
        if event.kind() != REWIND {
            self.transcript.apply(event);
        }
        let now = millis(event);
        while self.turns.len() < self.transcript.turns().len() {
            let mut turn = std::mem::take(&mut self.next);
            turn.begin(now, self.client);
            self.turns.push(turn);
            // The transcript takes the next prompt for its end.
            if let Some(turn) = interrupted.and_then(|turn| self.turns.get_mut(turn)) {
                turn.is_cut_off = true;
            }
            self.is_idle = false;
        }
        self.arrow(event, t_ms, line);
        if let Some(now) = now {
            self.spans(event, now, t_ms, line);
        }
        match data {
            Data::SessionIdle(_) | Data::SessionShutdown(_) => self.is_idle = true,
            Data::AssistantTurnStart(_) if !self.turns.is_empty() => self.is_idle = false,
            _ => {}
        }
    }

    /// Adds the arrow of an event, if it is one that a reader looks for.
    fn arrow(&mut self, event: &SessionEvent, t_ms: u64, line: u64) {
        let is_shown = match event.data() {
            Data::UserMessage(_) | Data::AssistantMessage(_) | Data::AssistantMessageDelta(_) => true,
            Data::AssistantReasoning(_) | Data::AssistantReasoningDelta(_) | Data::AssistantTurnRetry(_) => {
                true
            }
            Data::ToolExecutionStart(_) | Data::ToolExecutionComplete(_) | Data::ToolUserRequested(_) => true,
            Data::ToolExecutionProgress(_) => true,
            Data::SubagentStarted(_) | Data::SubagentCompleted(_) | Data::SubagentFailed(_) => true,
            Data::SessionError(_) | Data::SessionWarning(_) | Data::SessionInfo(_) => true,
            Data::Abort(_) | Data::SessionIdle(_) | Data::SessionShutdown(_) => true,
            _ => event.kind().ends_with(".requested") || event.kind().ends_with(".completed"),
        };
        if is_shown {
            let failed = matches!(event.data(), Data::SessionError(_) | Data::SubagentFailed(_))
                || matches!(event.data(), Data::ToolExecutionComplete(complete) if !complete.success);
            self.step(Step {
                from: Party::Cli,
                to: Party::App,
                label: shortened(event.kind()),
                brief: brief(event),
                count: 1,
                failed,
                t_ms,
                line,
            });
        }
    }

    fn spans(&mut self, event: &SessionEvent, now: i64, t_ms: u64, line: u64) {
        let agent = agent_of(event);
        let model_key = format!("model {agent}");
        let tool = |id: &str| format!("tool {agent} {id}");
        match event.data() {
            Data::AssistantTurnStart(start) => {
                let name = start.model.clone().unwrap_or_default();
                self.start_model(&model_key, &agent, &name, now, t_ms, line);
            }
            Data::AssistantMessageStart(_)
            | Data::AssistantMessageDelta(_)
            | Data::AssistantReasoningDelta(_)
            | Data::AssistantToolCallDelta(_)
            | Data::AssistantStreamingDelta(_) => self.first_token(&model_key, now, t_ms, line),
            Data::AssistantUsage(usage) => self.usage(&model_key, usage, now, t_ms, line),
            Data::AssistantMessage(_) => self.end(&model_key, now),
            Data::AssistantTurnEnd(_) => {
                self.end(&model_key, now);
                self.open.remove(&model_key);
            }
            Data::ToolExecutionStart(start) => {
                let key = tool(&start.tool_call_id);
                self.calls.insert(start.tool_call_id.clone(), key.clone());
                self.start(key, Kind::Tool, &start.tool_name, &[agent_key(&agent)], now, line);
            }
            Data::ToolUserRequested(start) => {
                self.start(tool(&start.tool_call_id), Kind::Tool, &start.tool_name, &[], now, line);
            }
            Data::ToolExecutionComplete(complete) => {
                self.calls.remove(&complete.tool_call_id);
                if let Some(span) = self.close(&tool(&complete.tool_call_id), now) {
                    span.failed = !complete.success;
                }
            }
            Data::SubagentStarted(start) => {
                let parents: Vec<String> = self.calls.get(&start.tool_call_id).cloned().into_iter().collect();
                let agent = if agent.is_empty() { &start.tool_call_id } else { &agent };
                self.start(agent_key(agent), Kind::SubAgent, &start.agent_name, &parents, now, line);
            }
            Data::SubagentCompleted(end) => self.end_agent(&agent, &end.tool_call_id, now, false),
            Data::SubagentFailed(end) => self.end_agent(&agent, &end.tool_call_id, now, true),
            Data::HookStart(start) => {
                let key = format!("hook {}", start.hook_invocation_id);
                let name = format!("hook {}", start.hook_type);
                self.start(key, Kind::App, &name, &[agent_key(&agent)], now, line);
            }
            Data::HookEnd(end) => {
                if let Some(span) = self.close(&format!("hook {}", end.hook_invocation_id), now) {
                    span.failed = !end.success;
                }
            }
            Data::SessionCompactionStart(_) => {
                self.start("compaction".to_owned(), Kind::Cli, "compaction", &[], now, line);
            }
            Data::SessionCompactionComplete(complete) => {
                if let Some(span) = self.close("compaction", now) {
                    span.failed = !complete.success;
                }
            }
            _ => self.unlisted(event, &agent, now, t_ms, line),
        }
    }

    fn end_agent(&mut self, agent: &str, call: &str, now: i64, failed: bool) {
        let key = agent_key(if agent.is_empty() { call } else { agent });
        self.end(&key, now);
        self.change(&key, |span| span.failed = failed);
    }

    /// The requests that events make, and the events about the model that are in no schema.
    fn unlisted(&mut self, event: &SessionEvent, agent: &str, now: i64, t_ms: u64, line: u64) {
        let key = format!("model {agent}");
        match event.kind() {
            "model.call_start" => {
                self.start_model(&key, agent, &model(event), now, t_ms, line);
            }
            "model.call_failure" => {
                if let Some(span) = self.close(&key, now) {
                    span.failed = true;
                    self.model_step(Party::Model, Party::Cli, "failed", true, t_ms, line);
                }
            }
            kind => {
                if let Some(what) = kind.strip_suffix(".requested") {
                    self.asked(what, event, agent, now, line);
                } else if kind.ends_with(".completed") {
                    let asked: Asked = serde_json::from_str(event.raw_data()).unwrap_or_default();
                    let key = format!("ask {}", asked.request_id);
                    let note = asked.note();
                    if let Some(span) = self.close(&key, now) {
                        span.note = note;
                    }
                }
            }
        }
    }

    fn asked(&mut self, what: &str, event: &SessionEvent, agent: &str, now: i64, line: u64) {
        let asked: Asked = serde_json::from_str(event.raw_data()).unwrap_or_default();
        let (kind, name) = match what {
            "permission" => (Kind::Person, "permission".to_owned()),
            "user_input" => (Kind::Person, "question".to_owned()),
            "elicitation" => (Kind::Person, "form".to_owned()),
            "exit_plan_mode" => (Kind::Person, "plan".to_owned()),
            "external_tool" => {
                (Kind::App, format!("runs {}", asked.tool_name.as_deref().unwrap_or("a tool")))
            }
            other => (Kind::App, other.replace('_', " ")),
        };
        let call = asked.tool_call_id.or(asked.permission_request.and_then(|request| request.tool_call_id));
        let call = call.map(|call| format!("tool {agent} {call}"));
        let parents: Vec<String> = call.into_iter().chain([agent_key(agent)]).collect();
        self.start(format!("ask {}", asked.request_id), kind, &name, &parents, now, line);
    }

    /// Starts a model call, or corrects the start of one that has not answered yet.
    fn start_model(&mut self, key: &str, agent: &str, name: &str, now: i64, t_ms: u64, line: u64) {
        let known = self.open.get(key).copied();
        let current = self.turn_index();
        if let Some((turn, at)) = known.filter(|(turn, _)| *turn == current)
            && let Some(span) = self.turn(turn).spans.get_mut(at)
            && span.end.is_none()
            && span.first_token.is_none()
        {
            span.start = now;
            span.line = line;
            if !name.is_empty() {
                span.name = shortened(name);
            }
            return;
        }
        self.start(key.to_owned(), Kind::Model, name, &[agent_key(agent)], now, line);
        self.model_step(Party::Cli, Party::Model, "model call", false, t_ms, line);
    }

    fn first_token(&mut self, key: &str, now: i64, t_ms: u64, line: u64) {
        let mut is_first = false;
        self.change(key, |span| {
            is_first = span.first_token.is_none() && span.end.is_none();
            span.first_token = span.first_token.or(Some((now - span.start) as f64));
        });
        if is_first {
            self.model_step(Party::Model, Party::Cli, "first token", false, t_ms, line);
        }
    }

    fn usage(&mut self, key: &str, usage: &AssistantUsageData, now: i64, t_ms: u64, line: u64) {
        self.end(key, now);
        let tokens = [usage.input_tokens, usage.output_tokens]
            .map(|tokens| tokens.unwrap_or_default().try_into().unwrap_or(0));
        self.change(key, |span| {
            span.first_token = usage.time_to_first_token_ms.or(span.first_token);
            span.tokens = Some(tokens);
            span.name = shortened(&usage.model);
        });
        self.model_step(Party::Model, Party::Cli, &tokens_in_words(tokens), false, t_ms, line);
    }

    fn model_step(&mut self, from: Party, to: Party, label: &str, failed: bool, t_ms: u64, line: u64) {
        let label = label.to_owned();
        self.step(Step { from, to, label, brief: String::new(), count: 1, failed, t_ms, line });
    }

    /// Starts a span below the first of these that is in the same turn.
    fn start(&mut self, key: String, kind: Kind, name: &str, parents: &[String], now: i64, line: u64) {
        let turn = self.turn_index();
        let places = parents.iter().filter_map(|parent| self.open.get(parent));
        let parent = places.copied().find(|(of, _)| *of == turn).map(|(_, at)| at);
        let spans = &mut self.turn(turn).spans;
        spans.push(Span {
            kind,
            name: shortened(name),
            parent,
            start: now,
            end: None,
            first_token: None,
            tokens: None,
            failed: false,
            note: String::new(),
            line,
        });
        let place = (turn, spans.len() - 1);
        self.open.insert(key, place);
    }

    /// Ends a span, unless it has ended. It can still be changed.
    fn end(&mut self, key: &str, now: i64) {
        self.change(key, |span| span.end = span.end.or(Some(now)));
    }

    /// Ends a span for good.
    fn close(&mut self, key: &str, now: i64) -> Option<&mut Span> {
        let (turn, at) = self.open.remove(key)?;
        let span = self.turn(turn).spans.get_mut(at)?;
        span.end = span.end.or(Some(now));
        Some(span)
    }

    fn change(&mut self, key: &str, change: impl FnOnce(&mut Span)) {
        if let Some((turn, at)) = self.open.get(key).copied()
            && let Some(span) = self.turn(turn).spans.get_mut(at)
        {
            change(span);
        }
    }
}

impl Asked {
    /// The end of the request, in a few words.
    fn note(&self) -> String {
        let words = match (&self.result, &self.action, self.approved) {
            (Some(result), ..) => result.kind.replace('-', " "),
            (_, Some(action), _) => action.clone(),
            (_, _, Some(true)) => "approved".to_owned(),
            (_, _, Some(false)) => "refused".to_owned(),
            _ => String::new(),
        };
        shortened(&words)
    }
}

/// The sub-agent that an event comes from: its id or, in old CLIs, the tool call that started it. Empty for the
/// session's own agent.
fn agent_of(event: &SessionEvent) -> String {
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "camelCase", default)]
    struct Parent {
        parent_tool_call_id: String,
    }
    match event.agent_id() {
        Some(agent) => agent.to_owned(),
        None if !event.raw_data().contains("\"parentToolCallId\"") => String::new(),
        None => serde_json::from_str::<Parent>(event.raw_data()).unwrap_or_default().parent_tool_call_id,
    }
}

fn agent_key(agent: &str) -> String {
    format!("agent {agent}")
}

/// The time of an event, in milliseconds since 1970.
fn millis(event: &SessionEvent) -> Option<i64> {
    let time = humantime::parse_rfc3339(event.timestamp()).ok()?;
    i64::try_from(time.duration_since(UNIX_EPOCH).ok()?.as_millis()).ok()
}
