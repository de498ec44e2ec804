//! Calls of a client that concern no session.

use std::time::Duration;

use copilot_session::Client;
use copilot_session::testing::FakeCli;
use copilot_session::types::{PingRequest, SendRequest};
use tokio::time::Instant;

use super::{SECOND, fails, fails_after, lasting, timed_out};
use crate::rig::assert_alive;

/// Each method of the client has two minutes.
#[tokio::test(start_paused = true)]
async fn methods() {
    fails("Client::ping", "ping", async |rig| rig.client.ping("hello").await.map(drop)).await;
    fails("Client::models", "models.list", async |rig| rig.client.models().await.map(drop)).await;
    fails("Client::refresh_models", "models.list", async |rig| rig.client.refresh_models().await.map(drop))
        .await;
}

/// So has each method about stored sessions.
#[tokio::test(start_paused = true)]
async fn stored_sessions() {
    fails("Client::delete_session", "session.delete", async |rig| rig.client.delete_session("one").await)
        .await;
    fails("Client::set_foreground_session", "session.setForeground", async |rig| {
        rig.client.set_foreground_session("one").await
    })
    .await;
}

/// A call of the typed interface has two minutes, too, or the timeout that was set for it.
#[tokio::test(start_paused = true)]
async fn a_call() {
    fails("Future for Call", "ping", async |rig| {
        rig.client.rpc().ping(&PingRequest::default()).await.map(drop)
    })
    .await;
    fails("Future for Call", "session.send", async |rig| {
        rig.session.rpc().send(&SendRequest::new("hello").wait(false)).await.map(drop)
    })
    .await;
    for timeout in [7 * SECOND, Duration::from_secs(3600)] {
        fails_after("Call::timeout", "ping", "ping", timeout, async |rig| {
            rig.client.rpc().ping(&PingRequest::default()).timeout(timeout).await.map(drop)
        })
        .await;
    }
}

/// Pending calls fail each at its own time, however they were started.
#[tokio::test(start_paused = true)]
async fn several_calls() {
    let rig = lasting(FakeCli::start()).await;
    rig.fake.hold("ping");
    let start = Instant::now();
    let ping = async |after: u32, timeout: u32| {
        tokio::time::sleep(after * SECOND).await;
        let result = rig.client.rpc().ping(&PingRequest::default()).timeout(timeout * SECOND).await;
        timed_out("ping", "ping", timeout * SECOND, result);
        start.elapsed().as_secs()
    };
    let dropped = tokio::time::timeout(SECOND, ping(0, 3));
    let calls =
        tokio::join!(ping(0, 50), ping(1, 5), ping(1, 5), ping(10, 20), ping(20, 0), ping(45, 10), dropped);
    assert_eq!((calls.0, calls.1, calls.2, calls.3, calls.4, calls.5), (50, 6, 6, 30, 20, 55));
    assert!(calls.6.is_err());
    rig.fake.release("ping");
    assert_alive(&rig.client).await;
}

/// The client's own timeout is that of every call, and of all calls of one method together.
#[tokio::test(start_paused = true)]
async fn a_client_with_another_timeout() {
    let fake = FakeCli::start();
    let client = fake.connect(Client::builder().call_timeout(7 * SECOND)).await.expect("a client");
    let session = client.session().deny_all().create().await.expect("a session");
    let silent = ["ping", "session.create", "session.shell.executeUserRequested", "session.tools.set"];
    silent.iter().for_each(|method| fake.hold(method));
    let start = Instant::now();
    let opened = client.session().deny_all().create();
    let (ping, opened, shell, tools) =
        tokio::join!(client.ping(""), opened, session.shell("ls").start(), session.set_tools([]));
    timed_out("Client::ping", "ping", 7 * SECOND, ping);
    timed_out("SessionBuilder::create", "session.create", 7 * SECOND, opened);
    timed_out("Shell::start", "the start of the shell command", 7 * SECOND, shell);
    timed_out("Session::set_tools", "session.tools.set", 7 * SECOND, tools);
    assert_eq!(start.elapsed().as_secs(), 7);
}

/// A stop ends all sessions concurrently and limits the time of each step; other pending calls fail.
#[tokio::test(start_paused = true)]
async fn stop() {
    let name = "Client::stop";
    let rig = lasting(FakeCli::start()).await;
    let other = rig.client.session().deny_all().create().await.expect("another session");
    for method in ["session.detach", "session.log", "ping"] {
        rig.fake.hold(method);
    }
    rig.fake.keep_open();
    let start = Instant::now();
    let (log, ping, ()) = tokio::join!(other.log("a line"), rig.client.ping(""), rig.client.stop());
    assert_eq!(start.elapsed().as_secs(), 5, "{name}");
    assert!(log.expect_err("the end").is_closed() && ping.expect_err("the end").is_closed());
    assert_eq!(rig.client.closed().await.reason, "the client was stopped");
    assert!(rig.client.is_closed() && !rig.session.is_open());
}
