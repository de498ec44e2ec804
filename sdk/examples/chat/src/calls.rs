//! The page with a call of a tool: its arguments and its output.

use copilot_session::transcript::{Entry, ToolCall, Transcript};
use ratatui::text::Line;
use serde_json::Value;

use crate::conversation::tool_row;
use crate::theme::{Role, Theme};
use crate::wrap::wrap_text;

/// The most bytes of the arguments that are shown, and of the output.
const MAX_SHOWN: usize = 64 << 10;

/// All calls of tools in the conversation, the oldest first, with those of sub-agents.
pub fn all(transcript: &Transcript) -> Vec<&ToolCall> {
    let mut calls = Vec::new();
    // From the end, as a stack needs it, without a limit to the depth of sub-agents.
    let mut rest: Vec<&Entry> =
        transcript.turns().iter().rev().flat_map(|turn| turn.entries().iter().rev()).collect();
    while let Some(entry) = rest.pop() {
        match entry {
            Entry::ToolCall(call) => calls.push(call),
            Entry::SubAgent(agent) => rest.extend(agent.entries().iter().rev()),
            _ => {}
        }
    }
    calls
}

/// The place of the call with this id; that of the last one if it is no longer shown.
pub fn place(calls: &[&ToolCall], id: &str) -> usize {
    calls.iter().rposition(|call| call.id() == id).unwrap_or(calls.len().saturating_sub(1))
}

/// The rows of a call: its name, its arguments, and its output so far.
pub fn rows(call: &ToolCall, width: usize, theme: Theme) -> Vec<Line<'static>> {
    let mut rows = vec![tool_row(call, 0, width, theme), Line::default()];
    let mut add = |title: &'static str, text: &str, role: Role| {
        if !text.trim().is_empty() {
            rows.push(Line::styled(title, theme.style(Role::Heading)));
            rows.extend(wrap_text(&cut(text), theme.style(role), width, "", ""));
            rows.push(Line::default());
        }
    };
    add("Arguments", &in_lines(call.arguments()), Role::Code);
    match call.result() {
        None => {
            add("Progress", call.progress(), Role::Dim);
            add("Output so far", call.output(), Role::Code);
        }
        Some(Err(error)) => add("Error", error, Role::Bad),
        Some(Ok(result)) => add("Output", call.detailed_content().unwrap_or(result), Role::Code),
    }
    rows
}

/// The keys and values of an object, so that a line break of a text is one on the screen, too.
pub fn in_lines(value: &Value) -> String {
    let Some(object) = value.as_object() else {
        return if value.is_null() { String::new() } else { value.to_string() };
    };
    let line = |(key, value): (&String, &Value)| {
        let value = value.as_str().map_or_else(|| format!("{value:#}"), str::to_owned);
        let separator = if value.contains('\n') { "\n" } else { " " };
        format!("{key}:{separator}{value}\n")
    };
    object.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// The beginning of a text, which says how much it lacks.
fn cut(text: &str) -> String {
    let mut end = text.len().min(MAX_SHOWN);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    match text.len() - end {
        0 => text.to_owned(),
        more => format!("{}\n… {more} more bytes are not shown.", &text[..end]),
    }
}
