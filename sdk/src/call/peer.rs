//! The CLI at the other end of a connection.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::runtime::Handle;

use crate::error::Error;
use crate::process::{Watcher, stderr_tail, stdout_text};
use crate::rpc::Closed;
use crate::rpc::connection::Connection;
use crate::runtime::timer::{self, TimeUp};
use crate::version::CliVersion;

/// The CLI at the other end: all that calls on it need.
pub(crate) struct Peer {
    connection: Arc<Connection>,
    /// Set by the handshake.
    version: OnceLock<CliVersion>,
    /// None for a CLI that we did not start.
    process: Option<Watcher>,
    /// The GitHub token that goes with the calls that take one. Secret.
    github_token: Option<String>,
    /// The default timeout of a call.
    call_timeout: Option<Duration>,
}

impl Peer {
    pub fn new(
        connection: Arc<Connection>,
        process: Option<Watcher>,
        github_token: Option<String>,
        call_timeout: Option<Duration>,
    ) -> Self {
        Self { connection, version: OnceLock::new(), process, github_token, call_timeout }
    }

    pub fn connection(&self) -> &Arc<Connection> {
        &self.connection
    }

    /// The runtime on which all tasks of the client run.
    pub fn runtime(&self) -> &Handle {
        self.connection.runtime()
    }

    /// Records the version that the CLI reported in the handshake.
    pub fn set_version(&self, version: &CliVersion) {
        drop(self.version.set(version.clone()));
    }

    pub fn version(&self) -> Option<&CliVersion> {
        self.version.get()
    }

    pub fn github_token(&self) -> Option<&str> {
        self.github_token.as_deref()
    }

    pub fn call_timeout(&self) -> Option<Duration> {
        self.call_timeout
    }

    /// The end of what the CLI wrote to its standard error; empty where it is not a child of ours.
    pub fn stderr(&self) -> String {
        stderr_tail(self.process.as_ref())
    }

    /// Waits for a future that makes several calls, no longer than the timeout of one call.
    pub async fn within_call_timeout<T>(
        &self,
        what: &str,
        future: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        match self.call_timeout {
            Some(timeout) => self.within(what, timeout, future).await,
            None => future.await,
        }
    }

    /// Waits for a future no longer than this.
    pub async fn within<T>(
        &self,
        what: &str,
        timeout: Duration,
        future: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        within(self.runtime(), what, timeout, self.process.as_ref(), future).await
    }

    /// The error for a wait that took too long, with the end of what the CLI printed.
    pub fn timed_out(&self, what: &str, after: Duration) -> Error {
        timed_out(what, after, self.process.as_ref())
    }

    /// Adds to a timeout what came on the stream and is no message, unless it is there.
    pub fn explain(&self, mut error: Error) -> Error {
        if let Error::Timeout { stdout, .. } = &mut error
            && stdout.is_empty()
        {
            *stdout = self.connection.text();
        }
        error
    }
}

/// Waits for a future no longer than this, before there is a connection.
pub(crate) async fn within<T>(
    runtime: &Handle,
    what: &str,
    timeout: Duration,
    process: Option<&Watcher>,
    future: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    match timer::timeout(runtime, timeout, future).await {
        Ok(result) => result,
        Err(TimeUp::Elapsed) => Err(timed_out(what, timeout, process)),
        Err(TimeUp::NoRuntime) => Err(Error::Closed(Closed::new("the runtime of the client is gone"))),
    }
}

fn timed_out(what: &str, after: Duration, process: Option<&Watcher>) -> Error {
    let (stdout, stderr) = (stdout_text(process), stderr_tail(process));
    Error::Timeout { what: what.to_owned(), after, stdout, stderr }
}
