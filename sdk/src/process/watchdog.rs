//! Ending a CLI that would not notice when this program is killed.

use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

/// A shell that waits for a word that all is well. When its input ends without one, this program is gone, and
/// the shell asks the process group to end, and kills it 2 s later.
pub(super) struct Watchdog(Child);

const SCRIPT: &str = r#"read -r _ && exit; kill -TERM "-$1"; sleep 2; kill -KILL "-$1""#;

impl Watchdog {
    /// Watches over this process group from a group of its own, which no signal of the terminal reaches.
    pub fn start(group: u32) -> io::Result<Self> {
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", SCRIPT, "copilot-watchdog", &group.to_string()]).process_group(0);
        shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        shell.spawn().map(Self)
    }
}

#[cfg(test)]
impl Watchdog {
    /// Does what the end of this program would.
    pub fn forsake(&mut self) {
        self.0.stdin = None;
    }
}

impl Drop for Watchdog {
    /// Sends it away and waits for its end, which is at once.
    fn drop(&mut self) {
        let told = self.0.stdin.take().is_some_and(|mut word| word.write_all(b"\n").is_ok());
        let ended = if told { Ok(()) } else { self.0.kill() };
        if let Err(error) = ended.and_then(|()| self.0.wait().map(drop)) {
            tracing::debug!(%error, "the watchdog of the Copilot CLI did not end");
        }
    }
}
