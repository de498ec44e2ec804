//! The options of a client, as the process of the CLI has them.

use std::fs;
use std::path::Path;
use std::time::Duration;

use copilot_session::types::ShellExecuteUserRequestedRequest;
use copilot_session::{ClientBuilder, SessionBuilder};
use copilot_session_model::Script;

use super::lifeline::{self, Lifeline};
use super::rig::{Rig, soon};

/// Text in the form of a token.
const TOKEN: &str = "ghs_0123456789abcdef0123456789abcdef0123";

/// A rig with options, and the process of its CLI.
async fn with(configure: impl FnOnce(ClientBuilder) -> ClientBuilder, tcp: bool) -> (Rig, Lifeline) {
    let mut loose = None;
    let program = |folder: &Path| {
        let (program, line) = lifeline::program(folder);
        loose = Some(line);
        program
    };
    let start = async |builder: ClientBuilder| {
        let builder = configure(builder);
        if tcp { builder.start_tcp(0).await } else { builder.start().await }
    };
    let rig = Rig::start_by(Script::replies([]), program, start).await;
    (rig, loose.expect("a lifeline").taken().await)
}

/// A list that the system has of a process: `cmdline` or `environ`.
fn list(process: &Lifeline, name: &str) -> Vec<String> {
    let text = fs::read(format!("/proc/{}/{name}", process.pid())).expect("a process");
    text.split(|byte| *byte == 0).map(|part| String::from_utf8_lossy(part).into_owned()).collect()
}

/// Tokens are in the environment, not on the command line, which all users of the machine can read.
#[tokio::test]
async fn tokens_are_not_on_the_command_line() {
    let (rig, process) =
        with(|new| new.github_token_in_environment(TOKEN).env("HERON", "grey").env_remove("HOME"), true)
            .await;
    let (arguments, variables) = (list(&process, "cmdline"), list(&process, "environ"));
    let ours = rig.client.connection_token().expect("a token");
    assert!(arguments.iter().all(|argument| !argument.contains(TOKEN) && !argument.contains(ours)));
    for flag in ["--server", "--no-auto-update", "--no-auto-login"] {
        assert!(arguments.iter().any(|argument| argument == flag), "{flag} is missing in {arguments:?}");
    }
    for flag in ["--stdio", "--port"] {
        assert!(arguments.iter().all(|argument| argument != flag), "{flag} is in {arguments:?}");
    }
    let tokens = [format!("COPILOT_SDK_AUTH_TOKEN={TOKEN}"), format!("COPILOT_CONNECTION_TOKEN={ours}")];
    for variable in tokens.iter().map(String::as_str).chain(["HERON=grey"]) {
        assert!(variables.iter().any(|found| found == variable), "{variable} is missing");
    }
    assert!(variables.iter().all(|variable| !variable.starts_with("HOME=")));

    let status = rig.client.rpc().auth().get_status().await.expect("a status");
    assert!(status.is_authenticated, "{status:?}");
    rig.finish().await;
}

/// A command that the CLI runs has neither token in its environment.
#[tokio::test]
async fn tokens_are_kept_from_the_shell() {
    let (rig, _process) = with(|new| new.github_token_in_environment(TOKEN), true).await;
    let session = rig.session(SessionBuilder::deny_all).await;
    let command = ShellExecuteUserRequestedRequest::new("env", "env; echo the end");
    let run = session.rpc().shell();
    let result = soon("the command", run.execute_user_requested(&command)).await.expect("a result");
    let output = result.output;
    assert!(output.contains("the end") && output.contains("COPILOT_HOME="), "{output}");
    assert!(!output.contains("COPILOT_SDK_AUTH_TOKEN=") && !output.contains("COPILOT_CONNECTION_TOKEN="));
    assert!(!output.contains(TOKEN) && !output.contains(rig.client.connection_token().expect("a token")));
    rig.finish().await;
}

/// The CLI writes its logs to the folder that was set, and works in the folder that was set.
#[tokio::test]
async fn folders_are_taken() {
    let logs = tempfile::tempdir().expect("a folder");
    let folder = logs.path().join("made").join("by the CLI");
    let (rig, process) = with(|new| new.log_dir(&folder).log_level("debug"), false).await;
    let work = fs::read_link(format!("/proc/{}/cwd", process.pid())).expect("a working folder");
    assert_eq!(work, rig.work().canonicalize().expect("the folder"));
    soon("the CLI to stop", rig.client.stop()).await;
    let files = fs::read_dir(&folder).expect("the folder").map(|entry| entry.expect("a file").path());
    let sizes = files.map(|file| fs::metadata(file).expect("a file").len());
    assert!(sizes.sum::<u64>() > 0, "no logs");
    assert!(!rig.folder().join("home").join("logs").exists(), "logs elsewhere too");
    rig.finish().await;
}

/// The CLI accepts the other options, with their values in its form.
#[tokio::test]
async fn the_cli_takes_the_other_options() {
    let options = |new: ClientBuilder| {
        new.no_telemetry()
            .session_idle_timeout(Duration::from_millis(90_500))
            .args(["--no-color", "--banner"])
    };
    let (rig, process) = with(options, false).await;
    let arguments = list(&process, "cmdline");
    let after = |flag: &str| {
        let place = arguments.iter().position(|argument| argument == flag);
        arguments[place.unwrap_or_else(|| panic!("{flag} is missing in {arguments:?}")) + 1].as_str()
    };
    assert_eq!(after("--session-idle-timeout"), "91");
    assert_eq!(after("--disable-client-telemetry"), "--session-idle-timeout");
    assert_eq!(after("--no-color"), "--banner");
    assert_eq!(after("--server"), "--no-auto-update");
    rig.finish().await;
}
