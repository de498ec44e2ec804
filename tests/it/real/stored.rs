//! The stored sessions of a CLI, and other calls of a client.

use std::future::IntoFuture;

use copilot_session::methods::notification::SessionLifecycle;
use copilot_session::types::{SessionGetMetadataRequest, SessionLifecycleType, SessionListRequest};
use copilot_session::{Error, ErrorKind, SessionBuilder};
use copilot_session_model::{Reply, Script, Stall};

use super::rig::{Rig, ask, prompt, soon};

/// A session with a prompt is listed, described and the last one, until it is deleted. Observers see each
/// change.
#[tokio::test]
async fn sessions_are_listed_and_deleted() {
    let rig = Rig::start(Script::replies([Reply::text("Noted.")])).await;
    let client = &rig.client;
    let mut changes = client.notifications::<SessionLifecycle>();
    let (sender, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let watch =
        client.on::<SessionLifecycle>(move |change| drop(sender.send(change.expect("a change").session_id)));
    let session = rig.session(SessionBuilder::deny_all).await;
    let created = soon("the lifecycle", changes.next()).await.expect("a notification").expect("a change");
    assert_eq!(created.session_id, session.id());
    assert!(matches!(created.kind, SessionLifecycleType::SessionCreated), "{created:?}");
    assert_eq!(soon("the lifecycle", heard.recv()).await.as_deref(), Some(session.id()));
    watch.unsubscribe();

    ask(&session, "Note this.").await.expect("an answer");
    let id = session.id().to_owned();
    soon("the disconnect", session.disconnect()).await.expect("a disconnect");
    let stored = client.rpc().session();
    let listed = soon("the list", stored.list(&SessionListRequest::default())).await.expect("a list");
    assert_eq!(listed.sessions.iter().map(|listed| &*listed.session_id).collect::<Vec<_>>(), [&*id]);
    let request = SessionGetMetadataRequest::new(&*id);
    let known = soon("the metadata", stored.get_metadata(&request)).await.expect("a response");
    assert_eq!(known.session.expect("metadata").session_id, id);
    assert_eq!(
        soon("the last", stored.get_last_id()).await.expect("a response").session_id,
        Some(id.clone())
    );

    soon("the deletion", client.delete_session(&id)).await.expect("a deletion");
    let gone = soon("the metadata", stored.get_metadata(&request)).await.expect("a response");
    assert!(gone.session.is_none());
    let again = soon("the deletion", client.delete_session(&id)).await.expect_err("a deleted session");
    assert!(matches!(again, Error::Refused { .. }), "{again}");
    loop {
        let change = soon("the lifecycle", changes.next()).await.expect("a notification").expect("a change");
        if matches!(change.kind, SessionLifecycleType::SessionDeleted) {
            break assert_eq!(change.session_id, id);
        }
    }
    rig.finish().await;
}

/// A session that is deleted while it is open ends at once, for everything that waits for it.
#[tokio::test]
async fn an_open_session_is_deleted() {
    let stall = Stall::new();
    let rig = Rig::start(Script::replies([Reply::text("Never.").stall(&stall)])).await;
    let session = rig.session(SessionBuilder::deny_all).await;
    let mut events = session.events();
    let turn = prompt(&session, "Hello?").await;
    soon("the model to be asked", rig.model.request(0)).await;
    soon("the deletion", rig.client.delete_session(session.id())).await.expect("a deletion");
    let error = soon("the turn", turn.into_future()).await.expect_err("the end");
    assert_eq!(error.kind(), ErrorKind::SessionGone, "{error:?}");
    while soon("the events", events.next()).await.is_some() {}
    assert!(matches!(session.send("Hello?").await, Err(Error::SessionEnded)));
    rig.finish().await;
}

/// The CLI answers calls about itself: a ping, its version, the login, the models, the foreground session.
#[tokio::test]
async fn the_cli_is_asked() {
    let rig = Rig::start(Script::replies([])).await;
    let client = &rig.client;
    assert_eq!(soon("a ping", client.ping("anyone?")).await.expect("a response"), "pong: anyone?");
    let status = soon("the status", client.rpc().status().get()).await.expect("a response");
    assert_eq!(status.version, client.version().as_str());
    let login = soon("the login", client.rpc().auth().get_status()).await.expect("a response");
    assert!(!login.is_authenticated);
    let models = soon("the models", client.models()).await.expect_err("no login");
    assert!(models.to_string().contains("Not authenticated"), "{models}");
    let shown = soon("the foreground", client.rpc().session().get_foreground()).await.expect("a response");
    assert_eq!(shown.session_id, None);
    let session = rig.session(SessionBuilder::deny_all).await;
    let shown = soon("the foreground", client.set_foreground_session(session.id())).await;
    assert!(matches!(shown, Err(Error::Refused { .. })), "{shown:?}");
    rig.finish().await;
}
