//! The CLI's child process: started, watched, and stopped together with everything it started.

mod find;
#[cfg(all(test, unix))]
mod find_tests;
mod listen;
mod npm;
mod stderr;
#[cfg(all(test, unix))]
mod tests;
#[cfg(unix)]
mod unix;
#[cfg(unix)]
mod watchdog;
#[cfg(windows)]
mod windows;

use std::ffi::OsString;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use tokio::process::ChildStderr;
use tokio::runtime::Handle;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::rpc::Closed;
use crate::rpc::frame;
use crate::tail::Tail;
pub use find::NotFound;
use find::{Program, find};
pub(crate) use listen::listen;
#[cfg(unix)]
use unix as os;
#[cfg(windows)]
use windows as os;

pub(crate) use os::{Input, Output};

/// How long the rest of stderr is read for after the exit; a process that outlived the CLI may hold it open.
const DRAIN: Duration = Duration::from_millis(250);

/// What to start and how.
#[derive(Clone, Default)]
pub(crate) struct Launch {
    /// The CLI to run, instead of the one that is found.
    pub(crate) program: Option<PathBuf>,
    /// The arguments of the CLI.
    pub(crate) args: Vec<OsString>,
    /// Environment variables to set, or to remove where there is no value.
    pub(crate) env: Vec<(OsString, Option<OsString>)>,
    /// The working directory, instead of the host's.
    pub(crate) directory: Option<PathBuf>,
}

/// The reason for which the CLI did not start.
#[derive(Debug)]
#[non_exhaustive]
pub enum SpawnError {
    /// There is no CLI where it was looked for.
    NotFound(NotFound),
    /// The working directory is not one.
    #[non_exhaustive]
    Directory {
        /// The directory as it was given.
        path: PathBuf,
    },
    /// The system could not run the CLI.
    #[non_exhaustive]
    Start {
        /// The program that was to run.
        program: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// There was no runtime to serve the CLI's pipes.
    NoRuntime,
}

impl From<NotFound> for SpawnError {
    fn from(error: NotFound) -> Self {
        Self::NotFound(error)
    }
}

impl fmt::Display for SpawnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound(error) => error.fmt(f),
            Self::Directory { path } => {
                write!(f, "the Copilot CLI's working directory does not exist: {}", path.display())
            }
            Self::Start { program, .. } => {
                write!(f, "the Copilot CLI could not be started from {}", program.display())
            }
            Self::NoRuntime => f.write_str("a client can only be made from within a Tokio runtime"),
        }
    }
}

impl std::error::Error for SpawnError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Start { source, .. } => Some(source),
            _ => None,
        }
    }
}

/// How the CLI ended; both are absent when the system did not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Exit {
    /// The exit code, when it ended by itself.
    pub(crate) code: Option<i32>,
    /// The signal that ended it (Unix only).
    pub(crate) signal: Option<i32>,
}

impl fmt::Display for Exit {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.code, self.signal) {
            (Some(code), _) => write!(out, "exit code {code}"),
            (None, Some(signal)) => write!(out, "signal {signal}"),
            (None, None) => out.write_str("unknown exit status"),
        }
    }
}

/// How long each step of a shutdown may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ShutdownTimes {
    /// For the CLI to exit by itself after its stdin was closed.
    pub(crate) grace: Duration,
    /// For it to exit after being asked with SIGTERM.
    pub(crate) terminate: Duration,
    /// For the system to end it after SIGKILL.
    pub(crate) kill: Duration,
}

impl Default for ShutdownTimes {
    fn default() -> Self {
        let short = Duration::from_secs(2);
        Self { grace: Duration::from_secs(5), terminate: short, kill: short }
    }
}

/// The running CLI; dropping it ends the CLI and what it started, with or without a runtime, also when this
/// program ends right after: on Unix it is asked to end and killed 2 s later, on Windows, and where there is no
/// shell, it is killed at once. The end of this program does the same, however it comes.
pub(crate) struct Process {
    /// Answers for the child and what it started.
    group: os::Group,
    /// Sees how it fares.
    watcher: Watcher,
}

/// Sees how the CLI fares without keeping it alive.
#[derive(Clone)]
pub(crate) struct Watcher {
    /// The process id.
    id: u32,
    /// How it ended, once it has.
    exit: watch::Receiver<Option<Exit>>,
    /// The end of its stderr.
    stderr: Tail,
    /// The end of what it printed on stdout that is no message.
    stdout: Tail,
}

/// What a platform's `start` gives; from here on `group` answers for the child.
struct Started {
    /// Kills the child when dropped.
    group: os::Group,
    /// The child's process id.
    id: u32,
    /// What the child reads.
    stdin: Input,
    /// What the child writes.
    stdout: Output,
    /// What the child complains about.
    stderr: ChildStderr,
    /// How the child ended, once it has.
    exit: oneshot::Receiver<Exit>,
}

/// The runtime that a client is made on, and works on from then.
pub(crate) fn runtime() -> Result<Handle, SpawnError> {
    Handle::try_current().map_err(|_| SpawnError::NoRuntime)
}

