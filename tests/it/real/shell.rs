//! Commands that the user runs in the CLI's shell, without the agent: on the newest CLI, and on the last one
//! that reports them by notifications.

use std::future::IntoFuture;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use copilot_session::types::{ShellExecRequest, ShellOutputStream};
use copilot_session::{Error, Feature, SessionBuilder};
use copilot_session_model::Script;
use copilot_session_tests::cli::{cli_path, cli_path_of};
use tokio::sync::mpsc;

use super::lifeline::lifeline;
use super::rig::{Rig, soon};

/// The newest version among the recorded ones that sends `shell.output` and `shell.exit`.
const NOTIFYING: &str = "1.0.81";

async fn rigs() -> [Rig; 2] {
    let newest = Rig::start_program(Script::replies([]), |_| cli_path()).await;
    let notifying = Rig::start_program(Script::replies([]), |_| cli_path_of(NOTIFYING)).await;
    assert!(!newest.client.version().has(Feature::ShellNotifications));
    assert!(notifying.client.version().has(Feature::ShellNotifications));
    [newest, notifying]
}

/// A command returns its output, by stream, and its exit code, 0 or not.
#[tokio::test]
async fn output_and_exit_code() {
    for rig in rigs().await {
        let session = rig.session(SessionBuilder::deny_all).await;
        let good = soon("the command", session.shell("echo out; echo err >&2; pwd").into_future()).await;
        let good = good.expect("its output");
        let folder = rig.work().canonicalize().expect("the folder");
        assert_eq!(good.stdout().trim_end(), format!("out\n{}", folder.display()));
        assert_eq!(good.stderr().trim_end(), "err");
        assert!(good.is_success());

        let bad = soon("the command", session.shell("echo oh; exit 3").into_future()).await;
        let bad = bad.expect("its output");
        assert_eq!((bad.output().trim_end(), bad.exit_code()), ("oh", Some(3)));
        assert!(!bad.is_success());
        rig.finish().await;
    }
}

/// Output longer than a message arrives whole.
#[tokio::test]
async fn long_output_comes_whole() {
    for rig in rigs().await {
        let session = rig.session(SessionBuilder::deny_all).await;
        let long = session.shell("for i in $(seq 1 20000); do echo line $i; done").into_future();
        let long = soon("the command", long).await.expect("its output").output();
        let lines: Vec<&str> = long.trim_end().lines().collect();
        assert_eq!((lines.len(), lines[0], lines[lines.len() - 1]), (20000, "line 1", "line 20000"));
        rig.finish().await;
    }
}

/// Concurrent commands, even identical ones, each have their own output.
#[tokio::test]
async fn commands_side_by_side() {
    for rig in rigs().await {
        let session = rig.session(SessionBuilder::deny_all).await;
        let run = |text: &str| session.shell(text).into_future();
        let all = async {
            tokio::join!(run("echo same; sleep 0.2"), run("echo same; sleep 0.2"), run("echo other"))
        };
        let (first, second, other) = soon("the commands", all).await;
        assert_eq!(first.expect("its output").output().trim_end(), "same");
        assert_eq!(second.expect("its output").output().trim_end(), "same");
        assert_eq!(other.expect("its output").output().trim_end(), "other");
        rig.finish().await;
    }
}

/// The newest CLI sends the output of a command while it runs, and a command can be killed.
#[tokio::test]
async fn output_is_live_and_commands_are_killed() {
    let rig = Rig::start(Script::replies([])).await;
    let session = rig.session(SessionBuilder::deny_all).await;
    let run = session.shell("echo started; sleep 1000; echo over").start();
    let mut run = soon("the start", run).await.expect("a running command");
    let first = soon("the first output", run.next()).await.expect("output");
    assert_eq!(first.text, "started\n");
    assert!(matches!(first.stream, Some(ShellOutputStream::Stdout)));
    soon("the kill", run.kill()).await.expect("a response");
    let output = soon("the end", run.into_future()).await.expect("its output");
    assert_eq!((output.output().trim_end(), output.exit_code()), ("started", None));
    rig.finish().await;
}

