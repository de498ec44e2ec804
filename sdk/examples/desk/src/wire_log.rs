//! The wire log of the client, in a file of limited size that ends with the program.

use std::io::{self, BufReader, BufWriter, Read, Seek, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use copilot_session::WireLog;
use tempfile::NamedTempFile;

/// A file with the beginning of the wire log. Only this user can read it, and dropping it deletes it.
pub struct LogFile {
    file: NamedTempFile,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    written: AtomicU64,
    left_out: AtomicU64,
}

/// Writes whole lines up to a limit, and counts the rest.
struct Limited {
    to: std::fs::File,
    most: u64,
    counts: Arc<Counts>,
}

impl LogFile {
    /// Creates a file of at most this many bytes, and the log that writes to it.
    ///
    /// # Errors
    /// If the file cannot be created.
    pub fn new(most: u64) -> io::Result<(Self, WireLog)> {
        let file = NamedTempFile::with_prefix("desk-")?;
        let counts = Arc::<Counts>::default();
        let to = Limited { to: file.reopen()?, most, counts: Arc::clone(&counts) };
        Ok((Self { file, counts }, WireLog::new(to)))
    }

    /// The path of the file.
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// The length of the file, in bytes, at the end of a line.
    pub fn len(&self) -> u64 {
        self.counts.written.load(Ordering::Acquire)
    }

    /// Returns true if nothing was written yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of messages that are not in the file, because it was full.
    pub fn left_out(&self) -> u64 {
        self.counts.left_out.load(Ordering::Acquire)
    }

    /// The line to end a copy of the file with: the number of messages that are not in it; empty if there are none.
    pub fn last_line(&self) -> String {
        match self.left_out() {
            0 => String::new(),
            count => format!("{{\"t_ms\":0,\"dir\":\"client\",\"leftOut\":{count}}}\n"),
        }
    }
}

impl LogFile {
    /// Writes a page of the log to a file without a name, and returns that at its beginning. It blocks its thread.
    ///
    /// # Errors
    /// If the log cannot be read, or the page cannot be written.
    pub fn page(&self) -> Result<std::fs::File, Box<dyn std::error::Error + Send + Sync>> {
        let log = std::fs::File::open(self.path())?.take(self.len());
        let log = BufReader::new(log.chain(io::Cursor::new(self.last_line())));
        let mut page = BufWriter::new(tempfile::tempfile()?);
        copilot_session_view::write_page("desk", log, &mut page)?;
        let mut page = page.into_inner()?;
        page.rewind()?;
        Ok(page)
    }
}

impl Write for Limited {
    /// Takes the whole buffer, which is a line: the log writes each of them at once.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let written = self.counts.written.load(Ordering::Relaxed);
        let length = line.len() as u64;
        let is_full = self.counts.left_out.load(Ordering::Relaxed) > 0;
        if is_full || written + length > self.most {
            self.counts.left_out.fetch_add(1, Ordering::Release);
        } else {
            self.to.write_all(line)?;
            self.counts.written.store(written + length, Ordering::Release);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_bounded() -> io::Result<()> {
        let file = NamedTempFile::new()?;
        let counts = Arc::<Counts>::default();
        let mut log = Limited { to: file.reopen()?, most: 10, counts: Arc::clone(&counts) };
        let log_file = LogFile { file, counts };
        assert!(log_file.is_empty());
        for line in ["123456\n", "12345\n", "1\n"] {
            log.write_all(line.as_bytes())?;
        }
        assert_eq!(std::fs::read_to_string(log_file.path())?, "123456\n");
        assert_eq!(log_file.len(), 7);
        // A line that would fit is left out, too, since one before it is.
        assert!(log_file.last_line().contains("\"leftOut\":2"));
        Ok(())
    }
}
