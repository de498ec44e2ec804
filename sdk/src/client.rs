//! The client: starts or connects to a CLI, performs the handshake, and stops it.

pub(crate) mod builder;
pub(crate) mod calls;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use serde_core::{Serialize, de::DeserializeOwned};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::runtime::Handle;
use tracing::Instrument as _;
use tracing::field::display;

use crate::call::{Caller, peer::Peer, peer::within};
use crate::client::builder::ClientBuilder;
use crate::error::Error;
use crate::events::{notifications::NotificationSubscribers, stream::Ended};
use crate::generated::version::CLI_VERSION;
use crate::process::{self, Process, ShutdownTimes, Watcher};
use crate::rpc::connection::{Connection, Options, STOPPED};
use crate::rpc::{Closed, wire_log::WireLog};
use crate::runtime::{BoxFuture, on_drop::OnDrop, spawn};
use crate::server_rpc::ServerRpc;
use crate::session::host::{Host, TraceProvider};
use crate::session::router::{ClientHandlers, Router};
use crate::session::{Session, builder::SessionBuilder, state::SessionState};
use crate::trace::spans;
use crate::types::ConnectRequest;
use crate::version::{CliVersion, Compatibility, Feature, Required};

/// The version of the protocol that this crate is made for.
const PROTOCOL: i64 = 3;

/// The default timeout of the handshake. At its first start the CLI unpacks itself.
pub(crate) const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(60);

/// The default timeout of a call.
pub(crate) const CALL_TIMEOUT: Duration = Duration::from_secs(120);

/// The timeout of `session.detach` and of `runtime.shutdown` while the client stops.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);

/// The time from the end of the CLI to the end of its output.
const EOF_TIMEOUT: Duration = Duration::from_secs(1);

/// A running Copilot CLI. Cloning is cheap; a clone is the same client.
///
/// One client serves any number of sessions. When the last clone and the last session are dropped, the CLI and all
/// that it started are terminated, and killed 2 s later, even if this program has ended by then; [`stop`](Self::stop)
/// shuts the CLI down in order. If something else kills the CLI (SIGKILL), the commands in its shells keep running,
/// because only the CLI knows of them.
///
/// A client must be created within a Tokio runtime that has I/O and time enabled; without one, creating it fails with
/// [`Error::Start`]. The tasks, handlers and closures of the client run on that runtime. Its methods can be called
/// from any thread and any executor while the runtime exists; after that, calls fail with [`Error::Closed`].
#[derive(Clone)]
pub struct Client(pub(crate) Arc<Host>);

/// A closure that subscribes to one kind of notification.
pub(crate) type Subscribe = Box<dyn FnOnce(&NotificationSubscribers) + Send>;

/// The options of a client, apart from its streams.
#[derive(Default)]
pub(crate) struct Setup {
    pub connect: ConnectRequest,
    pub handshake_timeout: Duration,
    /// The versions of the CLI that are accepted; all if it is none.
    pub required: Option<Required>,
    pub trace: Option<TraceProvider>,
    pub handlers: ClientHandlers,
    /// The timeout of each of these handlers.
    pub handler_timeout: Option<Duration>,
    /// The timeout of calls that set none.
    pub call_timeout: Option<Duration>,
    /// The GitHub token that is added to the calls that accept one. Secret.
    pub github_token: Option<String>,
    pub options: Options,
    /// Texts that are removed from the wire log.
    pub secrets: Vec<String>,
    /// Subscriptions that begin before the first notification.
    pub subscriptions: Vec<Subscribe>,
}

impl Client {
    /// Starts the CLI found by `COPILOT_CLI_PATH` or on `PATH`, with the user's own login. Waits at most 60 s;
    /// [`ClientBuilder::handshake_timeout`] sets another timeout.
    ///
    /// # Errors
    /// [`Error::NotFound`] or [`Error::Start`] if the CLI does not start, [`Error::Closed`] if it ends during the
    /// handshake and [`Error::Timeout`] if it does not respond, both with its output, [`Error::ProtocolVersion`] if
    /// it is too old for this crate.
    pub async fn start() -> Result<Self, Error> {
        Self::builder().start().await
    }

