//! How the CLI is started, or reached.

mod tcp;

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};

use crate::client::{CALL_TIMEOUT, Client, Endpoint, HANDSHAKE, Setup};
use crate::error::Error;
use crate::events::notifications::MalformedNotification;
use crate::handlers::context::ClientContext;
use crate::handlers::handler::{self, Handles};
use crate::methods::notification::GitHubTelemetryEvent;
use crate::process::{self, Launch};
use crate::providers::Provider;
use crate::rpc::wire_log::WireLog;
use crate::rpc::{ClientMethod, Notification};
use crate::trace_context::TraceContext;
use crate::types::{ConnectClientInfo, ConnectRequest};

/// Options of a [`Client`].
///
/// The CLI is started with its server flags, without updating itself, and without secrets on its
/// command line.
#[must_use = "a client is made by `start`, `connect` or their like"]
pub struct ClientBuilder {
    launch: Launch,
    setup: Setup,
    handshake_timeout: Duration,
    use_login: bool,
}

/// The variable in which the CLI is given a GitHub token.
const TOKEN_VARIABLE: &str = "COPILOT_SDK_AUTH_TOKEN";

impl ClientBuilder {
    pub(crate) fn new() -> Self {
        let setup = Setup { call_timeout: Some(CALL_TIMEOUT), ..Setup::default() };
        Self { launch: Launch::default(), setup, handshake_timeout: HANDSHAKE, use_login: true }
    }

    /// The CLI's program. Default: `COPILOT_CLI_PATH`, then `copilot` on `PATH`.
    pub fn program(mut self, path: impl Into<PathBuf>) -> Self {
        self.launch.program = Some(path.into());
        self
    }

