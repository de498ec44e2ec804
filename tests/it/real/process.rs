//! The CLI as a process: started, stopped, killed.

use copilot_session::types::ShellExecuteUserRequestedRequest;
use copilot_session::{Client, Closed, Error, Session, SessionBuilder};
use copilot_session_model::{Reply, Script};
use copilot_session_tests::cli::cli_path;
use futures_util::FutureExt;

use super::lifeline::{self, Lifeline};
use super::rig::{PATIENCE, Rig, ask, place, soon};

/// A rig whose CLI holds a lifeline.
async fn watched(script: Script) -> (Rig, Lifeline) {
    let mut loose = None;
    let rig = Rig::start_program(script, |folder| {
        let (program, line) = lifeline::program(folder);
        loose = Some(line);
        program
    });
    let rig = rig.await;
    let lifeline = loose.expect("a lifeline").taken().await;
    assert!(lifeline.is_alive());
    (rig, lifeline)
}

/// Starts a command that does not end in the CLI's shell.
async fn endless_command(rig: &Rig, session: &Session) -> Lifeline {
    let (take, loose) = lifeline::lifeline(rig.folder(), "command.lifeline");
    let command = ShellExecuteUserRequestedRequest::new("endless", format!("{take}; exec sleep 100000"));
    let shell = session.rpc().shell();
    tokio::select! {
        lifeline = loose.taken() => lifeline,
        ended = shell.execute_user_requested(&command) => panic!("the command ended: {ended:?}"),
    }
}

/// After `stop` the CLI and the commands that it ran have ended.
#[tokio::test]
async fn stop_leaves_nothing_behind() {
    let (rig, lifeline) = watched(Script::replies([Reply::text("Hello.")])).await;
    let session = rig.session(SessionBuilder::deny_all).await;
    ask(&session, "Hello?").await.expect("an answer");
    let command = endless_command(&rig, &session).await;

    let client = rig.client.clone();
    soon("the CLI to stop", client.stop()).await;
    assert!(!lifeline.is_alive(), "the CLI runs after its stop");
    command.cut("the command that the CLI ran").await;
    let closed = client.closed().now_or_never().expect("a stopped client is closed");
    assert_eq!((closed.exit_code, closed.signal), (Some(0), None), "the CLI did not end in order: {closed}");
    rig.finish().await;
}

/// A session keeps the CLI running; when the client and the session are dropped, the CLI ends.
#[tokio::test]
async fn dropping_client_and_session_ends_the_cli() {
    let (rig, lifeline) = watched(Script::replies([Reply::text("Still here.")])).await;
    let session = rig.session(SessionBuilder::deny_all).await;
    let rig = rig.without_client();
    assert_eq!(ask(&session, "Are you there?").await.expect("an answer").text(), "Still here.");
    drop(session);
    lifeline.cut("the CLI").await;
    rig.finish().await;
}

/// A command that the CLI runs ends when the client is dropped, though it is in another process group.
#[tokio::test]
async fn dropping_the_client_ends_what_the_cli_runs() {
    let (rig, lifeline) = watched(Script::replies([])).await;
    let session = rig.session(SessionBuilder::deny_all).await;
    let command = endless_command(&rig, &session).await;
    let rig = rig.without_client();
    drop(session);
    lifeline.cut("the CLI").await;
    command.cut("the command that the CLI ran").await;
    rig.finish().await;
}

/// A call that is written after the CLI has ended reports the end of the CLI, not the broken pipe.
#[tokio::test(flavor = "current_thread")]
async fn a_broken_pipe_is_not_the_reason() {
    let (rig, lifeline) = watched(Script::replies([])).await;
    let session = rig.session(SessionBuilder::deny_all).await;
    lifeline.kill();
    // The runtime does not run before the process has ended, so the call is written afterwards.
    lifeline.block_until_cut();
    let outcome = soon("the call to fail", session.rpc().mode().get()).await;
    let Err(Error::Closed(closed)) = outcome else { panic!("not closed: {outcome:?}") };
    assert_eq!(closed.signal, Some(9), "{closed}");
    rig.finish().await;
}

/// A CLI that does not exist is reported with the places where it was looked for.
#[tokio::test]
async fn a_missing_cli_is_not_found() {
    let start = async |program: &str| match Client::builder().program(program).start().await {
        Err(Error::NotFound(error)) => (error.tried.clone(), error.to_string()),
        other => panic!("not missing: {other:?}"),
    };
    let (tried, text) = start("/nowhere/at/all/copilot").await;
    assert_eq!(tried, ["/nowhere/at/all/copilot"]);
    assert!(text.contains("/nowhere/at/all/copilot") && text.contains("npm install"), "{text}");

    let (tried, _) = start("no-such-copilot").await;
    let path = std::env::var_os("PATH").expect("a PATH");
    for folder in std::env::split_paths(&path).filter(|folder| folder.is_absolute()) {
        let place = folder.join("no-such-copilot").display().to_string();
        assert!(tried.contains(&place), "{place} is missing in {tried:?}");
    }
}

/// A CLI of another version than the program requires is refused, and ends.
#[tokio::test]
async fn another_version_is_refused() {
    let _place = place().await;
    let folder = tempfile::tempdir().expect("a folder");
    let (program, line) = lifeline::program(folder.path());
    let client = Client::builder().program(&program).home_dir(folder.path()).no_login();
    let client = client.handshake_timeout(2 * PATIENCE).exact_version("1.0.9");
    let (refused, lifeline) = tokio::join!(soon("the start to fail", client.start()), line.taken());
    let Err(Error::WrongCliVersion { found, required, exact, .. }) = refused else { panic!("{refused:?}") };
    assert_eq!((&*required, exact), ("1.0.9", true));
    assert!(found.starts_with(|digit: char| digit.is_ascii_digit()), "{found}");
    lifeline.cut("the CLI").await;
}

/// A working folder that does not exist is another error than a missing CLI.
#[tokio::test]
async fn a_missing_folder_is_told_apart() {
    let outcome = Client::builder().program(cli_path()).current_dir("/nowhere/at/all").start().await;
    let Err(Error::Start(error)) = outcome else { panic!("not a failed start: {outcome:?}") };
    assert!(error.to_string().contains("/nowhere/at/all"), "{error}");
}

/// The error of a CLI that ended before the handshake.
async fn end_before_the_handshake(client: copilot_session::ClientBuilder) -> Closed {
    match soon("the start to fail", client.handshake_timeout(2 * PATIENCE).start()).await {
        Err(Error::Closed(closed)) => closed,
        other => panic!("not closed: {other:?}"),
    }
}

/// A CLI that ends at once is reported with its exit code and its stderr.
#[tokio::test]
async fn a_cli_that_ends_at_once_says_why() {
    let folder = tempfile::tempdir().expect("a folder");
    let program = folder.path().join("copilot");
    lifeline::script(&program, "echo 'no license for the moon' >&2; exit 7");
    let closed = end_before_the_handshake(Client::builder().program(&program)).await;
    assert_eq!((closed.exit_code, closed.signal), (Some(7), None), "{closed}");
    assert_eq!(closed.stderr.trim(), "no license for the moon");
    assert!(closed.to_string().contains("exit code 7"), "{closed}");
}

/// The error for a flag that the real CLI does not know names the flag.
#[tokio::test]
async fn a_bad_flag_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let client =
        Client::builder().program(cli_path()).home_dir(folder.path()).no_login().arg("--no-such-flag");
    let closed = end_before_the_handshake(client).await;
    assert_eq!(closed.exit_code, Some(1), "{closed}");
    assert!(closed.stderr.contains("--no-such-flag"), "{closed}");
}
