//! The wire log of the client, in files of limited size that end with the program.
//!
//! A log that is too long keeps its beginning, which says how the client and its first sessions were set up, and its
//! end, which has what somebody wants to look at who downloads it. What lies between is left out.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Cursor, Read, Seek, SeekFrom, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use copilot_session::WireLog;
use serde::Deserialize;
use tempfile::NamedTempFile;

/// The wire log, to download. Only this user can read its files, and dropping it deletes them.
pub struct LogFile(Arc<Mutex<Parts>>);

/// The parts of a log, each a file.
struct Parts {
    /// The most bytes of a part.
    most: u64,
    head: Part,
    /// The number of messages that are left out behind the head.
    gap: u64,
    /// The last lines: none while the head has room, and then at most two parts. Of those the older one goes when the
    /// newer one is full.
    tail: VecDeque<Part>,
    /// The number of messages that are left out behind the last line of the tail.
    missing: u64,
}

struct Part {
    file: NamedTempFile,
    bytes: u64,
    messages: u64,
    /// The number of messages that are left out within it. A line stands in the place of each of them, or of several.
    left_out: u64,
    /// The time of its last line, in milliseconds.
    end: u64,
}

/// A line of the log.
struct Line<'a> {
    text: &'a [u8],
    /// Its time, in milliseconds.
    t_ms: Option<u64>,
    /// The number of messages that the client has left out there; 0 for a line that is a message.
    left_out: u64,
}

/// A file, and the number of its first bytes that belong to a copy.
type Section = (File, u64);

/// The log at one moment. What is written later does not change it.
pub struct Snapshot {
    /// The beginning.
    pub head: Section,
    /// The line that says how many messages are left out behind the beginning; empty if there are none.
    pub gap: String,
    /// The rest.
    pub tail: Vec<Section>,
    /// Such a line for the end.
    pub end: String,
    /// The number of messages that are left out.
    pub left_out: u64,
}

/// Writes whole lines to the parts.
struct Lines(Arc<Mutex<Parts>>);

impl LogFile {
    /// Creates files of at most this many bytes together, and the log that writes to them.
    ///
    /// # Errors
    /// If a file cannot be created.
    pub fn new(most: u64) -> io::Result<(Self, WireLog)> {
        let (head, tail) = (Part::new()?, VecDeque::new());
        let parts = Parts { most: most / 3, head, gap: 0, tail, missing: 0 };
        let parts = Arc::new(Mutex::new(parts));
        Ok((Self(Arc::clone(&parts)), WireLog::new(Lines(parts))))
    }

    /// The number of messages that are left out.
    pub fn left_out(&self) -> u64 {
        lock(&self.0).left_out()
    }

    /// The log as it is now. It blocks its thread for a moment.
    ///
    /// # Errors
    /// If a file cannot be opened.
    pub fn snapshot(&self) -> io::Result<Snapshot> {
        let parts = lock(&self.0);
        let tail = parts.tail.iter().map(Part::section).collect::<io::Result<_>>()?;
        Ok(Snapshot {
            head: parts.head.section()?,
            gap: gap(parts.head.end, parts.gap),
            tail,
            end: gap(parts.tail.back().map_or(0, |part| part.end), parts.missing),
            left_out: parts.left_out(),
        })
    }
}

impl Snapshot {
    /// Writes a page of the log to a file without a name, and returns that at its beginning. It blocks its thread.
    ///
    /// # Errors
    /// If the log cannot be read, or the page cannot be written.
    pub fn page(self) -> Result<File, Box<dyn std::error::Error + Send + Sync>> {
        let (head, bytes) = self.head;
        let mut log: Box<dyn Read> = Box::new(head.take(bytes).chain(Cursor::new(self.gap)));
        for (file, bytes) in self.tail {
            log = Box::new(log.chain(file.take(bytes)));
        }
        log = Box::new(log.chain(Cursor::new(self.end)));
        let mut page = BufWriter::new(tempfile::tempfile()?);
        copilot_session_view::write_page("desk", BufReader::new(log), &mut page)?;
        let mut page = page.into_inner()?;
        page.rewind()?;
        Ok(page)
    }
}

impl Part {
    fn new() -> io::Result<Self> {
        let file = NamedTempFile::with_prefix("desk-")?;
        Ok(Self { file, bytes: 0, messages: 0, left_out: 0, end: 0 })
    }

