//! The CLI is killed while it is stopped, or by a stop that it does not follow.

use std::pin::pin;

use copilot_session::SessionBuilder;
use copilot_session_model::Script;
use futures_util::FutureExt;

use super::Doomed;
use crate::real::rig::soon;

/// While the client waits for the response to `session.detach`: that wait ends too, and the reason is the
/// death.
#[tokio::test]
async fn while_it_is_stopped() {
    let doomed = Doomed::start(Script::replies([])).await;
    let session = doomed.rig.session(SessionBuilder::deny_all).await;
    let client = doomed.rig.client.clone();
    // A frozen CLI has not responded when it is killed.
    doomed.lifeline.freeze();
    let mut waiting = pin!(session.messages());
    assert!(waiting.as_mut().now_or_never().is_none(), "a frozen CLI answered");
    let mut stopping = pin!(client.stop());
    assert!(stopping.as_mut().now_or_never().is_none(), "a frozen CLI was stopped");
    let both = async {
        let (waited, ()) = tokio::join!(waiting, stopping);
        waited
    };
    let dead = doomed.kill("stop", both).await;
    dead.check(None).await;
}

/// A CLI that does nothing at all is killed by the stop, within the time in the documentation.
#[tokio::test]
async fn a_frozen_cli_is_killed() {
    let doomed = Doomed::start(Script::replies([])).await;
    let session = doomed.rig.session(SessionBuilder::deny_all).await;
    doomed.lifeline.freeze();
    tokio::time::pause();
    let start = tokio::time::Instant::now();
    doomed.rig.client.stop().await;
    let took = start.elapsed();
    tokio::time::resume();
    assert!((9..=20).contains(&took.as_secs()), "{took:?}");
    soon("its end", doomed.lifeline.cut("the frozen CLI")).await;
    drop(session);
    doomed.rig.finish().await;
}
