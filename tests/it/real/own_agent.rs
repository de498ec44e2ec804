//! The example of the scripted model's README.

use copilot_session::types::ProviderConfig;
use copilot_session::{Client, Policy};
use copilot_session_model::{MODEL_NAME, ModelServer, Reply, Script};
use copilot_session_tests::cli::cli_path;
use serde_json::json;

/// The agent may read the notes, and cannot delete them, whatever the model tries.
#[tokio::test]
async fn the_agent_only_reads() {
    let shell = if cfg!(windows) { "powershell" } else { "bash" };
    let model = ModelServer::start(Script::replies([
        Reply::tool_call("view", json!({"path": "notes.txt"})),
        Reply::tool_call(shell, json!({"command": "rm notes.txt", "description": "Clean up"})),
        Reply::text("Buy milk."),
    ]))
    .await
    .unwrap();
    let (home, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::fs::write(folder.path().join("notes.txt"), "milk").unwrap();

    // The CLI in `COPILOT_CLI_PATH`, or else the one on the `PATH`. It reads nothing of the user's.
    let client = Client::builder()
        .program(cli_path())
        .home_dir(home.path())
        .current_dir(folder.path())
        .no_login()
        .start()
        .await
        .unwrap();
    let session = client
        .session()
        .provider(ProviderConfig::new(model.base_url()))
        .model(MODEL_NAME)
        // What is tested; your program configures its sessions in a function that the test calls, too.
        .policy(Policy::read_within(folder.path()))
        .create()
        .await
        .unwrap();
    let answer = session.send_and_wait("What should I buy?").await.unwrap();
    client.stop().await;

    assert_eq!(answer.text(), "Buy milk.");
    let results = model.requests()[2].tool_results();
    assert!(results[0].1.contains("milk"), "the model has read the file");
    assert!(results[1].1.contains("policy"), "the model has read why it may not delete it");
    assert!(folder.path().join("notes.txt").exists());
}
