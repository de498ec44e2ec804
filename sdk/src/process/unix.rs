//! A child and its process group on Unix.

use std::io;
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as Socket;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;

use rustix::io::{Errno, retry_on_intr};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tokio::net::UnixStream;
use tokio::process::ChildStderr;
use tokio::sync::oneshot;

use super::watchdog::{Leash, Watchdog};
use super::{Exit, Started, no_pipe};
use crate::runtime::lock;

/// What the CLI reads.
pub(crate) type Input = UnixStream;
/// What the CLI writes.
pub(crate) type Output = UnixStream;

/// The process group of the child; ended when dropped.
pub(super) struct Group {
    number: Number,
    /// Whether there is a watchdog; absent where the system has no shell.
    is_watched: bool,
    /// Gone once the watchdog was told to end the group.
    leash: Mutex<Option<Leash>>,
}

/// The group's number, until it is free for others.
#[derive(Clone)]
struct Number(Arc<Mutex<Option<Pid>>>);

/// What the reaper needs of a child.
struct Job {
    /// The child, not waited for by anybody else.
    child: Child,
    /// The number of its group, to be taken back at its end.
    number: Number,
    /// Where its exit is told.
    exit: oneshot::Sender<Exit>,
    /// What ends it when this program is gone.
    watchdog: Option<Watchdog>,
}

/// Starts the command in a process group of its own, which a watchdog leads.
///
/// Tokio's own child is not used: it reaps as soon as it sees the exit, and reaping must come after
/// the last signal. A thread also reaps when the runtime is gone.
pub(super) fn start(mut command: Command) -> io::Result<Started> {
    // The thread comes first, so that no child is left unreaped for want of one.
    let (jobs, job) = mpsc::channel();
    thread::Builder::new().name("copilot-reaper".to_owned()).spawn(move || {
        if let Ok(job) = job.recv() {
            reap(job);
        }
    })?;
    let (watchdog, leash) = watchdog();
    let lead = watchdog.as_ref().map_or(0, |watchdog| watchdog.group().as_raw_pid());

    let (stdin, stdout) = sockets(&mut command)?;
    let mut child = command.process_group(lead).spawn()?;
    // With the child's ends of the sockets.
    drop(command);
    let group = watchdog.as_ref().map_or_else(|| Pid::from_child(&child), Watchdog::group);
    let number = Number(Arc::new(Mutex::new(Some(group))));
    let group = Group { number: number.clone(), is_watched: leash.is_some(), leash: Mutex::new(leash) };
    let (id, stderr) = (child.id(), child.stderr.take());
    let (sender, exit) = oneshot::channel();
    jobs.send(Job { child, number, exit: sender, watchdog })
        .map_err(|_| io::Error::other("the reaper is gone"))?;

    let stderr = ChildStderr::from_std(stderr.ok_or_else(no_pipe)?)?;
    Ok(Started { group, id, stdin, stdout, stderr, exit })
}

/// Starts a watchdog, where the system has a shell for it.
fn watchdog() -> (Option<Watchdog>, Option<Leash>) {
    match Watchdog::start() {
        Ok((watchdog, leash)) => (Some(watchdog), Some(leash)),
        Err(error) => {
            tracing::warn!(%error, "no shell can be started that ends the Copilot CLI when this program is killed");
            (None, None)
        }
    }
}

/// Gives the command a socket to read from and one to write to, and keeps their other ends.
///
/// Everybody who runs as the same user, such as the commands of the agent, can open a pipe of another process
/// through `/proc`, and write into it or read from it. Nobody can open a socket. There are two, so that the
/// CLI can close one and keep the other.
fn sockets(command: &mut Command) -> io::Result<(Input, Output)> {
    let (stdin, theirs) = Socket::pair()?;
    command.stdin(Stdio::from(OwnedFd::from(theirs)));
    // Else what is written into it would never be read, and turn its end into an error.
    stdin.shutdown(Shutdown::Read)?;
    let (stdout, theirs) = Socket::pair()?;
    command.stdout(Stdio::from(OwnedFd::from(theirs)));
    Ok((ours(stdin)?, ours(stdout)?))
}

/// A socket for the runtime.
fn ours(socket: Socket) -> io::Result<UnixStream> {
    socket.set_nonblocking(true)?;
    UnixStream::from_std(socket)
}

/// Waits for the child's end, kills what is left of its group, and only then reaps it and the watchdog.
fn reap(Job { mut child, number, exit, mut watchdog }: Job) {
    let pid = Pid::from_child(&child);
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    let ended = retry_on_intr(|| waitid(WaitId::Pid(pid), options));
    // The group's number is taken until its leader is reaped, so all signals come before that. The leader is the
    // watchdog, else the child.
    let taken = ended.is_ok() || watchdog.as_mut().is_some_and(Watchdog::is_alive);
    number.retire(taken);
    drop(watchdog);
    let status = child.wait();
    if let Err(error) = &status {
        tracing::debug!(%error, "something else took the exit status of the Copilot CLI");
    }
    // Nobody waiting for the exit is fine.
    let _ = exit.send(status.map(Exit::from).unwrap_or_default());
}

impl Number {
    /// Signals the group while its number is surely its own, which the lock makes last.
    fn signal(&self, signal: Signal) {
        if let Some(pid) = *lock(&self.0) {
            signal_group(pid, signal);
        }
    }

    /// Ends all signalling, with a last SIGKILL unless the number may be another's by now.
    fn retire(&self, taken: bool) {
        let pid = lock(&self.0).take();
        if let Some(pid) = pid.filter(|_| taken) {
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
        self.number.signal(Signal::TERM);
        true
    }

    /// Ends all of the group.
    pub(super) fn kill(&self) {
        self.number.signal(Signal::KILL);
    }

    /// Has the watchdog ask the group to end and then kill it, which it does whether this program lives on or ends
    /// at once.
    pub(super) fn end(&self) {
        drop(lock(&self.leash).take());
        if !self.is_watched {
            self.kill();
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.end();
    }
}

impl From<ExitStatus> for Exit {
    fn from(status: ExitStatus) -> Self {
        Self { code: status.code(), signal: status.signal() }
    }
}
