//! The work of a session, made of its events: a tree of turns, model calls, tools and sub-agents.
//!
//! It is a value without tasks, clocks or files. Each event changes it and says what changed, so that a browser with
//! an earlier state follows.

use std::collections::{BTreeMap, BTreeSet};

use copilot_session::types::UserMessageDelivery;
use copilot_session::{SessionEvent, SessionEventData as Data};
use serde::Serialize;
use serde_json::Value;

use crate::ask::Ask;
use crate::node::{Kind, Node, Part, Progress, Shown, Tokens, title};
use crate::tree::{Changes, Tree};

/// The status of a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Status {
    /// The agent waits for a prompt.
    #[default]
    Idle,
    /// The agent works.
    Working,
    /// The session is closed.
    Ended,
}

/// The part of the state that concerns the session as a whole.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Head {
    /// The title, or else the first prompt.
    pub title: String,
    /// The model; empty if not known.
    pub model: String,
    /// The working directory; empty if not known.
    pub folder: String,
    /// The status.
    pub status: Status,
    /// The tokens since it was opened here. The history of a session has none.
    pub tokens: Tokens,
    /// The tokens in the context window now, and how many it can hold.
    pub context: Option<(i64, i64)>,
    /// The number of nodes that are left out.
    pub left_out: usize,
}

/// The state of a session.
#[derive(Default)]
pub struct State {
    head: Head,
    tree: Tree,
    asks: BTreeMap<u64, Ask>,
    /// True if the head changed since [`State::changes`].
    head_changed: bool,
    /// The questions that were asked or settled since then.
    asks_changed: BTreeSet<u64>,
}

/// A change of a state.
#[derive(Serialize)]
#[serde(tag = "change", rename_all = "camelCase")]
pub enum Change<'a> {
    /// The head has changed.
    Head {
        /// The new head.
        head: &'a Head,
    },
    /// A node is new, or has changed.
    Node {
        /// The whole node.
        node: Shown<'a>,
    },
    /// A text of a node has grown.
    Append {
        /// The node.
        id: u64,
        /// The part that has grown.
        part: Part,
        /// The text that was appended.
        text: &'a str,
    },
    /// A node is left out from now on.
    Gone {
        /// The node.
        id: u64,
    },
    /// A person is asked something, or the question is settled.
    Ask {
        /// The number of the question.
        id: u64,
        /// The question; none once it is settled.
        ask: Option<&'a Ask>,
    },
}

/// A whole state, to write as JSON.
#[derive(Serialize)]
pub struct Snapshot<'a> {
    head: &'a Head,
    nodes: Vec<Shown<'a>>,
    asks: &'a BTreeMap<u64, Ask>,
}

impl State {
    /// The part that concerns the session as a whole.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// The steps.
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// The open questions to a person.
    pub fn asks(&self) -> &BTreeMap<u64, Ask> {
        &self.asks
    }

