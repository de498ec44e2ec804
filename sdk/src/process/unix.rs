//! A child and its process group on Unix.

use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use rustix::io::{Errno, retry_on_intr};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tokio::process::{ChildStderr, ChildStdin, ChildStdout};
use tokio::sync::oneshot;

use super::watchdog::Watchdog;
use super::{Exit, Started, no_pipe};

/// How long the group has to end by itself when it is dropped; the CLI needs a tenth of a second.
const GRACE: Duration = Duration::from_secs(2);

/// The process group of the child, which is its leader; ended when dropped.
pub(super) struct Group(Leader);

/// The group's leader, until it is reaped and its number free for others.
#[derive(Clone)]
struct Leader(Arc<Mutex<Option<Pid>>>);

/// What the reaper needs of a child.
struct Job {
    /// The child, not waited for by anybody else.
    child: Child,
    /// Its number, to be taken back at its end.
    leader: Leader,
    /// Where its exit is told.
    exit: oneshot::Sender<Exit>,
    /// What ends it when this program is killed, if it does not notice itself.
    watchdog: Option<Watchdog>,
}

/// Starts the command in a process group of its own.
///
/// Tokio's own child is not used: it reaps as soon as it sees the exit, and reaping must come after
/// the last signal. A thread also reaps when the runtime is gone.
pub(super) fn start(mut command: Command, oblivious: bool) -> io::Result<Started> {
    // The thread comes first, so that no child is left unreaped for want of one.
    let (jobs, job) = mpsc::channel();
    thread::Builder::new().name("copilot-reaper".to_owned()).spawn(move || {
        if let Ok(job) = job.recv() {
            reap(job);
        }
    })?;

    let mut child = command.process_group(0).spawn()?;
    let leader = Leader(Arc::new(Mutex::new(Some(Pid::from_child(&child)))));
    let group = Group(leader.clone());
    let id = child.id();
    let watchdog = oblivious.then(|| Watchdog::start(id)).transpose();
    let watchdog = watchdog.unwrap_or_else(|error| {
        tracing::warn!(%error, "the Copilot CLI will stay when this program is killed");
        None
    });
    let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (sender, exit) = oneshot::channel();
    jobs.send(Job { child, leader, exit: sender, watchdog })
        .map_err(|_| io::Error::other("the reaper is gone"))?;

    let (Some(stdin), Some(stdout), Some(stderr)) = pipes else { return Err(no_pipe()) };
    let stdin = ChildStdin::from_std(stdin)?;
    let stdout = ChildStdout::from_std(stdout)?;
    let stderr = ChildStderr::from_std(stderr)?;
    Ok(Started { group, id, stdin, stdout, stderr, exit })
}

/// Waits for the child's end, kills what is left of its group, and only then reaps it.
fn reap(Job { mut child, leader, exit, watchdog }: Job) {
    let pid = Pid::from_child(&child);
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    let ended = retry_on_intr(|| waitid(WaitId::Pid(pid), options));
    // A dead leader keeps the group's number taken until it is reaped, so all signals come before that.
    leader.retire(ended.is_ok());
    // Before the number may be another's, too.
    drop(watchdog);
    let status = child.wait();
    if let Err(error) = &status {
        tracing::debug!(%error, "something else took the exit status of the Copilot CLI");
    }
    // Nobody waiting for the exit is fine.
    let _ = exit.send(status.map(Exit::from).unwrap_or_default());
}

impl Leader {
    /// Locks the number; it is whole even if a holder of the lock panicked.
    fn lock(&self) -> MutexGuard<'_, Option<Pid>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Signals the group while its number is surely its own, which the lock makes last.
    fn signal(&self, signal: Signal) {
        if let Some(pid) = *self.lock() {
            signal_group(pid, signal);
        }
    }

    /// Ends all signalling, with a last SIGKILL unless the number may be another's by now.
    fn retire(&self, ours: bool) {
        let pid = self.lock().take();
        if let Some(pid) = pid.filter(|_| ours) {
            signal_group(pid, Signal::KILL);
        }
    }
}

/// Signals whoever is in the group.
fn signal_group(pid: Pid, signal: Signal) {
    match kill_process_group(pid, signal) {
        // Nobody there but a dead leader, for which macOS says that it is not permitted.
        Ok(()) | Err(Errno::SRCH | Errno::PERM) => {}
        Err(error) => tracing::debug!(%error, ?pid, ?signal, "cannot signal the Copilot CLI"),
    }
}

impl Group {
    /// Asks all of the group to end.
    pub(super) fn terminate(&self) -> bool {
        self.0.signal(Signal::TERM);
        true
    }

    /// Ends all of the group.
    pub(super) fn kill(&self) {
        self.0.signal(Signal::KILL);
    }
}

impl Drop for Group {
    /// Asks first and kills later: the CLI's shells have sessions of their own, out of reach of the group's
    /// signals, and only the CLI can end them.
    fn drop(&mut self) {
        if self.0.lock().is_none() {
            return;
        }
        self.terminate();
        let leader = self.0.clone();
        let killer = thread::Builder::new().name("copilot-killer".to_owned()).spawn(move || {
            thread::sleep(GRACE);
            leader.signal(Signal::KILL);
        });
        if killer.is_err() {
            self.kill();
        }
    }
}

impl From<ExitStatus> for Exit {
    fn from(status: ExitStatus) -> Self {
        Self { code: status.code(), signal: status.signal() }
    }
}