    /// A further argument for the CLI.
    pub fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.launch.args.push(arg.into());
        self
    }

    /// Further arguments for the CLI.
    pub fn args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.launch.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// A variable in the CLI's environment, beside those of this program.
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.launch.env.push((name.into(), Some(value.into())));
        self
    }

    /// A variable of this program that the CLI does not get.
    pub fn env_remove(mut self, name: impl Into<OsString>) -> Self {
        self.launch.env.push((name.into(), None));
        self
    }

    /// The CLI's working directory. Default: this program's.
    pub fn current_dir(mut self, path: impl Into<PathBuf>) -> Self {
        self.launch.current_dir = Some(path.into());
        self
    }

    /// The folder of the CLI's settings and sessions (`COPILOT_HOME`). Default: `~/.copilot`.
    pub fn home_dir(self, path: impl Into<PathBuf>) -> Self {
        self.env("COPILOT_HOME", path.into())
    }

    /// The level of the CLI's logs (`--log-level`): `none`, `error`, `warning`, `info`, `debug`,
    /// `all` or `default`. With another word it does not start.
    pub fn log_level(self, level: impl Into<OsString>) -> Self {
        self.arg("--log-level").arg(level)
    }

    /// The folder of the CLI's log files, made if need be (`--log-dir`). Default: `logs` in its
    /// [`home_dir`](Self::home_dir).
    pub fn log_dir(self, path: impl Into<PathBuf>) -> Self {
        self.arg("--log-dir").arg(path.into())
    }

    /// The time that a session may do nothing before the CLI closes it, in whole seconds, rounded up
    /// (`--session-idle-timeout`); zero means for ever, which is the default. It stays on disk and can be
    /// resumed. The CLI looks only now and then: 1.0.81 every five minutes. CLIs that do not know the
    /// option, such as 1.0.10, do not start with it.
    pub fn session_idle_timeout(self, timeout: Duration) -> Self {
        let seconds = timeout.as_secs().saturating_add(u64::from(timeout.subsec_nanos() > 0));
        self.arg("--session-idle-timeout").arg(seconds.to_string())
    }

    /// Keeps the CLI from sending telemetry (`--disable-client-telemetry`), beside what GitHub's servers
    /// note themselves. CLIs that do not know the option, such as 1.0.81, do not start with it.
    pub fn no_telemetry(self) -> Self {
        self.arg("--disable-client-telemetry")
    }

    /// A GitHub token to use instead of the user's login. It goes to the CLI in calls only, so that it is in
    /// the CLI's memory and neither in its environment, nor on its command line, nor in its files: the
    /// commands that the agent runs do not find it there.
    ///
    /// It goes with
    ///
    /// * each session that is created or resumed (`gitHubToken`), unless that has a token, an
    ///   [`on_github_token`](crate::SessionBuilder::on_github_token) or a
    ///   [`provider`](crate::SessionBuilder::provider) of its own;
    /// * the calls that take one and are given no other: `models.list` (as [`Client::models`]),
    ///   `models.listTokenPriceUnits`, `account.getQuota` and `managedSettings.resolve`.
    ///
    /// The process itself stays without a login: `auth.getStatus`,
    /// `account.getCurrentAuth` and `account.getAllUsers` report none, `environments.list`, which takes no token,
    /// fails, and calls of another client of the same server have no token. For a token that expires use
    /// `on_github_token`. Where the process itself has to be logged in, see
    /// [`github_token_in_environment`](Self::github_token_in_environment), which says who can read the token there.
    ///
    /// CLIs from 1.0.39 on take it. An older one would pass over it, so that starting it or connecting to it is
    /// [`Error::Unsupported`]. An empty token is [`Error::Invalid`]: the CLI would take it for none.
    pub fn github_token(mut self, token: impl Into<String>) -> Self {
        self.setup.github_token = Some(token.into());
        self.use_login = false;
        self
    }

    /// A GitHub token that the process of the CLI is logged in with, instead of the user's login. It is handed
    /// over in the CLI's environment (`--auth-token-env`). Every version takes it, and all calls see the
    /// login, those of other clients of the same server too.
    ///
    /// The CLI takes the variable out of the environment of the shells and MCP servers that it runs
    /// (`--secret-env-vars`). **That does not keep the token from them**: on Linux every process of the same
    /// user can read the environment that the CLI was started with, and a command that the agent runs finds it
    /// in `/proc/$PPID/environ`; other systems have similar means. Whoever lets the agent run commands or read files
    /// outside of its folder gives it this token. [`github_token`](Self::github_token) does not have this fault.
    ///
    /// It is for CLIs before 1.0.39, and for calls that look at the login of the process, such as `auth.getStatus`
    /// and `account.getCurrentAuth`.
    pub fn github_token_in_environment(mut self, token: impl Into<OsString>) -> Self {
        let token = token.into();
        self.setup.secrets.push(token.to_string_lossy().into_owned());
        self.use_login = false;
        self.arg("--auth-token-env")
            .arg(TOKEN_VARIABLE)
            .arg(format!("--secret-env-vars={TOKEN_VARIABLE}"))
            .env(TOKEN_VARIABLE, token)
    }

    /// Starts the CLI without the user's login, as for a provider of your own (`--no-auto-login`). Tokens in the
    /// environment, such as `GH_TOKEN`, are passed over too.
    pub fn no_login(mut self) -> Self {
        self.use_login = false;
        self
    }

    /// Sets anything else that `connect` takes.
    pub fn configure(mut self, change: impl FnOnce(ConnectRequest) -> ConnectRequest) -> Self {
        self.setup.greeting = change(self.setup.greeting);
        self
    }

    /// The name and version of this program, for the CLI.
    pub fn client_info(mut self, info: ConnectClientInfo) -> Self {
        self.setup.greeting.client_info = Some(info);
        self
    }

    /// Answers a method that the CLI calls on this client, for requests that name no session or a session without a
    /// handler of its own for it. The last handler for a method counts.
    #[inline]
    pub fn handle<M: ClientMethod>(mut self, handle: impl Handles<M, ClientContext>) -> Self {
        self.setup.handlers.insert(M::NAME, handler::typed::<M, _>(handle));
        self
    }

    /// Answers a namespace of the methods that the CLI calls on this client by one type, for the requests for which
    /// [`handle`](Self::handle) answers one method; see [`providers`](crate::providers).
    pub fn provide(mut self, provider: Provider<ClientContext>) -> Self {
        self.setup.handlers.extend(provider.handlers);
        self
    }

    /// Calls the closure for each notification of one kind, as [`Client::on`] does, and from the first on.
    /// For `gitHubTelemetry.event` the CLI is asked to send its telemetry here, too
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
    #[inline]
    pub fn on<N: Notification>(
        mut self,
        handle: impl FnMut(Result<N::Params, MalformedNotification>) + Send + 'static,
    ) -> Self {
        if N::NAME == GitHubTelemetryEvent::NAME {
            self.setup.greeting.enable_git_hub_telemetry_forwarding = Some(true);
        }
        self.setup.observers.push(Box::new(|notices| drop(notices.on::<N>(handle))));
        self
    }

    /// Asks this closure, whenever a session is opened or a prompt is sent, which span that is part of. What
    /// the request itself says counts more.
    pub fn trace_context(
        mut self,
        current: impl Fn() -> Option<TraceContext> + Send + Sync + 'static,
    ) -> Self {
        self.setup.trace = Some(Arc::new(current));
        self
    }

    /// The secret that a CLI on TCP asks of everyone who connects: sent by [`connect_tcp`] and
    /// [`connect`](Self::connect), asked for by a CLI that [`start_tcp`](Self::start_tcp) starts, which says
    /// who can read the secret. On stdio there is none. Default: none, or a random one for `start_tcp`.
    ///
    /// [`connect_tcp`]: Self::connect_tcp
    pub fn connection_token(mut self, token: impl Into<String>) -> Self {
        self.setup.greeting.token = Some(token.into());
        self
    }

    /// Writes all messages between this client and the CLI down, with the known secrets left out, see
    /// [`WireLog`]. Default: nowhere.
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
    pub fn wire_log(mut self, log: WireLog) -> Self {
        self.setup.options.wire_log = Some(log);
        self
    }

    /// The time from the start of the CLI to the end of the handshake. Default: 60 s, for at its first start it
    /// unpacks itself.
    pub fn handshake_timeout(mut self, timeout: Duration) -> Self {
        self.handshake_timeout = timeout;
        self
    }

    /// The time that the CLI has to respond to a call; `None` for no timeout. Default: 2 minutes.
    ///
    /// It applies to every [`Call`](crate::Call), from the moment at which the request is sent, unless
    /// [`Call::timeout`](crate::Call::timeout) sets another, and to every method of [`Client`],
    /// [`Session`](crate::Session), [`SessionBuilder`](crate::SessionBuilder) and [`Shell`](crate::Shell) that calls
    /// the CLI: a method that makes several calls has this time for all of them together. Methods with another
    /// time say so. A call that takes longer fails with [`Error::Timeout`]; the CLI may still do what was asked.
    ///
    /// Some methods of the protocol respond only once a person, a model, a command or a download is done, such as
    /// `session.ui.elicitation` and `session.history.compact`. They have no timeout unless one is set for the call,
    /// and their documentation says so.
    pub fn call_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.setup.call_timeout = timeout.into();
        self
    }

    /// The time that a handler of this client may take; then it is dropped and counts as failed. Default: any time.
    /// For those of a session see [`SessionBuilder::handler_timeout`](crate::SessionBuilder::handler_timeout).
    pub fn handler_timeout(mut self, timeout: Duration) -> Self {
        self.setup.handler_timeout = Some(timeout);
        self
    }

    /// The largest message taken from the CLI, in bytes. Default: 256 MiB. A larger one is passed over
    /// without being kept: a request is answered with an error, a call that it answers fails with
    /// [`Error::Decode`], and in the place of an event observers get one that says that they missed it
    /// ([`SessionEvent::missed`](crate::SessionEvent::missed)).
    pub fn max_message_size(mut self, bytes: usize) -> Self {
        self.setup.options.max_message_size = bytes;
        self
    }

    /// Starts the CLI on its standard input and output, and greets it. Waits 60 s at most, or as long as
    /// [`handshake_timeout`](Self::handshake_timeout) says.
    ///
    /// The CLI ends with this client, and when this program ends without dropping it, as when it is killed. On
    /// Unix a second process, a shell (`/bin/sh`), sees to that: it asks the CLI to end (SIGTERM) and kills it
    /// 2 s later. Where there is no shell a dropped CLI is killed at once, and only the end of its input
    /// tells it that this program is gone. On Windows the system kills it at once.
    ///
    /// Only this program can speak to the CLI, and only the CLI to this program: on Unix by sockets, which,
    /// unlike pipes, nobody can open through `/proc`. So no command of the agent can approve the next one. That
    /// holds against processes that may not debug this program or the CLI, which on Linux
    /// `kernel.yama.ptrace_scope` decides. On Windows the streams are pipes, and every process of the same user
    /// may take a copy of their handles.
    ///
    /// # Errors
    /// As [`Client::start`], and [`Error::Timeout`].
    pub async fn start(mut self) -> Result<Client, Error> {
        // A CLI on stdio refuses a token.
        self.setup.greeting.token = None;
        self.complete_arguments(["--stdio".to_owned()]);
        let (process, to, from) = process::spawn(&self.launch)?;
        let endpoint = Endpoint { process: Some(process), address: None };
        Client::connect(from, to, self.setup, self.handshake_timeout, endpoint).await
    }

    /// Puts the arguments for serving, with those for the transport, before the user's own.
    fn complete_arguments(&mut self, transport: impl IntoIterator<Item = String>) {
        let login = (!self.use_login).then(|| "--no-auto-login".to_owned());
        let first = ["--server".to_owned(), "--no-auto-update".to_owned()].into_iter();
        let ours = first.chain(transport).chain(login).map(OsString::from);
        self.launch.args.splice(..0, ours);
    }

    /// Talks to a CLI over streams of your own and greets it. The options for starting one do not apply.
    /// Waits 60 s at most, or as long as [`handshake_timeout`](Self::handshake_timeout) says.
    ///
    /// # Errors
    /// [`Error::Closed`], [`Error::ProtocolVersion`], [`Error::Timeout`].
    pub async fn connect<R, W>(self, from: R, to: W) -> Result<Client, Error>
    where
        R: AsyncRead + Send + Unpin + 'static,
        W: AsyncWrite + Send + Unpin + 'static,
    {
        Client::connect(from, to, self.setup, self.handshake_timeout, Endpoint::default()).await
    }
}

impl std::fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The environment may hold secrets.
        f.debug_struct("ClientBuilder").field("program", &self.launch.program).finish_non_exhaustive()
    }
}
