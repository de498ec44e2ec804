//! The page: one HTML file with the whole log in it.

mod conversation;
mod data;
mod drawing;
mod frame;

use std::io::{BufRead, Write};

use crate::chart::Chart;
use crate::lines::{self, Line};
use crate::{Error, Log};
use data::{Block, Index};

/// The size of the text of one block, in bytes. A browser unpacks a block when it shows something of it.
const BLOCK_SIZE: usize = 512 << 10;

/// Reads a log and writes the page of it. `title` is its heading, such as the name of the file.
///
/// Messages are written while the log is read, so the memory is that of [`Log`] and of a list with a line for each
/// message.
///
/// # Errors
/// If the log cannot be read or is not a wire log, or the page cannot be written. What was written until then is no
/// page.
pub fn write_page(title: &str, log: impl BufRead, page: impl Write) -> Result<Log, Error> {
    let mut writer = Writer { page, block: String::new(), index: Index::default() };
    let mut read = Log::default();
    writer.put(&frame::head(title))?;
    let lines = lines::read(log, |number, text, line| writer.message(&mut read, number, text, &line))?;
    read.read = lines;
    writer.end_messages()?;
    writer.turns(&read)?;
    let index = serde_json::to_string(&writer.index).unwrap_or_default();
    writer.put(&Block::new("index", &index).to_html())?;
    writer.put(&frame::body(title, &read))?;
    writer.page.flush().map_err(Error::Write)?;
    Ok(read)
}

struct Writer<W> {
    page: W,
    /// The lines or the drawings that are not written yet.
    block: String,
    index: Index,
}

impl<W: Write> Writer<W> {
    fn put(&mut self, html: &str) -> Result<(), Error> {
        self.page.write_all(html.as_bytes()).map_err(Error::Write)
    }

    fn message(&mut self, read: &mut Log, number: u64, text: &str, line: &Line<'_>) -> Result<(), Error> {
        let entry = read.add(number, line);
        self.index.add(entry);
        self.block += text;
        self.block.push('\n');
        if self.block.len() >= BLOCK_SIZE { self.end_messages() } else { Ok(()) }
    }

    fn end_messages(&mut self) -> Result<(), Error> {
        if self.block.is_empty() {
            return Ok(());
        }
        let id = format!("messages-{}", self.index.end_messages());
        self.end_block(&id)
    }

    fn end_block(&mut self, id: &str) -> Result<(), Error> {
        let block = Block::new(id, &self.block);
        self.block.clear();
        self.put(&block.to_html())
    }

    fn turns(&mut self, read: &Log) -> Result<(), Error> {
        for (number, session) in read.sessions.iter().enumerate() {
            self.index.session(&session.id, session.turns.len());
            for chart in Chart::all(session) {
                self.index.turn(number, &chart);
                drawing::timeline(&chart, &mut |html| self.drawing(html))?;
                self.index.end_rows();
                conversation::write(&chart, &mut |html| self.drawing(html))?;
                self.index.end_entries();
                let client = read.messages_of(chart.turn.client);
                let client = client.map(|messages| format!("client {} ({messages})", chart.turn.client));
                self.drawing(&drawing::turn(&chart, client.as_deref()).0)?;
            }
        }
        self.index.number_turns();
        self.end_drawings()
    }

    /// Adds a drawing, or a part of one, to the block of drawings, which is a list in JSON.
    fn drawing(&mut self, html: &str) -> Result<(), Error> {
        self.block.push(if self.block.is_empty() { '[' } else { ',' });
        self.block += &serde_json::to_string(html).unwrap_or_default();
        self.index.drawing();
        if self.block.len() >= BLOCK_SIZE { self.end_drawings() } else { Ok(()) }
    }

    fn end_drawings(&mut self) -> Result<(), Error> {
        if self.block.is_empty() {
            return Ok(());
        }
        self.block.push(']');
        let id = format!("drawings-{}", self.index.end_drawings());
        self.end_block(&id)
    }
}
