//! The CLI as a TCP server: started, or reached where it runs.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokio::net::{TcpStream, ToSocketAddrs};

use super::ClientBuilder;
use crate::call::peer::within;
use crate::client::{Client, Endpoint};
use crate::error::{Closed, Error};
use crate::process::{self, Process};
use crate::random;

/// The variable in which the CLI is given the token that its clients must know.
const TOKEN_VARIABLE: &str = "COPILOT_CONNECTION_TOKEN";

impl ClientBuilder {
    /// Starts the CLI as a server on this TCP port of 127.0.0.1, or on a free one for 0, and connects to
    /// it. Further clients reach the same CLI by [`Client::address`] and [`Client::connection_token`].
    ///
    /// Whoever connects must know the token: 128 random bits unless [`connection_token`] says another. It keeps
    /// out other users of the machine. **It does not keep out what runs as the same user, the agent's own
    /// commands among them**: the CLI takes the token from its environment (`COPILOT_CONNECTION_TOKEN`) and has no
    /// other way to be given it, and on Linux every process of the user can read the environment that the CLI
    /// was started with, as in `/proc/$PPID/environ`. A command that does can connect, join the session that
    /// runs it, and answer permission requests in the user's place. The CLI only leaves the variable out of the
    /// environment of the shells it runs. Where the agent may run commands without being asked, or read
    /// outside of its folder, [`start`](Self::start) is the way, which has neither port nor token.
    ///
    /// **CLIs older than `connect` (1.0.40 and before) know no token**: every program that reaches the port
    /// can use them, and 1.0.10 listens on all interfaces, not only on 127.0.0.1. Such a CLI is logged as a
    /// warning.
    ///
    /// The CLI belongs to this client, which ends it for all when it is stopped or dropped, and it ends with
    /// this program, as after [`start`](Self::start).
    ///
    /// Waits 60 s at most, or as long as [`handshake_timeout`](Self::handshake_timeout) says.
    ///
    /// # Errors
    /// As [`start`](Self::start); [`Error::Invalid`] for an empty token. A port that is taken is
    /// [`Error::Closed`] with what the CLI says of it.
    ///
    /// [`connection_token`]: Self::connection_token
    pub async fn start_tcp(mut self, port: u16) -> Result<Client, Error> {
        let token = match self.setup.greeting.token.take() {
            // The CLI takes it for none at all.
            Some(token) if token.is_empty() => {
                return Err(Error::Invalid("an empty connection token protects nothing".to_owned()));
            }
            Some(token) => token,
            None => random::secret().map_err(Error::no_random)?,
        };
        self.launch.env.push((TOKEN_VARIABLE.into(), Some(token.clone().into())));
        self.setup.greeting.token = Some(token);
        let port = (port != 0).then(|| ["--port".to_owned(), port.to_string()]);
        self.complete_arguments(port.into_iter().flatten());

        let (process, stdin, stdout) = process::spawn(&self.launch)?;
        let watcher = process.watcher().clone();
        let runtime = process::runtime()?;
        within(&runtime, "the start of the CLI", self.handshake_timeout, Some(&watcher), async {
            let Ok(port) = process::listen(stdin, stdout, watcher.stdout().clone()).await else {
                let closed = Closed::new("the CLI closed its output without saying where it listens");
                return Err(Error::Closed(watcher.diagnose(closed).await));
            };
            self.reach((Ipv4Addr::LOCALHOST, port), Some(process)).await
        })
        .await
    }

    /// Connects to a CLI that runs as a TCP server, with the [`connection_token`] it wants. The options
    /// for starting one do not apply, and it goes on running when this client is stopped.
    ///
    /// The connection is not encrypted: the token and all else can be read on the way to another machine.
    ///
    /// Waits 60 s at most, or as long as [`handshake_timeout`](Self::handshake_timeout) says.
    ///
    /// # Errors
    /// [`Error::Connect`] when nobody listens there, [`Error::Rpc`] with
    /// [`RpcError::AUTHENTICATION_FAILED`] for a wrong or missing token and
    /// [`RpcError::AUTHENTICATION_NOT_CONFIGURED`] for a token that the server does not want; else as
    /// [`connect`](Self::connect).
    ///
    /// [`connection_token`]: Self::connection_token
    /// [`RpcError::AUTHENTICATION_FAILED`]: crate::RpcError::AUTHENTICATION_FAILED
    /// [`RpcError::AUTHENTICATION_NOT_CONFIGURED`]: crate::RpcError::AUTHENTICATION_NOT_CONFIGURED
    pub async fn connect_tcp(self, address: impl ToSocketAddrs) -> Result<Client, Error> {
        let (timeout, runtime) = (self.handshake_timeout, process::runtime()?);
        within(&runtime, "the way to the CLI", timeout, None, self.reach(address, None)).await
    }

    /// Connects to a server and greets it.
    async fn reach(self, address: impl ToSocketAddrs, process: Option<Process>) -> Result<Client, Error> {
        let connected = async {
            let stream = TcpStream::connect(address).await?;
            // Small messages, each of which somebody waits for.
            stream.set_nodelay(true)?;
            let address = stream.peer_addr()?;
            Ok::<(TcpStream, SocketAddr), std::io::Error>((stream, address))
        };
        let (stream, address) = connected.await.map_err(|error| Error::Connect(Arc::new(error)))?;
        let (from, to) = stream.into_split();
        let endpoint = Endpoint { process, address: Some(address) };
        Client::connect(from, to, self.setup, self.handshake_timeout, endpoint).await
    }
}
