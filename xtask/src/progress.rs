//! Shows how far a download is, by the size of what has arrived on disk.

use std::fs;
use std::io::{IsTerminal, Write, stderr};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Between two updates of the line on a terminal.
const TERMINAL_PERIOD: Duration = Duration::from_millis(200);
/// Between two lines in a log.
const LOG_PERIOD: Duration = Duration::from_secs(10);

/// A progress display on stderr: one line rewritten on a terminal, now and then a line otherwise.
pub struct Progress {
    folder: PathBuf,
    total: Option<u64>,
    terminal: bool,
    shown: Instant,
}

impl Progress {
    /// Watches a folder that will grow to `total` bytes, when that is known.
    pub fn of_folder(folder: &Path, total: Option<u64>) -> Self {
        Self { folder: folder.to_path_buf(), total, terminal: stderr().is_terminal(), shown: Instant::now() }
    }

    /// Shows the state when it is time to.
    pub fn tick(&mut self) {
        let period = if self.terminal { TERMINAL_PERIOD } else { LOG_PERIOD };
        if self.shown.elapsed() < period {
            return;
        }
        self.shown = Instant::now();
        let text = text(folder_size(&self.folder), self.total);
        if self.terminal {
            eprint!("\r\x1b[K{text}");
            // A terminal that cannot be written to must not stop the download.
            let _ = stderr().flush();
        } else {
            eprintln!("{text}");
        }
    }

    /// Takes the line off the terminal again.
    pub fn finish(self) {
        if self.terminal {
            eprint!("\r\x1b[K");
        }
    }
}

/// The state in words.
fn text(size: u64, total: Option<u64>) -> String {
    let megabytes = |bytes: u64| bytes / 1_000_000;
    match total {
        Some(total) if total > 0 => format!(
            "  {} of {} MB ({}%)",
            megabytes(size),
            megabytes(total),
            (size.saturating_mul(100) / total).min(100)
        ),
        _ => format!("  {} MB so far", megabytes(size)),
    }
}

/// The bytes in a folder; files that vanish meanwhile count as nothing.
fn folder_size(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else {
        return 0;
    };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => folder_size(&entry.path()),
            Ok(metadata) => metadata.len(),
            Err(_) => 0,
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_total_gives_a_percentage() {
        assert_eq!(text(98_500_000, Some(197_000_000)), "  98 of 197 MB (50%)");
    }

    #[test]
    fn more_than_the_total_stays_at_the_whole() {
        assert_eq!(text(2_000_000, Some(1_000_000)), "  2 of 1 MB (100%)");
    }

    #[test]
    fn an_unknown_total_gives_the_size() {
        assert_eq!(text(12_345_678, None), "  12 MB so far");
        assert_eq!(text(12_345_678, Some(0)), "  12 MB so far");
    }

    #[test]
    fn folders_are_counted_whole() -> std::io::Result<()> {
        let folder = tempfile::tempdir()?;
        fs::create_dir(folder.path().join("inner"))?;
        fs::write(folder.path().join("a"), [0; 10])?;
        fs::write(folder.path().join("inner/b"), [0; 5])?;
        assert_eq!(folder_size(folder.path()), 15);
        Ok(())
    }
}
