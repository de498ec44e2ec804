//! The CLI as a whole: started, greeted, and stopped again.

pub(crate) mod builder;
pub(crate) mod calls;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::runtime::Handle;

use crate::call::Caller;
use crate::call::peer::Peer;
use crate::client::builder::ClientBuilder;
use crate::error::Error;
use crate::error::unsupported::Unsupported;
use crate::events::notifications::NotificationSubscribers;
use crate::process::{self, Process, ShutdownTimes, Watcher};
use crate::rpc::Closed;
use crate::rpc::connection::{Connection, Options, STOPPED};
use crate::rpc::wire_log::WireLog;
use crate::server_rpc::ServerRpc;
use crate::session::Session;
use crate::session::builder::SessionBuilder;
use crate::session::host::{Host, TraceProvider};
use crate::session::router::{ClientHandlers, Router};
use crate::session::state::SessionState;
use crate::types::{ConnectRequest, ModelList};
use crate::version::{CliVersion, Feature};

/// The oldest protocol version this crate speaks, and the newest it was made for.
const PROTOCOL: (i64, i64) = (3, 3);

/// The default timeout of the handshake. At its first start the CLI unpacks itself.
pub(crate) const HANDSHAKE: Duration = Duration::from_secs(60);

/// The default timeout of a call.
pub(crate) const CALL_TIMEOUT: Duration = Duration::from_secs(120);

/// The longest wait for a response while the client stops.
const SHUTDOWN: Duration = Duration::from_secs(5);

/// The longest wait for the end of the stream once the CLI has ended.
const END: Duration = Duration::from_secs(1);

/// A running Copilot CLI. Cloning is cheap and gives the same one.
///
/// One client serves any number of sessions. When the last clone and the last session are dropped, the
/// CLI is asked to end with all it started, and killed 2 s later, also when this program has ended by then;
/// [`stop`](Self::stop) lets it end in order. When something else kills the CLI (SIGKILL), the commands that
/// its shells run go on, for only the CLI knows of them.
///
/// A client is made within a Tokio runtime that has I/O and time enabled; without one, making it fails with
/// [`Error::Start`]. Its tasks run there, and so do its handlers and closures. All else works from any thread and on
/// any executor, as long as that runtime runs: once it has ended, calls fail with [`Error::Closed`].
#[derive(Clone)]
pub struct Client(Arc<ClientInner>);

pub(crate) struct ClientInner {
    host: Arc<Host>,
    address: Option<SocketAddr>,
    /// Secret.
    token: Option<String>,
    pub(crate) models: Mutex<Option<Arc<ModelList>>>,
}

/// The other end of the streams.
#[derive(Default)]
pub(crate) struct Endpoint {
    /// Only where we started the CLI.
    pub process: Option<Process>,
    /// Only over TCP.
    pub address: Option<SocketAddr>,
}

/// Begins to watch a kind of notification.
pub(crate) type Observe = Box<dyn FnOnce(&NotificationSubscribers) + Send>;

/// What a client is made with, beside its streams.
#[derive(Default)]
pub(crate) struct Setup {
    pub greeting: ConnectRequest,
    pub trace: Option<TraceProvider>,
    pub handlers: ClientHandlers,
    /// The time that each of these may take.
    pub handler_timeout: Option<Duration>,
    /// The default timeout of a call.
    pub call_timeout: Option<Duration>,
    /// The GitHub token that goes with the calls that take one. Secret.
    pub github_token: Option<String>,
    pub options: Options,
    /// Texts that no log may show.
    pub secrets: Vec<String>,
    /// Begin to watch notifications, before the first can come.
    pub observers: Vec<Observe>,
}

impl ClientInner {
    pub fn host(&self) -> &Arc<Host> {
        &self.host
    }
}

impl ClientInner {
    /// Ends the CLI, if we started it.
    async fn end_process(self: Arc<Self>) {
        let Some(process) = &self.host.process else { return };
        // Old versions do not know the request, and newer ones may end before they answer it.
        let asked = ServerRpc(&self.host.caller).runtime().shutdown().timeout(SHUTDOWN).await;
        let connection = self.host.connection();
        connection.end();
        let mut times = ShutdownTimes::default();
        if self.address.is_some() && asked.is_err_and(|error| error.is_method_not_found()) {
            // A server on TCP does not end with its connections.
            times.grace = Duration::ZERO;
        }
        process.shutdown(times).await;
        // The reader sees the end by itself and knows more of it, unless something that outlived the
        // CLI holds the stream open.
        drop(tokio::time::timeout(END, connection.closed()).await);
    }
}

