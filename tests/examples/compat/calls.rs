//! Calls of a host outside of turns. Each is a step, but they share a CLI and a session.

use std::sync::Arc;
use std::time::Duration;

use copilot_session::types::{
    ModeSetRequest, NameSetRequest, SessionGetMetadataRequest, SessionListRequest, SessionMode,
};
use copilot_session::{Error, Session, SessionBuilder, Tool};
use copilot_session_model::{Reply, Script};
use serde_json::{Value, json};

use crate::bench::{Bench, Lab};
use crate::report::{self, Fault, Outcome, check};

/// The name of all of them together.
pub const STEP: &str = "calls";

/// The calls, in the order in which they are made and shown.
const NAMES: [&str; 10] = [
    "call: set_model",
    "call: log",
    "call: set_tools",
    "call: mode().set",
    "call: name().set",
    "call: plan().read",
    "call: session().list",
    "call: session().get_last_id",
    "call: session().get_metadata",
    "call: delete_session",
];

/// The time limit of a call. It passes only if something hangs.
const LIMIT: Duration = Duration::from_secs(60);

pub async fn run(lab: &Arc<Lab>) {
    let desk = match open(lab).await {
        Ok(desk) => Ok(Arc::new(desk)),
        Err(Fault::Cannot(reason) | Fault::Failed(reason)) => Err(reason),
    };
    for name in NAMES {
        let desk = desk.clone();
        let work = async move {
            call(name, &*desk.map_err(|error| format!("there is no session: {error:#}"))?).await
        };
        report::run(name, LIMIT, work).await;
    }
}

/// A session with one turn, without which the CLI does not store it.
struct Desk {
    bench: Bench,
    session: Session,
}

async fn open(lab: &Arc<Lab>) -> Outcome<Desk> {
    let bench = Bench::start(lab, STEP, Script::replies([Reply::text("Yes.")])).await?;
    let session = bench.create(SessionBuilder::deny_all).await?;
    bench.ask(&session, "There?", "Yes.").await?;
    Ok(Desk { bench, session })
}

async fn call(name: &str, desk: &Desk) -> Outcome {
    let Desk { bench, session } = desk;
    let (client, rpc) = (&bench.client, session.rpc());
    match name {
        "call: set_model" => drop(bench.check(session.set_model("scripted").await)?),
        "call: log" => drop(bench.check(session.log("A line of the log").await)?),
        "call: set_tools" => bench.check(session.set_tools([silent_tool()]).await)?,
        "call: mode().set" => {
            bench.check(rpc.mode().set(&ModeSetRequest::new(SessionMode::Plan)).await)?;
            let mode = bench.check(rpc.mode().get().await)?;
            check(mode == SessionMode::Plan, || format!("the mode is {}", mode.as_str()))?;
        }
        "call: name().set" => {
            bench.check(rpc.name().set(&NameSetRequest::new("birds")).await)?;
            let name = bench.check(rpc.name().get().await)?.name;
            check(name.as_deref() == Some("birds"), || format!("the name is {name:?}"))?;
        }
        "call: plan().read" => {
            let plan = bench.check(rpc.plan().read().await)?;
            check(!plan.exists, || "there is a plan".to_owned())?;
        }
        "call: session().list" => {
            // Some versions store a session only after a while.
            while !is_listed(desk).await? {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
        "call: session().get_last_id" => {
            let id = bench.check(client.rpc().session().get_last_id().await)?.session_id;
            check(id.as_deref() == Some(session.id()), || format!("the id is {id:?}"))?;
        }
        "call: session().get_metadata" => {
            let request = SessionGetMetadataRequest::new(session.id());
            let found = bench.check(client.rpc().session().get_metadata(&request).await)?;
            check(found.session.is_some(), || "it does not know the session".to_owned())?;
        }
        "call: delete_session" => delete(desk).await?,
        other => return Err(format!("there is no call {other}").into()),
    }
    bench.verdict()
}

/// Deletes the session. For an unknown session, some versions do nothing and others respond with an error.
async fn delete(desk: &Desk) -> Outcome {
    let Desk { bench, session } = desk;
    bench.check(bench.client.delete_session(session.id()).await)?;
    check(!is_listed(desk).await?, || "the list of sessions still has it".to_owned())?;
    let unknown = bench.client.delete_session("no-such-session").await;
    let refused = matches!(&unknown, Ok(()) | Err(Error::Refused { .. } | Error::Rpc { .. }));
    check(refused, || format!("deleting a session that is not there gave {unknown:?}"))
}

/// Returns true if the session is in the list of stored ones.
async fn is_listed(desk: &Desk) -> Outcome<bool> {
    let Desk { bench, session } = desk;
    let stored = bench.check(bench.client.rpc().session().list(&SessionListRequest::default()).await)?;
    Ok(stored.sessions.iter().any(|stored| stored.session_id == session.id()))
}

fn silent_tool() -> Tool {
    Tool::with_schema("silent", "Says nothing", json!({ "type": "object" }), async |_: Value, _| "")
}
