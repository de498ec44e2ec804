//! The Markdown form of a conversation.

use super::times::{self, Times};
use super::{Entry, SubAgent, Text, ToolCall, Transcript, TranscriptTurn, TurnState};
use crate::events::usage::Usage;
use crate::printable::{printable, printable_lines};

impl Transcript {
    /// Returns the conversation as Markdown: a heading for each turn with its time, usage and cost, the text of the
    /// agent as a quote, and prompts, tool calls and other text as blocks of code. The steps of a sub-agent are quoted.
    ///
    /// The agent's text is Markdown of its own, so a program that renders it decides on links, images and HTML there.
    /// The end of its quote ends every block that it leaves open. No other text can become markup. Characters that
    /// could disguise text are escaped as by [`printable_lines`].
    pub fn to_markdown(&self) -> String {
        let mut out = String::new();
        if self.dropped_turns() > 0 {
            block(&mut out, &format!("*{}*", dropped_turns(self.dropped_turns())));
        }
        for (index, turn) in self.turns().iter().enumerate() {
            let number = self.dropped_turns().saturating_add(index as u64).saturating_add(1);
            block(&mut out, &format!("## Turn {number}"));
            turn_body(&mut out, turn);
        }
        out
    }
}

/// A sentence about turns that are missing.
pub(super) fn dropped_turns(count: u64) -> String {
    match count {
        1 => "1 earlier turn was dropped.".to_owned(),
        _ => format!("{count} earlier turns were dropped."),
    }
}

/// A sentence about entries that are missing.
pub(super) fn dropped_entries(count: u64) -> String {
    match count {
        1 => "1 earlier entry of this turn was dropped.".to_owned(),
        _ => format!("{count} earlier entries of this turn were dropped."),
    }
}

fn turn_body(out: &mut String, turn: &TranscriptTurn) {
    let about = about(turn);
    if !about.is_empty() {
        block(out, &format!("*{about}*"));
    }
    if let Some(prompt) = turn.prompt() {
        titled(out, "**Prompt**", prompt.text());
    }
    if turn.dropped_entries() > 0 {
        block(out, &format!("*{}*", dropped_entries(turn.dropped_entries())));
    }
    entries(out, turn.entries());
    match turn.state() {
        TurnState::Running => block(out, "*The turn is running.*"),
        TurnState::Finished => {}
        TurnState::Aborted => block(out, "*The turn was aborted.*"),
        TurnState::Failed(error) => titled(out, "**The turn failed**", &error.message),
    }
}

/// The time, the duration and the usage of a turn, as far as they are known.
pub(super) fn about(turn: &TranscriptTurn) -> String {
    let times = turn.times();
    let start = times.start.map(|start| start.to_string());
    let duration = times.duration().map(times::readable);
    [start, duration, usage(turn.usage())].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// The usage in words, with the cost if the CLI reports one; none if no call is known.
pub(super) fn usage(usage: &Usage) -> Option<String> {
    let calls = match usage.calls {
        0 => return None,
        1 => "1 model call".to_owned(),
        calls => format!("{calls} model calls"),
    };
    let mut words = format!("{calls}, {} tokens in, {} tokens out", usage.input_tokens, usage.output_tokens);
    for (amount, unit) in [(usage.cost, "premium request"), (usage.nano_aiu / 1e9, "AI unit")] {
        match format!("{amount:.4}").trim_end_matches('0').trim_end_matches('.') {
            "" | "0" | "-0" => {}
            "1" => words += &format!(", 1 {unit}"),
            amount => words += &format!(", {amount} {unit}s"),
        }
    }
    Some(words)
}

fn entries(out: &mut String, entries: &[Entry]) {
    for entry in entries {
        match entry {
            Entry::Message(text) => message(out, text),
            Entry::Reasoning(text) => titled(out, "**Reasoning**", text.text()),
            Entry::ToolCall(call) => tool_call(out, call),
            Entry::Prompt(prompt) => titled(out, "**Prompt**", prompt.text()),
            Entry::Notice(notice) => {
                titled(out, &format!("**Notice** {}", code(notice.kind())), notice.text())
            }
            Entry::SubAgent(agent) => sub_agent(out, agent),
        }
    }
}

/// Appends a message as a quote, whose end ends every block of it.
fn message(out: &mut String, text: &Text) {
    block(out, "**Agent**");
    let shown = printable_lines(text.text());
    if !shown.trim().is_empty() {
        block(out, &quoted(shown.trim_end()));
    }
    if !text.is_complete() {
        block(out, "*The message is not complete.*");
    }
}

fn tool_call(out: &mut String, call: &ToolCall) {
    block(out, &format!("**Tool** {}{}", code(call.name()), in_time(call.times())));
    if !call.arguments().is_null() {
        block(out, &fenced("json", &call.arguments().to_string()));
    }
    match call.result() {
        None if call.output().is_empty() => block(out, "*No result.*"),
        None => block(out, &fenced("text", call.output())),
        Some(Ok(text)) => block(out, &fenced("text", text)),
        Some(Err(error)) => {
            block(out, "*Failed:*");
            block(out, &fenced("text", error));
        }
    }
}

fn sub_agent(out: &mut String, agent: &SubAgent) {
    block(out, &format!("**Sub-agent** {}{}", code(agent.name()), in_time(agent.times())));
    let mut steps = String::new();
    entries(&mut steps, agent.entries());
    if !steps.is_empty() {
        block(out, &quoted(&steps));
    }
    match agent.result() {
        None => block(out, "*The sub-agent has not ended.*"),
        Some(Ok(())) => {}
        Some(Err(error)) => titled(out, "*The sub-agent failed:*", error),
    }
}

/// The duration in parentheses, if it is known.
pub(super) fn in_time(times: Times) -> String {
    times.duration().map_or_else(String::new, |duration| format!(" ({})", times::readable(duration)))
}

/// Appends a block, separated from the one before.
fn block(out: &mut String, text: &str) {
    if !out.is_empty() {
        *out += "\n";
    }
    *out += text;
    *out += "\n";
}

/// Appends a title and a text as a quote of a block of code, so that nothing in it is markup.
fn titled(out: &mut String, title: &str, text: &str) {
    block(out, title);
    if !text.is_empty() {
        block(out, &quoted(&fenced("text", text)));
    }
}

/// The lines of a quote.
fn quoted(text: &str) -> String {
    let quoted = text.lines().map(|line| if line.is_empty() { ">".to_owned() } else { format!("> {line}") });
    quoted.collect::<Vec<_>>().join("\n")
}

/// A block of code. Its fence is longer than every row of backticks in the text.
fn fenced(language: &str, text: &str) -> String {
    let text = printable_lines(text);
    let fence = "`".repeat(longest_row(&text).max(2) + 1);
    format!("{fence}{language}\n{}\n{fence}", text.trim_end())
}

/// A span of code.
fn code(text: &str) -> String {
    let text = printable(text);
    let fence = "`".repeat(longest_row(&text) + 1);
    match text.is_empty() {
        true => String::new(),
        false if text.starts_with('`') || text.ends_with('`') => format!("{fence} {text} {fence}"),
        false => format!("{fence}{text}{fence}"),
    }
}

/// The length of the longest row of backticks.
fn longest_row(text: &str) -> usize {
    text.split(|char| char != '`').map(str::len).max().unwrap_or_default()
}
