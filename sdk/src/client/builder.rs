//! The options with which a client starts a CLI or connects to one.

mod tcp;
pub(crate) mod telemetry;

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};

use crate::client::builder::telemetry::TelemetryConfig;
use crate::client::{CALL_TIMEOUT, Client, HANDSHAKE_TIMEOUT, Setup};
use crate::error::Error;
use crate::events::notifications::MalformedNotification;
use crate::handlers::{context::ClientContext, handler, handler::Handles};
use crate::methods::notification::GitHubTelemetryEvent;
use crate::process::{self, Launch};
use crate::providers::Provider;
use crate::rpc::{ClientMethod, Notification, wire_log::WireLog};
use crate::trace::context::TraceContext;
use crate::types::{ConnectClientInfo, ConnectRequest};
use crate::version::Required;

/// Options of a [`Client`].
///
/// The CLI is started as a server, with automatic updates off and without secrets on its command line.
#[must_use = "a client is created by `start`, `start_tcp`, `connect` or `connect_tcp`"]
pub struct ClientBuilder {
    launch: Launch,
    setup: Setup,
    use_login: bool,
    telemetry: Option<TelemetryConfig>,
}

/// The variable from which the CLI reads a GitHub token.
const TOKEN_VARIABLE: &str = "COPILOT_SDK_AUTH_TOKEN";

impl ClientBuilder {
    pub(crate) fn new() -> Self {
        let (handshake_timeout, call_timeout) = (HANDSHAKE_TIMEOUT, Some(CALL_TIMEOUT));
        let setup = Setup { handshake_timeout, call_timeout, ..Setup::default() };
        Self { launch: Launch::default(), setup, use_login: true, telemetry: None }
    }

    fn set(mut self, set: impl FnOnce(&mut Self)) -> Self {
        set(&mut self);
        self
    }

    /// The CLI's program. Default: `COPILOT_CLI_PATH`, then `copilot` on `PATH`.
    pub fn program(self, path: impl Into<PathBuf>) -> Self {
        self.set(|builder| builder.launch.program = Some(path.into()))
    }

    /// Adds an argument for the CLI.
    pub fn arg(self, arg: impl Into<OsString>) -> Self {
        self.set(|builder| builder.launch.args.push(arg.into()))
    }

    /// Adds arguments for the CLI.
    pub fn args<A: Into<OsString>>(self, args: impl IntoIterator<Item = A>) -> Self {
        self.set(|builder| builder.launch.args.extend(args.into_iter().map(Into::into)))
    }

    /// Adds a variable to the CLI's environment, which starts as that of this program.
    pub fn env(self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.set(|builder| builder.launch.env.push((name.into(), Some(value.into()))))
    }

    /// Removes a variable from the CLI's environment.
    pub fn env_remove(self, name: impl Into<OsString>) -> Self {
        self.set(|builder| builder.launch.env.push((name.into(), None)))
    }

    /// The CLI's working directory. Default: this program's.
    pub fn current_dir(self, path: impl Into<PathBuf>) -> Self {
        self.set(|builder| builder.launch.current_dir = Some(path.into()))
    }

    /// The folder of the CLI's settings and sessions (`COPILOT_HOME`). Default: `~/.copilot`.
    pub fn home_dir(self, path: impl Into<PathBuf>) -> Self {
        self.env("COPILOT_HOME", path.into())
    }

    /// The level of the CLI's logs (`--log-level`): `none`, `error`, `warning`, `info`, `debug`, `all` or `default`.
    /// With another value the CLI does not start.
    pub fn log_level(self, level: impl Into<OsString>) -> Self {
        self.arg("--log-level").arg(level)
    }

    /// The folder of the CLI's log files, created if it does not exist (`--log-dir`). Default: `logs` in its
    /// [`home_dir`](Self::home_dir).
    pub fn log_dir(self, path: impl Into<PathBuf>) -> Self {
        self.arg("--log-dir").arg(path.into())
    }

    /// The time after which the CLI closes an idle session, in whole seconds, rounded up (`--session-idle-timeout`).
    /// The session remains on disk and can be resumed. Zero, the default, is no timeout. The CLI checks only from
    /// time to time: 1.0.81 every five minutes. CLIs that do not know the option, such as 1.0.10, do not start with
    /// it.
    pub fn session_idle_timeout(self, timeout: Duration) -> Self {
        let seconds = timeout.as_secs().saturating_add(u64::from(timeout.subsec_nanos() > 0));
        self.arg("--session-idle-timeout").arg(seconds.to_string())
    }

