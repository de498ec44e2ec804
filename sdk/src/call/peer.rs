//! The CLI at the other end of a connection.

use std::sync::{Arc, LazyLock, OnceLock};
use std::time::Duration;

use tokio::runtime::Handle;

use crate::error::{Error, unsupported::Unsupported};
use crate::process::Watcher;
use crate::rpc::{Closed, connection::Connection};
use crate::runtime::timer::{self, TimeUp};
use crate::version::{CliVersion, Feature};

/// The CLI at the other end, with all that calls need.
pub(crate) struct Peer {
    pub connection: Arc<Connection>,
    /// Set by the handshake.
    pub version: OnceLock<CliVersion>,
    /// None if this client did not start the CLI.
    pub process: Option<Watcher>,
    /// The GitHub token that is added to the calls that accept one. Secret.
    pub github_token: Option<String>,
    /// The timeout of calls that set none.
    pub call_timeout: Option<Duration>,
}

impl Peer {
    /// The runtime of all tasks of the client.
    pub fn runtime(&self) -> &Handle {
        &self.connection.runtime
    }

    /// The CLI's version; before the handshake an unknown one, which counts as the newest.
    pub fn version(&self) -> &CliVersion {
        static UNKNOWN: LazyLock<CliVersion> = LazyLock::new(|| CliVersion::new(""));
        self.version.get().unwrap_or(&UNKNOWN)
    }

    /// Returns an error if the CLI's version lacks a feature. `what` follows the word "cannot".
    pub fn require(&self, feature: Feature, what: &str) -> Result<(), Error> {
        match self.version().has(feature) {
            true => Ok(()),
            false => Err(Unsupported::feature(feature, what, self.version()).into()),
        }
    }

    /// The end of the CLI's standard error; empty if this client did not start the CLI.
    pub fn stderr(&self) -> String {
        self.process.as_ref().map(|process| process.stderr.text()).unwrap_or_default()
    }

    /// Waits for a future that makes several calls, for at most the timeout of one call.
    pub async fn within_call_timeout<T>(
        &self,
        what: &str,
        future: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let Some(timeout) = self.call_timeout else { return future.await };
        within(self.runtime(), timeout, future, || self.timed_out(what, timeout)).await
    }

    /// Returns the error for a timeout, with the end of the CLI's output.
    pub fn timed_out(&self, what: &str, after: Duration) -> Error {
        timed_out(what, after, self.connection.text(), self.stderr())
    }
}

/// Waits for a future for at most `timeout`. `late` returns the error for one that takes longer.
pub(crate) async fn within<T>(
    runtime: &Handle,
    timeout: Duration,
    future: impl Future<Output = Result<T, Error>>,
    late: impl FnOnce() -> Error,
) -> Result<T, Error> {
    match timer::timeout(runtime, timeout, future).await {
        Ok(result) => result,
        Err(TimeUp::Elapsed) => Err(late()),
        Err(TimeUp::NoRuntime) => Err(Error::Closed(Closed::new("the runtime of the client is gone"))),
    }
}

pub(crate) fn timed_out(what: &str, after: Duration, stdout: String, stderr: String) -> Error {
    Error::Timeout { what: what.to_owned(), after, stdout, stderr }
}
