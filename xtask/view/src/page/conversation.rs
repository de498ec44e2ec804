//! The conversation of a turn, in parts of a bounded size: the entries one after another, those of sub-agents further
//! in.

use copilot_session::printable_lines;
use copilot_session::transcript::{Entry, SubAgent, Times, ToolCall, TurnState};
use maud::{Markup, html};

use super::drawing::Put;
use crate::Error;
use crate::chart::Chart;
use crate::message::shortened;
use crate::span::readable;

/// The most entries of a part.
const MOST_ENTRIES: usize = 100;

/// The size from which a part takes no more entries, in bytes.
const FULL: usize = 256 << 10;

/// The most text of an entry, in bytes. A longer one is several entries.
const MOST_TEXT: usize = 32 << 10;

/// The deepest level of sub-agents that is further in than the one above.
const DEEPEST: usize = 6;

/// Writes the conversation of a turn. `put` gets one part after another.
pub(super) fn write(chart: &Chart<'_>, put: Put<'_>) -> Result<(), Error> {
    let turn = chart.conversation;
    let mut parts = Parts { put, html: String::new(), entries: 0 };
    if let Some(prompt) = turn.prompt() {
        parts.text(0, "prompt", "Prompt", prompt.text())?;
    }
    parts.entries(0, turn.entries())?;
    match turn.state() {
        _ if chart.is_unfinished() => parts.notice(0, "The turn has not ended.")?,
        TurnState::Aborted => parts.notice(0, "The turn was aborted.")?,
        TurnState::Failed(error) => parts.text(0, "failure", "The turn failed", &error.message)?,
        _ => {}
    }
    parts.end()
}

/// The part that is being written.
struct Parts<'a> {
    put: Put<'a>,
    html: String,
    entries: usize,
}

impl Parts<'_> {
    /// Writes entries; those of a sub-agent are a level deeper. The transcript limits the levels.
    fn entries(&mut self, depth: usize, entries: &[Entry]) -> Result<(), Error> {
        for entry in entries {
            match entry {
                Entry::Message(text) if text.is_complete() => {
                    self.text(depth, "message", "Agent", text.text())?
                }
                Entry::Message(text) => self.text(depth, "message", "Agent, not complete", text.text())?,
                Entry::Reasoning(text) => {
                    self.folded(depth, "reasoning", &html! { "Reasoning" }, &[text.text()])?
                }
                Entry::ToolCall(call) => self.tool_call(depth, call)?,
                Entry::Prompt(prompt) => self.text(depth, "prompt", "Prompt", prompt.text())?,
                Entry::Notice(notice) if notice.text().is_empty() => self.notice(depth, notice.kind())?,
                Entry::Notice(notice) => {
                    self.notice(depth, &format!("{}: {}", notice.kind(), notice.text()))?
                }
                Entry::SubAgent(agent) => self.sub_agent(depth, agent)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn tool_call(&mut self, depth: usize, call: &ToolCall) -> Result<(), Error> {
        let arguments = match call.arguments() {
            arguments if arguments.is_null() => String::new(),
            arguments => arguments.to_string(),
        };
        let failed = matches!(call.result(), Some(Err(_)));
        let title = html! {
            "Tool " code { (printable_lines(call.name())) } (in_time(call.times()))
            @if failed { " failed" }
            @if call.result().is_none() { ", no result" }
            " " span class="brief" { (shortened(&arguments)) }
        };
        let class = if failed { "tool failed" } else { "tool" };
        let result = call.result().map_or(call.output(), |result| result.unwrap_or_else(|error| error));
        self.folded(depth, class, &title, &[&arguments, result])
    }

    fn sub_agent(&mut self, depth: usize, agent: &SubAgent) -> Result<(), Error> {
        let title = html! {
            h3 { "Sub-agent " code { (printable_lines(agent.name())) } (in_time(agent.times())) }
        };
        self.add(&html! { section class={ "entry sub-agent " (level(depth)) } { (title) } })?;
        self.entries(depth + 1, agent.entries())?;
        match agent.result() {
            None => self.notice(depth + 1, "The sub-agent has not ended."),
            Some(Ok(())) => Ok(()),
            Some(Err(error)) => self.text(depth + 1, "failure", "The sub-agent failed", error),
        }
    }

    fn text(&mut self, depth: usize, class: &str, title: &str, text: &str) -> Result<(), Error> {
        self.each_piece(&[text], |texts, rest| {
            html! {
                section class={ "entry " (class) " " (level(depth)) } { h3 { (title) (rest) } (blocks(texts)) }
            }
        })
    }

    /// Writes an entry that a reader opens.
    fn folded(&mut self, depth: usize, class: &str, title: &Markup, texts: &[&str]) -> Result<(), Error> {
        self.each_piece(texts, |texts, rest| {
            html! {
                details class={ "entry " (class) " " (level(depth)) } { summary { (title) (rest) } (blocks(texts)) }
            }
        })
    }

    fn notice(&mut self, depth: usize, text: &str) -> Result<(), Error> {
        self.each_piece(&[text], |texts, _| {
            html! { p class={ "entry notice " (level(depth)) } { @for text in texts { (printable_lines(text)) } } }
        })
    }

    /// Adds an entry for each piece of its texts, of which all but the first get a remark.
    fn each_piece(&mut self, texts: &[&str], draw: impl Fn(&[&str], &str) -> Markup) -> Result<(), Error> {
        let (mut piece, mut room, mut rest) = (Vec::new(), MOST_TEXT, "");
        for text in texts {
            let mut text = *text;
            while text.len() > room {
                let (start, end) = text.split_at(end_of_piece(text, room));
                piece.push(start);
                self.add(&draw(&piece, rest))?;
                (text, room, rest) = (end, MOST_TEXT, " (continued)");
                piece.clear();
            }
            room -= text.len();
            piece.push(text);
        }
        self.add(&draw(&piece, rest))
    }

    fn add(&mut self, entry: &Markup) -> Result<(), Error> {
        if self.entries == MOST_ENTRIES || self.html.len() >= FULL {
            self.end()?;
        }
        self.html += &entry.0;
        self.html.push('\n');
        self.entries += 1;
        Ok(())
    }

    fn end(&mut self) -> Result<(), Error> {
        self.entries = 0;
        if self.html.is_empty() { Ok(()) } else { (self.put)(&std::mem::take(&mut self.html)) }
    }
}

/// The end of a piece of at most so many bytes, if possible that of a line.
fn end_of_piece(text: &str, most: usize) -> usize {
    let mut end = most;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let line = text[..end].rfind('\n').map(|at| at + 1).filter(|line| *line > most / 2);
    line.unwrap_or(end)
}

fn blocks(texts: &[&str]) -> Markup {
    html! {
        @for text in texts.iter().filter(|text| !text.is_empty()) {
            // The reader of the page drops a line feed directly after the tag.
            pre { "\n" (printable_lines(text)) }
        }
    }
}

fn level(depth: usize) -> String {
    format!("depth-{}", depth.min(DEEPEST))
}

/// The duration in parentheses, if it is known.
fn in_time(times: Times) -> String {
    let duration = times.duration().map(|duration| readable(duration.as_millis() as f64));
    duration.map_or_else(String::new, |duration| format!(" ({duration})"))
}
