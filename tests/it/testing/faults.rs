//! Faults on purpose.

use std::time::Duration;

use copilot_session::testing::error;
use copilot_session::types::PingRequest;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::rig::{Rig, assert_alive};

/// When a CLI dies, everything that waits for it fails, even in the middle of a message.
#[tokio::test(start_paused = true)]
async fn death() {
    for within_a_message in [false, true] {
        let rig = Rig::start().await;
        let turn = rig.session.prompt("hello").await.expect("the prompt");
        if within_a_message {
            rig.fake.die_mid_message(1)
        } else {
            rig.fake.die(1)
        }
        let closed = turn.await.expect_err("the end");
        assert!(closed.is_closed(), "{closed:?}");
        rig.client.rpc().ping(&PingRequest::default()).await.expect_err("a dead CLI");
    }
}

/// Bytes that are no message are skipped.
#[tokio::test(start_paused = true)]
async fn garbage() {
    let rig = Rig::start().await;
    rig.fake.raw("Debugger listening on\r\n\r\n");
    rig.fake.frame("no JSON");
    assert_alive(&rig.client).await;
}

/// A delayed response comes late.
#[tokio::test(start_paused = true)]
async fn delay() {
    let rig = Rig::start().await;
    rig.fake.delay("ping", Duration::from_secs(7));
    let start = Instant::now();
    assert_alive(&rig.client).await;
    assert_eq!(start.elapsed(), Duration::from_secs(7));
    rig.fake.release("ping");
    assert_alive(&rig.client).await;
    assert_eq!(start.elapsed(), Duration::from_secs(7));
}

/// Responses that come in another order and twice reach their callers once.
#[tokio::test(start_paused = true)]
async fn other_orders() {
    let rig = Rig::start().await;
    rig.fake.hold("ping");
    let pong = |text: &str| -> Value {
        json!({"message": text, "timestamp": "2026-01-01T00:00:00Z", "protocolVersion": 3})
    };
    let ping = async |text: &str| {
        rig.client.rpc().ping(&PingRequest::default().message(text)).await.expect("a response").message
    };
    let answering = async {
        let first = rig.fake.received_call("ping").await;
        let second = rig.fake.received_call("ping").await;
        rig.fake.reply(&second, Ok(pong("second")));
        rig.fake.reply(&second, Err(error(-1, "twice")));
        rig.fake.reply(&first, Ok(pong("first")));
    };
    let (first, second, ()) = tokio::join!(ping("1"), ping("2"), answering);
    assert_eq!((first.as_str(), second.as_str()), ("first", "second"));
    rig.fake.release("ping");
    assert_alive(&rig.client).await;
}
