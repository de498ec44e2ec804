//! A terminal in which a program runs, for tests and pictures of it.

use std::io::{Read, Write};
use std::process::Child;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use pty_process::Size;
use pty_process::blocking::{Command, Pty, open};
use rustix::process::{Pid, Signal, kill_process};
use rustix::termios::{LocalModes, tcgetattr};

/// The time limit of every wait, which passes only when something hangs.
const PATIENCE: Duration = Duration::from_secs(90);

/// The hint of the chat that a dialog waits and keys go to the prompt.
const AT_PROMPT: &str = "tab: answer the agent";

/// The hints of the chat when there is no dialog.
const NO_DIALOG: [&str; 2] = ["ctrl-c stops", "ctrl-c quits"];

/// The time after which a key is pressed again that may have come too soon.
const AGAIN: Duration = Duration::from_secs(2);

/// A terminal with a program in it.
pub struct Terminal {
    pty: Arc<Pty>,
    child: Mutex<Child>,
    shared: Arc<(Mutex<Shown>, Condvar)>,
}

/// The output of the program.
struct Shown {
    parser: vt100::Parser,
    bytes: Vec<u8>,
    has_ended: bool,
}

impl Terminal {
    /// Starts a program in a new terminal of this size.
    pub fn start(program: Command, rows: u16, columns: u16) -> Self {
        let (pty, pts) = open().expect("a terminal");
        pty.resize(Size::new(rows, columns)).expect("a size");
        let child = program.spawn(pts).expect("the program");
        let parser = vt100::Parser::new(rows, columns, 0);
        let shown = Shown { parser, bytes: Vec::new(), has_ended: false };
        let terminal = Self {
            pty: Arc::new(pty),
            child: Mutex::new(child),
            shared: Arc::new((Mutex::new(shown), Condvar::new())),
        };
        let (pty, shared) = (Arc::clone(&terminal.pty), Arc::clone(&terminal.shared));
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            // Once the program has ended, reading fails.
            while let Ok(count @ 1..) = (&*pty).read(&mut buffer) {
                let mut shown = lock(&shared.0);
                shown.parser.process(&buffer[..count]);
                shown.bytes.extend(&buffer[..count]);
                shared.1.notify_all();
            }
            lock(&shared.0).has_ended = true;
            shared.1.notify_all();
        });
        terminal
    }

    /// The cells of the screen, with their colours.
    pub fn cells(&self) -> vt100::Screen {
        lock(&self.shared.0).parser.screen().clone()
    }

    /// The text on the screen.
    pub fn screen(&self) -> String {
        lock(&self.shared.0).parser.screen().contents()
    }

    /// Everything that the program wrote.
    pub fn bytes(&self) -> Vec<u8> {
        lock(&self.shared.0).bytes.clone()
    }

    /// Waits until the screen shows this text.
    pub fn wait_for(&self, text: &str) {
        self.wait_until(text, |screen| screen.contains(text));
    }

    /// Waits until the screen meets a condition.
    pub fn wait_until(&self, what: &str, condition: impl Fn(&str) -> bool) {
        assert!(self.wait(PATIENCE, &condition), "waited for {what}:\n{}", self.screen());
    }

    fn wait(&self, limit: Duration, condition: &dyn Fn(&str) -> bool) -> bool {
        let shown = lock(&self.shared.0);
        let waits = |shown: &mut Shown| !shown.has_ended && !condition(&shown.parser.screen().contents());
        let waited = self.shared.1.wait_timeout_while(shown, limit, waits);
        let (shown, _) = waited.unwrap_or_else(PoisonError::into_inner);
        condition(&shown.parser.screen().contents())
    }

    /// Types this text.
    pub fn send(&self, text: &str) {
        (&*self.pty).write_all(text.as_bytes()).expect("the terminal");
    }

    /// Presses a key of a dialog of the chat until the screen shows this text: again if it came too soon after the
    /// dialog appeared, and went to the prompt.
    pub fn press_until(&self, key: &str, text: &str) {
        let start = Instant::now();
        self.send(key);
        while start.elapsed() < PATIENCE {
            if self.wait(AGAIN, &|screen| screen.contains(text)) {
                return;
            }
            let screen = self.screen();
            if screen.contains(AT_PROMPT) {
                // Clears the prompt, and goes back to the dialog.
                self.send("\u{15}\t");
            }
            // Without a dialog, the key would be a prompt.
            if !NO_DIALOG.iter().any(|hint| screen.contains(hint)) {
                self.send(key);
            }
        }
        panic!("waited for {text} after {key:?}:\n{}", self.screen());
    }

    /// Changes the size.
    pub fn resize(&self, rows: u16, columns: u16) {
        lock(&self.shared.0).parser.screen_mut().set_size(rows, columns);
        self.pty.resize(Size::new(rows, columns)).expect("a size");
    }

    /// Sends a signal to the program.
    pub fn signal(&self, signal: Signal) {
        let id = i32::try_from(lock(&self.child).id()).ok().and_then(Pid::from_raw);
        kill_process(id.expect("an id"), signal).expect("the signal");
    }

    /// Waits until the program has ended, and all that it wrote is on the screen.
    pub fn wait_for_end(&self) {
        let start = Instant::now();
        // The last reader of the terminal ends after the program, and a program that hangs has one.
        self.wait(PATIENCE, &|_| false);
        assert!(start.elapsed() < PATIENCE, "the program does not end:\n{}", self.screen());
    }

    /// Waits until the program has ended, asserts that the terminal is as it was, and returns the exit code.
    pub fn end(&self) -> Option<i32> {
        self.wait_for_end();
        let status = lock(&self.child).wait().expect("a status");
        let shown = lock(&self.shared.0);
        let screen = shown.parser.screen();
        assert!(!screen.alternate_screen() && !screen.bracketed_paste() && !screen.hide_cursor());
        if cfg!(target_os = "linux") {
            let modes = tcgetattr(&*self.pty).expect("the modes").local_modes;
            assert!(modes.contains(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG), "{modes:?}");
        }
        status.code()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It has ended, unless the test failed.
        drop(lock(&self.child).kill());
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
