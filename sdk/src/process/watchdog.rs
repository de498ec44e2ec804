//! A second process that ends the CLI, also when this program cannot do so any more.

use std::env;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, Stdio};

use rustix::process::Pid;

/// A shell that leads the process group that the CLI is started in. It ends that group when the [`Leash`] is
/// dropped, and when this program is gone, however that came.
///
/// The CLI is in the group from its first moment on, so that there is none in which nobody watches it. And
/// while the shell lives the group's number cannot become that of another group.
pub(super) struct Watchdog(Child);

/// The end of the shell's input that this program holds. It is closed on exec, so that no child inherits it.
pub(super) struct Leash {
    _input: Option<ChildStdin>,
}

/// Ends the group once the input ends: asks it to, and kills it 2 s later together with the shell, which only
/// the last signal ends. The CLI needs a tenth of a second; it alone can end its shells, which have sessions of
/// their own.
const SCRIPT: &str = "trap '' TERM HUP INT; read -r _; kill -TERM 0; sleep 2; kill -KILL 0";

impl Watchdog {
    /// Starts the shell in a process group of its own. It gets neither the environment, which may hold
    /// secrets, nor the working directory.
    pub fn start() -> io::Result<(Self, Leash)> {
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", SCRIPT, "copilot-watchdog"]).process_group(0).current_dir("/").env_clear();
        // For `sleep`.
        shell.envs(env::var_os("PATH").map(|path| ("PATH", path)));
        shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut shell = shell.spawn()?;
        let leash = Leash { _input: shell.stdin.take() };
        Ok((Self(shell), leash))
    }

    /// The number of the group.
    pub fn group(&self) -> Pid {
        Pid::from_child(&self.0)
    }

    /// Whether the shell still runs, so that the group's number is taken.
    pub fn is_alive(&mut self) -> bool {
        matches!(self.0.try_wait(), Ok(None))
    }
}

impl Drop for Watchdog {
    /// Ends the shell alone, at once.
    fn drop(&mut self) {
        if let Err(error) = self.0.kill().and_then(|()| self.0.wait().map(drop)) {
            tracing::debug!(%error, "the watchdog of the Copilot CLI did not end");
        }
    }
}
