//! A fake CLI that replays a recording.

use std::collections::{BTreeSet, HashMap};

use copilot_session::testing::{FakeCli, ReceivedCall};
use copilot_session::types::SessionConfig;
use copilot_session::{Client, SessionBuilder, wire};
use serde_json::{Value, json};

use super::recording::{Line, Recording, Request};
use crate::rig::connect;

/// A recording, the fake that replays it, and the SDK's client.
pub struct Stage {
    pub fake: FakeCli,
    pub client: Client,
    pub recording: Recording,
    but: fn(&Request) -> bool,
}

/// Keys of a session's configuration that follow from handlers, or that are always sent.
const FROM_HANDLERS: &[&str] = &[
    "tools",
    "hooks",
    "commands",
    "streaming",
    "requestPermission",
    "requestUserInput",
    "requestElicitation",
    "requestExitPlanMode",
];

impl Stage {
    /// Connects to a fake of the recording's version.
    pub async fn open(recording: Recording, but: fn(&Request) -> bool) -> Self {
        let fake = FakeCli::of_version(&recording.version);
        let client = connect(&fake).await;
        let stage = Self { fake, client, recording, but };
        stage.methods().iter().for_each(|method| stage.fake.hold(method));
        stage
    }

    /// The client's methods that the recording answers.
    fn methods(&self) -> BTreeSet<String> {
        self.recording.requests().filter(|request| self.is_played(request)).map(method_of_sdk).collect()
    }

    pub fn version(&self) -> &str {
        &self.recording.version
    }

    /// Returns true if this is the oldest recorded version.
    pub fn is_old(&self) -> bool {
        self.version() == "1.0.10"
    }

    /// A session with the first recorded configuration, without the keys that follow from handlers.
    pub fn session(&self) -> SessionBuilder {
        self.session_of(0)
    }

    /// The same with another recorded configuration.
    pub fn session_of(&self, number: usize) -> SessionBuilder {
        let opening = self.recording.requests().filter(|request| opens(request)).nth(number);
        let mut config = opening.expect("a recorded one").params.clone();
        let keys = config.as_object_mut().expect("an object");
        keys.retain(|key, _| !FROM_HANDLERS.contains(&key.as_str()));
        if let Some(sections) = config.pointer_mut("/systemMessage/sections").and_then(Value::as_object_mut) {
            sections.retain(|_, section| section["action"] != "transform");
        }
        let config = wire::from_json::<SessionConfig>(&config.to_string()).expect("a configuration");
        self.client.session().configure(|_| config)
    }

    /// Replays the recording to its end. Later requests get the fake's own responses.
    pub async fn play(&self) {
        let mut calls: HashMap<u64, ReceivedCall> = HashMap::new();
        // The SDK's id of each session in the recording.
        let mut sessions: HashMap<String, String> = HashMap::new();
        let mut asked: HashMap<String, String> = HashMap::new();
        let translated = |json: &Value, sessions: &HashMap<String, String>| {
            let text = sessions.iter().fold(json.to_string(), |text, (of, to)| text.replace(of, to));
            serde_json::from_str::<Value>(&text).expect("JSON")
        };
        for line in &self.recording.lines {
            match line {
                // The client must not wait here for a request that it does not send.
                Line::Request(request) if !self.is_played(request) => self.fake.settle().await,
                Line::Request(request) => {
                    let call = self.call_like(request).await;
                    if opens(request) {
                        self.open_session(request, &call, &mut sessions);
                    }
                    calls.insert(request.id, call);
                }
                Line::Reply { id, .. } => {
                    drop(self.fake.received_response(id, &asked[&id.to_string()]).await);
                }
                Line::Answer { id, answer } => {
                    let answer = match answer {
                        Ok(result) => Ok(translated(result, &sessions)),
                        Err(error) => Err(translated(error, &sessions)),
                    };
                    calls.remove(id).into_iter().for_each(|call| self.fake.reply(&call, answer.clone()));
                }
                Line::Ask { id, method, params } => {
                    asked.insert(id.to_string(), method.clone());
                    self.fake.send_request(id, method, translated(params, &sessions));
                }
                Line::Notice { method, params } => {
                    self.fake.notify_raw(method, translated(params, &sessions))
                }
            }
        }
        assert!(calls.is_empty(), "never answered: {calls:?}");
        self.methods().iter().for_each(|method| self.fake.release(method));
    }

    fn is_played(&self, request: &Request) -> bool {
        !matches!(request.method.as_str(), "ping" | "connect") && !(self.but)(request)
    }

    /// The client's request in the place of this recorded one.
    async fn call_like(&self, request: &Request) -> ReceivedCall {
        // If the CLI gave the recorded request an id, the client's request answers the same one.
        let answers = |params: &Value| {
            let id = &request.params["requestId"];
            !self.has_event_request(id) || params["requestId"] == *id
        };
        self.fake.received_with(&method_of_sdk(request), answers).await
    }

    /// Returns true if an event of the recording has this request id.
    fn has_event_request(&self, id: &Value) -> bool {
        self.recording.lines.iter().any(|line| match line {
            Line::Notice { params, .. } => {
                params.pointer("/event/data/requestId").is_some_and(|other| other == id)
            }
            _ => false,
        })
    }

    /// Checks the configuration that the client sent, and records the session's id.
    fn open_session(&self, request: &Request, call: &ReceivedCall, sessions: &mut HashMap<String, String>) {
        let id = call.params["sessionId"].as_str().expect("an id").to_owned();
        let mut expected = request.params.clone();
        if request.method == "session.create" {
            expected["streaming"] = true.into();
            expected["toolFilterPrecedence"] = "excluded".into();
        }
        expected["sessionId"] = match request.params["sessionId"].as_str() {
            Some(recorded) => json!(sessions.get(recorded).map_or(recorded, String::as_str)),
            None => json!(id),
        };
        assert_eq!(call.params, expected, "{} of {}", request.method, self.version());
        let opened = self.recording.answer_to(request.id).and_then(|answer| answer.as_ref().ok());
        let recorded = opened.and_then(|opened| opened["sessionId"].as_str()).expect("an opened session");
        sessions.insert(recorded.to_owned(), id);
    }
}

fn opens(request: &Request) -> bool {
    matches!(request.method.as_str(), "session.create" | "session.resume")
}

/// The method that the SDK uses instead of the recorded client's, which ended sessions in the old way.
fn method_of_sdk(request: &Request) -> String {
    match request.method.as_str() {
        "session.destroy" => end_method(&request.version).to_owned(),
        method => method.to_owned(),
    }
}

/// The method that ends a session: `session.detach` came between 1.0.65 and 1.0.81.
pub fn end_method(version: &str) -> &'static str {
    if version == "1.0.10" { "session.destroy" } else { "session.detach" }
}
