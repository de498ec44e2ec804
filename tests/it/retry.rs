//! Repeated attempts after a temporary failure.

use std::time::Duration;

use copilot_session::testing::{FakeCli, events as say};
use copilot_session::{Error, ErrorKind, Retry, SessionBuilder};
use serde_json::json;
use tokio::time::Instant;

use crate::rig::Rig;

const SECOND: Duration = Duration::from_secs(1);

/// An error that is retryable.
fn passing() -> Error {
    Error::Connect(std::sync::Arc::new(std::io::Error::other("nobody listens yet")))
}

/// An error that stays.
fn lasting() -> Error {
    Error::SessionEnded
}

/// The outcome of an operation that fails so often, the attempts it had, and the time they took.
async fn attempts(
    retry: Retry,
    failures: usize,
    error: fn() -> Error,
) -> (Result<&'static str, Error>, usize, Duration) {
    let (mut count, started) = (0, Instant::now());
    let result = retry.run(|| {
        count += 1;
        std::future::ready(if count > failures { Ok("done") } else { Err(error()) })
    });
    (result.await, count, started.elapsed())
}

#[tokio::test(start_paused = true)]
async fn until_it_succeeds() {
    for (failures, took) in [(0, 0), (1, 1), (2, 3), (3, 7)] {
        let (result, count, elapsed) = attempts(Retry::new(4), failures, passing).await;
        assert_eq!((result.expect("a success"), count), ("done", failures + 1));
        assert_eq!(elapsed.as_secs(), took);
    }
}

#[tokio::test(start_paused = true)]
async fn until_the_last_attempt() {
    for (limit, expected) in [(0, 1), (1, 1), (4, 4)] {
        let (result, count, _) = attempts(Retry::new(limit), usize::MAX, passing).await;
        assert!(matches!(result, Err(Error::Connect(_))), "{result:?}");
        assert_eq!(count, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn until_it_fails_for_good() {
    let (result, count, elapsed) = attempts(Retry::new(4), usize::MAX, lasting).await;
    assert!(matches!(result, Err(Error::SessionEnded)), "{result:?}");
    assert_eq!((count, elapsed), (1, Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn the_pauses_have_a_limit() {
    let retry = Retry::new(6).first_pause(2 * SECOND).max_pause(5 * SECOND);
    let (_, _, elapsed) = attempts(retry, usize::MAX, passing).await;
    assert_eq!(elapsed.as_secs(), 2 + 4 + 5 + 5 + 5);
    let retry = Retry::new(3).first_pause(Duration::MAX).max_pause(SECOND);
    assert_eq!(attempts(retry, usize::MAX, passing).await.2.as_secs(), 2);
}

/// No attempt begins at the deadline or later, and no pause is made for one.
#[tokio::test(start_paused = true)]
async fn until_the_deadline() {
    for (seconds, expected, took) in [(0, 1, 0), (1, 1, 0), (3, 2, 1), (4, 3, 3), (60, 4, 7)] {
        let retry = Retry::new(4).deadline(Instant::now() + seconds * SECOND);
        let (result, count, elapsed) = attempts(retry, usize::MAX, passing).await;
        assert!(matches!(result, Err(Error::Connect(_))), "{result:?}");
        assert_eq!((count, elapsed.as_secs()), (expected, took), "{seconds} s");
    }
}

/// The turn of a prompt that fails with a rate limit of so many seconds.
async fn limited(retry: Retry, seconds: u64) -> (Result<(), Error>, usize, Duration) {
    let rig = Rig::on(FakeCli::start(), SessionBuilder::approve_all).await;
    let started = Instant::now();
    let result = retry.run(async || {
        let turn = rig.session.prompt("Hello").await?;
        rig.fake.begin_turn(rig.session.id()).await;
        let data = json!({"errorType": "rate_limit", "message": "slow down", "statusCode": 429});
        rig.emit(say::event("auto_mode_switch.requested", json!({
            "requestId": crate::rig::new_request_id(), "errorCode": "rate_limited", "retryAfterSeconds": seconds,
        })));
        rig.emit(say::event("session.error", data));
        rig.emit(say::idle());
        turn.await.map(drop)
    });
    let result = result.await;
    (result, rig.fake.calls_raw("session.send").len(), started.elapsed())
}

/// The pause is at least what the CLI demands. More than the longest pause is not waited for.
#[tokio::test(start_paused = true)]
async fn the_cli_demands_a_pause() {
    let (result, count, elapsed) = limited(Retry::new(2), 30).await;
    assert_eq!(result.expect_err("the limit").kind(), ErrorKind::RateLimit);
    assert_eq!((count, elapsed.as_secs()), (2, 30));
    let (result, count, elapsed) = limited(Retry::new(2), 3600).await;
    assert_eq!(result.expect_err("the limit").retry_after().map(|wait| wait.as_secs()), Some(3600));
    assert_eq!((count, elapsed.as_secs()), (1, 0));
}

/// A future that is dropped makes no more attempts. It can be spawned.
#[tokio::test(start_paused = true)]
async fn it_can_be_dropped() {
    let (count, mut counted) = tokio::sync::watch::channel(0);
    let running = tokio::spawn(async move {
        let retry = Retry::new(u32::MAX).max_pause(SECOND);
        retry
            .run(async || -> Result<(), Error> {
                count.send_modify(|count| *count += 1);
                tokio::task::yield_now().await;
                Err(passing())
            })
            .await
    });
    counted.wait_for(|count| *count == 3).await.expect("three attempts");
    running.abort();
    assert!(running.await.expect_err("no result").is_cancelled());
    assert_eq!(*counted.borrow(), 3);
    assert!(counted.changed().await.is_err(), "the operation is dropped");
}