    /// Returns a builder that starts a CLI, or connects to one over TCP or over streams of your own.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::new()
    }

    /// Performs the handshake over these streams. `process` is the CLI, if this client started it; `address` is that
    /// of a CLI on TCP.
    pub(crate) fn connect(
        from: impl AsyncRead + Send + Unpin + 'static,
        to: impl AsyncWrite + Send + Unpin + 'static,
        setup: Setup,
        process: Option<Process>,
        address: Option<SocketAddr>,
    ) -> BoxFuture<Result<Self, Error>> {
        let connecting = Self::connect_boxed(Box::new(from), Box::new(to), setup, process, address);
        Box::pin(async move {
            let span = spans::start();
            let connected = connecting.instrument(span.clone()).await;
            match &connected {
                Ok(client) => drop(span.record("copilot.version", display(client.version()))),
                Err(error) => spans::failed(&span, error.kind()),
            }
            connected
        })
    }

    async fn connect_boxed(
        from: Box<dyn AsyncRead + Send + Unpin>,
        to: Box<dyn AsyncWrite + Send + Unpin>,
        setup: Setup,
        process: Option<Process>,
        address: Option<SocketAddr>,
    ) -> Result<Self, Error> {
        let Setup { connect, handlers, handler_timeout, github_token, mut options, .. } = setup;
        let secrets = setup.secrets.into_iter().chain(connect.token.clone()).chain(github_token.clone());
        options.wire_log = options.wire_log.map(|log| secrets.fold(log, WireLog::hide));
        let runtime = process::runtime()?;
        let notifications = NotificationSubscribers::new(runtime.clone());
        setup.subscriptions.into_iter().for_each(|subscribe| subscribe(&notifications));
        let watcher = process.as_ref().map(|process| process.watcher.clone());
        if let Some(watcher) = watcher.clone() {
            options.text = watcher.stdout.clone();
            options.diagnose =
                Some(Box::new(|closed| Box::pin(async move { watcher.diagnose(closed).await })));
        }
        let router = Connection::open(runtime, from, to, options, |connection| {
            let (connection, version) = (Arc::clone(connection), OnceLock::new());
            let (process, call_timeout) = (watcher.clone(), setup.call_timeout);
            let peer = Arc::new(Peer { connection, version, process, github_token, call_timeout });
            let (sessions, shells) = Default::default();
            Arc::new(Router { peer, sessions, handlers, handler_timeout, notifications, shells })
        });
        let peer = Arc::clone(&router.peer);
        if let Some(watcher) = watcher {
            spawn(peer.runtime(), close_after_exit(Arc::clone(&peer.connection), watcher));
        }
        let caller = Caller::new(Arc::clone(&peer), None);
        let (trace, token, models) = (setup.trace, connect.token.clone(), Mutex::default());
        // Its drop ends the connection if the handshake does not succeed.
        let host = Arc::new(Host { caller, router, trace, process, address, token, models });
        let handshake = handshake(&host.caller, &connect);
        let timeout = setup.handshake_timeout;
        let late = || peer.timed_out("the handshake with the CLI", timeout);
        let (protocol, version) = within(peer.runtime(), timeout, handshake, late).await?;
        check_versions(protocol, &version, setup.required)?;
        tracing::debug!(%version, "connected to the Copilot CLI");
        drop(peer.version.set(version));
        if peer.github_token.is_some() {
            // An older CLI would ignore it and have no login.
            let what = "accept a GitHub token in a call; see `ClientBuilder::github_token_in_environment`";
            peer.require(Feature::GitHubTokenByCall, what)?;
        }
        Ok(Self(host))
    }

    /// Returns a builder for a session, which creates or resumes it.
    pub fn session(&self) -> SessionBuilder {
        SessionBuilder::new(Arc::clone(&self.0))
    }

    /// Returns a handle of the session with this id that is open on this client. None if the session is still being
    /// opened, has ended, or has lost its last handle, even if its handlers still run.
    pub fn open_session(&self, id: &str) -> Option<Session> {
        self.0.router.sessions.handle(id)
    }

    /// The typed methods of the CLI that do not belong to one session.
    pub fn rpc(&self) -> ServerRpc<'_> {
        ServerRpc(&self.0.caller)
    }

    /// Calls any method by its name, such as one that this version of the crate does not know. The params are anything
    /// that is written as a JSON object (`()` for none), the result is read from its JSON: with `serde_json::Value` or
    /// `Box<RawValue>` as it is. The timeout is the client's [`call_timeout`](ClientBuilder::call_timeout).
    ///
    /// ```no_run
    /// # async fn run(client: copilot_session::Client) -> Result<(), copilot_session::Error> {
    /// let params = serde_json::json!({"message": "hello"});
    /// let pong: serde_json::Value = client.call_raw("ping", params).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Invalid`] if the params are no object; [`Error::Decode`] if the result is no `R`; otherwise as any
    /// [call](crate::Call).
    pub async fn call_raw<R: DeserializeOwned>(
        &self,
        method: &str,
        params: impl Serialize,
    ) -> Result<R, Error> {
        self.0.caller.call_raw(method, params).await
    }

    /// The CLI's version, from the handshake. That of `status.get` is wrong on CLI 1.0.81.
    pub fn version(&self) -> &CliVersion {
        self.0.peer().version()
    }

    /// The address of the CLI; none unless the connection is over TCP.
    pub fn address(&self) -> Option<SocketAddr> {
        self.0.address
    }

    /// The secret that every client of this CLI must send (`connect`); none if this client sent none.
    pub fn connection_token(&self) -> Option<&str> {
        self.0.token.as_deref()
    }

    /// Returns true once the connection is closed, so that all calls fail. It may be false for a moment after the CLI
    /// has ended; [`closed`](Self::closed) waits for the end and returns its reason.
    pub fn is_closed(&self) -> bool {
        self.0.connection().is_closed()
    }

    /// Waits until the connection is closed, for whatever reason, and returns the reason. There is no timeout. If
    /// there is a [`WireLog`], it then waits at most 5 s until that is written.
    ///
    /// Cancel-safe.
    pub async fn closed(&self) -> Closed {
        let closed = self.0.connection().closed().await;
        self.0.connection().wire_log_written().await;
        closed
    }

    /// Ends all sessions and the CLI, with all that it started. A CLI that cooperates ends in a fraction of a second.
    /// Each step has a timeout, and all together take at most 25 s: 5 s to disconnect the sessions, 5 s for the
    /// response to `runtime.shutdown`, 5 s for the CLI to end once its input is closed, 2 s after SIGTERM (on Unix),
    /// 2 s after it is killed, 1 s for the rest of its output, 5 s for a [`WireLog`] to be written.
    ///
    /// For a shorter limit, stop within `tokio::time::timeout`, and drop the client when that elapses.
    ///
    /// The sessions remain on disk. Pending calls fail with [`Error::Closed`]. A CLI that this client did not start
    /// keeps running.
    ///
    /// A handler may stop its client: its request then gets no response, and the handler continues. If this future is
    /// dropped before it completes, the connection is closed at once, and the CLI ends with the last clone of the
    /// client. If the CLI has to be killed, a warning is logged.
    pub async fn stop(&self) {
        let stopping: BoxFuture<()> = Box::pin(stop(Arc::clone(&self.0)));
        stopping.await;
    }
}

