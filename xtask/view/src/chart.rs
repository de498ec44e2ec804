//! A turn as both forms draw it: where each bar begins and ends, and the words beside it.

use std::fmt::Write as _;
use std::time::UNIX_EPOCH;

use copilot_session::transcript::{TranscriptTurn, TurnState};

use crate::message::shortened;
use crate::session::Session;
use crate::span::{Kind, Row, Span, Turn, readable, tokens_in_words};

/// A turn to draw.
pub(crate) struct Chart<'a> {
    /// The number of the turn in its session, from 1.
    pub number: usize,
    /// The start of the prompt.
    pub prompt: String,
    pub rows: Vec<Row<'a>>,
    pub turn: &'a Turn,
    pub conversation: &'a TranscriptTurn,
    /// The time of the whole turn.
    pub scale: Scale,
}

/// A stretch of time, in milliseconds since 1970. Parts of it are numbers from 0 to 1.
#[derive(Clone, Copy)]
pub(crate) struct Scale {
    start: i64,
    end: i64,
}

impl<'a> Chart<'a> {
    /// The turns of a session, in order.
    pub fn all(session: &'a Session) -> impl Iterator<Item = Self> {
        let turns = session.turns.iter().zip(session.transcript.turns());
        turns.zip(1..).map(|((turn, conversation), number)| Self::new(number, turn, conversation))
    }

    fn new(number: usize, turn: &'a Turn, conversation: &'a TranscriptTurn) -> Self {
        let rows = turn.rows();
        let end = conversation.times().end().and_then(|end| end.duration_since(UNIX_EPOCH).ok());
        let end = end.and_then(|end| i64::try_from(end.as_millis()).ok());
        let starts = rows.iter().map(|row| row.span.start);
        let ends = rows.iter().map(|row| row.span.end.unwrap_or(row.span.start));
        let start = starts.chain(turn.start).min().unwrap_or_default();
        let end = ends.chain(end).max().unwrap_or(start).max(start);
        let prompt =
            conversation.prompt().map_or("(without a prompt)".to_owned(), |prompt| shortened(prompt.text()));
        let scale = Scale { start, end };
        Self { number, prompt, rows, turn, conversation, scale }
    }

    /// Returns true if the log has no end of the turn.
    pub fn is_unfinished(&self) -> bool {
        self.turn.is_cut_off || matches!(self.conversation.state(), TurnState::Running)
    }

    /// The end of a turn that did not finish, in a word.
    pub fn state(&self) -> Option<&'static str> {
        match self.conversation.state() {
            _ if self.is_unfinished() => Some("unfinished"),
            TurnState::Aborted => Some("aborted"),
            TurnState::Failed(_) => Some("failed"),
            _ => None,
        }
    }

    /// The time that some of the rows take. One that has not ended lasts until the end of the turn.
    pub fn scale_of(&self, rows: &[Row<'_>]) -> Scale {
        let start = rows.iter().map(|row| row.span.start).min().unwrap_or(self.scale.start);
        let end = rows.iter().map(|row| row.span.end.unwrap_or(self.scale.end)).max().unwrap_or(start);
        Scale { start, end: end.max(start) }
    }

    /// The time from the start of the turn to a part of a scale, in words.
    pub fn time_of(&self, scale: Scale, part: f64) -> String {
        readable((scale.start - self.scale.start) as f64 + scale.length() * part)
    }

    /// The time of the start: `2026-11-22 07:26:13 UTC`; none before 1970 and after 9999.
    pub fn started(&self) -> Option<String> {
        let start = self.conversation.times().start().filter(|start| *start >= UNIX_EPOCH)?;
        let mut text = String::new();
        write!(text, "{}", humantime::format_rfc3339_seconds(start)).ok()?;
        Some(text.replace('T', " ").replace('Z', " UTC"))
    }

    /// The number of model calls and of tokens; none without a call.
    pub fn usage(&self) -> Option<String> {
        let usage = self.conversation.usage();
        let calls = if usage.calls == 1 { "model call" } else { "model calls" };
        let tokens = tokens_in_words([usage.input_tokens, usage.output_tokens]);
        (usage.calls > 0).then(|| format!("{} {calls}, {tokens}", usage.calls))
    }

    /// The duration of a span, and what else is known about it. `open` stands for the duration of one that has not
    /// ended.
    pub fn in_words(&self, span: &Span, open: &str) -> String {
        let mut words = match span.end {
            Some(end) => readable((end - span.start) as f64),
            None => open.to_owned(),
        };
        if span.failed {
            words += " failed";
        }
        if let Some(token) = span.first_token.filter(|_| span.kind == Kind::Model) {
            words += &format!(", first token {}", readable(token));
        }
        if let Some(tokens) = span.tokens {
            words += &format!(", {}", tokens_in_words(tokens));
        }
        if !span.note.is_empty() {
            words += &format!(", {}", span.note);
        }
        words
    }
}

impl Scale {
    /// The length in milliseconds.
    pub fn length(self) -> f64 {
        (self.end - self.start) as f64
    }

    pub fn start_of(self, span: &Span) -> f64 {
        self.part(span.start as f64)
    }

    /// The part at which the first token came; that of the start if there is none.
    pub fn token_of(self, span: &Span) -> f64 {
        let token = span.first_token.filter(|token| token.is_finite());
        self.part(span.start as f64 + token.unwrap_or(0.0)).min(self.end_of(span))
    }

    /// The end of a span. One that has not ended lasts until the end of the scale.
    pub fn end_of(self, span: &Span) -> f64 {
        self.part(span.end.unwrap_or(self.end) as f64)
    }

    fn part(self, time: f64) -> f64 {
        match self.length() {
            0.0 => 0.0,
            length => ((time - self.start as f64) / length).clamp(0.0, 1.0),
        }
    }
}
