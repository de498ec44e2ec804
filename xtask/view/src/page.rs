//! The page: one HTML file with the whole log in it.

mod data;
mod drawing;
mod frame;

use std::io::{BufRead, Write};

use crate::chart::Chart;
use crate::lines::{self, Line};
use crate::{Error, Log};
use data::{Block, Index};

/// The size of the text of one block of messages, in bytes. A browser unpacks a block when it shows one of its messages.
const BLOCK_SIZE: usize = 512 << 10;

/// Reads a log and writes the page of it. `title` is its heading, such as the name of the file.
///
/// Messages are written while the log is read, so the memory is that of [`Log`] and of a list with a line for each message.
///
/// # Errors
/// If the log cannot be read or is not a wire log, or the page cannot be written. What was written until then is no page.
pub fn write_page(title: &str, log: impl BufRead, page: impl Write) -> Result<Log, Error> {
    let mut writer = Writer { page, block: String::new(), index: Index::default() };
    let mut read = Log::default();
    writer.put(&frame::head(title))?;
    let lines = lines::read(log, |number, text, line| writer.message(&mut read, number, text, &line))?;
    read.read = lines;
    writer.end_block()?;
    writer.turns(&read)?;
    let index = serde_json::to_string(&writer.index).unwrap_or_default();
    writer.put(&Block::new("index", &index).to_html())?;
    writer.put(&frame::body(title, &read))?;
    writer.page.flush().map_err(Error::Write)?;
    Ok(read)
}

struct Writer<W> {
    page: W,
    /// The lines that are not written yet.
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
        if self.block.len() >= BLOCK_SIZE { self.end_block() } else { Ok(()) }
    }

    fn end_block(&mut self) -> Result<(), Error> {
        if self.block.is_empty() {
            return Ok(());
        }
        let block = Block::new(&format!("messages-{}", self.index.end_block()), &self.block);
        self.block.clear();
        self.put(&block.to_html())
    }

    fn turns(&mut self, read: &Log) -> Result<(), Error> {
        for (number, session) in read.sessions.iter().enumerate() {
            self.index.session(&session.id, session.turns.len());
            for chart in Chart::all(session) {
                let id = self.index.turn(number, &chart);
                self.put(&Block::new(&format!("turn-{id}"), &drawing::turn(&chart).into_string()).to_html())?;
            }
        }
        self.index.number_turns();
        Ok(())
    }
}
