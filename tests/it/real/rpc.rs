//! Typed calls on the real CLI.

mod server_reads;
mod session_reads;
mod tally;

use copilot_session::types::{
    LogRequest, ModelSwitchToRequest, ModelsListRequest, PingRequest, ToolsListRequest,
};
use copilot_session::types::{ModeSetRequest, SessionLogLevel, SessionMode};
use copilot_session::{Error, RpcError, SessionBuilder, SessionEventData};
use copilot_session_model::{MODEL_NAME, Script};

use super::rig::{Rig, soon};

/// Calls that need no session return their results.
#[tokio::test]
async fn the_client_can_be_asked() {
    let rig = Rig::start(Script::replies([])).await;
    let rpc = rig.client.rpc();

    let pong = soon("the pong", rpc.ping(&PingRequest::default().message("Grüße"))).await.expect("a pong");
    assert_eq!((pong.message.as_str(), pong.protocol_version), ("pong: Grüße", 3));
    let status = soon("the status", rpc.status().get()).await.expect("a status");
    assert_eq!(status.version, rig.client.version().as_str());
    let tools = soon("the tools", rpc.tools().list(&ToolsListRequest::default())).await.expect("tools");
    assert!(tools.tools.iter().any(|tool| tool.name == "view" && !tool.description.is_empty()));
    rig.finish().await;
}

/// An error response of the CLI is an error with its method, code and text.
#[tokio::test]
async fn an_error_response_is_an_error() {
    let rig = Rig::start(Script::replies([])).await;
    let models = soon("the models", rig.client.rpc().models().list(&ModelsListRequest::default())).await;
    let error = models.expect_err("no login");
    assert_eq!((error.method(), error.code()), (Some("models.list"), Some(RpcError::INTERNAL_ERROR)));
    assert!(error.to_string().contains("Not authenticated"), "{error}");
    assert!(!error.is_method_not_found() && !error.is_closed());
    rig.finish().await;
}

/// A setting of a session can be read back, and its event arrives.
#[tokio::test]
async fn a_session_can_be_asked_and_changed() {
    let rig = Rig::start(Script::replies([])).await;
    let session = rig.session(SessionBuilder::deny_all).await;
    let rpc = session.rpc();
    assert_eq!(soon("the mode", rpc.mode().get()).await.expect("a mode"), SessionMode::Interactive);
    let plan = ModeSetRequest::new(SessionMode::Plan);
    soon("the change of mode", rpc.mode().set(&plan)).await.expect("a change");
    assert_eq!(soon("the mode", rpc.mode().get()).await.expect("a mode"), SessionMode::Plan);

    let model = soon("the model", rpc.model().get_current()).await.expect("a model");
    assert_eq!(model.model_id.as_deref(), Some(MODEL_NAME));
    let other = ModelSwitchToRequest::new("another");
    soon("the change of model", rpc.model().switch_to(&other)).await.expect("a change");
    let model = soon("the model", rpc.model().get_current()).await.expect("a model");
    assert_eq!(model.model_id.as_deref(), Some("another"));
    rig.finish().await;
}

/// A line in the session's log arrives as the event whose id the call returned.
#[tokio::test]
async fn a_logged_line_is_an_event() {
    let rig = Rig::start(Script::replies([])).await;
    let session = rig.session(SessionBuilder::deny_all).await;
    let mut events = session.events();
    let line = LogRequest::new("mind the gap").level(SessionLogLevel::Warning);
    let logged = soon("the answer", session.rpc().log(&line)).await.expect("a response");
    loop {
        let event = soon("the line's event", events.next()).await.expect("an event");
        if event.id() == logged.event_id {
            let SessionEventData::SessionWarning(warning) = event.data() else {
                panic!("not a warning: {event:?}")
            };
            assert_eq!(
                (warning.warning_type.as_str(), warning.message.as_str()),
                ("notification", "mind the gap")
            );
            break;
        }
    }
    rig.finish().await;
}

/// A call that is not awaited is not sent, and one that is dropped disturbs no other.
#[tokio::test]
async fn calls_can_be_given_up() {
    let rig = Rig::start(Script::replies([])).await;
    let session = rig.session(SessionBuilder::deny_all).await;
    let rpc = session.rpc();
    drop(rpc.mode().set(&ModeSetRequest::new(SessionMode::Plan)));
    let hurried = rpc.tools().initialize_and_validate().timeout(std::time::Duration::ZERO).await;
    assert!(matches!(&hurried, Err(Error::Timeout { .. })), "{hurried:?}");
    assert_eq!(soon("the mode", rpc.mode().get()).await.expect("a mode"), SessionMode::Interactive);
    rig.finish().await;
}
