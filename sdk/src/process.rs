//! The CLI as a child process: starting, watching, and stopping it with everything it started.

mod find;
#[cfg(all(test, unix))]
mod find_tests;
mod npm;
mod output;
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
use tokio::time::timeout;

use crate::rpc::Closed;
use crate::rpc::frame;
use crate::tail::Tail;
pub use find::NotFound;
use find::{Environment, Program, find_in};
pub(crate) use output::listen;
#[cfg(unix)]
use unix as os;
#[cfg(windows)]
use windows as os;

pub(crate) use os::{Input, Output};

/// Time limit for reading stderr after the exit. A process that outlived the CLI may hold it open.
const DRAIN_TIMEOUT: Duration = Duration::from_millis(250);

/// The program to start, and its configuration.
#[derive(Clone, Default)]
pub(crate) struct Launch {
    /// The CLI to run; by default it is searched for.
    pub(crate) program: Option<PathBuf>,
    /// The arguments of the CLI.
    pub(crate) args: Vec<OsString>,
    /// Environment variables to set, or to remove if the value is none.
    pub(crate) env: Vec<(OsString, Option<OsString>)>,
    /// The working directory; by default that of this program.
    pub(crate) current_dir: Option<PathBuf>,
}

/// The reason why the CLI did not start.
#[derive(Debug)]
#[non_exhaustive]
pub enum SpawnError {
    /// The CLI was not found.
    NotFound(NotFound),
    /// The working directory does not exist or is not a directory.
    #[non_exhaustive]
    Directory {
        /// The directory as configured.
        path: PathBuf,
    },
    /// The system could not run the CLI.
    #[non_exhaustive]
    Start {
        /// The program.
        program: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// There is no Tokio runtime to serve the CLI's pipes.
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
            Self::NoRuntime => f.write_str("a client can only be created within a Tokio runtime"),
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

/// The exit of the CLI. Both are none if the system did not report them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Exit {
    /// The exit code, if it exited by itself.
    pub(crate) code: Option<i32>,
    /// The signal that ended it (Unix only).
    pub(crate) signal: Option<i32>,
}

/// Time limits of the steps of a shutdown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ShutdownTimes {
    /// For the CLI to exit by itself after its stdin is closed.
    pub(crate) grace: Duration,
    /// For it to exit after SIGTERM.
    pub(crate) terminate: Duration,
    /// For it to exit after SIGKILL.
    pub(crate) kill: Duration,
}

impl Default for ShutdownTimes {
    fn default() -> Self {
        let short = Duration::from_secs(2);
        Self { grace: Duration::from_secs(5), terminate: short, kill: short }
    }
}

/// The running CLI. Dropping it ends the CLI and what it started, with or without a runtime, and even if
/// this program exits right after. On Unix the CLI is sent SIGTERM and killed 2 s later; on Windows, and on
/// a system without a shell, it is killed immediately. The end of this program, for any reason, has the
/// same effect.
pub(crate) struct Process {
    /// Owns the child and what it started.
    group: os::Group,
    /// Observes the child without keeping it alive.
    pub(crate) watcher: Watcher,
}

/// Observes the CLI without keeping it alive.
#[derive(Clone)]
pub(crate) struct Watcher {
    /// The process id.
    id: u32,
    /// The exit; none while it runs.
    exit: watch::Receiver<Option<Exit>>,
    /// The last 8 KiB of its stderr.
    pub(crate) stderr: Tail,
    /// The end of the text on its stdout that belongs to no message. The reader of stdout fills it.
    pub(crate) stdout: Tail,
}

/// A child started by the platform's `start`. From then on `group` is responsible for it.
struct Started {
    /// Kills the child when dropped.
    group: os::Group,
    /// The child's process id.
    id: u32,
    /// The child's stdin.
    stdin: Input,
    /// The child's stdout.
    stdout: Output,
    /// The child's stderr.
    stderr: ChildStderr,
    /// Receives the child's exit.
    exit: oneshot::Receiver<Exit>,
}

/// Returns the runtime that a client is created on, which it uses from then on.
pub(crate) fn runtime() -> Result<Handle, SpawnError> {
    Handle::try_current().map_err(|_| SpawnError::NoRuntime)
}

