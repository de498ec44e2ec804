//! The handshake with CLIs of all versions.

use std::time::Duration;

use copilot_session::testing::{FakeCli, error};
use copilot_session::{Client, Error};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::rig::{assert_alive, connect, try_connect};

/// A result of `connect` or `ping` with this protocol version.
fn speaking(protocol: i64) -> Value {
    json!({
        "ok": true, "protocolVersion": protocol, "version": "9.9.9",
        "message": "pong", "timestamp": "2026-01-01T00:00:00Z",
    })
}

/// A CLI that knows `connect` is asked nothing else, and the response contains the version.
#[tokio::test(start_paused = true)]
async fn connect_reports_the_version() {
    let fake = FakeCli::start();
    let client = connect(&fake).await;
    assert_eq!(client.version().as_str(), "1.0.102");
    let sent: Vec<_> = fake.frames().into_iter().map(|frame| frame.json).collect();
    assert_eq!(sent[0], json!({"jsonrpc": "2.0", "id": 1, "method": "connect", "params": {}}));
    assert_eq!(fake.methods(), ["connect"]);
    assert_alive(&client).await;
}

/// A CLI without `connect` is asked by `ping` and `status.get`, whatever the form of its `ping`: the
/// timestamp is a number up to 1.0.40.
#[tokio::test(start_paused = true)]
async fn an_old_cli_is_greeted_by_ping_and_status() {
    for version in ["1.0.10", "1.0.34", "1.0.49"] {
        let fake = FakeCli::of_version(version);
        let client = connect(&fake).await;
        assert_eq!(client.version().as_str(), version);
        assert_eq!(fake.methods(), ["connect", "ping", "status.get"], "{version}");
    }
}

/// A CLI that does not report its version is accepted.
#[tokio::test(start_paused = true)]
async fn a_cli_without_a_version_is_taken() {
    let fake = FakeCli::of_version("1.0.10");
    fake.on_raw("status.get", |_| Err(error(-32601, "Unhandled method status.get")));
    assert_eq!(connect(&fake).await.version().as_str(), "");
}

/// Protocol 2 is refused with the version that was found, after either greeting, and the stream is ended.
#[tokio::test(start_paused = true)]
async fn protocol_2_is_refused() {
    for (version, method) in [("1.0.102", "connect"), ("0.0.411", "ping")] {
        let fake = FakeCli::of_version(version);
        fake.on_raw(method, |_| Ok(speaking(2)));
        let error = try_connect(&fake).await.expect_err("protocol 2");
        let version_found = if method == "connect" { "9.9.9" } else { "0.0.411" };
        assert!(
            matches!(&error, Error::ProtocolVersion { found: 2, version, .. } if version == version_found),
            "{method}: {error:?}"
        );
        fake.ended().await;
    }
}

/// A protocol newer than the crate's is accepted, as a CLI that updates itself must not lock out its clients.
#[tokio::test(start_paused = true)]
async fn protocol_4_is_accepted() {
    let fake = FakeCli::start();
    fake.on_raw("connect", |_| Ok(speaking(4)));
    let client = connect(&fake).await;
    assert_eq!(client.version().as_str(), "9.9.9");
    assert_alive(&client).await;
}

/// A silent peer fails the handshake exactly when the time limit is over.
#[tokio::test(start_paused = true)]
async fn a_silent_peer_is_given_up_on() {
    let fake = FakeCli::start();
    fake.hold("connect");
    let limit = Duration::from_secs(7);
    let start = Instant::now();
    let error = fake.connect(Client::builder().handshake_timeout(limit)).await.expect_err("silence");
    assert!(matches!(error, Error::Timeout { after, .. } if after == limit), "{error:?}");
    assert_eq!(start.elapsed().as_secs(), limit.as_secs());
    fake.ended().await;
}

/// A peer that hangs up during the handshake fails it at once, with the reason.
#[tokio::test(start_paused = true)]
async fn a_peer_that_hangs_up_is_closed() {
    let fake = FakeCli::start();
    fake.hold("connect");
    fake.hang_up();
    let start = Instant::now();
    let error = try_connect(&fake).await.expect_err("the end");
    assert!(error.is_closed(), "{error:?}");
    assert_eq!(start.elapsed(), Duration::ZERO);
}

/// Only an unknown method leads to the old greeting; any other error is returned.
#[tokio::test(start_paused = true)]
async fn a_refusal_is_returned() {
    let fake = FakeCli::start();
    fake.on_raw("connect", |_| Err(error(-32002, "AUTHENTICATION_FAILED")));
    let error = try_connect(&fake).await.expect_err("no token");
    assert_eq!((error.code(), error.method()), (Some(-32002), Some("connect")));
    assert!(error.to_string().contains("token is wrong or missing"), "{error}");
    assert_eq!(fake.methods(), ["connect"]);
    fake.ended().await;
}

/// A token is sent over the caller's own streams, and is not shown.
#[tokio::test(start_paused = true)]
async fn a_token_goes_over_any_stream() {
    for version in ["1.0.102", "1.0.10"] {
        let fake = FakeCli::of_version(version);
        let client = fake.connect(Client::builder().connection_token("sesame")).await.expect("a client");
        assert_eq!(fake.frames()[0].json["params"], json!({ "token": "sesame" }));
        assert_eq!((client.connection_token(), client.address()), (Some("sesame"), None));
        assert!(!format!("{client:?}").contains("sesame"));
    }
}

/// The stream ends when the client and its sessions are dropped, and not before.
#[tokio::test(start_paused = true)]
async fn the_last_clone_ends_the_stream() {
    let fake = FakeCli::start();
    let client = connect(&fake).await;
    let session = client.session().approve_all().create().await.expect("the session");
    let other = client.clone();
    drop(client);
    assert_alive(&other).await;
    drop(other);
    session.send("still here").await.expect("the session keeps the connection");
    drop(session);
    fake.ended().await;
    assert_eq!(fake.methods().last().expect("a request"), "session.detach");
}