    /// The whole state.
    pub fn snapshot(&self) -> Snapshot<'_> {
        Snapshot {
            head: &self.head,
            nodes: self.tree.nodes().values().map(Shown::from).collect(),
            asks: &self.asks,
        }
    }

    /// Writes what changed since the last call as JSON, each change an item.
    pub fn changes(&mut self) -> Vec<String> {
        let Changes { nodes, appended, gone } = self.tree.take_changes();
        let mut changes = Vec::new();
        let mut add = |change: Change<'_>| changes.extend(serde_json::to_string(&change));
        if std::mem::take(&mut self.head_changed) {
            add(Change::Head { head: &self.head });
        }
        for node in nodes.iter().filter_map(|id| self.tree.nodes().get(id)) {
            add(Change::Node { node: node.into() });
        }
        for (id, part, text) in appended.iter().filter(|(id, ..)| !nodes.contains(id)) {
            add(Change::Append { id: *id, part: *part, text });
        }
        for id in gone {
            add(Change::Gone { id });
        }
        for id in std::mem::take(&mut self.asks_changed) {
            add(Change::Ask { id, ask: self.asks.get(&id) });
        }
        changes
    }

    /// Sets or settles a question to a person.
    pub fn set_ask(&mut self, id: u64, ask: Option<Ask>) {
        match ask {
            Some(ask) => drop(self.asks.insert(id, ask)),
            None => drop(self.asks.remove(&id)),
        }
        self.asks_changed.insert(id);
    }

    /// Sets the working directory and the model, unless the events have set them.
    pub fn set_defaults(&mut self, folder: &str, model: &str) {
        self.change_head(|head| {
            for (known, default) in [(&mut head.folder, folder), (&mut head.model, model)] {
                if known.is_empty() {
                    *known = title(default);
                }
            }
        });
    }

    /// Ends what still runs at the end of a history: its last events say nothing about the end of the turn.
    pub fn settle(&mut self) {
        let end = self
            .tree
            .nodes()
            .values()
            .flat_map(|node| [Some(&node.start), node.end.as_ref()])
            .flatten()
            .max();
        let end = end.cloned().unwrap_or_default();
        self.tree.finish_all(Progress::Done, &end);
        self.change_head(|head| head.status = Status::Idle);
    }

    /// The session is closed.
    pub fn end(&mut self, at: &str) {
        self.tree.finish_all(Progress::Stopped, at);
        self.change_head(|head| head.status = Status::Ended);
    }

    /// Adds an event. Those that the page does not show are ignored.
    pub fn apply(&mut self, event: &SessionEvent) {
        let at = event.timestamp();
        match event.data() {
            Data::AssistantMessageDelta(delta) => self.grow(event, Part::Text, &delta.delta_content),
            Data::AssistantReasoningDelta(delta) => self.grow(event, Part::Thinking, &delta.delta_content),
            Data::UserMessage(message) => self.user_message(event, message),
            Data::AssistantTurnStart(start) => {
                let id = self.model(event);
                let model = start.model.clone().unwrap_or_else(|| self.head.model.clone());
                self.tree.change(id, |node| node.set_title(&model));
            }
            Data::AssistantTurnRetry(_) => {
                let id = self.model(event);
                self.tree.change(id, |node| node.set(Part::Text, ""));
            }
            Data::AssistantMessage(message) => {
                let id = self.model(event);
                self.tree.change(id, |node| {
                    node.set(Part::Text, &message.content);
                    if let Some(thinking) =
                        message.reasoning_text.as_ref().filter(|_| node.thinking.is_empty())
                    {
                        node.append(Part::Thinking, thinking);
                    }
                    node.title = message.model.as_deref().map_or(node.title.clone(), title);
                    node.finish(Progress::Done, at);
                });
            }
            Data::AssistantUsage(usage) => self.usage(event, usage),
            Data::SubagentStarted(agent) => {
                let id = self.agent(event, &agent.tool_call_id);
                self.tree.change(id, |node| node.set_title(&agent.agent_display_name));
            }
            Data::SubagentCompleted(agent) => self.agent_ends(event, &agent.tool_call_id, Ok(())),
            Data::SubagentFailed(agent) => self.agent_ends(event, &agent.tool_call_id, Err(&agent.error)),
            Data::SessionError(error) if error.error_type != "notification" => {
                let id = self.note(event, &error.message);
                self.tree.change(id, |node| node.progress = Progress::Failed);
                if event.agent_id().is_none() {
                    self.tree.finish_all(Progress::Failed, at);
                }
            }
            Data::SessionIdle(idle) => {
                let stopped = idle.aborted == Some(true);
                self.tree.finish_all(if stopped { Progress::Stopped } else { Progress::Done }, at);
                self.change_head(|head| head.status = Status::Idle);
            }
            Data::SessionWarning(warning) => drop(self.note(event, &warning.message)),
            Data::SessionCompactionComplete(_) => drop(self.note(event, "the conversation was shortened")),
            _ if event.kind().starts_with("tool.") => self.tool_event(event),
            _ if event.kind().starts_with("session.") => self.session_event(event),
            _ => self.wait_event(event),
        }
        self.tree.shrink();
        let left_out = self.tree.left_out();
        self.change_head(|head| head.left_out = left_out);
    }

    fn session_event(&mut self, event: &SessionEvent) {
        // A sub-agent has a model of its own.
        if event.agent_id().is_some() {
            return;
        }
        let folder = |cwd: &Option<copilot_session::types::WorkingDirectoryContext>| {
            cwd.as_ref().map(|context| title(&context.cwd))
        };
        self.change_head(|head| match event.data() {
            Data::SessionStart(start) => {
                head.model = start.selected_model.as_deref().map(title).unwrap_or_default();
                head.folder = folder(&start.context).unwrap_or_default();
            }
            Data::SessionResume(resume) => {
                head.model = resume.selected_model.as_deref().map_or(head.model.clone(), title);
                head.folder = folder(&resume.context).unwrap_or(head.folder.clone());
            }
            Data::SessionModelChange(change) => head.model = title(&change.new_model),
            Data::SessionTitleChanged(change) => head.title = title(&change.title),
            Data::SessionUsageInfo(info) => head.context = Some((info.current_tokens, info.token_limit)),
            _ => {}
        });
    }

    fn user_message(&mut self, event: &SessionEvent, message: &copilot_session::types::UserMessageData) {
        if event.agent_id().is_some() {
            let id = self.agent(event, "");
            return self.tree.change(id, |node| node.set_request(&message.content));
        }
        let of_a_skill = message.source.as_ref().is_some_and(|source| source.starts_with("skill-"));
        let steers = matches!(message.delivery, Some(UserMessageDelivery::Steering));
        if of_a_skill || steers {
            let id = self.note(event, &message.content);
            if of_a_skill {
                self.tree.change(id, |node| node.set_title("a skill was loaded"));
            }
            return;
        }
        self.tree.finish_all(Progress::Done, event.timestamp());
        let id = self.tree.add(None, Kind::Turn, event);
        self.tree.change(id, |node| {
            node.set_title(&message.content);
            node.set_request(&message.content);
        });
        self.change_head(|head| {
            head.status = Status::Working;
            if head.title.is_empty() {
                head.title = title(&message.content);
            }
        });
    }

    fn usage(&mut self, event: &SessionEvent, usage: &copilot_session::types::AssistantUsageData) {
        let model = self.model(event);
        self.tree.change(model, |node| {
            node.tokens.get_or_insert_default().add(usage);
            node.first_token = usage.time_to_first_token_ms;
            node.set_title(&usage.model);
        });
        let mut holder = self.tree.nodes().get(&model).and_then(|node| node.parent);
        while let Some(id) = holder {
            self.tree.change(id, |node| {
                if matches!(node.kind, Kind::Turn | Kind::Agent) {
                    node.tokens.get_or_insert_default().add(usage);
                }
            });
            holder = self.tree.nodes().get(&id).and_then(|node| node.parent);
        }
        self.change_head(|head| head.tokens.add(usage));
    }

    fn tool_event(&mut self, event: &SessionEvent) {
        let at = event.timestamp();
        match event.data() {
            Data::ToolExecutionStart(start) => {
                self.tool(event, &start.tool_call_id, &start.tool_name, start.arguments.as_ref());
            }
            Data::ToolUserRequested(start) => {
                self.tool(event, &start.tool_call_id, &start.tool_name, start.arguments.as_ref());
            }
            Data::ToolShellOutput(output) => {
                let Some(id) = self.tree.find(Kind::Tool, &output.tool_call_id) else { return };
                self.tree.append(id, Part::Text, &output.text);
            }
            Data::ToolExecutionComplete(complete) => {
                let id = self.tree.find(Kind::Tool, &complete.tool_call_id);
                let id = id.unwrap_or_else(|| self.tool(event, &complete.tool_call_id, "", None));
                let result = complete.result.as_ref().map(|result| &result.content);
                let text = result.or(complete.error.as_ref().map(|error| &error.message));
                let progress = if complete.success { Progress::Done } else { Progress::Failed };
                self.tree.change(id, |node| {
                    node.set(Part::Text, text.map_or("", String::as_str));
                    node.finish(progress, at);
                });
            }
            _ => {}
        }
    }

    fn tool(&mut self, event: &SessionEvent, call: &str, name: &str, arguments: Option<&Value>) -> u64 {
        let parent = self.holder(event);
        let id = self.tree.add(Some(parent), Kind::Tool, event);
        self.tree.change(id, |node| {
            node.key = call.to_owned();
            node.set_title(&in_words(name, arguments));
            node.set_request(&arguments.map(in_lines).unwrap_or_default());
        });
        id
    }

    /// Requests to a person, which are events as well.
    fn wait_event(&mut self, event: &SessionEvent) {
        match event.data() {
            Data::PermissionRequested(request) => {
                let call = serde_json::from_str::<Value>(event.raw_data()).unwrap_or_default();
                let call = &call["permissionRequest"]["toolCallId"];
                self.wait(event, &request.request_id, "permission", call.as_str());
            }
            Data::UserInputRequested(request) => {
                self.wait(event, &request.request_id, "an answer", request.tool_call_id.as_deref());
            }
            Data::ElicitationRequested(request) => {
                self.wait(event, &request.request_id, "a form", request.tool_call_id.as_deref());
            }
            Data::ExitPlanModeRequested(request) => self.wait(event, &request.request_id, "the plan", None),
            Data::PermissionCompleted(completed) => self.waited(event, &completed.request_id),
            Data::UserInputCompleted(completed) => self.waited(event, &completed.request_id),
            Data::ElicitationCompleted(completed) => self.waited(event, &completed.request_id),
            Data::ExitPlanModeCompleted(completed) => self.waited(event, &completed.request_id),
            _ => {}
        }
    }

    fn wait(&mut self, event: &SessionEvent, request: &str, what: &str, call: Option<&str>) {
        let tool = call.and_then(|call| self.tree.find(Kind::Tool, call));
        let parent = tool.unwrap_or_else(|| self.holder(event));
        let id = self.tree.add(Some(parent), Kind::Wait, event);
        self.tree.change(id, |node| {
            node.key = request.to_owned();
            node.title = format!("waits for {what}");
        });
    }

    fn waited(&mut self, event: &SessionEvent, request: &str) {
        if let Some(id) = self.tree.find(Kind::Wait, request) {
            self.tree.change(id, |node| node.finish(Progress::Done, event.timestamp()));
        }
    }

    fn note(&mut self, event: &SessionEvent, text: &str) -> u64 {
        let parent = self.holder(event);
        let id = self.tree.add(Some(parent), Kind::Note, event);
        self.tree.change(id, |node| {
            node.set_title(text);
            node.set_request(text);
            node.finish(Progress::Done, event.timestamp());
        });
        id
    }

    /// Appends to a text of the model call that is running.
    fn grow(&mut self, event: &SessionEvent, part: Part, text: &str) {
        let id = self.model(event);
        self.tree.append(id, part, text);
    }

    /// The running model call of the agent that an event comes from, or a new one.
    fn model(&mut self, event: &SessionEvent) -> u64 {
        let agent = event.agent_id().unwrap_or_default();
        let is_it = |node: &&Node| node.kind == Kind::Model && node.is_running() && node.agent == agent;
        if let Some(node) = self.tree.nodes().values().rev().find(is_it) {
            return node.id;
        }
        let parent = self.holder(event);
        self.tree.add(Some(parent), Kind::Model, event)
    }

    /// The node that the steps of an event's agent are a part of: its sub-agent, or the turn.
    fn holder(&mut self, event: &SessionEvent) -> u64 {
        match event.agent_id() {
            Some(_) => self.agent(event, ""),
            None => self.turn(event),
        }
    }

    fn turn(&mut self, event: &SessionEvent) -> u64 {
        if let Some(node) = self.tree.nodes().values().rev().find(|node| node.kind == Kind::Turn) {
            return node.id;
        }
        let id = self.tree.add(None, Kind::Turn, event);
        self.tree.change(id, |node| node.title = "work without a prompt".to_owned());
        id
    }

    /// The sub-agent that an event comes from, or a new one below the call that started it.
    fn agent(&mut self, event: &SessionEvent, call: &str) -> u64 {
        let key = event.agent_id().unwrap_or(call);
        if let Some(id) = self.tree.find(Kind::Agent, key) {
            return id;
        }
        let tool = self.tree.find(Kind::Tool, call).filter(|_| !call.is_empty());
        let parent = tool.unwrap_or_else(|| self.turn(event));
        let id = self.tree.add(Some(parent), Kind::Agent, event);
        self.tree.change(id, |node| {
            node.key = key.to_owned();
            node.title = "sub-agent".to_owned();
        });
        id
    }

    fn agent_ends(&mut self, event: &SessionEvent, call: &str, outcome: Result<(), &str>) {
        let id = self.agent(event, call);
        self.tree.change(id, |node| {
            node.set(Part::Text, outcome.err().unwrap_or_default());
            node.progress = if outcome.is_ok() { Progress::Done } else { Progress::Failed };
            node.end = Some(event.timestamp().to_owned());
        });
    }

    fn change_head(&mut self, change: impl FnOnce(&mut Head)) {
        let before = self.head.clone();
        change(&mut self.head);
        self.head_changed |= self.head != before;
    }
}

/// A call of a tool in one line: its name, and the argument that says most.
fn in_words(name: &str, arguments: Option<&Value>) -> String {
    const TELLING: [&str; 8] = ["command", "path", "file", "pattern", "query", "url", "name", "question"];
    let telling = arguments.and_then(|arguments| TELLING.iter().find_map(|key| arguments[key].as_str()));
    match telling {
        Some(argument) => format!("{name} {}", argument.lines().next().unwrap_or_default()),
        None => name.to_owned(),
    }
}

/// The arguments of a call, one after the other. Texts are shown as they are, since JSON hides their line breaks.
fn in_lines(arguments: &Value) -> String {
    let Some(arguments) = arguments.as_object() else { return arguments.to_string() };
    let line = |(name, value): (&String, &Value)| match value.as_str() {
        Some(text) if text.contains('\n') => format!("{name}:\n{text}"),
        Some(text) => format!("{name}: {text}"),
        None => format!("{name}: {value}"),
    };
    arguments.iter().map(line).collect::<Vec<_>>().join("\n")
}
