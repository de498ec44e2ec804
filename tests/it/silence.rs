//! Every public future completes within its documented time when the peer never answers.

mod client;
mod fakes;
mod handshake;
mod opening;
mod session;
mod waiting;

use std::time::Duration;

use copilot_session::Error;
use copilot_session::testing::FakeCli;
use serde_json::json;
use tokio::time::Instant;

use crate::rig::{Rig, assert_alive};

const SECOND: Duration = Duration::from_secs(1);

/// The time that the CLI has to respond to a method of a client or a session.
const ANSWER: Duration = Duration::from_secs(120);

/// A time longer than every limit.
const LONG: Duration = Duration::from_secs(24 * 3600);

/// A rig whose CLI outlives all limits.
async fn lasting(fake: FakeCli) -> Rig {
    fake.set_timeout(10 * LONG);
    Rig::on(fake, |new| new.approve_all()).await
}

/// Checks that the call fails after two minutes with the method's name, if the CLI never responds to that
/// method.
async fn fails(name: &str, method: &str, call: impl AsyncFn(&Rig) -> Result<(), Error>) {
    fails_after(name, method, method, ANSWER, call).await;
}

/// The same with another time limit, and another name for what was awaited.
async fn fails_after(
    name: &str,
    method: &str,
    what: &str,
    limit: Duration,
    call: impl AsyncFn(&Rig) -> Result<(), Error>,
) {
    let rig = lasting(FakeCli::start()).await;
    rig.fake.hold(method);
    let start = Instant::now();
    timed_out(name, what, limit, call(&rig).await);
    assert_eq!(start.elapsed().as_secs(), limit.as_secs(), "{name}");
    assert_late_response_is_ignored(&rig, method).await;

    let rig = lasting(FakeCli::start()).await;
    rig.fake.hold(method);
    assert!(tokio::time::timeout(SECOND, call(&rig)).await.is_err(), "{name} did not wait for the CLI");
    assert_late_response_is_ignored(&rig, method).await;
}

/// Checks the error of a time limit.
fn timed_out<T: std::fmt::Debug>(name: &str, what: &str, limit: Duration, result: Result<T, Error>) {
    let error = result.expect_err(name);
    assert!(error.is_timeout(), "{name}: {error:?}");
    let Error::Timeout { what: reported, after, .. } = &error else { panic!("{name}: {error:?}") };
    assert_eq!((reported.as_str(), *after), (what, limit), "{name}");
}

/// Checks that a late response does no harm.
async fn assert_late_response_is_ignored(rig: &Rig, method: &str) {
    let late = rig.fake.received_call(method).await;
    rig.fake.reply(&late, Ok(json!({})));
    rig.fake.release(method);
    assert_alive(&rig.client).await;
}
