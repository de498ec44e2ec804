//! The terminal: set up, and always put back.

use std::io::{self, Write, stdout};

use crossterm::event::{DisableBracketedPaste, EnableBracketedPaste};
use crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};
use crossterm::{cursor, execute};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;

/// A terminal that shows the program. Its drop puts the terminal back as it was.
pub struct Screen(pub Terminal<CrosstermBackend<io::Stdout>>);

impl Screen {
    /// Shows the program. From now on a panic puts the terminal back and ends the program, so that nothing is drawn over
    /// its message.
    pub fn open() -> io::Result<Self> {
        let report = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            restore();
            report(panic);
            // The code of a panic of the main thread.
            std::process::exit(101);
        }));
        let screen = Self(Terminal::new(CrosstermBackend::new(stdout()))?);
        // If one of these fails, the drop undoes the others.
        enable_raw_mode()?;
        execute!(stdout(), EnterAlternateScreen, EnableBracketedPaste)?;
        Ok(screen)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        restore();
    }
}

/// Puts the terminal back. Errors are ignored, since there is no place left to report them.
fn restore() {
    drop(disable_raw_mode());
    drop(execute!(stdout(), DisableBracketedPaste, LeaveAlternateScreen, cursor::Show));
    drop(stdout().flush());
}
