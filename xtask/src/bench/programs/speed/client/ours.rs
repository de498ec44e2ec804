//! The rows with this SDK.

mod meter;
mod rows;
mod sdk;

use copilot_session::{Client, Events, Session, SessionEvent, SessionEventData, Tool};
use sdk::{Next, Sdk};
use serde_json::{Value, json};

struct Ours(Client);

impl Sdk for Ours {
    type Session = Session;
    type Events = Events;
    type Event = SessionEvent;

    async fn start(cli: &str) -> Self {
        Self(Client::builder().program(cli).start().await.expect("the CLI starts"))
    }

    async fn stop(self) {
        self.0.stop().await;
    }

    async fn plain(&self) -> Session {
        self.0.session().deny_all().create().await.expect("a session")
    }

    async fn session(&self) -> Session {
        let number = json!({"type": "number"});
        let schema = json!({"type": "object", "properties": {"a": number, "b": number}});
        let add = Tool::with_schema("add", "Adds two numbers", schema, async |arguments: Value, _| {
            let number = |name: &str| arguments[name].as_i64().unwrap_or(0);
            (number("a") + number("b")).to_string()
        });
        self.0.session().model("fake-model").approve_all().tool(add).create().await.expect("a session")
    }

    async fn disconnect(session: Session) {
        session.disconnect().await.expect("the session is closed");
    }

    fn events(session: &Session) -> Events {
        session.events()
    }

    async fn next(events: &mut Events) -> Next<SessionEvent> {
        let event = events.next().await.expect("an event");
        match event.missed() {
            Some(count) => Next::Missed(count),
            None => Next::Event(event),
        }
    }

    fn kind(event: &SessionEvent) -> &str {
        event.kind()
    }

    fn piece(event: &SessionEvent) -> usize {
        match event.data() {
            SessionEventData::AssistantMessageDelta(delta) => delta.delta_content.len(),
            _ => 0,
        }
    }

    async fn send(session: &Session, prompt: &str) {
        session.send(prompt).await.expect("the prompt is sent");
    }

    async fn answer(session: &Session, prompt: &str) -> usize {
        session.send_and_wait(prompt).await.expect("an answer").text().len()
    }

    async fn name(session: &Session) -> usize {
        let result = session.rpc().name().get().await.expect("a name");
        result.name.map_or(0, |name| name.len())
    }

    async fn history(session: &Session) -> (usize, usize) {
        let events = session.messages().await.expect("the history");
        let length = |event: &SessionEvent| match event.data() {
            SessionEventData::AssistantMessage(message) => message.content.len(),
            SessionEventData::UserMessage(message) => message.content.len(),
            _ => 0,
        };
        (events.len(), events.iter().map(length).sum())
    }
}

fn main() {
    rows::main::<Ours>();
}
