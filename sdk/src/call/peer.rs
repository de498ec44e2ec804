//! The CLI at the other end of a connection.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::runtime::Handle;

use crate::error::Error;
use crate::process::Watcher;
use crate::rpc::Closed;
use crate::rpc::connection::Connection;
use crate::runtime::timer::{self, TimeUp};
use crate::version::CliVersion;

/// The CLI at the other end, with all that calls need.
pub(crate) struct Peer {
    connection: Arc<Connection>,
    /// Set by the handshake.
    version: OnceLock<CliVersion>,
    /// None if this client did not start the CLI.
    process: Option<Watcher>,
    /// The GitHub token that is added to the calls that accept one. Secret.
    github_token: Option<String>,
    /// The timeout of calls that set none.
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

    /// The runtime of all tasks of the client.
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

    /// The end of the CLI's standard error; empty if this client did not start the CLI.
    pub fn stderr(&self) -> String {
        self.process.as_ref().map(Watcher::stderr_tail).unwrap_or_default()
    }

    /// Waits for a future that makes several calls, for at most the timeout of one call.
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

    /// Waits for a future for at most `timeout`.
    pub async fn within<T>(
        &self,
        what: &str,
        timeout: Duration,
        future: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        within(self.runtime(), what, timeout, self.process.as_ref(), future).await
    }

    /// Returns the error for a timeout, with the end of the CLI's output.
    pub fn timed_out(&self, what: &str, after: Duration) -> Error {
        timed_out(what, after, self.process.as_ref())
    }

    /// Adds the text on the stream that is no message to a timeout without output.
    pub fn explain(&self, mut error: Error) -> Error {
        if let Error::Timeout { stdout, .. } = &mut error
            && stdout.is_empty()
        {
            *stdout = self.connection.text();
        }
        error
    }
}

/// Waits for a future for at most `timeout`, before there is a connection.
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
    let stdout = process.map(|process| process.stdout().text()).unwrap_or_default();
    let stderr = process.map(Watcher::stderr_tail).unwrap_or_default();
    Error::Timeout { what: what.to_owned(), after, stdout, stderr }
}