/// A killed command ends on the older CLI too, which reports exit code 1.
#[tokio::test]
async fn commands_are_killed_on_the_older_cli() {
    let rig = Rig::start_program(Script::replies([]), |_| cli_path_of(NOTIFYING)).await;
    let session = rig.session(SessionBuilder::deny_all).await;
    let run = soon("the start", session.shell("sleep 1000").start()).await.expect("a running command");
    soon("the kill", run.kill()).await.expect("a response");
    let output = soon("the end", run.into_future()).await.expect("its output");
    assert_eq!(output.exit_code(), Some(1));
    rig.finish().await;
}

/// A command that exceeds its time limit is killed; its output so far is returned, if the CLI sends any.
#[tokio::test]
async fn a_time_limit_kills() {
    for rig in rigs().await {
        let session = rig.session(SessionBuilder::deny_all).await;
        let (take, loose) = lifeline(rig.folder(), "command.lifeline");
        let text = format!("echo begun; {take}; sleep 1000");
        let late = session.shell(text).timeout(Duration::from_secs(2)).into_future();
        let output = soon("the time limit", late).await.expect("its output");
        assert!(output.is_timed_out() && !output.is_success(), "{output:?}");
        if !rig.client.version().has(Feature::ShellNotifications) {
            assert_eq!(output.output().trim_end(), "begun");
        }
        loose.taken().await.cut("the command, with what it started,").await;
        rig.finish().await;
    }
}

/// The end of the session ends the wait for a command.
#[tokio::test]
async fn the_session_ends_first() {
    for rig in rigs().await {
        let session = rig.session(SessionBuilder::deny_all).await;
        let run = soon("the start", session.shell("sleep 1000").start()).await.expect("a running command");
        soon("the disconnect", session.disconnect()).await.expect("a disconnect");
        // The CLI either reports that the command was killed, or sends nothing more.
        match soon("the end", run.into_future()).await {
            Ok(output) => assert!(!output.is_success(), "{output:?}"),
            Err(error) => assert!(matches!(error, Error::SessionEnded), "{error}"),
        }
        rig.finish().await;
    }
}

/// Notifications go to the session that started the command, by either method, until the command has ended.
#[tokio::test]
async fn notifications_are_routed() {
    let rig = Rig::start_program(Script::replies([]), |_| cli_path_of(NOTIFYING)).await;
    let (mine, others) =
        (rig.session(SessionBuilder::deny_all).await, rig.session(SessionBuilder::deny_all).await);
    let heard = Arc::new(Mutex::new(String::new()));
    let (text, (sender, mut exits)) = (Arc::clone(&heard), mpsc::unbounded_channel());
    mine.on_shell_output(move |output| text.lock().unwrap().push_str(&output.expect("output").data));
    mine.on_shell_output(|_| panic!("an observer panics in a test"));
    let deaf = mine.on_shell_output(|_| unreachable!("it has unsubscribed"));
    deaf.unsubscribe();
    mine.on_shell_exit(move |exit| {
        let exit = exit.expect("an exit");
        drop(sender.send((exit.process_id, exit.exit_code)));
    });
    others.on_shell_output(|_| unreachable!("the output of another session"));
    others.on_shell_exit(|_| unreachable!("the exit of another session"));

    let request = ShellExecRequest::new("echo one; echo two >&2; exit 7");
    let process = soon("the start", mine.rpc().shell().exec(&request)).await.expect("a process").process_id;
    let exit = soon("the exit", exits.recv()).await.expect("an exit");
    assert_eq!(exit, (process, 7));
    let heard = async {
        while heard.lock().unwrap().len() < 8 {
            tokio::task::yield_now().await;
        }
        let mut lines: Vec<String> = heard.lock().unwrap().lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(soon("the output", heard).await, ["one", "two"]);
    rig.finish().await;
}
