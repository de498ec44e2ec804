//! Handshakes with a CLI that never answers.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use copilot_session::testing::FakeCli;
use copilot_session::{Client, ClientBuilder, Error};
use tokio::time::Instant;

use super::{SECOND, timed_out};

/// The default time limit of the handshake.
const HANDSHAKE: Duration = Duration::from_secs(60);

/// The environment variable that makes the test's child process start a client.
const CHILD: &str = "START_A_CLIENT_OF_A_SILENT_CLI";

const SILENT: &str = env!("CARGO_BIN_EXE_fake_cli");

/// A script by which the fake does not answer.
fn script(folder: &Path) -> std::path::PathBuf {
    let path = folder.join("silent.jsonl");
    std::fs::write(&path, r#"{"hold": "connect"}"#).expect("the script");
    path
}

/// Checks that the start fails after the default time limit and after its own, with this name of the step.
async fn fails(name: &str, what: &str, start: impl AsyncFn(ClientBuilder) -> Result<Client, Error>) {
    for (limit, new) in
        [(HANDSHAKE, Client::builder()), (7 * SECOND, Client::builder().handshake_timeout(7 * SECOND))]
    {
        let begin = Instant::now();
        let result = start(new).await;
        assert_eq!(begin.elapsed().as_secs(), limit.as_secs(), "{name}");
        // On a real socket the paused clock may advance before the connection is made.
        let at_socket =
            result.as_ref().is_err_and(|error| error.to_string().starts_with("the connection to the CLI"));
        timed_out(name, if at_socket { "the connection to the CLI" } else { what }, limit, result);
    }
}

/// Streams of the caller's own.
#[tokio::test(start_paused = true)]
async fn streams() {
    fails("ClientBuilder::connect", "the handshake with the CLI", async |new: ClientBuilder| {
        let fake = FakeCli::start();
        fake.hold("connect");
        let result = fake.connect(new).await;
        fake.ended().await;
        result
    })
    .await;
}

/// A CLI that reads nothing, so that even the greeting cannot be written.
#[tokio::test(start_paused = true)]
async fn full_pipes() {
    let (near, _far) = tokio::io::duplex(1);
    let (from, to) = tokio::io::split(near);
    let start = Instant::now();
    timed_out(
        "full pipes",
        "the handshake with the CLI",
        HANDSHAKE,
        Client::builder().connect(from, to).await,
    );
    assert_eq!(start.elapsed(), HANDSHAKE);
}

/// A program on stdio.
#[tokio::test(start_paused = true)]
async fn a_program() {
    let folder = tempfile::tempdir().expect("a folder");
    let script = script(folder.path());
    fails("ClientBuilder::start", "the handshake with the CLI", async |new: ClientBuilder| {
        new.program(SILENT).env("FAKE_CLI_SCRIPT", &script).start().await
    })
    .await;
}

/// A server that reports no port.
#[tokio::test(start_paused = true)]
async fn a_server() {
    let folder = tempfile::tempdir().expect("a folder");
    let script = script(folder.path());
    fails("ClientBuilder::start_tcp", "the start of the CLI", async |new: ClientBuilder| {
        new.program(SILENT).env("FAKE_CLI_SCRIPT", &script).start_tcp(0).await
    })
    .await;
}

/// A port that the system accepts connections on, without a server behind it.
#[tokio::test(start_paused = true)]
async fn a_port() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address");
    fails("ClientBuilder::connect_tcp", "the handshake with the CLI", async |new: ClientBuilder| {
        new.connect_tcp(address).await
    })
    .await;
}

/// The program that an environment variable names. Only a separate process can have a variable of its own.
#[tokio::test(start_paused = true)]
async fn the_environment() {
    let name = "Client::start";
    if std::env::var_os(CHILD).is_some() {
        let begin = Instant::now();
        timed_out(name, "the handshake with the CLI", HANDSHAKE, Client::start().await);
        assert_eq!(begin.elapsed().as_secs(), 60, "{name}");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let child = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "silence::handshake::the_environment"])
        .env(CHILD, "1")
        .env("COPILOT_CLI_PATH", SILENT)
        .env("FAKE_CLI_SCRIPT", script(folder.path()))
        .output()
        .expect("the child process");
    let output = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success() && output.contains("1 passed"), "{output}");
}

/// The stderr of a program that then does not answer is in the error.
#[cfg(unix)]
#[tokio::test]
async fn a_program_that_complains() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    let program = folder.path().join("copilot");
    std::fs::write(&program, "#!/bin/sh\necho 'no key ring' >&2\nexec sleep 1000\n").expect("the program");
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755))
        .expect("the permissions of the program");
    // The limit lets a shell print something first.
    let error = Client::builder().program(program).handshake_timeout(5 * SECOND).start().await;
    let error = error.expect_err("no greeting");
    let Error::Timeout { stderr, .. } = &error else { panic!("{error:?}") };
    assert_eq!(stderr, "no key ring\n");
    assert!(error.to_string().ends_with("took longer than 5s; stderr ends with: no key ring"), "{error}");
}
