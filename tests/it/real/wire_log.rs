//! The wire log on the real CLI.

use std::io::{Read, Seek};

use copilot_session::testing::FakeCli;
use copilot_session::types::ProviderConfig;
use copilot_session::{Client, ClientBuilder, Error, Tool, WireLog};
use copilot_session_model::{Reply, Script};
use copilot_session_tests::cli::cli_path;
use serde_json::json;

use super::rig::{Rig, soon};

/// One turn with a tool, and the end of the session.
async fn turn(client: &Client, model: &str) -> Result<String, Error> {
    let schema = json!({"type": "object"});
    let tool = Tool::with_schema("weather", "Says it", schema, async |_: serde_json::Value, _| "sunny");
    let provider = ProviderConfig::new(model).api_key("k3y");
    let session = client.session().approve_all().provider(provider).model("scripted").tool(tool);
    let session = session.create().await?;
    let answer = session.send_and_wait("How is the weather?").await?;
    session.disconnect().await?;
    client.stop().await;
    Ok(answer.text().to_owned())
}

/// The wire log of a turn on the real CLI contains no secret, and a fake replays the turn from it.
#[tokio::test]
async fn a_real_turn_is_replayed() {
    let mut file = tempfile::tempfile().expect("a file");
    let log = WireLog::new(file.try_clone().expect("the same file"));
    let replies = [Reply::tool_call("weather", json!({})), Reply::text("It is sunny.")];
    let start = async |new: ClientBuilder| new.wire_log(log).start().await;
    let rig = Rig::start_by(Script::replies(replies), |_| cli_path(), start).await;
    let answer = soon("the turn", turn(&rig.client, &rig.model.base_url())).await.expect("an answer");
    assert_eq!(answer, "It is sunny.");

    let mut text = String::new();
    file.rewind().and_then(|()| file.read_to_string(&mut text)).expect("the log");
    assert!(text.contains("assistant.message") && !text.contains("k3y"), "{text}");
    let fake = FakeCli::replay(&text);
    let answer = turn(&fake.client().await, "http://localhost").await.expect("the same answer");
    assert_eq!(answer, "It is sunny.");
}
