//! The futures of the fake, on a client that never answers: they panic after half of the fake's life.

use copilot_session::methods::client::UserInputRequest;
use copilot_session::methods::session::SessionSend;
use copilot_session::testing::FakeCli;
use serde_json::json;
use tokio::io::DuplexStream;
use tokio::time::Instant;

use super::LONG;

/// A fake, and the client's end of its streams, which is never read.
fn alone() -> (FakeCli, (DuplexStream, DuplexStream)) {
    let fake = FakeCli::start();
    fake.set_timeout(2 * LONG);
    let streams = fake.streams();
    (fake, streams)
}

/// Checks that the future panics after half of the fake's life, with the missing message.
async fn panics<F: Future<Output: Send> + Send + 'static>(name: &str, wait: impl FnOnce(FakeCli) -> F) {
    let (fake, _streams) = alone();
    let start = Instant::now();
    let ended = tokio::spawn(wait(fake)).await;
    let Err(panic) = ended.map(drop) else { panic!("{name} completed") };
    let text = *panic.into_panic().downcast::<String>().expect("a text");
    assert!(text.contains("was not received within 86400s"), "{name}: {text}");
    assert_eq!(start.elapsed().as_secs(), LONG.as_secs(), "{name}");
}

/// Futures that wait for a request of the client, or for its end.
#[tokio::test(start_paused = true)]
async fn waits_for_requests() {
    panics("FakeCli::ended", |fake| async move { fake.ended().await }).await;
    panics("FakeCli::received", |fake| async move { fake.received::<SessionSend>().await }).await;
    panics("FakeCli::received_raw", |fake| async move { fake.received_raw("ping").await }).await;
    panics("FakeCli::received_call", |fake| async move { fake.received_call("ping").await }).await;
    panics("FakeCli::received_with", |fake| async move { fake.received_with("ping", |_| true).await }).await;
    panics("FakeCli::begin_turn", |fake| async move { fake.begin_turn("one").await }).await;
}

/// Futures that make a request of the client.
#[tokio::test(start_paused = true)]
async fn waits_for_responses() {
    let params = || json!({"sessionId": "one", "question": "?"});
    panics("FakeCli::settle", |fake| async move { fake.settle().await }).await;
    panics("FakeCli::request", |fake| async move { fake.request::<UserInputRequest>(params()).await }).await;
    panics("FakeCli::request_raw", |fake| async move { fake.request_raw("ask", params()).await }).await;
    panics("FakeCli::request_as", |fake| async move { fake.request_as(json!(1), "ask", params()).await })
        .await;
    panics(
        "FakeCli::received_response",
        |fake| async move { fake.received_response(&json!(1), "ask").await },
    )
    .await;
    panics("FakeCli::expect_permission", |fake| async move {
        fake.expect_permission(
            "one",
            json!({"kind": "url", "url": "https://example.org", "intention": "read"}),
        )
        .await
    })
    .await;
    panics("FakeCli::expect_tool_result", |fake| async move {
        fake.expect_tool_result("one", "tool", json!({})).await
    })
    .await;
}

/// The handshake of its client has the limit of every handshake.
#[tokio::test(start_paused = true)]
async fn its_client() {
    let name = "FakeCli::client";
    let fake = FakeCli::start();
    fake.hold("connect");
    let start = Instant::now();
    let greeting = tokio::spawn(async move { fake.client().await });
    assert!(greeting.await.is_err_and(|error| error.is_panic()), "{name}");
    assert_eq!(start.elapsed().as_secs(), 60, "{name}");
}

/// `serve` lasts until its client is gone.
#[tokio::test(start_paused = true)]
async fn a_program() {
    let name = "FakeCli::serve";
    let fake = FakeCli::start();
    let (near, far) = tokio::io::duplex(64);
    let (from, to) = tokio::io::split(near);
    let mut serving = Box::pin(fake.serve(from, to));
    assert!(tokio::time::timeout(LONG, &mut serving).await.is_err(), "{name}");
    drop(far);
    assert_eq!(serving.await, 0, "{name}");
}
