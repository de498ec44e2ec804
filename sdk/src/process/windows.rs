//! A child on Windows; what it started itself is not ended with it yet.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::process::{Command, ExitStatus};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::process::Child;
use tokio::sync::oneshot;

use super::{Exit, Started, no_pipe};

/// Keeps a console window from popping up.
const CREATE_NO_WINDOW: u32 = 0x0800_0000;

/// The child, killed when dropped. A Job Object that holds its descendants belongs here: made in
/// `start` before the child can start any, and ended in `kill` instead of the child alone.
pub(super) struct Group(Arc<Mutex<Child>>);

/// Starts the command without a window.
pub(super) fn start(command: Command) -> io::Result<Started> {
    let mut child = tokio::process::Command::from(command).creation_flags(CREATE_NO_WINDOW).spawn()?;
    let id = child.id();
    let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let child = Arc::new(Mutex::new(child));
    let group = Group(Arc::clone(&child));
    let (sender, exit) = oneshot::channel();
    tokio::spawn(watch(child, sender));
    let (Some(id), (Some(stdin), Some(stdout), Some(stderr))) = (id, pipes) else { return Err(no_pipe()) };
    Ok(Started { group, id, stdin, stdout, stderr, exit })
}

/// Waits for the end of the child, which is locked only while it is looked at.
async fn watch(child: Arc<Mutex<Child>>, exit: oneshot::Sender<Exit>) {
    let status = poll_fn(|context| {
        let mut child = lock(&child);
        pin!(child.wait()).poll(context)
    })
    .await;
    // Nobody waiting for the exit is fine.
    let _ = exit.send(status.map(Exit::from).unwrap_or_default());
}

/// Locks the child; it is whole even if a holder of the lock panicked.
fn lock(child: &Mutex<Child>) -> MutexGuard<'_, Child> {
    child.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Group {
    /// Does nothing and says so: Windows has no way to ask a program without a window to end.
    pub(super) fn terminate(&self) -> bool {
        false
    }

    /// Ends the child.
    pub(super) fn kill(&self) {
        let mut child = lock(&self.0);
        // Once the end was seen there is no id, and nothing left to kill.
        if child.id().is_some()
            && let Err(error) = child.start_kill()
        {
            tracing::debug!(%error, "cannot kill the Copilot CLI");
        }
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
