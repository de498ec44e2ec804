//! The child and its process group on Unix.

mod input;

use std::io;
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as Socket;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;

use rustix::io::{Errno, retry_on_intr};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tokio::net::UnixStream;
use tokio::process::ChildStderr;
use tokio::sync::oneshot;

pub(crate) use input::Input;

use super::watchdog::Watchdog;
use super::{Exit, Started, no_pipe};
use crate::runtime::lock;

/// Our end of the CLI's stdout.
pub(crate) type Output = UnixStream;

/// The process group of the child; ended when dropped.
pub(super) struct Group {
    id: GroupId,
    /// True if there is a watchdog; false on a system without a shell.
    is_watched: bool,
    /// The watchdog's stdin; none once it was asked to end the group.
    leash: Mutex<Option<ChildStdin>>,
}

/// The id of a process group; none once another group may have it.
#[derive(Clone)]
struct GroupId(Arc<Mutex<Option<Pid>>>);

/// Starts the command in its own process group, which a watchdog leads.
///
/// Tokio's child is not used: it reaps as soon as it sees the exit, but reaping must follow the last
/// signal. The thread also reaps when the runtime has ended.
pub(super) fn start(mut command: Command) -> io::Result<Started> {
    let (mut watchdog, leash) = Watchdog::start().unzip();
    let leader = watchdog.as_ref().map(Watchdog::group);
    let id = GroupId(Arc::new(Mutex::new(leader)));
    let group = Group { id: id.clone(), is_watched: leader.is_some(), leash: Mutex::new(leash) };

    // The thread starts first, so that its failure leaves no child behind.
    let (children, child) = mpsc::channel();
    let (sender, exit) = oneshot::channel();
    thread::Builder::new().name("copilot-reaper".to_owned()).spawn(move || {
        if let Ok(child) = child.recv() {
            // The receiver may be gone.
            let _ = sender.send(reap(child, &id, watchdog.as_mut()));
        }
        // The watchdog was killed with its group. Only this thread waits for its end.
        drop(watchdog);
    })?;

    let (stdin, stdout) = sockets(&mut command)?;
    let mut child = command.process_group(leader.map_or(0, Pid::as_raw_pid)).spawn()?;
    // This closes the child's ends of the sockets.
    drop(command);
    lock(&group.id.0).get_or_insert(Pid::from_child(&child));
    let (id, stderr) = (child.id(), child.stderr.take());
    children.send(child).map_err(|_| io::Error::other("the reaper thread has ended"))?;

    let stderr = ChildStderr::from_std(stderr.ok_or_else(no_pipe)?)?;
    Ok(Started { group, id, stdin, stdout, stderr, exit })
}

/// Connects the command's stdin and stdout to sockets and returns our ends.
///
/// Any process of the same user, such as a command of the agent, can open a pipe of another process through
/// `/proc` and read or write it. A socket cannot be opened that way. There are two, so that the CLI can
/// close one and keep the other.
fn sockets(command: &mut Command) -> io::Result<(Input, Output)> {
    let (stdin, theirs) = Socket::pair()?;
    command.stdin(Stdio::from(OwnedFd::from(theirs)));
    // Otherwise data that the CLI writes into it would stay unread and turn its end into an error.
    stdin.shutdown(Shutdown::Read)?;
    let (stdout, theirs) = Socket::pair()?;
    command.stdout(Stdio::from(OwnedFd::from(theirs)));
    stdout.set_nonblocking(true)?;
    Ok((Input::new(stdin)?, UnixStream::from_std(stdout)?))
}

/// Waits for the child's exit, kills the rest of its group, and only then reaps it.
fn reap(mut child: Child, group: &GroupId, watchdog: Option<&mut Watchdog>) -> Exit {
    let pid = Pid::from_child(&child);
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    let ended = retry_on_intr(|| waitid(WaitId::Pid(pid), options));
    // The id of the group cannot be reused until its leader is reaped, so all signals come before that. The
    // leader is the watchdog, or the child if there is none.
    if ended.is_ok() || watchdog.is_some_and(Watchdog::is_alive) {
        group.signal(Signal::KILL);
    }
    *lock(&group.0) = None;
    let status = child.wait();
    if let Err(error) = &status {
        tracing::debug!(%error, "another part of this program reaped the Copilot CLI");
    }
    status.map(Exit::from).unwrap_or_default()
}

impl GroupId {
    /// Signals the group while its id is reserved, which the lock guarantees.
    fn signal(&self, signal: Signal) {
        let id = lock(&self.0);
        let Some(pid) = *id else { return };
        match kill_process_group(pid, signal) {
            // The group is empty except for a dead leader, for which macOS returns EPERM.
            Ok(()) | Err(Errno::SRCH | Errno::PERM) => {}
            Err(error) => tracing::debug!(%error, ?pid, ?signal, "cannot signal the Copilot CLI"),
        }
    }
}

impl Group {
    /// Sends SIGTERM to the group. Returns true if the system supports that.
    pub(super) fn terminate(&self) -> bool {
        self.id.signal(Signal::TERM);
        true
    }

    /// Sends SIGKILL to the group.
    pub(super) fn kill(&self) {
        self.id.signal(Signal::KILL);
    }

    /// Makes the watchdog terminate and then kill the group, which happens even if this program exits right
    /// after.
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
