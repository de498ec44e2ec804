//! The conversation as rows.

use copilot_session::Usage;
use copilot_session::transcript::{Entry, SubAgent, ToolCall, TranscriptTurn, TurnState};
use ratatui::style::Modifier;
use ratatui::text::{Line, Span};
use serde_json::Value;

use crate::app::App;
use crate::markdown;
use crate::theme::{Role, Theme};
use crate::wrap::{safe, shorten, wrap_text};

/// The most characters of a message of the CLI that are shown.
const MAX_NOTICE: usize = 2000;

/// The last rows of the conversation, at least this number of them if there are so many. Also returns how many rows at
/// their end are those of a plan that waits for the user.
pub fn last_rows(
    app: &App,
    count: usize,
    width: usize,
    theme: Theme,
    with_tools: bool,
) -> (Vec<Line<'static>>, usize) {
    let sent = app.sent.iter().flat_map(|prompt| prompt_rows(prompt, Role::Dim, width, theme));
    let plan = app.plan().map(|plan| plan_rows(plan, width, theme)).unwrap_or_default();
    let for_plan = plan.len();
    let last: Vec<_> = sent.chain(plan).collect();
    let (mut rows, mut turns) = (last.len(), vec![last]);
    // From the end, so that a long conversation takes no longer.
    for turn in app.transcript.turns().iter().rev() {
        if rows >= count {
            break;
        }
        let turn = turn_rows(turn, width, theme, with_tools);
        rows += turn.len();
        turns.push(turn);
    }
    if rows < count && app.transcript.dropped_turns() > 0 {
        let text = format!("{} earlier turns are no longer shown.", app.transcript.dropped_turns());
        turns.push(notice(&text, "", Role::Dim, width, theme));
    }
    let mut rows: Vec<_> = turns.into_iter().rev().flatten().collect();
    // The blank row after the last entry.
    if rows.last().is_some_and(|row| row.spans.is_empty()) {
        rows.pop();
    }
    (rows, for_plan)
}

fn prompt_rows(prompt: &str, role: Role, width: usize, theme: Theme) -> Vec<Line<'static>> {
    let mut rows = wrap_text(prompt.trim_end(), theme.style(role), width, "› ", "  ");
    rows.push(Line::default());
    rows
}

/// The rows of a plan that waits for the user.
pub fn plan_rows(plan: &str, width: usize, theme: Theme) -> Vec<Line<'static>> {
    let mut rows = vec![Line::styled("The plan of the agent", theme.style(Role::Ask)), Line::default()];
    rows.extend(markdown::render(plan, width, theme));
    rows
}

fn turn_rows(turn: &TranscriptTurn, width: usize, theme: Theme, with_tools: bool) -> Vec<Line<'static>> {
    let mut rows = Vec::new();
    if let Some(prompt) = turn.prompt() {
        rows.extend(prompt_rows(prompt.text(), Role::Prompt, width, theme));
    }
    let mut after_tool = false;
    for entry in turn.entries() {
        let is_tool = matches!(entry, Entry::ToolCall(_) | Entry::SubAgent(_));
        let entry = entry_rows(entry, width, theme, with_tools);
        // Calls of tools stand close together, and apart from the rest.
        if after_tool && !is_tool && !entry.is_empty() {
            rows.push(Line::default());
        }
        after_tool = if entry.is_empty() { after_tool } else { is_tool };
        rows.extend(entry);
    }
    if after_tool {
        rows.push(Line::default());
    }
    match turn.state() {
        TurnState::Failed(error) => {
            rows.extend(notice(&error.message, "✗ ", Role::Bad, width, theme));
            rows.push(Line::default());
        }
        TurnState::Aborted => {
            rows.push(Line::styled("■ stopped", theme.style(Role::Ask)));
            rows.push(Line::default());
        }
        _ => {}
    }
    rows
}

fn entry_rows(entry: &Entry, width: usize, theme: Theme, with_tools: bool) -> Vec<Line<'static>> {
    let mut rows = match entry {
        Entry::Message(message) => markdown::render(message.text(), width, theme),
        Entry::Reasoning(text) => {
            let style = theme.style(Role::Dim).add_modifier(Modifier::ITALIC);
            wrap_text(text.text().trim(), style, width, "  ", "  ")
        }
        Entry::Notice(text) if !text.text().is_empty() => {
            let role = if text.kind().ends_with("error") { Role::Bad } else { Role::Dim };
            notice(text.text(), "· ", role, width, theme)
        }
        Entry::ToolCall(call) if with_tools => vec![tool_row(call, 0, width, theme)],
        Entry::SubAgent(agent) if with_tools => agent_rows(agent, 0, width, theme),
        _ => return Vec::new(),
    };
    if !matches!(entry, Entry::ToolCall(_) | Entry::SubAgent(_)) {
        rows.push(Line::default());
    }
    rows
}

