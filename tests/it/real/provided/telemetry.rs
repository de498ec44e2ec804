//! Telemetry that the CLI forwards to the client (`gitHubTelemetry.event`).

use copilot_session::SessionBuilder;
use copilot_session::methods::notification::GitHubTelemetryEvent;
use copilot_session_model::{MODEL_NAME, Reply, Script};
use copilot_session_tests::cli::cli_path;
use tokio::sync::mpsc;

use super::super::rig::{Rig, ask, soon};

/// A client with an observer of telemetry receives that of its sessions.
#[tokio::test]
async fn telemetry_reaches_the_client() {
    let (sender, mut events) = mpsc::unbounded_channel();
    let start = async |new: copilot_session::ClientBuilder| {
        // The receiver is gone when the test is over.
        new.on::<GitHubTelemetryEvent>(move |event| drop(sender.send(event))).start().await
    };
    let rig = Rig::start_by(Script::replies([Reply::text("Hello.")]), |_| cli_path(), start).await;
    let session = rig.session(SessionBuilder::deny_all).await;
    ask(&session, "Hello?").await.expect("an answer");
    let started = async {
        loop {
            let event = events.recv().await.expect("an event").expect("valid telemetry");
            if event.event.kind == "session_start" {
                return event;
            }
        }
    };
    let event = soon("the telemetry of the start", started).await;
    assert_eq!(event.session_id.as_deref(), Some(session.id()));
    assert_eq!(event.event.properties["selected_model"], MODEL_NAME);
    rig.finish().await;
}
