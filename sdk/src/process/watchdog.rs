//! A shell that ends the CLI even if this program can no longer do so, on Unix.
//! On Windows a job does it: `windows/job.rs`.

use std::env;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, Stdio};

use rustix::process::Pid;

/// A shell that leads the process group of the CLI. It ends that group when its stdin is dropped or this
/// program ends for any reason.
///
/// The CLI is started in the group, so it is never without a watchdog. While the shell lives, the id of the
/// group cannot be reused.
pub(super) struct Watchdog(Child);

/// Waits for the end of stdin, sends SIGTERM to the group, and kills it 2 s later, including the shell,
/// which ignores the other signals. The CLI needs a tenth of a second to exit; only the CLI itself can end
/// its shells, which have their own sessions.
const SCRIPT: &str = "trap '' TERM HUP INT; read -r _; kill -TERM 0; sleep 2; kill -KILL 0";

impl Watchdog {
    /// Starts the shell in its own process group, and returns it with its stdin; none if the system has no
    /// shell. The shell inherits neither the environment, which may hold secrets, nor the working directory.
    /// Its stdin is closed on exec, so no child inherits it.
    pub fn start() -> Option<(Self, ChildStdin)> {
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", SCRIPT, "copilot-watchdog"]).process_group(0).current_dir("/").env_clear();
        // To find `sleep`.
        shell.envs(env::var_os("PATH").map(|path| ("PATH", path)));
        shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let warn = |error: &io::Error| {
            tracing::warn!(%error, "cannot start the shell that ends the Copilot CLI if this program is killed");
        };
        let mut shell = shell.spawn().inspect_err(warn).ok()?;
        let stdin = shell.stdin.take()?;
        Some((Self(shell), stdin))
    }

    /// The id of the group.
    pub fn group(&self) -> Pid {
        Pid::from_child(&self.0)
    }

    /// Returns true while the shell runs, and so the id of the group is reserved.
    pub fn is_alive(&mut self) -> bool {
        matches!(self.0.try_wait(), Ok(None))
    }
}

impl Drop for Watchdog {
    /// Kills only the shell.
    fn drop(&mut self) {
        if let Err(error) = self.0.kill().and_then(|()| self.0.wait().map(drop)) {
            tracing::debug!(%error, "the watchdog of the Copilot CLI did not end");
        }
    }
}
