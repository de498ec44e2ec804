//! The data of the page: blocks of compressed text, and the list of all messages.

use std::collections::HashMap;
use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Serialize;

use crate::chart::Chart;
use crate::lines::Side;
use crate::log::Entry;
use crate::message::shortened;
use crate::span::readable;

/// A text of the page that its script unpacks. As base64 it contains nothing that could be markup.
pub(super) struct Block {
    id: String,
    packed: String,
}

impl Block {
    pub fn new(id: &str, text: &str) -> Self {
        let mut encoder = GzEncoder::new(Vec::with_capacity(text.len() / 4), Compression::new(4));
        // Writing to a `Vec` does not fail.
        let _ = encoder.write_all(text.as_bytes());
        Self { id: id.to_owned(), packed: STANDARD.encode(encoder.finish().unwrap_or_default()) }
    }

    pub fn to_html(&self) -> String {
        format!("<script type=\"text/plain\" id=\"{}\">{}</script>\n", self.id, self.packed)
    }
}

/// The list of messages, in columns, and the tables that its numbers refer to.
#[derive(Default, Serialize)]
pub(super) struct Index {
    /// The first message of each block of messages.
    messages: Vec<usize>,
    /// The first drawing of each block of drawings.
    drawings: Vec<usize>,
    kinds: Vec<String>,
    sessions: Vec<String>,
    turns: Vec<Title>,
    times: Vec<u64>,
    /// 1 for a message of the client.
    sides: Vec<u8>,
    kind: Vec<usize>,
    brief: Vec<String>,
    /// -1 for a message of no session.
    session: Vec<i64>,
    /// -1 for a message of no turn.
    turn: Vec<i64>,
    #[serde(skip)]
    by_kind: HashMap<String, usize>,
    /// The first turn of each session, and the number of its turns.
    #[serde(skip)]
    turns_of: Vec<(usize, usize)>,
    /// The first message, and the first drawing, of the block that has not ended.
    #[serde(skip)]
    first_in_block: [usize; 2],
    #[serde(skip)]
    drawn: usize,
}

/// A turn. Its drawings follow each other: the parts of its timeline, those of its conversation, and all else.
#[derive(Serialize)]
struct Title {
    session: usize,
    title: String,
    /// The first drawing.
    first: usize,
    /// The first drawing of the conversation.
    entries: usize,
    /// The drawing of all else.
    rest: usize,
}

impl Index {
    pub fn add(&mut self, entry: Entry) {
        let kind = *self.by_kind.entry(entry.kind).or_insert_with_key(|kind| {
            self.kinds.push(kind.clone());
            self.kinds.len() - 1
        });
        let number = |index: Option<usize>| index.and_then(|index| i64::try_from(index).ok()).unwrap_or(-1);
        self.times.push(entry.t_ms);
        self.sides.push(u8::from(entry.side == Side::Client));
        self.kind.push(kind);
        self.brief.push(entry.brief);
        self.session.push(number(entry.session));
        self.turn.push(number(entry.turn));
    }

    /// Ends a block of messages, and returns its number.
    pub fn end_messages(&mut self) -> usize {
        self.messages.push(self.first_in_block[0]);
        self.first_in_block[0] = self.times.len();
        self.messages.len() - 1
    }

    /// Counts a drawing.
    pub fn drawing(&mut self) {
        self.drawn += 1;
    }

    /// Ends a block of drawings, and returns its number.
    pub fn end_drawings(&mut self) -> usize {
        self.drawings.push(self.first_in_block[1]);
        self.first_in_block[1] = self.drawn;
        self.drawings.len() - 1
    }

    pub fn session(&mut self, id: &str, turns: usize) {
        self.sessions.push(shortened(id));
        self.turns_of.push((self.turns.len(), turns));
    }

    /// Adds a turn, whose drawings come next.
    pub fn turn(&mut self, session: usize, chart: &Chart<'_>) {
        let state = chart.state().map_or_else(String::new, |state| format!(", {state}"));
        let length = readable(chart.scale.length());
        let title = format!("{}. {} ({length}{state})", chart.number, chart.prompt);
        self.turns.push(Title { session, title, first: self.drawn, entries: self.drawn, rest: self.drawn });
    }

    /// Notes that the next drawing is the first of the turn's conversation.
    pub fn end_rows(&mut self) {
        if let Some(turn) = self.turns.last_mut() {
            turn.entries = self.drawn;
        }
    }

    /// Notes that the next drawing is the last of the turn.
    pub fn end_entries(&mut self) {
        if let Some(turn) = self.turns.last_mut() {
            turn.rest = self.drawn;
        }
    }

    /// Replaces the number of each message's turn in its session by that among the turns of all sessions.
    pub fn number_turns(&mut self) {
        for (turn, session) in self.turn.iter_mut().zip(&self.session) {
            let place = usize::try_from(*session).ok().and_then(|session| self.turns_of.get(session));
            let number = place.and_then(|(first, count)| {
                let index = usize::try_from(*turn).ok().filter(|index| index < count)?;
                i64::try_from(first + index).ok()
            });
            *turn = number.unwrap_or(-1);
        }
    }
}
