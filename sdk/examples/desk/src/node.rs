//! A step of a session: a node of the tree that the page shows, with its place in time.

use copilot_session::types::AssistantUsageData;
use copilot_session::{printable, printable_lines};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use crate::markdown;

/// The longest title, in characters.
const MAX_TITLE: usize = 160;

/// The longest text of a node, in bytes. What comes after it is only counted.
pub const MAX_TEXT: usize = 64 << 10;

/// The kind of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    /// A prompt, and all that the agent does about it.
    Turn,
    /// A call of the model.
    Model,
    /// A call of a tool.
    Tool,
    /// A sub-agent.
    Agent,
    /// A time in which the agent waits for a person.
    Wait,
    /// A notice, such as a warning.
    Note,
}

/// The progress of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Progress {
    /// It has no end yet.
    Running,
    /// It ended as it should.
    Done,
    /// It failed, or was refused.
    Failed,
    /// It was stopped before its end.
    Stopped,
}

/// The tokens of model calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Tokens {
    /// The number of calls.
    pub calls: u64,
    /// The tokens that the model read.
    pub input: u64,
    /// The tokens that the model wrote.
    pub output: u64,
    /// Those of the read tokens that came from the provider's cache.
    pub cached: u64,
    /// The premium requests that were billed.
    pub cost: f64,
}

impl Tokens {
    /// Adds the tokens of a call.
    pub fn add(&mut self, call: &AssistantUsageData) {
        let count = |tokens: Option<i64>| tokens.and_then(|tokens| u64::try_from(tokens).ok()).unwrap_or(0);
        self.calls += 1;
        self.input = self.input.saturating_add(count(call.input_tokens));
        self.output = self.output.saturating_add(count(call.output_tokens));
        self.cached = self.cached.saturating_add(count(call.cache_read_tokens));
        self.cost += call.cost.unwrap_or(0.0);
    }
}

/// A step of a session. All of its texts are safe to show: what could disguise them is escaped.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Node {
    /// The number of the node. A later node has a greater one.
    pub id: u64,
    /// The node that this one is a part of; none for a turn.
    pub parent: Option<u64>,
    /// The kind.
    pub kind: Kind,
    /// The progress.
    pub progress: Progress,
    /// A line to show.
    pub title: String,
    /// The input: the prompt, or the arguments of a tool.
    pub request: String,
    /// The reasoning of the model.
    pub thinking: String,
    /// The outcome: the text of the model, or the output of a tool.
    #[serde(skip)]
    pub text: String,
    /// The text of a model call that has ended as pieces of [`markdown`]; none if it has too many. It is JSON already,
    /// so that each browser that comes costs a copy.
    pub formatted: Option<Box<RawValue>>,
    /// The number of bytes of each text that are left out, since it is too long.
    #[serde(skip)]
    left_out: LeftOut,
    /// When it began: ISO 8601, UTC.
    pub start: String,
    /// When it ended; none while it runs.
    pub end: Option<String>,
    /// The time to the first token of a model call, in milliseconds.
    pub first_token: Option<f64>,
    /// The tokens of a model call, and of all calls of a turn or a sub-agent.
    pub tokens: Option<Tokens>,
    /// The id on the wire, by which later events name it.
    #[serde(skip)]
    pub key: String,
    /// The sub-agent that it is a step of; empty for the session's own agent.
    #[serde(skip)]
    pub agent: String,
}

#[derive(Clone, Debug, Default)]
struct LeftOut {
    request: usize,
    thinking: usize,
    text: usize,
}

/// A node as the page gets it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Shown<'a> {
    #[serde(flatten)]
    node: &'a Node,
    /// The text; empty if it is formatted.
    text: &'a str,
    /// The number of bytes of all texts that are left out.
    left_out: usize,
}

impl<'a> From<&'a Node> for Shown<'a> {
    fn from(node: &'a Node) -> Self {
        let text = if node.formatted.is_some() { "" } else { &node.text };
        Self { node, text, left_out: node.left_out() }
    }
}

/// The two texts of a node that grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Part {
    /// [`Node::thinking`].
    Thinking,
    /// [`Node::text`].
    Text,
}

impl Node {
    /// Creates a node without texts that begins at this time.
    pub fn new(id: u64, parent: Option<u64>, kind: Kind, start: &str) -> Self {
        Self {
            id,
            parent,
            kind,
            progress: Progress::Running,
            title: String::new(),
            request: String::new(),
            thinking: String::new(),
            text: String::new(),
            formatted: None,
            left_out: LeftOut::default(),
            start: start.to_owned(),
            end: None,
            first_token: None,
            tokens: None,
            key: String::new(),
            agent: String::new(),
        }
    }

