//! Calls of a session.

use std::future::IntoFuture;
use std::time::Duration;

use copilot_session::testing::FakeCli;
use copilot_session::{Session, ShellRun};
use serde_json::json;
use tokio::time::Instant;

use super::{ANSWER, SECOND, assert_late_response_is_ignored, fails, fails_after, lasting, timed_out};
use crate::rig::Rig;

/// Each method of the session has two minutes.
#[tokio::test(start_paused = true)]
async fn methods() {
    fails("Session::prompt", "session.send", async |rig| rig.session.prompt("hello").await.map(drop)).await;
    fails("Session::send", "session.send", async |rig| rig.session.send("hello").await.map(drop)).await;
    fails("Session::abort", "session.abort", async |rig| rig.session.abort().await).await;
    fails("Session::set_model", "session.model.switchTo", async |rig| {
        rig.session.set_model("another").await.map(drop)
    })
    .await;
    fails("Session::log", "session.log", async |rig| rig.session.log("a line").await.map(drop)).await;
    fails("Session::messages", "session.getMessages", async |rig| rig.session.messages().await.map(drop))
        .await;
    fails("Session::set_tools", "session.tools.set", async |rig| rig.session.set_tools([]).await).await;
}

/// A `set_tools` that waits for another one has its two minutes from its own start.
#[tokio::test(start_paused = true)]
async fn tools_after_tools() {
    const METHOD: &str = "session.tools.set";
    let rig = lasting(FakeCli::start()).await;
    rig.fake.hold(METHOD);
    let start = Instant::now();
    let second = async {
        tokio::time::sleep(30 * SECOND).await;
        rig.session.set_tools([]).await
    };
    let (first, second) = tokio::join!(rig.session.set_tools([]), second);
    timed_out("the first", METHOD, ANSWER, first);
    timed_out("the second", METHOD, ANSWER, second);
    assert_eq!(start.elapsed().as_secs(), 150);
    assert_late_response_is_ignored(&rig, METHOD).await;
}

/// A detach has ten seconds.
#[tokio::test(start_paused = true)]
async fn detach() {
    const METHOD: &str = "session.detach";
    fails_after("Session::disconnect", METHOD, METHOD, 10 * SECOND, async |rig| {
        rig.session.disconnect().await
    })
    .await;
}

/// A command that does not start fails after two minutes, whatever its own time limit.
#[tokio::test(start_paused = true)]
async fn a_command_that_does_not_start() {
    const METHOD: &str = "session.shell.executeUserRequested";
    const WHAT: &str = "the start of the shell command";
    fails_after("Shell::start", METHOD, WHAT, ANSWER, async |rig| {
        rig.session.shell("ls").start().await.map(drop)
    })
    .await;
    fails_after("IntoFuture for Shell", METHOD, WHAT, ANSWER, async |rig| {
        rig.session.shell("ls").timeout(SECOND).into_future().await.map(drop)
    })
    .await;
}

/// A running command, on a CLI that sends nothing more about it.
async fn running(rig: &Rig, limit: Option<Duration>) -> ShellRun {
    rig.fake.on_raw("session.shell.exec", |_| Ok(json!({"processId": "one"})));
    rig.fake.hold("session.shell.kill");
    let command = |session: &Session| session.shell("ls");
    let command = match limit {
        Some(limit) => command(&rig.session).timeout(limit),
        None => command(&rig.session),
    };
    command.start().await.expect("a running command")
}

/// `kill` waits no longer than a call.
#[tokio::test(start_paused = true)]
async fn a_command_that_is_not_killed() {
    let name = "ShellRun::kill";
    let rig = lasting(FakeCli::of_version("1.0.81")).await;
    let run = running(&rig, None).await;
    let start = Instant::now();
    timed_out(name, "the end of the shell command", ANSWER, run.kill().await);
    assert_eq!(start.elapsed().as_secs(), 120, "{name}");
    assert_late_response_is_ignored(&rig, "session.shell.kill").await;
}

/// A command whose time limit is over has five more seconds to report its end.
#[tokio::test(start_paused = true)]
async fn a_command_that_does_not_end() {
    let name = "IntoFuture for ShellRun";
    let rig = lasting(FakeCli::of_version("1.0.81")).await;
    let run = running(&rig, Some(7 * SECOND)).await;
    let start = Instant::now();
    timed_out(name, "the shell command", 7 * SECOND, run.await);
    assert_eq!(start.elapsed().as_secs(), 12, "{name}");
    assert_late_response_is_ignored(&rig, "session.shell.kill").await;
}