    /// Adds a line, and before it one for the messages that are missing there.
    fn add(&mut self, gap: &str, missing: u64, line: &Line<'_>) -> io::Result<()> {
        // An earlier line may have failed in its middle.
        self.file.seek(SeekFrom::Start(self.bytes))?;
        self.file.write_all(gap.as_bytes())?;
        self.file.write_all(line.text)?;
        self.bytes += (gap.len() + line.text.len()) as u64;
        self.messages += u64::from(line.left_out == 0);
        self.left_out += missing + line.left_out;
        self.end = line.t_ms.unwrap_or(self.end);
        Ok(())
    }

    /// The file from its beginning to the end of the last line, also once it is deleted.
    fn section(&self) -> io::Result<Section> {
        Ok((self.file.reopen()?, self.bytes))
    }
}

impl Parts {
    fn left_out(&self) -> u64 {
        let parts = [&self.head].into_iter().chain(&self.tail);
        self.gap + parts.map(|part| part.left_out).sum::<u64>() + self.missing
    }

    /// Adds a line. One that is too long or cannot be written is left out.
    fn add(&mut self, text: &[u8]) -> io::Result<()> {
        let line = Line::read(text);
        let before = gap(self.tail.back().map_or(0, |part| part.end), self.missing);
        let added = match self.most.checked_sub((before.len() + text.len()) as u64) {
            Some(room) => self.add_where_room_is(&before, &line, room),
            None => Ok(false),
        };
        match (&added, self.tail.is_empty()) {
            (Ok(true), _) => self.missing = 0,
            (_, true) => self.gap += line.left_out.max(1),
            (_, false) => self.missing += line.left_out.max(1),
        }
        added.map(drop)
    }

    fn add_where_room_is(&mut self, before: &str, line: &Line<'_>, room: u64) -> io::Result<bool> {
        // The head ends at the first message that is left out, since the gap is behind it.
        if self.gap == 0 && self.tail.is_empty() && self.head.bytes <= room {
            self.head.add("", 0, line)?;
            return Ok(true);
        }
        match self.tail.back_mut().filter(|part| part.bytes <= room) {
            Some(part) => part.add(before, self.missing, line)?,
            None => {
                let mut part = Part::new()?;
                part.add(before, self.missing, line)?;
                self.tail.push_back(part);
                if self.tail.len() > 2 {
                    self.gap += self.tail.pop_front().map_or(0, |part| part.messages + part.left_out);
                }
            }
        }
        Ok(true)
    }
}

/// The line for messages that are left out, with the time of the one before; empty if there are none.
fn gap(t_ms: u64, count: u64) -> String {
    match count {
        0 => String::new(),
        count => format!("{{\"t_ms\":{t_ms},\"dir\":\"client\",\"leftOut\":{count}}}\n"),
    }
}

impl Write for Lines {
    /// Takes the whole buffer, which is a line: the log writes each of them at once.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        lock(&self.0).add(line)?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> Line<'a> {
    fn read(text: &'a [u8]) -> Self {
        #[derive(Default, Deserialize)]
        #[serde(rename_all = "camelCase", default)]
        struct Fields {
            #[serde(rename = "t_ms")]
            t_ms: Option<u64>,
            left_out: u64,
        }
        let Fields { t_ms, left_out } = serde_json::from_slice(text).unwrap_or_default();
        Self { text, t_ms, left_out }
    }
}

