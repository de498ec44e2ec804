//! The CLI as a server on TCP.

#[cfg(unix)]
mod process;
mod shared;

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use copilot_session::{Client, Error, RpcError, SessionBuilder, Tool};
use copilot_session_model::{Reply, Script};
use copilot_session_tests::cli::cli_path;
use futures_util::FutureExt;
use serde_json::json;

use super::rig::{PATIENCE, Rig, ask, soon};

/// Connects another client to the same server.
pub async fn join(client: &Client) -> Client {
    try_join(client, client.connection_token()).await.expect("another client")
}

/// The same with another token.
async fn try_join(client: &Client, token: Option<&str>) -> Result<Client, Error> {
    let builder = Client::builder().handshake_timeout(PATIENCE);
    let builder = token.into_iter().fold(builder, |builder, token| builder.connection_token(token));
    builder.connect_tcp(client.address().expect("an address")).await
}

/// A whole turn with a tool runs over TCP, on loopback. The token is not shown in `Debug`.
#[tokio::test]
async fn a_turn_over_tcp() {
    let script = [Reply::tool_call("weather", json!({})), Reply::text("It rains.")];
    let rig = Rig::start_tcp(Script::replies(script)).await;
    let tool = Tool::new("weather", "The weather", async |_: serde_json::Value, _| "rain");
    let session = rig.session(|new| new.tool(tool).approve_all()).await;
    assert_eq!(ask(&session, "How is it?").await.expect("an answer").text(), "It rains.");
    assert_eq!(rig.model.requests()[1].tool_results()[0].1, "rain");

    let address = rig.client.address().expect("an address");
    assert!(address.ip().is_loopback() && address.port() != 0, "{address}");
    let token = rig.client.connection_token().expect("a token");
    assert_eq!(token.len(), 32, "128 bits");
    assert!(!format!("{:?}", rig.client).contains(token));
    rig.finish().await;
}

/// On stdio there is neither an address nor a token, not even one that was set.
#[tokio::test]
async fn on_stdio_there_is_no_token() {
    let start = async |builder: copilot_session::ClientBuilder| {
        let builder = builder.connection_token("not for stdio");
        assert!(!format!("{builder:?}").contains("not for"));
        builder.start().await
    };
    let rig = Rig::start_by(Script::replies([]), |_| cli_path(), start).await;
    assert_eq!((rig.client.address(), rig.client.connection_token()), (None, None));
    rig.finish().await;
}

/// A client that requires the server's version connects; one that requires another does not, and the server runs on.
#[tokio::test]
async fn a_client_requires_a_version() {
    let rig = Rig::start_tcp(Script::replies([])).await;
    let found = rig.client.version().as_str();
    let join = async |version: &str| {
        let builder = Client::builder().handshake_timeout(PATIENCE).exact_version(version);
        let builder = builder.connection_token(rig.client.connection_token().expect("a token"));
        builder.connect_tcp(rig.client.address().expect("an address")).await
    };
    assert_eq!(join(found).await.expect("the version").version().as_str(), found);
    let error = join("1.0.9").await.expect_err("another version");
    assert!(matches!(&error, Error::WrongCliVersion { found: other, .. } if other == found), "{error:?}");
    rig.session(SessionBuilder::deny_all).await;
    rig.finish().await;
}

/// A second client has the server's version and sessions of its own, and its stop does not end the server.
#[tokio::test]
async fn a_second_client_comes_and_goes() {
    let rig =
        Rig::start_tcp(Script::replies([Reply::text("Hello, second."), Reply::text("Hello, first.")])).await;
    let second = join(&rig.client).await;
    assert_eq!(second.version(), rig.client.version());
    assert_eq!(second.address(), rig.client.address());
    let session = rig.builder_on(&second).deny_all().create().await.expect("a session");
    assert_eq!(ask(&session, "Hello?").await.expect("an answer").text(), "Hello, second.");
    soon("the second to stop", second.stop()).await;
    let late = session.send("Still?").now_or_never().expect("an answer at once");
    assert!(late.expect_err("the end").is_closed());

    // A client that is dropped without a stop disturbs nothing either.
    drop(join(&rig.client).await);
    let session = rig.session(SessionBuilder::deny_all).await;
    assert_eq!(ask(&session, "Hello?").await.expect("an answer").text(), "Hello, first.");
    drop(join(&rig.client).await);
    rig.finish().await;
}

