//! The CLI is killed while it creates a session, during a turn, during calls of handlers, and while it is
//! idle.

use std::future::IntoFuture;
use std::pin::pin;

use copilot_session::methods::client::SessionFsReadFile;
use copilot_session::types::{SessionFsSetProviderConventions, SessionFsSetProviderRequest};
use copilot_session::{Client, ClientBuilder, Decision, Error, SessionBuilder, Tool};
use copilot_session_model::{Reply, Script, Stall};
use serde_json::{Value, json};

use super::{Doomed, Stuck, under_way};
use crate::real::lifeline;
use crate::real::rig::{prompt, soon};

/// While a session is created: the CLI waits for the client, which keeps the session's files.
#[tokio::test]
async fn making_a_session() {
    let stuck = Stuck::default();
    let handler = stuck.clone();
    let start = async |new: ClientBuilder| {
        let new = new.handle::<SessionFsReadFile>(move |_, _| {
            let stuck = handler.clone();
            async move {
                stuck.hang().await;
                unreachable!("it never returns")
            }
        });
        new.start().await
    };
    let doomed = Doomed::start_by(Script::replies([]), lifeline::program, start).await;
    let work = doomed.rig.work().display().to_string();
    let provider = SessionFsSetProviderRequest::new(work, "/state", SessionFsSetProviderConventions::Posix);
    let set = doomed.rig.client.rpc().session_fs().set_provider(&provider).await;
    assert!(set.expect("a response").success);

    let mut creating = pin!(doomed.rig.builder_on(&doomed.rig.client).deny_all().create());
    under_way(creating.as_mut(), stuck.reached()).await;
    let dead = doomed.kill("session.create", creating).await;
    stuck.dropped().await;
    dead.check(None).await;
}

/// While the model answers.
#[tokio::test]
async fn in_a_turn() {
    let stall = Stall::new();
    let doomed = Doomed::start(Script::replies([Reply::text("Let me ").stall(&stall)])).await;
    let session = doomed.rig.session(SessionBuilder::deny_all).await;
    let turn = prompt(&session, "Go.").await;
    soon("the model to be asked", stall.reached()).await;
    doomed.kill("turn", turn.into_future()).await.check(Some(&session)).await;
}

/// While a tool of the session runs.
#[tokio::test]
async fn in_a_tool() {
    let stuck = Stuck::default();
    let doomed = Doomed::start(Script::replies([Reply::tool_call("stay", json!({}))])).await;
    let handler = stuck.clone();
    let tool = Tool::new("stay", "Stays for ever", move |_: Value, _| {
        let stuck = handler.clone();
        async move {
            stuck.hang().await;
            "never"
        }
    });
    let session = doomed.rig.session(|new| new.tool(tool).approve_all()).await;
    let turn = prompt(&session, "Go.").await;
    soon("the tool to be called", stuck.reached()).await;
    let dead = doomed.kill("tool call", turn.into_future()).await;
    stuck.dropped().await;
    dead.check(Some(&session)).await;
}

/// While the CLI waits for a permission.
#[tokio::test]
async fn in_a_permission_request() {
    let stuck = Stuck::default();
    let call = Reply::tool_call("bash", json!({ "command": "touch file", "description": "A step" }));
    let doomed = Doomed::start(Script::replies([call])).await;
    let handler = stuck.clone();
    let session = doomed.rig.session(|new: SessionBuilder| {
        new.on_permission(move |_, _| {
            let stuck = handler.clone();
            async move {
                stuck.hang().await;
                Decision::approve()
            }
        })
    });
    let session = session.await;
    let turn = prompt(&session, "Go.").await;
    soon("our leave to be asked", stuck.reached()).await;
    let dead = doomed.kill("permission request", turn.into_future()).await;
    stuck.dropped().await;
    dead.check(Some(&session)).await;
}

/// While a command of the agent runs. The command has a process group of its own and goes on, but delays
/// nothing.
#[tokio::test]
async fn in_a_command() {
    let folder = tempfile::tempdir().expect("a folder");
    let (take, loose) = lifeline::lifeline(folder.path(), "command.lifeline");
    let command = format!("{take}; exec sleep 100000");
    let call = Reply::tool_call("bash", json!({ "command": command, "description": "A step" }));
    let doomed = Doomed::start(Script::replies([call])).await;
    let session = doomed.rig.session(SessionBuilder::approve_all).await;
    let turn = prompt(&session, "Go.").await;
    let command = loose.taken().await;
    let dead = doomed.kill("command", turn.into_future()).await;
    command.kill();
    command.cut("the command of the agent").await;
    dead.check(Some(&session)).await;
}

async fn while_idle(phase: &str, start: impl AsyncFnOnce(ClientBuilder) -> Result<Client, Error>) {
    let doomed = Doomed::start_by(Script::replies([]), lifeline::program, start).await;
    let session = doomed.rig.session(SessionBuilder::deny_all).await;
    let client = doomed.rig.client.clone();
    let closed = async { Err::<(), _>(Error::Closed(client.closed().await)) };
    doomed.kill(phase, closed).await.check(Some(&session)).await;
}

/// While the CLI is idle, on stdio and on TCP.
#[tokio::test]
async fn idle() {
    while_idle("idle", ClientBuilder::start).await;
    while_idle("idle on TCP", async |new| new.start_tcp(0).await).await;
}