fn lock(parts: &Mutex<Parts>) -> MutexGuard<'_, Parts> {
    parts.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(snapshot: Snapshot) -> String {
        let read = |(file, bytes): Section| io::read_to_string(file.take(bytes)).expect("the file");
        let tail: String = snapshot.tail.into_iter().map(read).collect();
        read(snapshot.head) + &snapshot.gap + &tail + &snapshot.end
    }

    #[test]
    fn the_beginning_and_the_end_are_kept() -> io::Result<()> {
        let (log, _) = LogFile::new(30)?;
        let add = |line: &str| Lines(Arc::clone(&log.0)).write_all(line.as_bytes());
        for number in 100..104 {
            add(&format!("{number}\n"))?;
        }
        assert_eq!((text(log.snapshot()?), log.left_out()), ("100\n101\n102\n103\n".to_owned(), 0));
        let before = log.snapshot()?;
        for number in 104..1000 {
            add(&format!("{number}\n"))?;
        }
        let gap = "{\"t_ms\":0,\"dir\":\"client\",\"leftOut\":894}\n";
        assert_eq!(text(log.snapshot()?), format!("100\n101\n{gap}996\n997\n998\n999\n"));
        assert_eq!(text(before), "100\n101\n102\n103\n", "a download that had begun goes on");
        Ok(())
    }

    /// A line with this time, of which two fit into 100 bytes.
    fn line(t_ms: u64) -> String {
        format!("{{\"t_ms\":{t_ms},\"dir\":\"server\",\"msg\":{{}}}}\n")
    }

    /// The first message that is left out ends the head, so that the gap stands where it was.
    #[test]
    fn the_gap_is_where_the_first_message_is_missing() -> io::Result<()> {
        let (log, _) = LogFile::new(300)?;
        let add = |line: &str| Lines(Arc::clone(&log.0)).write_all(line.as_bytes());
        add(&line(17))?;
        add(&"long".repeat(100))?;
        add(&line(18))?;
        assert_eq!(text(log.snapshot()?), line(17) + &gap(17, 1) + &line(18));
        Ok(())
    }

    /// A later message that is left out has a line in its place, until that is left out itself.
    #[test]
    fn a_gap_in_the_end_is_where_the_message_is_missing() -> io::Result<()> {
        let (log, _) = LogFile::new(300)?;
        let add = |line: &str| Lines(Arc::clone(&log.0)).write_all(line.as_bytes());
        for t_ms in 10..13 {
            add(&line(t_ms))?;
        }
        add(&"long".repeat(100))?;
        let start = line(10) + &line(11);
        assert_eq!(text(log.snapshot()?), start.clone() + &line(12) + &gap(12, 1));
        add(&line(13))?;
        assert_eq!(text(log.snapshot()?), start.clone() + &line(12) + &gap(12, 1) + &line(13));
        assert_eq!(log.left_out(), 1);
        add(&line(14))?;
        let end = gap(12, 1) + &line(13) + &line(14);
        assert_eq!((text(log.snapshot()?), log.left_out()), (start.clone() + &gap(11, 1) + &end, 2));
        add(&line(15))?;
        add(&line(16))?;
        let end = line(14) + &line(15) + &line(16);
        assert_eq!((text(log.snapshot()?), log.left_out()), (start + &gap(11, 3) + &end, 3));
        Ok(())
    }

    /// A line by which the client itself leaves messages out counts as those messages, wherever it is.
    #[test]
    fn messages_that_the_client_left_out_count() -> io::Result<()> {
        let (log, _) = LogFile::new(300)?;
        let add = |line: &str| Lines(Arc::clone(&log.0)).write_all(line.as_bytes());
        add(&line(10))?;
        add(&gap(11, 5))?;
        assert_eq!((text(log.snapshot()?), log.left_out()), (line(10) + &gap(11, 5), 5));
        add(&gap(12, 7))?;
        add(&line(13))?;
        add(&line(14))?;
        assert_eq!(log.left_out(), 12);
        for t_ms in 15..17 {
            add(&line(t_ms))?;
        }
        // That of the end is left out with the line beside it.
        let kept: String = (14..17).map(line).collect();
        assert_eq!(
            (text(log.snapshot()?), log.left_out()),
            (line(10) + &gap(11, 5) + &gap(11, 8) + &kept, 13)
        );
        Ok(())
    }

    /// A disk that is full for a moment costs the lines of that moment, and leaves no half of one.
    #[test]
    fn a_line_that_cannot_be_written_is_left_out() -> io::Result<()> {
        let (log, _) = LogFile::new(600)?;
        let add = |line: &str| Lines(Arc::clone(&log.0)).write_all(line.as_bytes());
        let written: String = (10..16).map(line).collect();
        for t_ms in 10..16 {
            add(&line(t_ms))?;
        }
        let replace = |file| std::mem::replace(lock(&log.0).tail[0].file.as_file_mut(), file);
        let path = lock(&log.0).tail[0].file.path().to_owned();
        let mut whole = replace(File::open(path)?);
        whole.write_all(b"10")?;
        assert!(add(&line(16)).is_err());
        drop(replace(whole));
        add(&line(17))?;
        assert_eq!(text(log.snapshot()?), written + &gap(15, 1) + &line(17));
        Ok(())
    }
}
