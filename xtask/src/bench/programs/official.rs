use std::sync::Arc;

use async_trait::async_trait;
use github_copilot_sdk::handler::{PermissionHandler, PermissionResult};
use github_copilot_sdk::session_events::{AssistantMessageDeltaData, SessionEventType};
use github_copilot_sdk::subscription::RecvErrorKind;
use github_copilot_sdk::tool::ToolHandler;
use github_copilot_sdk::types::{
    PermissionRequestData, RequestId, SessionConfig, SessionId, Tool, ToolInvocation, ToolResult,
};
use github_copilot_sdk::{Client, ClientOptions, Error};
use serde_json::json;

struct Echo;

#[async_trait]
impl ToolHandler for Echo {
    async fn call(&self, call: ToolInvocation) -> Result<ToolResult, Error> {
        Ok(ToolResult::Text(call.arguments.to_string()))
    }
}

struct GitStatus;

#[async_trait]
impl PermissionHandler for GitStatus {
    async fn handle(&self, _: SessionId, _: RequestId, data: PermissionRequestData) -> PermissionResult {
        let command = data.extra.get("permissionRequest").and_then(|request| request["fullCommandText"].as_str());
        match command {
            Some("git status") => PermissionResult::approve_once(),
            _ => PermissionResult::reject(Some("only git status".to_owned())),
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let client = Client::start(ClientOptions::new()).await?;
    let echo = Tool::new("echo")
        .with_description("Repeats its arguments")
        .with_parameters(json!({"type": "object"}))
        .with_handler(Arc::new(Echo));
    let config = SessionConfig::default()
        .with_model("gpt-5")
        .with_streaming(true)
        .with_tools([echo])
        .with_permission_handler(Arc::new(GitStatus));
    let session = client.create_session(config).await?;
    let mut events = session.subscribe();
    session.send("hello").await?;
    loop {
        let event = match events.recv().await {
            Ok(event) => event,
            Err(error) if matches!(error.kind(), RecvErrorKind::Lagged(_)) => continue,
            Err(error) => return Err(error.into()),
        };
        match event.parsed_type() {
            SessionEventType::AssistantMessageDelta => {
                if let Some(delta) = event.typed_data::<AssistantMessageDeltaData>() {
                    print!("{}", delta.delta_content);
                }
            }
            SessionEventType::SessionError => return Err(event.data.to_string().into()),
            SessionEventType::SessionIdle => break,
            _ => {}
        }
    }
    println!("{:?}", session.rpc().mode().get().await?);
    client.stop().await.map_err(|error| error.to_string())?;
    Ok(())
}