/// Detaches the sessions, ends the CLI, and closes the connection.
async fn stop(host: Arc<Host>) {
    let connection = host.connection();
    let router = &host.router;
    connection.in_flight.spare_current();
    // Even if this future is dropped.
    let close = OnDrop(|| connection.close(Closed::new(STOPPED)));
    let sessions = router.sessions.all();
    // Concurrently, so that a CLI that does not respond costs one timeout in all.
    let method = host.peer().version().detach_method();
    let detach =
        |session: &Arc<SessionState>| session.caller().call::<()>(method, &()).timeout(SHUTDOWN_TIMEOUT);
    let detaching: Vec<_> =
        sessions.iter().map(|session| spawn(&connection.runtime, detach(session))).collect();
    for detached in detaching {
        // The CLI closes its sessions when it ends, so a failure here does not matter.
        drop(detached.await);
    }
    for session in sessions {
        router.end(&session, Ended::Connection(Closed::new(STOPPED)));
    }
    let ending = end_process(Arc::clone(&host));
    match Handle::try_current() {
        Ok(_) => ending.await,
        // The timers below need a runtime.
        Err(_) => drop(spawn(&connection.runtime, ending).await),
    }
    // The wire log does not record an end that this client caused.
    connection.end();
    drop(close);
    connection.wire_log_written().await;
}

