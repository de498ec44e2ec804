//! The run of a program on a CLI, with a scripted model and without a login.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use copilot_session::types::{
    ModeSetRequest, NameSetRequest, ProviderConfig, SessionGetMetadataRequest, SessionListRequest,
    SessionMode,
};
use copilot_session::{Client, ClientBuilder, Session, Tool, WireLog};
use copilot_session_model::{MODEL_NAME, ModelServer, Reply, Script};
use serde_json::{Value, json};

/// The time limit for a CLI to start. At its first start it unpacks itself.
const START: Duration = Duration::from_secs(120);
/// The time limit for all that follows.
const LIMIT: Duration = Duration::from_secs(120);
/// The tool by which the agent runs commands.
const SHELL: &str = if cfg!(windows) { "powershell" } else { "bash" };

/// Runs the CLI in a temporary folder.
pub async fn run(program: &Path, log: WireLog) -> Result<()> {
    let folder = tempfile::tempdir().context("cannot create a temporary folder")?;
    let model = ModelServer::start(script()).await.context("cannot start a model")?;
    let client = start(program, folder.path(), log).await?;
    let result = tokio::time::timeout(LIMIT, work(&client, &model.base_url())).await;
    client.stop().await;
    // What a version asks for and the model lacks is no concern of the audit.
    drop(model.take_unexpected());
    result.with_context(|| format!("the run took longer than {LIMIT:?}"))?
}

fn script() -> Script {
    let command = json!({"command": "echo heron", "description": "Print a bird"});
    let replies = [
        Reply::tool_call("lookup", json!({"key": "bird"})),
        Reply::tool_call(SHELL, command),
        Reply::chunks(["It is ", "a heron."]),
    ];
    Script::replies(replies)
}

async fn start(program: &Path, folder: &Path, log: WireLog) -> Result<Client> {
    let home = folder.join("home");
    let mut builder = Client::builder().program(program).home_dir(&home).current_dir(folder);
    // Early versions ignore COPILOT_HOME and use the user's home.
    for variable in ["HOME", "USERPROFILE", "LOCALAPPDATA"] {
        builder = builder.env(variable, &home);
    }
    let inherited = ["XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"];
    let tokens = ["COPILOT_GITHUB_TOKEN", "GH_TOKEN", "GITHUB_TOKEN"];
    builder = inherited.into_iter().chain(tokens).fold(builder, ClientBuilder::env_remove);
    fs::create_dir_all(&home)?;
    Ok(builder.no_login().no_telemetry().handshake_timeout(START).wire_log(log).start().await?)
}

async fn work(client: &Client, model: &str) -> Result<()> {
    client.ping("there?").await?;
    client.rpc().status().get().await?;
    client.rpc().auth().get_status().await?;
    let schema = json!({"type": "object", "properties": {"key": {"type": "string"}}});
    let lookup = Tool::with_schema("lookup", "Looks something up", schema, async |_: Value, _| "in the book");
    let provider = ProviderConfig::new(model).api_key("scripted");
    // Only the script decides what is called.
    let builder = client.session().provider(provider).model(MODEL_NAME).approve_all().tool(lookup);
    let session = builder.create().await?;
    session.send_and_wait("Which bird is it?").await?;
    calls(client, &session).await;
    client.delete_session(session.id()).await?;
    Ok(())
}

/// Calls outside of a turn. A version may lack some, and errors have no schema.
async fn calls(client: &Client, session: &Session) {
    let rpc = session.rpc();
    let _ = rpc.name().set(&NameSetRequest::new("birds")).await;
    let _ = rpc.name().get().await;
    let _ = rpc.mode().set(&ModeSetRequest::new(SessionMode::Plan)).await;
    let _ = rpc.mode().get().await;
    let _ = rpc.plan().read().await;
    let _ = session.log("A line of the log").await;
    let _ = session.messages().await;
    let _ = client.rpc().session().list(&SessionListRequest::default()).await;
    let _ = client.rpc().session().get_last_id().await;
    let _ = client.rpc().session().get_metadata(&SessionGetMetadataRequest::new(session.id())).await;
}
