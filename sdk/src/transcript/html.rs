//! The HTML form of a conversation.

use super::markdown::{about, dropped_entries, dropped_turns, in_time};
use super::{Entry, SubAgent, ToolCall, Transcript, TranscriptTurn, TurnState};
use crate::printable::printable_lines;

impl Transcript {
    /// Returns the conversation as a fragment of HTML without style and script: for each turn the heading "Turn" with
    /// its number, and an `article` as by [`TranscriptTurn::to_html`].
    ///
    /// Everything that the CLI, a model or a user wrote is text there, never markup, and characters that could disguise
    /// it are escaped as by [`printable_lines`]. A page with it needs `<meta charset="utf-8">` and the style
    /// `pre { white-space: pre-wrap }`. The Markdown of the agent is not rendered.
    pub fn to_html(&self) -> String {
        let mut out = String::new();
        if self.dropped_turns() > 0 {
            paragraph(&mut out, "notice", &dropped_turns(self.dropped_turns()));
        }
        for (index, turn) in self.turns().iter().enumerate() {
            let number = self.dropped_turns().saturating_add(index as u64).saturating_add(1);
            out += &format!("<h2>Turn {number}</h2>\n");
            turn.write_html(&mut out);
        }
        out
    }
}

impl TranscriptTurn {
    /// Returns the turn as an `article` of HTML, whose headings are of the third level; see [`Transcript::to_html`].
    ///
    /// Its parts have the classes `about`, `prompt`, `message`, `reasoning`, `tool`, `sub-agent`, `notice` and
    /// `failure`. Reasoning and tool calls are `details`, to be opened.
    pub fn to_html(&self) -> String {
        let mut out = String::new();
        self.write_html(&mut out);
        out
    }

    fn write_html(&self, out: &mut String) {
        *out += "<article class=\"turn\">\n";
        let about = about(self);
        if !about.is_empty() {
            paragraph(out, "about", &about);
        }
        if let Some(prompt) = self.prompt() {
            block(out, "prompt", "Prompt", prompt.text());
        }
        if self.dropped_entries() > 0 {
            paragraph(out, "notice", &dropped_entries(self.dropped_entries()));
        }
        entries(out, self.entries());
        match self.state() {
            TurnState::Running => paragraph(out, "notice", "The turn is running."),
            TurnState::Finished => {}
            TurnState::Aborted => paragraph(out, "notice", "The turn was aborted."),
            TurnState::Failed(error) => block(out, "failure", "The turn failed", &error.message),
        }
        *out += "</article>\n";
    }
}

fn entries(out: &mut String, entries: &[Entry]) {
    for entry in entries {
        match entry {
            Entry::Message(text) if text.is_complete() => block(out, "message", "Agent", text.text()),
            Entry::Message(text) => block(out, "message", "Agent", &format!("{} …", text.text())),
            Entry::Reasoning(text) => {
                *out += "<details class=\"reasoning\"><summary>Reasoning</summary>\n";
                pre(out, text.text());
                *out += "</details>\n";
            }
            Entry::ToolCall(call) => tool_call(out, call),
            Entry::Prompt(prompt) => block(out, "prompt", "Prompt", prompt.text()),
            Entry::Notice(notice) => match notice.text() {
                "" => paragraph(out, "notice", notice.kind()),
                text => paragraph(out, "notice", &format!("{}: {text}", notice.kind())),
            },
            Entry::SubAgent(agent) => sub_agent(out, agent),
        }
    }
}

fn tool_call(out: &mut String, call: &ToolCall) {
    let failed = if let Some(Err(_)) = call.result() { " failed" } else { "" };
    *out += &format!(
        "<details class=\"tool{failed}\"><summary>Tool <code>{}</code>{}{failed}</summary>\n",
        escaped(call.name()),
        in_time(call.times())
    );
    if !call.arguments().is_null() {
        pre(out, &call.arguments().to_string());
    }
    match call.result() {
        None if call.output().is_empty() => paragraph(out, "notice", "No result."),
        None => pre(out, call.output()),
        Some(result) => pre(out, result.unwrap_or_else(|error| error)),
    }
    *out += "</details>\n";
}

fn sub_agent(out: &mut String, agent: &SubAgent) {
    *out += "<section class=\"sub-agent\">\n";
    *out += &format!("<h3>Sub-agent <code>{}</code>{}</h3>\n", escaped(agent.name()), in_time(agent.times()));
    entries(out, agent.entries());
    match agent.result() {
        None => paragraph(out, "notice", "The sub-agent has not ended."),
        Some(Ok(())) => {}
        Some(Err(error)) => block(out, "failure", "The sub-agent failed", error),
    }
    *out += "</section>\n";
}

fn paragraph(out: &mut String, class: &str, text: &str) {
    *out += &format!("<p class=\"{class}\">{}</p>\n", escaped(text));
}

fn block(out: &mut String, class: &str, heading: &str, text: &str) {
    *out += &format!("<section class=\"{class}\">\n<h3>{heading}</h3>\n");
    pre(out, text);
    *out += "</section>\n";
}

fn pre(out: &mut String, text: &str) {
    // A line feed directly after the tag would be dropped by the reader of the page.
    *out += &format!("<pre>\n{}</pre>\n", escaped(text));
}

/// Text for the content of an element or an attribute in double quotes.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in printable_lines(text).chars() {
        match char {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            '\'' => out += "&#39;",
            char => out.push(char),
        }
    }
    out
}