fn notice(text: &str, sign: &str, role: Role, width: usize, theme: Theme) -> Vec<Line<'static>> {
    let text: String = text.chars().take(MAX_NOTICE).collect();
    wrap_text(&text, theme.style(role), width, sign, "  ")
}

/// The calls of tools in the conversation, the last ones, at most this number of rows.
pub fn tools(app: &App, count: usize, width: usize, theme: Theme) -> Vec<Line<'static>> {
    let mut rows = Vec::new();
    for entry in app.transcript.turns().iter().rev().flat_map(|turn| turn.entries().iter().rev()) {
        if rows.len() >= count {
            break;
        }
        let mut entry = match entry {
            Entry::ToolCall(call) => vec![tool_row(call, 0, width, theme)],
            Entry::SubAgent(agent) => agent_rows(agent, 0, width, theme),
            _ => continue,
        };
        entry.reverse();
        rows.extend(entry);
    }
    rows.truncate(count);
    rows.reverse();
    rows
}

/// The to-dos of the agent, at most this number of rows. If there are more, those that are done are left out first.
pub fn todos(app: &App, count: usize, width: usize, theme: Theme) -> Vec<Line<'static>> {
    let open = app.todos.iter().position(|todo| todo.status != "done").unwrap_or_default();
    let first = open.min(app.todos.len().saturating_sub(count));
    let rows = app.todos.iter().skip(first).take(count).map(|todo| {
        let (sign, role) = match &*todo.status {
            "done" => ("✓", Role::Good),
            "in_progress" => ("…", Role::Ask),
            "blocked" => ("✗", Role::Bad),
            _ => ("·", Role::Dim),
        };
        let title = shorten(&safe(&todo.title), width.saturating_sub(2));
        Line::from(vec![Span::styled(format!("{sign} "), theme.style(role)), Span::raw(title)])
    });
    rows.collect()
}

fn agent_rows(agent: &SubAgent, level: usize, width: usize, theme: Theme) -> Vec<Line<'static>> {
    /// The most levels that are indented.
    const MAX_LEVEL: usize = 4;
    let state = match agent.result() {
        None => State::Running,
        Some(Ok(())) => State::Done,
        Some(Err(_)) => State::Failed,
    };
    let name = [agent.display_name(), agent.name(), "sub-agent"].into_iter().find(|name| !name.is_empty());
    let mut rows = vec![row(state, name.unwrap_or_default(), "", level, width, theme)];
    let level = (level + 1).min(MAX_LEVEL);
    for entry in agent.entries() {
        match entry {
            Entry::ToolCall(call) => rows.push(tool_row(call, level, width, theme)),
            Entry::SubAgent(agent) => rows.extend(agent_rows(agent, level, width, theme)),
            _ => {}
        }
    }
    rows
}

enum State {
    Running,
    Done,
    Failed,
}

/// The row of a call: its state, its name and its subject.
pub fn tool_row(call: &ToolCall, level: usize, width: usize, theme: Theme) -> Line<'static> {
    let state = match call.result() {
        None => State::Running,
        Some(Ok(_)) => State::Done,
        Some(Err(_)) => State::Failed,
    };
    row(state, call.name(), &subject(call.arguments()), level, width, theme)
}

fn row(state: State, name: &str, subject: &str, level: usize, width: usize, theme: Theme) -> Line<'static> {
    let (sign, role) = match state {
        State::Running => ("…", Role::Ask),
        State::Done => ("✓", Role::Good),
        State::Failed => ("✗", Role::Bad),
    };
    let indentation = "  ".repeat(level);
    let name = shorten(&safe(name), width.saturating_sub(2 + indentation.len()));
    let rest = width.saturating_sub(3 + indentation.len() + crate::wrap::columns(&name));
    Line::from(vec![
        Span::styled(format!("{indentation}{sign} "), theme.style(role)),
        Span::raw(name),
        Span::styled(format!(" {}", shorten(subject, rest)), theme.style(Role::Dim)),
    ])
}

/// The argument of a call that says best what it does, on one line.
fn subject(arguments: &Value) -> String {
    const KEYS: [&str; 7] = ["command", "path", "pattern", "query", "url", "question", "description"];
    let named = KEYS.iter().find_map(|key| arguments[*key].as_str());
    let any = || arguments.as_object()?.values().find_map(Value::as_str);
    let text = named.or_else(any).unwrap_or_default();
    // Enough for the widest row.
    safe(&text.chars().take(400).collect::<String>())
}

/// The usage of the turns that the transcript has.
pub fn usage(app: &App) -> Usage {
    app.transcript.turns().iter().map(|turn| turn.usage()).sum()
}