    /// Returns true if it has no end yet.
    pub fn is_running(&self) -> bool {
        self.progress == Progress::Running
    }

    /// Ends it, unless it has ended.
    pub fn finish(&mut self, progress: Progress, end: &str) {
        if self.is_running() {
            self.progress = progress;
            self.end = Some(end.to_owned());
            if self.kind == Kind::Model {
                self.formatted = markdown::pieces(&self.text).and_then(|pieces| to_raw_value(&pieces).ok());
            }
        }
    }

    /// Sets the title to the first line of a text.
    pub fn set_title(&mut self, text: &str) {
        self.title = title(text);
    }

    /// Sets the request, up to the longest text.
    pub fn set_request(&mut self, text: &str) {
        self.request.clear();
        self.left_out.request = append(&mut self.request, text).1;
    }

    /// Replaces one of the texts.
    pub fn set(&mut self, part: Part, text: &str) {
        let (old, left_out) = self.part(part);
        old.clear();
        *left_out = 0;
        self.append(part, text);
    }

    /// Appends to one of the texts, and returns what was appended; none if the text is too long for more.
    pub fn append(&mut self, part: Part, text: &str) -> Option<String> {
        let (old, left_out) = self.part(part);
        let (appended, more) = append(old, text);
        *left_out += more;
        appended
    }

    /// The number of bytes of its texts that are left out, since they are too long.
    pub fn left_out(&self) -> usize {
        let LeftOut { request, thinking, text } = self.left_out;
        request + thinking + text
    }

    /// The memory of its texts, in bytes.
    pub fn size(&self) -> usize {
        let Self { title, request, thinking, text, start, key, agent, .. } = self;
        let texts = [title, request, thinking, text, start, key, agent].into_iter().chain(&self.end);
        let formatted = self.formatted.as_ref().map_or(0, |pieces| pieces.get().len());
        texts.map(String::len).sum::<usize>() + formatted
    }

    /// One of the texts, and the number of its bytes that are left out.
    fn part(&mut self, part: Part) -> (&mut String, &mut usize) {
        match part {
            Part::Thinking => (&mut self.thinking, &mut self.left_out.thinking),
            Part::Text => (&mut self.text, &mut self.left_out.text),
        }
    }
}

/// Returns the first line of a text, escaped and not too long.
pub fn title(text: &str) -> String {
    let line = text.trim().lines().next().unwrap_or_default();
    let mut short: String = line.chars().take(MAX_TITLE).collect();
    if short.len() < line.len() {
        short.push('…');
    }
    printable(&short).into_owned()
}

/// Appends the escaped text up to [`MAX_TEXT`]. Returns what was appended, and the number of bytes that were not.
fn append(to: &mut String, text: &str) -> (Option<String>, usize) {
    let shown = printable_lines(text);
    let mut room = MAX_TEXT.saturating_sub(to.len()).min(shown.len());
    while !shown.is_char_boundary(room) {
        room -= 1;
    }
    let (fits, rest) = shown.split_at(room);
    to.push_str(fits);
    ((!fits.is_empty()).then(|| fits.to_owned()), rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_escaped_and_bounded() {
        let mut node = Node::new(1, None, Kind::Tool, "");
        node.append(Part::Text, "a\u{202e}b\u{1b}[2K\nc");
        assert_eq!(node.text, "a\\u{202e}b\\u{1b}[2K\nc");
        node.set(Part::Text, &"ä".repeat(MAX_TEXT));
        assert!(node.text.len() <= MAX_TEXT && node.text.len() > MAX_TEXT - 4);
        assert_eq!(node.text.len() + node.left_out(), "ä".len() * MAX_TEXT);
        assert_eq!(node.append(Part::Text, "more"), None);
        // Each text counts for itself.
        node.set_request(&"x".repeat(MAX_TEXT + 3));
        node.set(Part::Text, "short");
        assert_eq!(node.left_out(), 3);
        node.set_request("short");
        assert_eq!(node.left_out(), 0);
    }

    #[test]
    fn a_title_is_one_short_line() {
        assert_eq!(title("  Tidy up\r\nall of it"), "Tidy up");
        assert_eq!(title(&"x".repeat(500)).chars().count(), MAX_TITLE + 1);
    }
}