/// Ends the CLI, if we started it.
async fn end_process(host: Arc<Host>) {
    let Some(process) = &host.process else { return };
    // Old CLIs do not know the request, and newer ones may end before they respond.
    let response = ServerRpc(&host.caller).runtime().shutdown().timeout(SHUTDOWN_TIMEOUT).await;
    let connection = host.connection();
    connection.end();
    let mut times = ShutdownTimes::default();
    if host.address.is_some() && response.is_err_and(|error| error.is_method_not_found()) {
        // A server on TCP does not end with its connections.
        times.grace = Duration::ZERO;
    }
    process.shutdown(times).await;
    // The reader detects the end and its cause, unless a process that outlived the CLI holds the stream open.
    drop(tokio::time::timeout(EOF_TIMEOUT, connection.closed()).await);
}

impl Setup {
    /// Checks the options that are wrong whatever CLI there is, so that none is started for them.
    pub fn check(&self) -> Result<(), Error> {
        if self.github_token.as_deref() == Some("") {
            return Err(Error::Invalid("the GitHub token is empty".to_owned()));
        }
        match &self.required {
            Some(Required { version, .. }) if !CliVersion::is_valid(version) => {
                Err(Error::Invalid(format!("{version:?} is not a version of the CLI")))
            }
            _ => Ok(()),
        }
    }
}

/// Checks that the program and this crate accept the CLI, and warns if it is newer than this crate. The program comes
/// first, since its error says which CLI to install.
fn check_versions(protocol: i64, version: &CliVersion, required: Option<Required>) -> Result<(), Error> {
    if let Some(required) = required
        && !required.accepts(version)
    {
        let Required { version: required, exact } = required;
        return Err(Error::WrongCliVersion { found: version.as_str().to_owned(), required, exact });
    }
    if protocol < PROTOCOL {
        let version = version.as_str().to_owned();
        return Err(Error::ProtocolVersion { found: protocol, supported: "3", version });
    }
    if protocol > PROTOCOL {
        tracing::warn!(
            protocol,
            %version,
            "the Copilot CLI speaks a newer protocol than this crate was made for"
        );
    } else if version.is_numbered() && version.compatibility() == Compatibility::Newer {
        let made_for = CLI_VERSION;
        tracing::warn!(%version, made_for, "the Copilot CLI is newer than the one this crate is made for");
    }
    Ok(())
}

/// Gets the versions of the protocol and of the CLI by `connect`, or by `ping` and `status.get` with CLIs before
/// 1.0.50.
async fn handshake(caller: &Caller, connect: &ConnectRequest) -> Result<(i64, CliVersion), Error> {
    let rpc = ServerRpc(caller);
    let (protocol, version) = match rpc.connect(connect).timeout(None).await {
        Ok(hello) => (hello.protocol_version, hello.version),
        Err(error) if error.is_method_not_found() => {
            if connect.token.is_some() {
                tracing::warn!(
                    "the Copilot CLI is too old for a connection token: every program that reaches its port can use it"
                );
            }
            // Not typed, since the rest of the response has another form in old CLIs.
            let pong: serde_json::Value = caller.call("ping", &()).timeout(None).await?;
            let status = rpc.status().get().timeout(None).await;
            let version = status.map(|status| status.version).unwrap_or_default();
            (pong["protocolVersion"].as_i64().unwrap_or_default(), version)
        }
        Err(error) => return Err(error),
    };
    Ok((protocol, CliVersion::new(version)))
}

/// Ends the connection of a CLI that has ended, if a process that it started holds its output open.
async fn close_after_exit(connection: Arc<Connection>, process: Watcher) {
    /// The time to read the last output.
    const REST: Duration = Duration::from_millis(500);
    process.exited().await;
    if tokio::time::timeout(REST, connection.closed()).await.is_err() {
        tracing::debug!("another process still holds the output of the Copilot CLI open");
        connection.close(process.diagnose(Closed::new("the CLI ended")).await);
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The token is secret.
        f.debug_struct("Client")
            .field("version", self.version())
            .field("address", &self.address())
            .finish_non_exhaustive()
    }
}