/// Starts the CLI. Requires a current Tokio runtime with I/O and time enabled.
pub(crate) fn spawn(launch: &Launch) -> Result<(Process, Input, Output), SpawnError> {
    let runtime = runtime()?;
    // The system reports a missing directory like a missing program, so it is checked here.
    if let Some(path) = launch.current_dir.as_ref().filter(|path| !path.is_dir()) {
        return Err(SpawnError::Directory { path: path.clone() });
    }
    let program = find_in(launch.program.as_deref(), &Environment::current())?;
    let started = os::start(command(&program, launch));
    let Started { group, id, stdin, stdout, stderr, exit } =
        started.map_err(|source| SpawnError::Start { program: program.path.clone(), source })?;
    tracing::debug!(id, program = %program.path.display(), "started the Copilot CLI");

    let tail = Tail::new(output::MAX_KEPT);
    let mut drain = crate::runtime::spawn(&runtime, output::drain(stderr, tail.clone()));
    let (sender, receiver) = watch::channel(None);
    // The exit is published once stderr is read to its end, so that the tail is complete when it is seen.
    crate::runtime::spawn(&runtime, async move {
        let exit = exit.await.unwrap_or_default();
        if timeout(DRAIN_TIMEOUT, &mut drain).await.is_err() {
            tracing::debug!(id, "another process still holds the stderr of the Copilot CLI");
            drain.abort();
        }
        tracing::debug!(id, exit.code, exit.signal, "the Copilot CLI ended");
        sender.send_replace(Some(exit));
    });
    let watcher = Watcher { id, exit: receiver, stderr: tail, stdout: Tail::new(frame::TEXT_KEPT) };
    Ok((Process { group, watcher }, stdin, stdout))
}

/// The command line, environment and stderr of the CLI. Its stdin and stdout depend on the platform.
fn command(program: &Program, launch: &Launch) -> Command {
    let mut command = Command::new(&program.path);
    command.args(&program.args).args(&launch.args);
    command.stderr(Stdio::piped());
    // Meant for this program: a CLI that inherits it fills its stderr with Node's debugging output.
    command.env_remove("NODE_DEBUG");
    for (name, value) in &launch.env {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    if let Some(directory) = &launch.current_dir {
        command.current_dir(directory);
    }
    command
}

impl Watcher {
    /// Waits until the CLI has exited.
    ///
    /// Cancel-safe.
    pub(crate) async fn exited(&self) -> Exit {
        let mut exit = self.exit.clone();
        // On an error the runtime that watched the CLI has ended, and the exit stays unknown.
        exit.wait_for(Option::is_some).await.ok().and_then(|exit| *exit).unwrap_or_default()
    }

    /// Adds the exit and the output of the CLI to the reason of a closed connection.
    pub(crate) async fn diagnose(&self, mut closed: Closed) -> Closed {
        // A CLI that closes its output normally exits right after. If it does not, callers must not wait
        // long.
        const EXIT_TIMEOUT: Duration = Duration::from_millis(500);
        if let Some(exit) = self.exited_within(EXIT_TIMEOUT).await {
            closed.reason = "the CLI ended".to_owned();
            closed.exit_code = exit.code;
            closed.signal = exit.signal;
        }
        closed.stdout = self.stdout.text();
        closed.stderr = self.stderr.text();
        closed
    }

    /// Waits for the exit for at most `time`.
    async fn exited_within(&self, time: Duration) -> Option<Exit> {
        timeout(time, self.exited()).await.ok()
    }
}

impl Process {
    /// Ends the CLI, whose stdin the caller has closed: waits, then sends SIGTERM, then kills it.
    ///
    /// Returns within the three times, with an unknown exit if even the kill had no effect. Dropping the
    /// future stops the steps; the CLI then lives until the process is dropped.
    pub(crate) async fn shutdown(&self, times: ShutdownTimes) -> Exit {
        let (id, watcher) = (self.watcher.id, &self.watcher);
        if watcher.exit.has_changed().is_err() && watcher.exit.borrow().is_none() {
            // The runtime that would report the exit has ended.
            self.group.end();
            return Exit::default();
        }
        tracing::debug!(id, grace = ?times.grace, "waiting for the Copilot CLI to exit");
        let mut exit = watcher.exited_within(times.grace).await;
        if exit.is_none() && self.group.terminate() {
            tracing::debug!(id, wait = ?times.terminate, "the Copilot CLI did not exit, so it was sent SIGTERM");
            exit = watcher.exited_within(times.terminate).await;
        }
        if exit.is_none() {
            tracing::warn!(id, wait = ?times.kill, "the Copilot CLI did not exit, so it is killed");
            self.group.kill();
            exit = watcher.exited_within(times.kill).await;
        }
        if exit.is_none() {
            tracing::warn!(id, "the Copilot CLI is still running after being killed");
        }
        exit.unwrap_or_default()
    }
}

/// The error for a missing pipe to the child.
fn no_pipe() -> io::Error {
    io::Error::other("the program has no pipe")
}
