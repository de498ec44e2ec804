use copilot_session::{Client, Decision, SessionEventData, Tool};
use serde_json::{Value, json};

#[tokio::main]
async fn main() -> Result<(), copilot_session::Error> {
    let client = Client::start().await?;
    let echo = Tool::with_schema("echo", "Repeats its arguments", json!({"type": "object"}), async |args: Value, _| {
        args.to_string()
    });
    let session = client
        .session()
        .model("gpt-5")
        .tool(echo)
        .on_permission(async |request, _| match request.command() {
            Some("git status") => Decision::approve(),
            _ => Decision::deny("only git status"),
        })
        .create()
        .await?;
    let mut turn = session.prompt("hello").await?;
    while let Some(event) = turn.next().await {
        if let SessionEventData::AssistantMessageDelta(delta) = event.data() {
            print!("{}", delta.delta_content);
        }
    }
    println!("{}", turn.await?.text());
    println!("{}", session.rpc().mode().get().await?.as_str());
    client.stop().await;
    Ok(())
}
