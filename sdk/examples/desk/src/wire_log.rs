//! The wire log of the client, in files of limited size that end with the program.
//!
//! A log that is too long keeps its beginning, which says how the client and its first sessions were set up, and its
//! end, which has what somebody wants to look at who downloads it. What lies between is left out.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Cursor, Read, Seek, SeekFrom, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use copilot_session::WireLog;
use tempfile::NamedTempFile;

/// The wire log, to download. Only this user can read its files, and dropping it deletes them.
pub struct LogFile(Arc<Mutex<Parts>>);

/// The parts of a log, each a file.
struct Parts {
    /// The most bytes of a part.
    most: u64,
    head: Part,
    /// The time of the last line of the head, in milliseconds.
    head_end: u64,
    /// The last lines: none while the head has room, and then at most two parts. Of those the older one goes when the
    /// newer one is full.
    tail: VecDeque<Part>,
    left_out: u64,
}

struct Part {
    file: NamedTempFile,
    bytes: u64,
    lines: u64,
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
        let parts = Parts { most: most / 3, head, head_end: 0, tail, left_out: 0 };
        let parts = Arc::new(Mutex::new(parts));
        Ok((Self(Arc::clone(&parts)), WireLog::new(Lines(parts))))
    }

    /// The number of messages that are left out.
    pub fn left_out(&self) -> u64 {
        lock(&self.0).left_out
    }

    /// The log as it is now. It blocks its thread for a moment.
    ///
    /// # Errors
    /// If a file cannot be opened.
    pub fn snapshot(&self) -> io::Result<Snapshot> {
        let parts = lock(&self.0);
        let left_out = parts.left_out;
        let gap = match left_out {
            0 => String::new(),
            count => {
                format!("{{\"t_ms\":{},\"dir\":\"client\",\"leftOut\":{count}}}\n", parts.head_end)
            }
        };
        let tail = parts.tail.iter().map(Part::section).collect::<io::Result<_>>()?;
        Ok(Snapshot { head: parts.head.section()?, gap, tail, left_out })
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
        let mut page = BufWriter::new(tempfile::tempfile()?);
        copilot_session_view::write_page("desk", BufReader::new(log), &mut page)?;
        let mut page = page.into_inner()?;
        page.rewind()?;
        Ok(page)
    }
}

impl Part {
    fn new() -> io::Result<Self> {
        Ok(Self { file: NamedTempFile::with_prefix("desk-")?, bytes: 0, lines: 0 })
    }

    fn add(&mut self, line: &[u8]) -> io::Result<()> {
        // An earlier line may have failed in its middle.
        self.file.seek(SeekFrom::Start(self.bytes))?;
        self.file.write_all(line)?;
        self.bytes += line.len() as u64;
        self.lines += 1;
        Ok(())
    }

    /// The file from its beginning to the end of the last line, also once it is deleted.
    fn section(&self) -> io::Result<Section> {
        Ok((self.file.reopen()?, self.bytes))
    }
}

impl Parts {
    /// Adds a line. One that is too long or cannot be written is left out.
    fn add(&mut self, line: &[u8]) -> io::Result<()> {
        let Some(room) = self.most.checked_sub(line.len() as u64) else {
            self.left_out += 1;
            return Ok(());
        };
        let added = self.add_where_room_is(line, room);
        self.left_out += u64::from(added.is_err());
        added
    }

    fn add_where_room_is(&mut self, line: &[u8], room: u64) -> io::Result<()> {
        // The head ends at the first message that is left out, since the gap is behind it.
        if self.left_out == 0 && self.tail.is_empty() && self.head.bytes <= room {
            self.head.add(line)?;
            self.head_end = time(line).unwrap_or(self.head_end);
            return Ok(());
        }
        match self.tail.back_mut().filter(|part| part.bytes <= room) {
            Some(part) => part.add(line),
            None => {
                let mut part = Part::new()?;
                part.add(line)?;
                self.tail.push_back(part);
                if self.tail.len() > 2 {
                    self.left_out += self.tail.pop_front().map_or(0, |part| part.lines);
                }
                Ok(())
            }
        }
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

/// The time of a line, in milliseconds.
fn time(line: &[u8]) -> Option<u64> {
    std::str::from_utf8(line).ok()?.strip_prefix("{\"t_ms\":")?.split(',').next()?.parse().ok()
}

fn lock(parts: &Mutex<Parts>) -> MutexGuard<'_, Parts> {
    parts.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(snapshot: Snapshot) -> String {
        let read = |(file, bytes): Section| io::read_to_string(file.take(bytes)).expect("the file");
        read(snapshot.head) + &snapshot.gap + &snapshot.tail.into_iter().map(read).collect::<String>()
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
        // A line that fits nowhere is left out, and those behind it are not.
        add("longer than a part\n")?;
        add("end\n")?;
        let after = text(log.snapshot()?);
        assert!(after.ends_with("998\n999\nend\n") && after.contains("\"leftOut\":897"), "{after}");
        assert_eq!(text(before), "100\n101\n102\n103\n", "a download that had begun goes on");
        Ok(())
    }

    /// The first message that is left out ends the head, so that the gap stands where it was.
    #[test]
    fn the_gap_is_where_the_first_message_is_missing() -> io::Result<()> {
        let (log, _) = LogFile::new(300)?;
        let add = |line: &str| Lines(Arc::clone(&log.0)).write_all(line.as_bytes());
        let first = "{\"t_ms\":17,\"dir\":\"server\",\"msg\":{}}\n";
        add(first)?;
        add(&"long".repeat(100))?;
        add("end\n")?;
        let gap = "{\"t_ms\":17,\"dir\":\"client\",\"leftOut\":1}\n";
        assert_eq!(text(log.snapshot()?), format!("{first}{gap}end\n"));
        Ok(())
    }

    /// A disk that is full for a moment costs the lines of that moment, and leaves no half of one.
    #[test]
    fn a_line_that_cannot_be_written_is_left_out() -> io::Result<()> {
        let (log, _) = LogFile::new(30)?;
        let add = |line: &str| Lines(Arc::clone(&log.0)).write_all(line.as_bytes());
        for line in ["100\n", "101\n", "102\n"] {
            add(line)?;
        }
        let replace = |file| std::mem::replace(lock(&log.0).tail[0].file.as_file_mut(), file);
        let path = lock(&log.0).tail[0].file.path().to_owned();
        let mut whole = replace(File::open(path)?);
        whole.write_all(b"10")?;
        assert!(add("103\n").is_err());
        drop(replace(whole));
        add("104\n")?;
        let gap = "{\"t_ms\":0,\"dir\":\"client\",\"leftOut\":1}\n";
        assert_eq!(text(log.snapshot()?), format!("100\n101\n{gap}102\n104\n"));
        Ok(())
    }
}
