//! The plain text form of a conversation.

use std::fmt::{self, Display, Formatter};

use super::{Entry, ToolCall, Transcript, TurnState, markdown};
use crate::printable::printable_lines;

/// Writes plain text, one entry after the other: `>` a prompt, `~` reasoning, `*` a tool call, `@` a
/// sub-agent with its steps indented, `!` a notice, or the state of a turn that did not finish. The text is
/// escaped for a terminal, as by [`printable_lines`].
impl Display for Transcript {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.dropped_turns() > 0 {
            lines(f, "! ", &markdown::dropped_turns(self.dropped_turns()))?;
        }
        for turn in self.turns() {
            if let Some(prompt) = turn.prompt() {
                lines(f, "> ", prompt.text())?;
            }
            if turn.dropped_entries() > 0 {
                lines(f, "! ", &markdown::dropped_entries(turn.dropped_entries()))?;
            }
            write_entries(f, "", turn.entries())?;
            match turn.state() {
                TurnState::Running => lines(f, "! ", "running")?,
                TurnState::Finished => {}
                TurnState::Aborted => lines(f, "! ", "aborted")?,
                TurnState::Failed(error) => lines(f, "! ", &format!("failed: {}", error.message))?,
            }
        }
        Ok(())
    }
}

fn write_entries(f: &mut Formatter<'_>, indent: &str, entries: &[Entry]) -> fmt::Result {
    let line = |f: &mut Formatter<'_>, mark: &str, text: &str| lines(f, &format!("{indent}{mark}"), text);
    for entry in entries {
        match entry {
            Entry::Message(text) if text.is_complete() => line(f, "", text.text())?,
            Entry::Message(text) => line(f, "", &format!("{} …", text.text().trim_end()))?,
            Entry::Reasoning(text) => line(f, "~ ", text.text())?,
            Entry::ToolCall(call) => line(f, "* ", &call_line(call))?,
            Entry::Prompt(prompt) => line(f, "> ", prompt.text())?,
            Entry::Notice(notice) => line(f, "! ", &format!("{}: {}", notice.kind(), notice.text()))?,
            Entry::SubAgent(agent) => {
                let end = match agent.result() {
                    None => " …".to_owned(),
                    Some(Ok(())) => String::new(),
                    Some(Err(error)) => format!(" failed: {error}"),
                };
                line(f, "@ ", &format!("{}{end}", agent.name()))?;
                write_entries(f, &format!("{indent}    "), agent.entries())?;
            }
        }
    }
    Ok(())
}

fn call_line(call: &ToolCall) -> String {
    let (name, arguments) = (call.name(), call.arguments());
    match call.result() {
        None => format!("{name} {arguments} … {}", call.output()).trim_end().to_owned(),
        Some(Ok(text)) => format!("{name} {arguments}: {text}"),
        Some(Err(error)) => format!("{name} {arguments} failed: {error}"),
    }
}

/// Writes a text of any number of lines: the first after a mark, the others aligned with it.
fn lines(f: &mut Formatter<'_>, mark: &str, text: &str) -> fmt::Result {
    let text = printable_lines(text);
    let mut lines = text.lines();
    writeln!(f, "{}", format!("{mark}{}", lines.next().unwrap_or_default()).trim_end())?;
    let indent = " ".repeat(mark.len());
    lines.try_for_each(|line| writeln!(f, "{}", format!("{indent}{line}").trim_end()))
}
