//! Starts the CLI as a TCP server, or connects to a running one.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokio::net::{TcpStream, ToSocketAddrs};

use super::ClientBuilder;
use crate::call::peer::{timed_out, within};
use crate::client::Client;
use crate::error::{Closed, Error};
use crate::process::{self, Process};
use crate::runtime::random;

/// The variable from which the CLI reads the token that its clients must send.
const TOKEN_VARIABLE: &str = "COPILOT_CONNECTION_TOKEN";

impl ClientBuilder {
    /// Starts the CLI as a server on this TCP port of 127.0.0.1, or on a free one for 0, and connects to it. Further
    /// clients reach the same CLI with [`Client::address`] and [`Client::connection_token`].
    ///
    /// Every client must send the token: 128 random bits unless [`connection_token`] sets another. It keeps out other
    /// users of the machine. **It does not keep out processes of the same user, such as the agent's own commands**:
    /// the CLI can only read the token from its environment (`COPILOT_CONNECTION_TOKEN`), and on Linux every process
    /// of the user can read the environment that the CLI was started with, for example in `/proc/$PPID/environ`. A
    /// command that does so can connect, join the session that runs it, and answer permission requests in the user's
    /// place. The CLI only removes the variable from the environment of the shells it runs. If the agent may run
    /// commands without a permission request, or read files outside its folder, use [`start`](Self::start), which has
    /// neither port nor token.
    ///
    /// **CLIs up to 1.0.40 have no `connect` and check no token**: every program that reaches the port can use them,
    /// and 1.0.10 listens on all interfaces, not only on 127.0.0.1. A warning is logged for such a CLI.
    ///
    /// The CLI belongs to this client: stopping or dropping the client ends the CLI for all its clients, and the CLI
    /// ends with this program, as after [`start`](Self::start).
    ///
    /// Waits for at most the [`handshake_timeout`](Self::handshake_timeout), 60 s by default.
    ///
    /// # Errors
    /// As [`start`](Self::start); [`Error::Invalid`] for an empty token; [`Error::Closed`], with the CLI's message,
    /// if the port is in use.
    ///
    /// [`connection_token`]: Self::connection_token
    pub async fn start_tcp(mut self, port: u16) -> Result<Client, Error> {
        self.setup.check()?;
        let token = match self.setup.connect.token.take() {
            // The CLI treats an empty token as none.
            Some(token) if token.is_empty() => {
                return Err(Error::Invalid("the connection token is empty".to_owned()));
            }
            Some(token) => token,
            None => random::secret().map_err(Error::no_random)?,
        };
        self.launch.env.push((TOKEN_VARIABLE.into(), Some(token.clone().into())));
        self.setup.connect.token = Some(token);
        let port = (port != 0).then(|| ["--port".to_owned(), port.to_string()]);
        self.complete_arguments(port.into_iter().flatten());

        let (process, stdin, stdout) = process::spawn(&self.launch)?;
        let watcher = process.watcher.clone();
        let (timeout, runtime) = (self.setup.handshake_timeout, process::runtime()?);
        let late =
            || timed_out("the start of the CLI", timeout, watcher.stdout.text(), watcher.stderr.text());
        let starting = async {
            let Ok(port) = process::listen(&runtime, stdin, stdout, watcher.stdout.clone()).await else {
                let closed = Closed::new("the CLI closed its output before it printed its port");
                return Err(Error::Closed(watcher.diagnose(closed).await));
            };
            self.reach((Ipv4Addr::LOCALHOST, port), Some(process)).await
        };
        within(&runtime, timeout, starting, late).await
    }

    /// Connects to a CLI that runs as a TCP server, with the [`connection_token`] that it requires. The options for
    /// starting a CLI do not apply, and the CLI keeps running when this client is stopped.
    ///
    /// The connection is not encrypted: on the way to another machine, the token and all messages can be read.
    ///
    /// Waits for at most the [`handshake_timeout`](Self::handshake_timeout), 60 s by default.
    ///
    /// # Errors
    /// [`Error::Connect`] if no program listens there, [`Error::Rpc`] with [`RpcError::AUTHENTICATION_FAILED`] for a
    /// wrong or missing token and [`RpcError::AUTHENTICATION_NOT_CONFIGURED`] for a token that the server does not
    /// expect; otherwise as [`connect`](Self::connect).
    ///
    /// [`connection_token`]: Self::connection_token
    /// [`RpcError::AUTHENTICATION_FAILED`]: crate::RpcError::AUTHENTICATION_FAILED
    /// [`RpcError::AUTHENTICATION_NOT_CONFIGURED`]: crate::RpcError::AUTHENTICATION_NOT_CONFIGURED
    pub async fn connect_tcp(self, address: impl ToSocketAddrs) -> Result<Client, Error> {
        self.setup.check()?;
        let (timeout, runtime) = (self.setup.handshake_timeout, process::runtime()?);
        let text = self.setup.options.text.clone();
        let late = || timed_out("the connection to the CLI", timeout, text.text(), String::new());
        within(&runtime, timeout, self.reach(address, None), late).await
    }

    /// Connects to a server and performs the handshake.
    async fn reach(self, address: impl ToSocketAddrs, process: Option<Process>) -> Result<Client, Error> {
        let connected = async {
            let stream = TcpStream::connect(address).await?;
            // Messages are small, and each one is waited for.
            stream.set_nodelay(true)?;
            let address = stream.peer_addr()?;
            Ok::<(TcpStream, SocketAddr), std::io::Error>((stream, address))
        };
        let (stream, address) = connected.await.map_err(|error| Error::Connect(Arc::new(error)))?;
        let (from, to) = stream.into_split();
        Client::connect(from, to, self.setup, process, Some(address)).await
    }
}
