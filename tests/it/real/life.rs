//! The life of a session: its observers, time limits, folder and end.

use std::future::IntoFuture;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use copilot_session::types::{ErrorOccurredHookInput, SessionEndHookInput, SessionStartHookInput};
use copilot_session::{Error, ErrorKind, SessionBuilder};
use copilot_session_model::{Reply, Script, Stall};
use tokio::sync::mpsc;

use super::rig::{Rig, ask, prompt, soon};

/// Every observer sees every event. One that panics or unsubscribes does not disturb the others.
#[tokio::test]
async fn many_observers() {
    let rig = Rig::start(Script::replies([Reply::text("One."), Reply::text("Two.")])).await;
    let session = rig.session(SessionBuilder::deny_all).await;
    session.on(|_| panic!("an observer panics in a test"));
    let (first, mut firsts) = mpsc::unbounded_channel();
    let (second, mut seconds) = mpsc::unbounded_channel();
    let leaving = session.on(move |event| drop(first.send(event.id().to_owned())));
    session.on(move |event| drop(second.send((event.id().to_owned(), event.kind().to_owned()))));
    ask(&session, "First.").await.expect("an answer");
    let mut seen = Vec::new();
    while let Some((id, kind)) = soon("the events", seconds.recv()).await {
        seen.push(id);
        if kind == "session.idle" {
            break;
        }
    }
    for id in &seen {
        assert_eq!(soon("the same events", firsts.recv()).await.as_ref(), Some(id));
    }
    leaving.unsubscribe();
    assert_eq!(soon("the end of the first observer", firsts.recv()).await, None);
    assert_eq!(ask(&session, "Second.").await.expect("an answer").text(), "Two.");
    assert!(soon("more events", seconds.recv()).await.is_some());
    rig.finish().await;
}

/// A turn whose wait has timed out goes on, and its answer is in the history.
#[tokio::test]
async fn a_time_limit_leaves_the_work_alone() {
    let stall = Stall::new();
    let rig = Rig::start(Script::replies([Reply::text("At last.").stall(&stall)])).await;
    let session = rig.session(SessionBuilder::deny_all).await;
    let mut events = session.events();
    let turn = prompt(&session, "Take your time.").await;
    soon("the model to be asked", rig.model.request(0)).await;
    let error = turn.timeout(Duration::from_millis(1)).await.expect_err("the time limit");
    assert!(error.is_timeout(), "{error}");
    stall.release();
    while soon("the idle", events.next()).await.expect("an event").kind() != "session.idle" {}
    let history = soon("the history", session.messages()).await.expect("a history");
    assert!(history.iter().any(|event| event.raw().contains("At last.")));
    rig.finish().await;
}

/// A session has the id of the configuration, and a folder of its own unless it is configured without one.
#[tokio::test]
async fn id_and_workspace() {
    let rig = Rig::start(Script::replies([])).await;
    let named = |new: SessionBuilder| new.deny_all().configure(|config| config.session_id("my-session_1"));
    let session = rig.session(named).await;
    assert_eq!(session.id(), "my-session_1");
    let path = session.workspace_path().expect("a folder");
    assert!(path.ends_with("my-session_1") && std::path::Path::new(path).is_dir(), "{path}");
    let finite = rig.session(|new: SessionBuilder| {
        new.deny_all().configure(|config| config.infinite_sessions(no_workspace()))
    });
    assert_eq!(finite.await.workspace_path(), None);
    rig.finish().await;
}

fn no_workspace() -> copilot_session::types::InfiniteSessionConfig {
    copilot_session::types::InfiniteSessionConfig::default().enabled(false)
}

/// The end of a session ends its turn, though the CLI sends no `session.idle`.
#[tokio::test]
async fn a_turn_ends_with_its_session() {
    let stall = Stall::new();
    let rig = Rig::start(Script::replies([Reply::text("Never.").stall(&stall)])).await;
    let session = rig.session(SessionBuilder::deny_all).await;
    let turn = prompt(&session, "Hello?").await;
    soon("the model to be asked", rig.model.request(0)).await;
    soon("the disconnect", session.disconnect()).await.expect("a disconnect");
    let error = soon("the turn", turn.into_future()).await.expect_err("no answer");
    assert_eq!(error.kind(), ErrorKind::SessionGone, "{error:?}");
    rig.finish().await;
}

/// The hooks at the start, at an error and at the end of a session receive their inputs.
#[tokio::test]
async fn hooks_of_a_life() {
    let rig = Rig::start(Script::replies([Reply::error(400, "not like this").not_retried()])).await;
    let inputs = Arc::new(Mutex::new(Vec::new()));
    let (start, error, end) = (Arc::clone(&inputs), Arc::clone(&inputs), Arc::clone(&inputs));
    let session = rig.session(|new: SessionBuilder| {
        new.deny_all()
            .hook(move |input: SessionStartHookInput, _| {
                start.lock().unwrap().push(format!("start {}", input.session_id));
                async {}
            })
            .hook(move |input: ErrorOccurredHookInput, _| {
                error.lock().unwrap().push(format!("error {:?}", input.error));
                async {}
            })
            .hook(move |input: SessionEndHookInput, _| {
                end.lock().unwrap().push(format!("end {}", input.session_id));
                async {}
            })
    });
    let session = session.await;
    assert!(matches!(ask(&session, "Fail.").await, Err(Error::Turn(_))));
    soon("the disconnect", session.rpc().destroy()).await.expect("a disconnect");
    let inputs = inputs.lock().unwrap().clone();
    assert_eq!(inputs.len(), 3, "{inputs:?}");
    assert_eq!(inputs[0], format!("start {}", session.id()));
    assert!(inputs[1].contains("not like this"), "{inputs:?}");
    assert_eq!(inputs[2], format!("end {}", session.id()));
    rig.finish().await;
}
