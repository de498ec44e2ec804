//! The server as a process: its start, its end, and the errors of a failed start.

use std::net::TcpListener;
use std::time::Duration;

use copilot_session::{Client, ClientBuilder, Closed, Error, SessionBuilder};
use copilot_session_model::{Reply, Script};
use copilot_session_tests::cli::cli_path;

use crate::real::lifeline::{self, Lifeline};
use crate::real::rig::{PATIENCE, Rig, ask, soon};

/// A rig on TCP whose CLI holds a lifeline.
async fn watched(script: Script) -> (Rig, Lifeline) {
    let mut loose = None;
    let program = |folder: &std::path::Path| {
        let (program, line) = lifeline::program(folder);
        loose = Some(line);
        program
    };
    let rig = Rig::start_by(script, program, async |builder| builder.start_tcp(0).await).await;
    let lifeline = loose.expect("a lifeline").taken().await;
    assert!(lifeline.is_alive());
    (rig, lifeline)
}

/// After `stop` the server has ended in order.
#[tokio::test]
async fn stop_ends_the_server() {
    let (rig, lifeline) = watched(Script::replies([Reply::text("Hello.")])).await;
    let session = rig.session(SessionBuilder::deny_all).await;
    ask(&session, "Hello?").await.expect("an answer");
    soon("the server to stop", rig.client.stop()).await;
    assert!(!lifeline.is_alive(), "the server runs after its stop");
    let closed = rig.client.closed().await;
    assert_eq!((closed.exit_code, closed.signal), (Some(0), None), "{closed}");
    rig.finish().await;
}

/// The server ends with the last session of the client that started it.
#[tokio::test]
async fn dropping_client_and_session_ends_the_server() {
    let (rig, lifeline) = watched(Script::replies([Reply::text("Still here.")])).await;
    let session = rig.session(SessionBuilder::deny_all).await;
    let rig = rig.without_client();
    assert_eq!(ask(&session, "Are you there?").await.expect("an answer").text(), "Still here.");
    drop(session);
    lifeline.cut("the server").await;
    rig.finish().await;
}

/// A server that is killed closes the connection with the signal as the reason.
#[tokio::test]
async fn a_killed_server_is_noticed() {
    let (rig, lifeline) = watched(Script::replies([])).await;
    lifeline.kill();
    let closed = soon("the end to be noticed", rig.client.closed()).await;
    assert_eq!((closed.signal, closed.exit_code), (Some(9), None), "{closed}");
    rig.finish().await;
}

/// The error of a failed start on TCP.
async fn failure(client: ClientBuilder, port: u16) -> Error {
    soon("the start to fail", client.start_tcp(port)).await.expect_err("a failed start")
}

/// The same, with this shell script as the CLI.
async fn failure_of_script(script: &str, limit: Duration) -> Error {
    let folder = tempfile::tempdir().expect("a folder");
    let program = folder.path().join("copilot");
    lifeline::script(&program, script);
    failure(Client::builder().program(&program).handshake_timeout(limit), 0).await
}

fn closed(error: Error) -> Closed {
    match error {
        Error::Closed(closed) => closed,
        other => panic!("not closed: {other:?}"),
    }
}

/// A CLI that ends before it listens is reported with its exit code and its stderr.
#[tokio::test]
async fn a_server_that_ends_at_once_says_why() {
    let script = "echo 'no port today'; echo 'no license for the moon' >&2; exit 7";
    let closed = closed(failure_of_script(script, 2 * PATIENCE).await);
    assert_eq!((closed.exit_code, closed.signal), (Some(7), None), "{closed}");
    assert_eq!(closed.stderr.trim(), "no license for the moon");
}

/// A start fails when the CLI closes its stdout, though the CLI runs.
#[tokio::test]
async fn a_server_that_closes_its_output_is_given_up_on() {
    let closed = closed(failure_of_script("echo 'too shy' >&2; exec sleep 1000 >&-", 2 * PATIENCE).await);
    assert_eq!((closed.exit_code, closed.signal), (None, None), "{closed}");
    assert!(closed.reason.contains("before it printed its port"), "{closed}");
    assert_eq!(closed.stderr.trim(), "too shy");
}

/// The time limit covers the wait for the port, and the CLI that reported none is ended.
#[tokio::test]
async fn a_silent_server_is_given_up_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let (take, loose) = lifeline::lifeline(folder.path(), "silent.lifeline");
    let limit = Duration::from_millis(300);
    let error = failure_of_script(&format!("{take}; exec sleep 1000"), limit).await;
    assert!(error.is_timeout(), "{error:?}");
    loose.taken().await.cut("the silent server").await;
}

/// The CLI takes the port that was set, or reports why not.
#[tokio::test]
async fn a_port_in_use_is_reported() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("its address").port();
    let folder = tempfile::tempdir().expect("a folder");
    let client = Client::builder().program(cli_path()).home_dir(folder.path()).no_login();
    let closed = closed(failure(client.handshake_timeout(2 * PATIENCE), port).await);
    assert_eq!(closed.exit_code, Some(1), "{closed}");
    assert!(closed.stderr.contains("in use"), "{closed}");
}
