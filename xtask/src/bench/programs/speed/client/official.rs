//! The rows with the official SDK.

mod meter;
mod rows;
mod sdk;

use std::sync::Arc;
use std::time::Duration;

use github_copilot_sdk::handler::ApproveAllHandler;
use github_copilot_sdk::session::Session;
use github_copilot_sdk::session_events::{AssistantMessageDeltaData, SessionEventType};
use github_copilot_sdk::subscription::RecvErrorKind;
use github_copilot_sdk::tool::ToolHandler;
use github_copilot_sdk::types::{
    MessageOptions, SessionConfig, SessionEvent, Tool, ToolInvocation, ToolResult,
};
use github_copilot_sdk::{CliProgram, Client, ClientOptions, Error, EventSubscription, Transport};
use sdk::{Next, Sdk};
use serde_json::json;

struct Add;

#[async_trait::async_trait]
impl ToolHandler for Add {
    async fn call(&self, call: ToolInvocation) -> Result<ToolResult, Error> {
        let number = |name: &str| call.arguments[name].as_i64().unwrap_or(0);
        Ok(ToolResult::Text((number("a") + number("b")).to_string()))
    }
}

struct Official(Client);

impl Official {
    async fn create(&self, config: SessionConfig) -> Session {
        self.0.create_session(config).await.expect("a session")
    }
}

impl Sdk for Official {
    type Session = Session;
    type Events = EventSubscription;
    type Event = SessionEvent;

    async fn start(cli: &str) -> Self {
        let options = ClientOptions::new().with_program(CliProgram::Path(cli.into()));
        Self(Client::start(options.with_transport(Transport::Stdio)).await.expect("the CLI starts"))
    }

    async fn stop(self) {
        self.0.stop().await.expect("the CLI stops");
    }

    async fn plain(&self) -> Session {
        self.create(SessionConfig::default()).await
    }

    async fn session(&self) -> Session {
        let number = json!({"type": "number"});
        let schema = json!({"type": "object", "properties": {"a": number, "b": number}});
        let add = Tool::new("add").with_description("Adds two numbers").with_parameters(schema);
        let config = SessionConfig::default().with_model("fake-model").with_streaming(true);
        let config = config.with_tools([add.with_handler(Arc::new(Add))]);
        self.create(config.with_permission_handler(Arc::new(ApproveAllHandler))).await
    }

    async fn disconnect(session: Session) {
        session.disconnect().await.expect("the session is closed");
    }

    fn events(session: &Session) -> EventSubscription {
        session.subscribe()
    }

    async fn next(events: &mut EventSubscription) -> Next<SessionEvent> {
        match events.recv().await {
            Ok(event) => Next::Event(event),
            Err(error) => match error.kind() {
                RecvErrorKind::Lagged(lagged) => Next::Missed(lagged.skipped()),
                _ => panic!("no event: {error}"),
            },
        }
    }

    fn kind(event: &SessionEvent) -> &str {
        &event.event_type
    }

    fn piece(event: &SessionEvent) -> usize {
        match event.parsed_type() {
            SessionEventType::AssistantMessageDelta => {
                event.typed_data::<AssistantMessageDeltaData>().map_or(0, |delta| delta.delta_content.len())
            }
            _ => 0,
        }
    }

    async fn send(session: &Session, prompt: &str) {
        session.send(prompt).await.expect("the prompt is sent");
    }

    async fn answer(session: &Session, prompt: &str) -> usize {
        let options = MessageOptions::new(prompt).with_wait_timeout(Duration::from_secs(300));
        let event = session.send_and_wait(options).await.expect("a turn").expect("an answer");
        event.data["content"].as_str().map_or(0, str::len)
    }

    async fn name(session: &Session) -> usize {
        let result = session.rpc().name().get().await.expect("a name");
        result.name.map_or(0, |name| name.len())
    }

    async fn history(session: &Session) -> (usize, usize) {
        let events = session.get_events().await.expect("the history");
        let content = |event: &SessionEvent| Some(event.data.get("content")?.as_str()?.len());
        (events.len(), events.iter().filter_map(content).sum())
    }
}

fn main() {
    rows::main::<Official>();
}
