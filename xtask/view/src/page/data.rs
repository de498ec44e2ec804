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
    /// The first message of each block.
    blocks: Vec<usize>,
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
    #[serde(skip)]
    first_in_block: usize,
}

#[derive(Serialize)]
struct Title {
    session: usize,
    title: String,
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
    pub fn end_block(&mut self) -> usize {
        self.blocks.push(self.first_in_block);
        self.first_in_block = self.times.len();
        self.blocks.len() - 1
    }

    pub fn session(&mut self, id: &str, turns: usize) {
        self.sessions.push(shortened(id));
        self.turns_of.push((self.turns.len(), turns));
    }

    /// Adds a turn, and returns its number among those of all sessions.
    pub fn turn(&mut self, session: usize, chart: &Chart<'_>) -> usize {
        let title = format!("{}. {} ({})", chart.number, chart.prompt, readable(chart.length()));
        self.turns.push(Title { session, title });
        self.turns.len() - 1
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
