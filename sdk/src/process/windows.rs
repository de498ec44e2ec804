//! The child and its job on Windows.

mod job;
#[cfg(test)]
mod tests;

use std::io;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Arc;

use tokio::process::{Child, ChildStdin, ChildStdout};
use tokio::sync::oneshot;

use super::{Exit, Started, no_pipe};
use job::Job;

/// Our end of the CLI's stdin.
pub(crate) type Input = ChildStdin;
/// Our end of the CLI's stdout.
pub(crate) type Output = ChildStdout;

/// Opens no console window.
const CREATE_NO_WINDOW: u32 = 0x0800_0000;
/// Starts the program suspended, so that it starts no others before it is in its job.
const CREATE_SUSPENDED: u32 = 0x0000_0004;

/// The job of the child and all processes it started; ended when dropped.
///
/// If this program is killed, the system ends the job. If that happens between the start and the assignment
/// of a child, the child remains, but never runs.
pub(super) struct Group(Arc<Job>);

/// Starts the command without a window, in its own job, which ends it if this program is killed.
pub(super) fn start(mut command: Command) -> io::Result<Started> {
    let job = Arc::new(Job::new()?);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut command = tokio::process::Command::from(command);
    let mut child = command.creation_flags(CREATE_NO_WINDOW | CREATE_SUSPENDED).spawn()?;
    if let Err(error) = job.adopt(&child).and_then(|()| job::resume(&child)) {
        // It may not be in the job, so it is killed directly.
        let _ = child.start_kill();
        return Err(error);
    }
    let (group, watched) = (Group(Arc::clone(&job)), Group(job));
    let id = child.id();
    let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (sender, exit) = oneshot::channel();
    tokio::spawn(watch(child, watched, sender));
    let (Some(id), (Some(stdin), Some(stdout), Some(stderr))) = (id, pipes) else { return Err(no_pipe()) };
    Ok(Started { group, id, stdin, stdout, stderr, exit })
}

/// Waits for the exit of the child and ends the rest of its job.
///
/// The runtime drops this when it ends, which ends the child. Otherwise the runtime would wait for its
/// threads, which read the child's pipes.
async fn watch(mut child: Child, group: Group, exit: oneshot::Sender<Exit>) {
    let status = child.wait().await;
    drop(group);
    // The receiver may be gone.
    let _ = exit.send(status.map(Exit::from).unwrap_or_default());
}

impl Group {
    /// Does nothing and returns false: Windows cannot ask a program without a window to exit.
    pub(super) fn terminate(&self) -> bool {
        false
    }

    /// Ends the child and everything it started.
    pub(super) fn kill(&self) {
        if let Err(error) = self.0.terminate() {
            tracing::debug!(%error, "cannot kill the Copilot CLI");
        }
    }

    /// Like [`kill`](Self::kill), since there is no watchdog.
    pub(super) fn end(&self) {
        self.kill();
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}

impl From<ExitStatus> for Exit {
    fn from(status: ExitStatus) -> Self {
        Self { code: status.code(), signal: None }
    }
}