    /// Stops the CLI from sending telemetry (`--disable-client-telemetry`). It does not affect what GitHub's servers
    /// record. CLIs that do not know the option, such as 1.0.81, do not start with it.
    pub fn no_telemetry(self) -> Self {
        self.arg("--disable-client-telemetry")
    }

    /// A GitHub token to use instead of the user's login. It is sent to the CLI in calls only, so it is in the CLI's
    /// memory, but not in its environment, on its command line or in its files, where the agent's commands could read
    /// it.
    ///
    /// It is added to
    ///
    /// * each session that is created or resumed (`gitHubToken`), unless the session has a token, an
    ///   [`on_github_token`](crate::SessionBuilder::on_github_token) or a
    ///   [`provider`](crate::SessionBuilder::provider) of its own;
    /// * the calls that accept a token and name no other: `models.list` (as [`Client::models`]),
    ///   `models.listTokenPriceUnits`, `account.getQuota` and `managedSettings.resolve`.
    ///
    /// The process itself has no login: `auth.getStatus`, `account.getCurrentAuth` and `account.getAllUsers` report
    /// none, `environments.list`, which accepts no token, fails, and calls of other clients of the same server have
    /// no token. For a token that expires, use `on_github_token`. If the process itself must be logged in, see
    /// [`github_token_in_environment`](Self::github_token_in_environment), which lists who can read the token there.
    ///
    /// Requires CLI 1.0.39. An older one would ignore the token, so starting it or connecting to it fails with
    /// [`Error::Unsupported`]. An empty token, which the CLI would treat as none, fails with [`Error::Invalid`].
    pub fn github_token(mut self, token: impl Into<String>) -> Self {
        self.setup.github_token = Some(token.into());
        self.use_login = false;
        self
    }

    /// A GitHub token with which the process of the CLI is logged in, instead of the user's login. It is passed in
    /// the CLI's environment (`--auth-token-env`). Every version accepts it, and the login applies to all calls,
    /// including those of other clients of the same server.
    ///
    /// The CLI removes the variable from the environment of the shells and MCP servers that it runs
    /// (`--secret-env-vars`). **That does not keep the token from them**: on Linux every process of the same user can
    /// read the environment that the CLI was started with, and the agent's commands find it in `/proc/$PPID/environ`;
    /// other systems have similar means. An agent that may run commands or read files outside its folder can read
    /// this token. [`github_token`](Self::github_token) does not have this problem.
    ///
    /// Use it with CLIs before 1.0.39, and for calls that need the login of the process, such as `auth.getStatus` and
    /// `account.getCurrentAuth`.
    pub fn github_token_in_environment(mut self, token: impl Into<OsString>) -> Self {
        let token = token.into();
        self.setup.secrets.push(token.to_string_lossy().into_owned());
        self.use_login = false;
        self.arg("--auth-token-env")
            .arg(TOKEN_VARIABLE)
            .arg(format!("--secret-env-vars={TOKEN_VARIABLE}"))
            .env(TOKEN_VARIABLE, token)
    }

    /// Starts the CLI without the user's login (`--no-auto-login`), for example to use a model provider of your own.
    /// The CLI also ignores tokens in the environment, such as `GH_TOKEN`.
    pub fn no_login(self) -> Self {
        self.set(|builder| builder.use_login = false)
    }

    /// Sets any other param of `connect`.
    pub fn configure(mut self, change: impl FnOnce(ConnectRequest) -> ConnectRequest) -> Self {
        self.setup.connect = change(self.setup.connect);
        self
    }

    /// The name and version of this program, sent to the CLI (`connect`).
    pub fn client_info(self, info: ConnectClientInfo) -> Self {
        self.set(|builder| builder.setup.connect.client_info = Some(info))
    }

    /// Handles a method that the CLI calls on this client. It handles the requests that name no session, and those
    /// that name a session without a handler of its own for the method. A later handler for a method replaces the
    /// earlier one.
    pub fn handle<M: ClientMethod>(mut self, handle: impl Handles<M, ClientContext>) -> Self {
        self.setup.handlers.insert(M::NAME, handler::typed::<M, _>(handle));
        self
    }

    /// Handles a namespace of the methods that the CLI calls on this client with one type, for the same requests as
    /// [`handle`](Self::handle); see [`providers`](crate::providers).
    pub fn provide(self, provider: Provider<ClientContext>) -> Self {
        self.set(|builder| builder.setup.handlers.extend(provider.handlers))
    }

