//! Calls of a client that concern no session.

use std::time::Duration;

use copilot_session::testing::FakeCli;
use copilot_session::types::{PingRequest, SessionListRequest};
use tokio::time::Instant;

use super::{SECOND, fails, fails_after, lasting};

/// Each method of the client has two minutes.
#[tokio::test(start_paused = true)]
async fn methods() {
    fails("Client::ping", "ping", async |rig| rig.client.ping("hello").await.map(drop)).await;
    fails("Client::status", "status.get", async |rig| rig.client.status().await.map(drop)).await;
    fails("Client::auth_status", "auth.getStatus", async |rig| rig.client.auth_status().await.map(drop))
        .await;
    fails("Client::models", "models.list", async |rig| rig.client.models().await.map(drop)).await;
    fails("Client::refresh_models", "models.list", async |rig| rig.client.refresh_models().await.map(drop))
        .await;
}

/// So has each method about stored sessions.
#[tokio::test(start_paused = true)]
async fn stored_sessions() {
    fails("Client::sessions", "session.list", async |rig| {
        rig.client.sessions(&SessionListRequest::default()).await.map(drop)
    })
    .await;
    fails("Client::session_metadata", "session.getMetadata", async |rig| {
        rig.client.session_metadata("one").await.map(drop)
    })
    .await;
    fails("Client::last_session_id", "session.getLastId", async |rig| {
        rig.client.last_session_id().await.map(drop)
    })
    .await;
    fails("Client::delete_session", "session.delete", async |rig| rig.client.delete_session("one").await)
        .await;
    fails("Client::foreground_session_id", "session.getForeground", async |rig| {
        rig.client.foreground_session_id().await.map(drop)
    })
    .await;
    fails("Client::set_foreground_session", "session.setForeground", async |rig| {
        rig.client.set_foreground_session("one").await
    })
    .await;
}

/// A call has the time limit that was set.
#[tokio::test(start_paused = true)]
async fn a_call() {
    for limit in [7 * SECOND, Duration::from_secs(3600)] {
        fails_after("Call::within", "ping", "ping", limit, async |rig| {
            rig.client.rpc().ping(&PingRequest::default()).within(limit).await.map(drop)
        })
        .await;
    }
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
    let (log, ping, stopped) = tokio::join!(other.log("a line"), rig.client.ping(""), rig.client.stop());
    stopped.expect(name);
    assert_eq!(start.elapsed().as_secs(), 5, "{name}");
    assert!(log.expect_err("the end").is_closed() && ping.expect_err("the end").is_closed());
    assert_eq!(rig.client.closed().await.reason, "the client was stopped");
}