impl Client {
    /// Starts the CLI found by `COPILOT_CLI_PATH` or on `PATH`, with the user's own login. Waits 60 s at
    /// most; for another time see [`ClientBuilder::handshake_timeout`].
    ///
    /// # Errors
    /// [`Error::NotFound`] and [`Error::Start`] when it does not start, [`Error::Closed`] when it ends at once
    /// and [`Error::Timeout`] when it does not answer, both with what it printed instead,
    /// [`Error::ProtocolVersion`] when it is too old.
    pub async fn start() -> Result<Self, Error> {
        Self::builder().start().await
    }

    /// Options for starting the CLI, or for talking to one over streams of your own.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::new()
    }

    /// Talks over these streams and greets the CLI behind them.
    pub(crate) async fn connect<R, W>(
        from: R,
        to: W,
        setup: Setup,
        handshake_timeout: Duration,
        endpoint: Endpoint,
    ) -> Result<Self, Error>
    where
        R: AsyncRead + Send + Unpin + 'static,
        W: AsyncWrite + Send + Unpin + 'static,
    {
        let Setup {
            greeting,
            trace,
            handlers,
            handler_timeout,
            call_timeout,
            github_token,
            mut options,
            secrets,
            observers,
        } = setup;
        let secrets = secrets.into_iter().chain(greeting.token.clone()).chain(github_token.clone());
        if github_token.as_deref() == Some("") {
            return Err(Error::Invalid("an empty GitHub token is none".to_owned()));
        }
        let runtime = process::runtime()?;
        let notices = NotificationSubscribers::new(runtime.clone());
        observers.into_iter().for_each(|observe| observe(&notices));
        options.wire_log = options.wire_log.map(|log| secrets.fold(log, WireLog::hide));
        let Endpoint { process, address } = endpoint;
        let watcher = process.as_ref().map(|process| process.watcher().clone());
        if let Some(watcher) = watcher.clone() {
            options.text = watcher.stdout().clone();
            options.diagnose =
                Some(Box::new(|closed| Box::pin(async move { watcher.diagnose(closed).await })));
        }
        let router = Connection::open(runtime, from, to, options, |connection| {
            let peer = Peer::new(Arc::clone(connection), watcher.clone(), github_token, call_timeout);
            Arc::new(Router::new(Arc::new(peer), handlers, handler_timeout, notices))
        });
        let peer = Arc::clone(router.peer());
        if let Some(watcher) = watcher {
            tokio::spawn(outlived(Arc::clone(peer.connection()), watcher));
        }
        let ended = EndOnDrop(Some(peer.connection()));
        let caller = Caller::new(Arc::clone(&peer), None);
        let greeted = peer.within("the handshake with the CLI", handshake_timeout, greet(&caller, &greeting));
        let version = greeted.await.map_err(|error| peer.explain(error))?;
        peer.set_version(&version);
        check_login(&peer, &version)?;
        ended.keep();
        tracing::debug!(%version, "connected to the Copilot CLI");
        let host = Arc::new(Host { caller, router, version, trace, process });
        let (token, models) = (greeting.token, Mutex::default());
        Ok(Self(Arc::new(ClientInner { host, address, token, models })))
    }

    /// A new session, to be configured and made.
    pub fn session(&self) -> SessionBuilder {
        SessionBuilder::new(Arc::clone(&self.0.host))
    }

    /// A handle of the session that is open on this client under this id. None for one that is still being
    /// opened, that has ended, or whose last handle was dropped, even if its handlers are still at work.
    pub fn open_session(&self, id: &str) -> Option<Session> {
        self.0.host.router.sessions().handle(id)
    }

    pub(crate) fn inner(&self) -> &ClientInner {
        &self.0
    }

    /// Every method of the CLI beside those for one session, typed.
    pub fn rpc(&self) -> ServerRpc<'_> {
        ServerRpc(&self.0.host.caller)
    }

    /// The CLI's version, from the handshake. That of `status.get` is wrong on CLI 1.0.81.
    pub fn version(&self) -> &CliVersion {
        &self.0.host.version
    }

    /// The address at which the CLI listens, when it was reached over TCP.
    pub fn address(&self) -> Option<SocketAddr> {
        self.0.address
    }

    /// The secret that the CLI asks of everyone who connects to it, when it was reached with one.
    pub fn connection_token(&self) -> Option<&str> {
        self.0.token.as_deref()
    }

    /// Waits until the connection is over, however that comes, and says why. There is no time limit. Where there is a
    /// [`WireLog`], it waits for 5 s at most for that to be written.
    ///
    /// Cancel-safe.
    pub async fn closed(&self) -> Closed {
        let closed = self.0.host.connection().closed().await;
        self.0.host.connection().wire_log_written().await;
        closed
    }

    /// Ends all sessions and the CLI, with all it started. A CLI that does what it is asked ends in a fraction of
    /// a second; each step has its limit, and all together take 25 s at most: 5 s to disconnect the sessions,
    /// 5 s for the answer to `runtime.shutdown`, 5 s for it to end once its input is closed, 2 s after SIGTERM
    /// (on Unix), 2 s once it is killed, 1 s for the rest of its output, 5 s for a [`WireLog`] to be written.
    ///
    /// What the CLI keeps on disk stays. Calls that still wait fail with [`Error::Closed`]. A CLI that we
    /// did not start goes on running.
    ///
    /// A handler may stop its client: its request gets no answer then, and the handler goes on. When this future is
    /// dropped before its end, the connection is closed at once, and the CLI ends with the last clone of the client.
    /// A CLI that has to be killed is logged.
    pub async fn stop(&self) {
        let connection = self.0.host.connection();
        let router = &self.0.host.router;
        connection.in_flight().spare_current();
        let close = CloseOnDrop(connection);
        let sessions = router.sessions().all();
        // All at once, so that a silent CLI costs the time of one.
        let method = self.version().detach_method();
        let leave = |session: &Arc<SessionState>| session.caller().call::<()>(method, &()).timeout(SHUTDOWN);
        let leaving: Vec<_> =
            sessions.iter().map(|session| connection.runtime().spawn(leave(session))).collect();
        for left in leaving {
            // The CLI closes what is left when it ends, so a failure here changes nothing.
            drop(left.await);
        }
        for session in sessions {
            router.unregister(&session);
            session.end(Some(Closed::new(STOPPED)));
        }
        let ending = Arc::clone(&self.0).end_process();
        match Handle::try_current() {
            Ok(_) => ending.await,
            // What follows counts time, for which it takes a runtime.
            Err(_) => drop(connection.runtime().spawn(ending).await),
        }
        // Ended by us, which the wire log need not tell.
        connection.end();
        drop(close);
        connection.wire_log_written().await;
    }
}