    /// Calls the closure for each notification of one kind, as [`Client::on`] does, from the first one on. For
    /// `gitHubTelemetry.event` it also requests that the CLI forwards its telemetry
    /// (`enableGitHubTelemetryForwarding` of `connect`).
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), copilot_session::Error> {
    /// use copilot_session::{Client, methods::notification::GitHubTelemetryEvent};
    ///
    /// let client = Client::builder().on::<GitHubTelemetryEvent>(|event| match event {
    ///     Ok(event) => println!("{}", event.event.kind),
    ///     Err(malformed) => println!("{}", malformed.params),
    /// });
    /// let client = client.start().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn on<N: Notification>(
        mut self,
        handle: impl FnMut(Result<N::Params, MalformedNotification>) + Send + 'static,
    ) -> Self {
        if N::NAME == GitHubTelemetryEvent::NAME {
            self.setup.connect.enable_github_telemetry_forwarding = Some(true);
        }
        self.setup.subscriptions.push(Box::new(|notifications| drop(notifications.on::<N>(handle))));
        self
    }

    /// Calls this closure for the current span whenever a session is opened or a prompt is sent. A trace context that
    /// is set in the request itself takes precedence.
    pub fn trace_context(self, current: impl Fn() -> Option<TraceContext> + Send + Sync + 'static) -> Self {
        self.set(|builder| builder.setup.trace = Some(Arc::new(current)))
    }

    /// The secret that a CLI on TCP requires of its clients. [`connect_tcp`] and [`connect`](Self::connect) send it;
    /// a CLI started by [`start_tcp`](Self::start_tcp), which lists who can read the secret, requires it. A CLI on
    /// stdio uses none. Default: none, or a random one for `start_tcp`.
    ///
    /// [`connect_tcp`]: Self::connect_tcp
    pub fn connection_token(self, token: impl Into<String>) -> Self {
        self.set(|builder| builder.setup.connect.token = Some(token.into()))
    }

    /// Writes all messages between this client and the CLI to a log, without the known secrets; see [`WireLog`].
    /// Default: no log.
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// use copilot_session::{Client, WireLog};
    ///
    /// let log = WireLog::new(std::fs::File::create("bug.jsonl")?);
    /// let client = Client::builder().wire_log(log).start().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn wire_log(self, log: WireLog) -> Self {
        self.set(|builder| builder.setup.options.wire_log = Some(log))
    }

    /// The timeout of the handshake, counted from the start of the CLI. Default: 60 s, because the CLI unpacks itself
    /// at its first start.
    pub fn handshake_timeout(self, timeout: Duration) -> Self {
        self.set(|builder| builder.setup.handshake_timeout = timeout)
    }

    /// The oldest version of the CLI that this program accepts, such as `1.0.92`. Default: any. With an older one, the
    /// handshake fails with [`Error::WrongCliVersion`], whose text says how to get another, so no session is opened. A
    /// pre-release, such as `1.0.84-4`, is older than its release. A CLI whose version is unknown counts as the newest.
    /// Replaces an [`exact_version`](Self::exact_version).
    pub fn min_version(self, version: impl Into<String>) -> Self {
        self.require(version.into(), false)
    }

    /// The only version of the CLI that this program accepts, such as `1.0.102` or `1.0.84-4`. Default: any. With
    /// another one, or one whose version is unknown, the handshake fails as with [`min_version`](Self::min_version),
    /// which this replaces. It does not choose among the installed CLIs: see [`program`](Self::program).
    ///
    /// [`CLI_VERSION`](crate::CLI_VERSION) is the version that this crate is made for:
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), copilot_session::Error> {
    /// use copilot_session::{CLI_VERSION, Client};
    ///
    /// let client = Client::builder().exact_version(CLI_VERSION).start().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn exact_version(self, version: impl Into<String>) -> Self {
        self.require(version.into(), true)
    }

    fn require(self, version: String, exact: bool) -> Self {
        self.set(|builder| builder.setup.required = Some(Required { version, exact }))
    }

    /// The timeout of a call; `None` for none. Default: 2 minutes.
    ///
    /// It applies to every [`Call`](crate::Call), counted from when the request is sent, unless
    /// [`Call::timeout`](crate::Call::timeout) sets another, and to every method of [`Client`],
    /// [`Session`](crate::Session), [`SessionBuilder`](crate::SessionBuilder) and [`Shell`](crate::Shell) that calls
    /// the CLI: a method that makes several calls has this time for all of them together. Methods with another
    /// timeout document it. A call that takes longer fails with [`Error::Timeout`]; the CLI may still carry out the
    /// request.
    ///
    /// Some methods of the protocol respond only once a person, a model, a command or a download is done, such as
    /// `session.ui.elicitation` and `session.history.compact`. They have no timeout unless one is set for the call,
    /// as their documentation states.
    pub fn call_timeout(self, timeout: impl Into<Option<Duration>>) -> Self {
        self.set(|builder| builder.setup.call_timeout = timeout.into())
    }

    /// The timeout of a handler of this client. A handler that takes longer is dropped and counts as failed. Default:
    /// none. For the handlers of a session, see
    /// [`SessionBuilder::handler_timeout`](crate::SessionBuilder::handler_timeout).
    pub fn handler_timeout(self, timeout: Duration) -> Self {
        self.set(|builder| builder.setup.handler_timeout = Some(timeout))
    }

    /// The maximum size of a message from the CLI, in bytes. Default: 256 MiB. A larger message is discarded: a
    /// request is answered with an error or a refusal, also one that comes as an event, such as one for a permission.
    /// The call of a response fails with [`Error::Decode`], and subscribers receive a marker in place of an event
    /// ([`SessionEvent::missed`](crate::SessionEvent::missed)).
    pub fn max_message_size(self, bytes: usize) -> Self {
        self.set(|builder| builder.setup.options.max_message_size = bytes)
    }

    /// Starts the CLI, connects to its standard input and output, and performs the handshake. Waits for at most the
    /// [`handshake_timeout`](Self::handshake_timeout), 60 s by default.
    ///
    /// The CLI ends with this client, and also when this program ends without dropping the client, for example
    /// because it is killed. On Unix a second process, a shell (`/bin/sh`), ensures that: it terminates the CLI
    /// (SIGTERM) and kills it 2 s later. Without a shell, a dropped CLI is killed at once, and a CLI whose program
    /// was killed only sees the end of its input. On Windows the system kills it at once.
    ///
    /// On Unix the streams are sockets, which, unlike pipes, other processes cannot open through `/proc`. So only
    /// this program can send messages to the CLI, and no command of the agent can approve the next one. This does not
    /// protect against processes that may debug this program or the CLI; on Linux `kernel.yama.ptrace_scope` decides
    /// which may. On Windows the streams are pipes, and every process of the same user may duplicate their handles.
    ///
    /// On macOS a CLI that has ended may cause the signal SIGPIPE, which Rust programs ignore unless they set it to its
    /// default.
    ///
    /// # Errors
    /// As [`Client::start`]; [`Error::WrongCliVersion`] if a version is required; [`Error::Invalid`] if that is no
    /// version, or for an empty GitHub token.
    pub async fn start(mut self) -> Result<Client, Error> {
        self.setup.check()?;
        // A CLI on stdio refuses a token.
        self.setup.connect.token = None;
        self.complete_arguments(["--stdio".to_owned()]);
        let (process, to, from) = process::spawn(&self.launch)?;
        Client::connect(from, to, self.setup, Some(process), None).await
    }

    /// Inserts the arguments for the server and its transport before the user's own.
    fn complete_arguments(&mut self, transport: impl IntoIterator<Item = String>) {
        let login = (!self.use_login).then(|| "--no-auto-login".to_owned());
        let observed =
            self.telemetry.take().and_then(|config| config.apply(&mut self.launch, &mut self.setup));
        let first = ["--server".to_owned(), "--no-auto-update".to_owned()].into_iter();
        let ours = first.chain(transport).chain(login).chain(observed).map(OsString::from);
        self.launch.args.splice(..0, ours);
    }

    /// Connects to a CLI over streams of your own and performs the handshake. The options for starting a CLI do not
    /// apply. Waits for at most the [`handshake_timeout`](Self::handshake_timeout), 60 s by default.
    ///
    /// # Errors
    /// [`Error::Closed`], [`Error::ProtocolVersion`], [`Error::Timeout`]; [`Error::WrongCliVersion`] if a version is
    /// required; [`Error::Invalid`] if that is no version, or for an empty GitHub token.
    pub async fn connect<R, W>(self, from: R, to: W) -> Result<Client, Error>
    where
        R: AsyncRead + Send + Unpin + 'static,
        W: AsyncWrite + Send + Unpin + 'static,
    {
        self.setup.check()?;
        Client::connect(from, to, self.setup, None, None).await
    }
}

impl std::fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The environment may hold secrets.
        f.debug_struct("ClientBuilder").field("program", &self.launch.program).finish_non_exhaustive()
    }
}
