//! Creating and resuming a session: two minutes for all its requests together.

use copilot_session::testing::FakeCli;
use copilot_session::types::UiHandlePendingSamplingResponse;
use copilot_session::{Error, Session, SessionBuilder};
use tokio::time::Instant;

use super::{ANSWER, fails, lasting, timed_out};
use crate::rig::assert_alive;

/// A CLI that does not respond to the first request.
#[tokio::test(start_paused = true)]
async fn the_request() {
    fails("SessionBuilder::create", "session.create", async |rig| {
        rig.client.session().deny_all().create().await.map(drop)
    })
    .await;
    fails("SessionBuilder::resume", "session.resume", async |rig| {
        rig.client.session().deny_all().resume("one").await.map(drop)
    })
    .await;
}

/// A CLI that opens the session and does not respond to a later request.
async fn opened_only(silent: &str, resumed: bool, configure: impl FnOnce(SessionBuilder) -> SessionBuilder) {
    let rig = lasting(FakeCli::start()).await;
    rig.fake.hold(silent);
    let new = configure(rig.client.session());
    let start = Instant::now();
    let (method, opened): (_, Result<Session, Error>) = match resumed {
        true => ("session.resume", new.resume("one").await),
        false => ("session.create", new.create().await),
    };
    timed_out(silent, method, ANSWER, opened);
    assert_eq!(start.elapsed().as_secs(), 120, "{silent}");
    let detached = rig.fake.received_raw("session.detach").await;
    assert!(detached["sessionId"].is_string(), "no session to detach: {detached}");
    rig.fake.release(silent);
    assert_alive(&rig.client).await;
}

/// The requests after the first one are part of the two minutes.
#[tokio::test(start_paused = true)]
async fn what_follows() {
    opened_only("session.eventLog.registerInterest", false, |new| {
        let nothing = async |_, _| Err::<UiHandlePendingSamplingResponse, _>("nothing");
        new.deny_all().on_sampling(nothing)
    })
    .await;
    for silent in ["session.tools.listPendingRequests", "session.permissions.pendingRequests"] {
        opened_only(silent, true, |new| {
            new.deny_all().configure(|config| config.continue_pending_work(true))
        })
        .await;
    }
}

/// A preceding detach is, too.
#[tokio::test(start_paused = true)]
async fn after_a_detach() {
    let rig = lasting(FakeCli::start()).await;
    let id = rig.session.id().to_owned();
    rig.fake.hold("session.detach");
    drop(rig.session);
    let start = Instant::now();
    rig.client.session().deny_all().resume(&id).await.expect("the session, after ten seconds");
    assert_eq!(start.elapsed().as_secs(), 10);

    rig.fake.hold("session.resume");
    let start = Instant::now();
    let again = rig.client.session().deny_all().resume(&id).await;
    timed_out("the session", "session.resume", ANSWER, again);
    assert_eq!(start.elapsed().as_secs(), 120);
    assert_alive(&rig.client).await;
}
