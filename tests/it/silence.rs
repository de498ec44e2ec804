//! Every public future comes back from a peer that never answers, in the time that its docs say.
//!
//! The name of each stands in a text as the test calls it, for [`listed`] to find.

mod client;
mod fakes;
mod handshake;
mod listed;
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

/// How long the CLI has to answer a method of a client or a session.
const ANSWER: Duration = Duration::from_secs(120);

/// Longer than anything that has a limit.
const LONG: Duration = Duration::from_secs(24 * 3600);

/// A rig whose CLI is there for as long as it takes.
async fn lasting(fake: FakeCli) -> Rig {
    fake.lives(10 * LONG);
    Rig::on(fake, |new| new.approve_all()).await
}

/// The CLI never answers this method: what waits for it fails after the time to answer, and names it.
async fn fails(name: &str, method: &str, call: impl AsyncFn(&Rig) -> Result<(), Error>) {
    fails_after(name, method, method, ANSWER, call).await;
}

/// The same with a time of its own, and its own words for what was waited for.
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
    assert_clean(&rig, method).await;

    let rig = lasting(FakeCli::start()).await;
    rig.fake.hold(method);
    assert!(tokio::time::timeout(SECOND, call(&rig)).await.is_err(), "{name} did not wait for the CLI");
    assert_clean(&rig, method).await;
}

/// How it fails when the time is up.
fn timed_out<T: std::fmt::Debug>(name: &str, what: &str, limit: Duration, result: Result<T, Error>) {
    let error = result.expect_err(name);
    assert!(error.is_timeout(), "{name}: {error:?}");
    let Error::Timeout { what: told, after, .. } = &error else { panic!("{name}: {error:?}") };
    assert_eq!((told.as_str(), *after), (what, limit), "{name}");
}

/// Nobody waits for the answer any more: it may come or not.
async fn assert_clean(rig: &Rig, method: &str) {
    let late = rig.fake.received_call(method).await;
    rig.fake.reply(&late, Ok(json!({})));
    rig.fake.release(method);
    assert_alive(&rig.client).await;
}