/// Exchanges versions: `connect`, which CLIs from 1.0.50 know, else `ping` and `status.get`.
async fn greet(caller: &Caller, greeting: &ConnectRequest) -> Result<CliVersion, Error> {
    let rpc = ServerRpc(caller);
    let (protocol, version) = match rpc.connect(greeting).timeout(None).await {
        Ok(hello) => (hello.protocol_version, hello.version),
        Err(error) if error.is_method_not_found() => {
            if greeting.token.is_some() {
                tracing::warn!("the Copilot CLI is too old for a connection token: anyone may connect to it");
            }
            // Not typed: the rest of the answer had another form in the versions that need this.
            let pong: serde_json::Value = caller.call("ping", &()).timeout(None).await?;
            let status = rpc.status().get().timeout(None).await;
            let version = status.map(|status| status.version).unwrap_or_default();
            (pong["protocolVersion"].as_i64().unwrap_or_default(), version)
        }
        Err(error) => return Err(error),
    };
    if protocol < PROTOCOL.0 {
        return Err(Error::ProtocolVersion { found: protocol, supported: "3", version });
    }
    if protocol > PROTOCOL.1 {
        tracing::warn!(
            protocol,
            version,
            "the Copilot CLI speaks a newer protocol than this crate was made for"
        );
    }
    Ok(CliVersion::new(version))
}

/// Closes the connection of a client that is stopped, also when the stop is not waited for.
struct CloseOnDrop<'a>(&'a Connection);

impl Drop for CloseOnDrop<'_> {
    fn drop(&mut self) {
        self.0.close(Closed::new(STOPPED));
    }
}

/// Makes sure that the CLI takes the GitHub token, if there is one: it would pass over it and have no login.
fn check_login(peer: &Peer, version: &CliVersion) -> Result<(), Error> {
    const WHAT: &str = "take a GitHub token by a call; see `ClientBuilder::github_token_in_environment`";
    if peer.github_token().is_some() && !version.has(Feature::GitHubTokenByCall) {
        return Err(Unsupported::feature(Feature::GitHubTokenByCall, WHAT, version).into());
    }
    Ok(())
}

/// Ends a connection that did not come to be used.
struct EndOnDrop<'a>(Option<&'a Arc<Connection>>);

impl EndOnDrop<'_> {
    fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for EndOnDrop<'_> {
    fn drop(&mut self) {
        if let Some(connection) = self.0 {
            connection.end();
        }
    }
}

/// Ends the connection of a CLI that has ended while something that it started holds its output open, so
/// that the stream does not end.
async fn outlived(connection: Arc<Connection>, process: Watcher) {
    /// For what it wrote last to be read.
    const REST: Duration = Duration::from_millis(500);
    process.exited().await;
    if tokio::time::timeout(REST, connection.closed()).await.is_err() {
        tracing::debug!("something still holds the output of the Copilot CLI");
        connection.close(process.diagnose(Closed::new("the CLI ended")).await);
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self(client) = self;
        // Not the token.
        f.debug_struct("Client")
            .field("version", &client.host.version)
            .field("address", &client.address)
            .finish_non_exhaustive()
    }
}