/// Starts the CLI. Needs a current Tokio runtime with I/O and time enabled.
pub(crate) fn spawn(launch: &Launch) -> Result<(Process, Input, Output), SpawnError> {
    let runtime = runtime()?;
    // The system reports a missing directory just as a missing program, so it is told apart here.
    if let Some(path) = launch.directory.as_ref().filter(|path| !path.is_dir()) {
        return Err(SpawnError::Directory { path: path.clone() });
    }
    let program = find(launch.program.as_deref())?;
    let started = os::start(command(&program, launch));
    let Started { group, id, stdin, stdout, stderr, exit } =
        started.map_err(|source| SpawnError::Start { program: program.path.clone(), source })?;
    tracing::debug!(id, program = %program.path.display(), "started the Copilot CLI");

    let tail = Tail::new(stderr::KEPT);
    let drain = runtime.spawn(stderr::drain(stderr, tail.clone()));
    let (sender, receiver) = watch::channel(None);
    runtime.spawn(publish(id, exit, drain, sender));
    let watcher = Watcher { id, exit: receiver, stderr: tail, stdout: Tail::new(frame::TEXT_KEPT) };
    Ok((Process { group, watcher }, stdin, stdout))
}

/// The command line and environment of the CLI, and the pipe that it complains into; what it reads and writes is
/// the platform's business.
fn command(program: &Program, launch: &Launch) -> Command {
    let mut command = Command::new(&program.path);
    command.args(&program.args).args(&launch.args);
    command.stderr(Stdio::piped());
    // Meant for the host: a CLI that inherits it fills its stderr with Node's own debugging.
    command.env_remove("NODE_DEBUG");
    for (name, value) in &launch.env {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    if let Some(directory) = &launch.directory {
        command.current_dir(directory);
    }
    command
}

/// Makes the exit known once stderr is read to its end, so that who sees the exit sees all of the tail.
async fn publish(
    id: u32,
    exit: oneshot::Receiver<Exit>,
    mut drain: JoinHandle<()>,
    sender: watch::Sender<Option<Exit>>,
) {
    let exit = exit.await.unwrap_or_default();
    if timeout(DRAIN, &mut drain).await.is_err() {
        tracing::debug!(id, "something still holds the stderr of the Copilot CLI");
        drain.abort();
    }
    tracing::debug!(id, %exit, "the Copilot CLI ended");
    sender.send_replace(Some(exit));
}

impl Watcher {
    /// Waits until the CLI has ended; cancel-safe.
    pub(crate) async fn exited(&self) -> Exit {
        let mut exit = self.exit.clone();
        // The error means that the runtime which watched the CLI is gone, and nobody will know.
        exit.wait_for(Option::is_some).await.ok().and_then(|exit| *exit).unwrap_or_default()
    }

    /// The last 8 KiB of the CLI's stderr.
    pub(crate) fn stderr_tail(&self) -> String {
        self.stderr.text()
    }

    /// The end of what the CLI printed on stdout that is no message, for whoever reads its stdout to fill.
    pub(crate) fn stdout(&self) -> &Tail {
        &self.stdout
    }

    /// Adds to the end of the CLI's output what became of the CLI.
    pub(crate) async fn diagnose(&self, mut closed: Closed) -> Closed {
        // A CLI that closed its output ends right after; one that does not must not hold up its callers.
        const EXIT: Duration = Duration::from_millis(500);
        if let Some(exit) = self.exited_within(EXIT).await {
            closed.reason = "the CLI ended".to_owned();
            closed.exit_code = exit.code;
            closed.signal = exit.signal;
        }
        closed.stdout = self.stdout.text();
        closed.stderr = self.stderr_tail();
        closed
    }

    /// Waits for the exit no longer than `time`.
    async fn exited_within(&self, time: Duration) -> Option<Exit> {
        timeout(time, self.exited()).await.ok()
    }
}

impl Process {
    /// A view of the process that does not keep it alive.
    pub(crate) fn watcher(&self) -> &Watcher {
        &self.watcher
    }

    /// Ends the CLI, whose stdin the caller has closed: waits, then asks, then kills.
    ///
    /// Comes back after the three times at the latest, with an unknown exit if even the kill had no
    /// effect. Dropping the future stops the steps; the CLI then lives until the process is dropped.
    pub(crate) async fn shutdown(&self, times: ShutdownTimes) -> Exit {
        let (id, watcher) = (self.watcher.id, &self.watcher);
        if watcher.exit.has_changed().is_err() && watcher.exit.borrow().is_none() {
            // The runtime is gone that would have said when the CLI ends.
            self.group.end();
            return Exit::default();
        }
        tracing::debug!(id, grace = ?times.grace, "waiting for the Copilot CLI to exit");
        if let Some(exit) = watcher.exited_within(times.grace).await {
            return exit;
        }
        if self.group.terminate() {
            tracing::debug!(id, wait = ?times.terminate, "the Copilot CLI stayed, so it was sent SIGTERM");
            if let Some(exit) = watcher.exited_within(times.terminate).await {
                return exit;
            }
        }
        tracing::warn!(id, wait = ?times.kill, "the Copilot CLI did not exit when asked, so it is killed");
        self.group.kill();
        match watcher.exited_within(times.kill).await {
            Some(exit) => exit,
            None => {
                tracing::warn!(id, "the Copilot CLI is still there after being killed");
                Exit::default()
            }
        }
    }
}

/// The last 8 KiB of the stderr of a CLI; empty where it is not a child of ours.
pub(crate) fn stderr_tail(process: Option<&Watcher>) -> String {
    process.map(Watcher::stderr_tail).unwrap_or_default()
}

/// The last 2 KiB of what a CLI printed on stdout that is no message; empty where it is not a child of ours.
pub(crate) fn stdout_text(process: Option<&Watcher>) -> String {
    process.map(|process| process.stdout.text()).unwrap_or_default()
}

/// The error for a pipe that was asked for and is not there.
fn no_pipe() -> io::Error {
    io::Error::other("the system gave no pipe to the program")
}