/// When the owner stops the server, the other clients are closed.
#[tokio::test]
async fn the_owner_ends_it_for_all() {
    let rig = Rig::start_tcp(Script::replies([])).await;
    let second = join(&rig.client).await;
    soon("the owner to stop", rig.client.stop()).await;
    soon("the second to be closed", second.closed()).await;
    let error = second.rpc().models().list(&Default::default()).await.expect_err("the end");
    assert!(error.is_closed(), "{error:?}");
    let error = try_join(&rig.client, None).await.expect_err("a stopped server");
    assert!(matches!(error, Error::Connect(_)), "{error:?}");
    rig.finish().await;
}

/// A wrong token and a missing one are reported by their code, without the token, and disturb no other
/// client.
#[tokio::test]
async fn a_wrong_token_is_reported() {
    let rig = Rig::start_tcp(Script::replies([Reply::text("Undisturbed.")])).await;
    for token in [Some("a guess"), Some(""), None] {
        let error = try_join(&rig.client, token).await.expect_err("a stranger");
        assert_eq!(error.code(), Some(RpcError::AUTHENTICATION_FAILED), "{token:?}: {error:?}");
        assert_eq!(error.method(), Some("connect"));
        let text = format!("{error} {error:?}");
        assert!(text.contains("token is wrong or missing") && !text.contains("a guess"), "{text}");
    }
    join(&rig.client).await.stop().await;
    let session = rig.session(SessionBuilder::deny_all).await;
    assert_eq!(ask(&session, "Well?").await.expect("an answer").text(), "Undisturbed.");
    rig.finish().await;
}

/// A token may be set, but not an empty one, which the CLI would treat as none.
#[tokio::test]
async fn a_token_may_be_chosen() {
    let start = async |builder: copilot_session::ClientBuilder| {
        builder.env("COPILOT_CONNECTION_TOKEN", "overruled").connection_token("sesame").start_tcp(0).await
    };
    let rig = Rig::start_by(Script::replies([]), |_| cli_path(), start).await;
    assert_eq!(rig.client.connection_token(), Some("sesame"));
    try_join(&rig.client, Some("sesame")).await.expect("another client");
    rig.finish().await;

    let empty = Client::builder().program(cli_path()).connection_token("").start_tcp(0).await;
    assert!(matches!(empty, Err(Error::Invalid(_))), "{empty:?}");
}

/// A server that was not started by a client.
struct Server(Child);

impl Server {
    /// Returns its address too.
    fn start(home: &std::path::Path) -> (Self, String) {
        let mut command = Command::new(cli_path());
        command.args(["--server", "--no-auto-update", "--no-auto-login"]).env("COPILOT_HOME", home);
        command.env_remove("COPILOT_CONNECTION_TOKEN").stdin(Stdio::null()).stdout(Stdio::piped());
        let mut server = Self(command.spawn().expect("a server"));
        let mut line = String::new();
        let stdout = server.0.stdout.as_mut().expect("its output");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        let port = line.trim().rsplit(' ').next().expect("a port").to_owned();
        (server, format!("localhost:{port}"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.0.kill().expect("a running server");
        self.0.wait().expect("the end");
    }
}

/// A server without a token accepts clients without one, and reports the error to a client with one.
#[tokio::test]
async fn a_server_without_a_token() {
    let home = tempfile::tempdir().expect("a folder");
    let (mut server, address) = Server::start(home.path());
    let client = Client::builder().connect_tcp(&*address).await.expect("a client");
    assert_eq!(client.connection_token(), None);
    let outcome = Client::builder().connection_token("unwanted").connect_tcp(&*address).await;
    let error = outcome.expect_err("an unwanted token");
    assert_eq!(error.code(), Some(RpcError::AUTHENTICATION_NOT_CONFIGURED), "{error:?}");
    assert!(error.to_string().contains("has no connection token"), "{error}");

    soon("the stop", client.stop()).await;
    assert!(matches!(server.0.try_wait(), Ok(None)), "the server ended with its client");
    Client::builder().connect_tcp(&*address).await.expect("a running server");
}
