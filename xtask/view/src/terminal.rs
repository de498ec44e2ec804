//! The turns of a log as bars of text.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::chart::Chart;
use crate::message::shortened;
use crate::session::Session;
use crate::span::{Kind, readable};
use crate::{Error, Log};

/// A choice of turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Turns {
    /// The turn with this number, from 1, of each session that has so many.
    Number(usize),
    /// The turn that began last.
    Last,
}

impl Log {
    /// Returns the turns as bars of text, one line for each thing that took time, for a terminal of so many columns (at
    /// least 40). `░` is the time to the first token of a model call; `…` follows a span that did not end, and a turn
    /// that did not is `(unfinished)`. If several clients have written the log one after another, a line says where the
    /// turns of each begin. With `colored`, it contains the ANSI codes of colours.
    ///
    /// Names are escaped for a terminal, as by [`printable`](copilot_session::printable()).
    pub fn timeline(&self, width: usize, colored: bool) -> String {
        let mut out = self.bars(width, colored, |_, _| true);
        if self.turns() == 0 {
            out += "The log has no turn.\n";
        }
        out
    }

    /// Returns some of the turns as [`timeline`](Self::timeline) does.
    ///
    /// # Errors
    /// [`Error::NoTurn`] if the log has no such turn.
    pub fn timeline_of(&self, turns: Turns, width: usize, colored: bool) -> Result<String, Error> {
        let (is_there, wanted) = match turns {
            Turns::Number(number) => {
                let longest = self.sessions.iter().map(|session| session.turns.len()).max();
                ((1..=longest.unwrap_or_default()).contains(&number), format!("turn {number}"))
            }
            Turns::Last => (self.last_turn.is_some(), "turn".to_owned()),
        };
        if !is_there {
            return Err(Error::NoTurn { wanted, there: self.there() });
        }
        Ok(self.bars(width, colored, |session, turn| match turns {
            Turns::Number(number) => turn + 1 == number,
            Turns::Last => Some((session, turn)) == self.last_turn,
        }))
    }

    /// The turns for which `is_shown` returns true for the indices of their session and of themselves.
    fn bars(&self, width: usize, colored: bool, is_shown: impl Fn(usize, usize) -> bool) -> String {
        let mut out = String::new();
        let width = width.clamp(40, 400);
        let label = (width / 3).clamp(14, 30);
        // A narrow terminal has only room for the duration.
        let words = if width < 90 { 11 } else { (width - label) / 2 };
        let paint = Paint { width, label, words, colored };
        for (index, session) in self.sessions.iter().enumerate() {
            let mut charts = Chart::all(session).filter(|chart| is_shown(index, chart.number - 1)).peekable();
            if charts.peek().is_none() {
                continue;
            }
            if !out.is_empty() {
                out.push('\n');
            }
            paint.line(&mut out, BOLD, &format!("session {}", shortened(&session.id)));
            let mut client = 0;
            for chart in charts {
                let of = chart.turn.client;
                if let Some(messages) = self.messages_of(of).filter(|_| of != client) {
                    out.push('\n');
                    paint.line(&mut out, BOLD, &format!("client {of}, {messages}"));
                }
                client = of;
                paint.turn(&mut out, &chart);
            }
        }
        for remark in self.remarks() {
            // Writing to a string does not fail.
            let _ = writeln!(out, "{remark}");
        }
        out
    }

    /// The turns that there are, in words.
    fn there(&self) -> String {
        const MOST: usize = 5;
        let sessions: Vec<_> = self.sessions.iter().filter(|session| !session.turns.is_empty()).collect();
        let turns =
            |count: usize| if count == 1 { "turn 1".to_owned() } else { format!("turns 1 to {count}") };
        match &*sessions {
            [] => "none has begun".to_owned(),
            [session] => format!("it has {}", turns(session.turns.len())),
            sessions => {
                let of = |session: &&Session| {
                    format!("session {} has {}", shortened(&session.id), turns(session.turns.len()))
                };
                let mut there: Vec<String> = sessions.iter().take(MOST).map(of).collect();
                if sessions.len() > MOST {
                    there.push(format!("and there are {} more sessions", sessions.len() - MOST));
                }
                there.join(", ")
            }
        }
    }
}

const BOLD: Style = Style::new().bold();

/// The form of the lines.
#[derive(Clone, Copy)]
struct Paint {
    width: usize,
    label: usize,
    words: usize,
    colored: bool,
}

impl Paint {
    fn turn(self, out: &mut String, chart: &Chart<'_>) {
        let state = chart.state().map_or_else(String::new, |state| format!(" ({state})"));
        out.push('\n');
        self.line(out, BOLD, &format!("turn {}{state}  {}", chart.number, chart.prompt));
        let usage = chart.usage().map_or_else(String::new, |usage| format!("  {usage}"));
        self.bar(out, BOLD, "turn", [0.0, 0.0, 1.0], &format!("{}{usage}", readable(chart.scale.length())));
        for row in &chart.rows {
            let span = row.span;
            let label = format!("{}{} {}", "  ".repeat(row.depth + 1), span.kind.name(), span.name);
            let color = if span.failed {
                Style::new().fg_color(Some(AnsiColor::Red.into()))
            } else {
                style(span.kind)
            };
            let place = [chart.scale.start_of(span), chart.scale.token_of(span), chart.scale.end_of(span)];
            self.bar(out, color, &label, place, &chart.in_words(span, "…"));
        }
    }

    /// Writes a label, a bar from the first to the last part of the width, and words.
    fn bar(self, out: &mut String, style: Style, label: &str, [start, token, end]: [f64; 3], words: &str) {
        let room = self.width - self.label - self.words - 2;
        let has_token = token > start;
        let cell = |part: f64| ((part * room as f64).round() as usize).min(room);
        let start = cell(start).min(room - 1);
        // What takes any time has a cell.
        let end = cell(end).max(start + 1);
        let token = if has_token { cell(token).clamp(start, end) } else { start };
        let bar = format!("{}{}", "░".repeat(token - start), "█".repeat(end - token));
        let (before, after) = (" ".repeat(start), " ".repeat(room - end));
        let label = padded(label, self.label);
        let words = cut(words, self.words);
        let line = format!("{label} {before}{}{after} {words}", self.styled(style, &bar));
        // Writing to a string does not fail.
        let _ = writeln!(out, "{}", line.trim_end());
    }

    fn line(self, out: &mut String, style: Style, text: &str) {
        let _ = writeln!(out, "{}", self.styled(style, cut(text, self.width).trim_end()));
    }

    fn styled(self, style: Style, text: &str) -> String {
        if self.colored { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }
}

fn style(kind: Kind) -> Style {
    let color = match kind {
        Kind::Model => AnsiColor::Blue,
        Kind::Tool => AnsiColor::Cyan,
        Kind::SubAgent => AnsiColor::Magenta,
        Kind::Person => AnsiColor::Yellow,
        Kind::App => AnsiColor::Green,
        Kind::Cli => AnsiColor::White,
    };
    color.on_default()
}

/// The text in this number of columns, filled with spaces.
fn padded(text: &str, columns: usize) -> String {
    let text = cut(text, columns);
    let rest = columns.saturating_sub(text.width());
    text + &" ".repeat(rest)
}

/// The text in at most this number of columns.
fn cut(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let mut rest = columns.saturating_sub(1);
    let kept: String = text
        .chars()
        .take_while(|char| {
            let width = char.width().unwrap_or_default();
            let fits = width <= rest;
            rest = rest.saturating_sub(width);
            fits
        })
        .collect();
    kept + "…"
}
