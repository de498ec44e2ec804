//! A fake CLI that says what a recorded one said.

use std::collections::{BTreeSet, HashMap};

use copilot_session::testing::{Call, FakeCli};
use copilot_session::types::SessionConfig;
use copilot_session::{Client, SessionBuilder, wire};
use serde_json::{Value, json};

use super::recording::{Line, Recording, Request};
use crate::rig::connect;

/// A recording, the fake that plays it, and our client.
pub struct Stage {
    pub fake: FakeCli,
    pub client: Client,
    pub recording: Recording,
    but: fn(&Request) -> bool,
}

/// Keys of a session's configuration that follow from handlers, or are said always.
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
    /// Greets a fake of the recording's version.
    pub async fn open(recording: Recording, but: fn(&Request) -> bool) -> Self {
        let fake = FakeCli::of_version(&recording.version);
        let client = connect(&fake).await;
        let stage = Self { fake, client, recording, but };
        stage.methods().iter().for_each(|method| stage.fake.hold(method));
        stage
    }

    /// Our methods that the recording answers.
    fn methods(&self) -> BTreeSet<String> {
        self.recording.requests().filter(|request| self.is_played(request)).map(ours).collect()
    }

    pub fn version(&self) -> &str {
        &self.recording.version
    }

    /// Whether this is the version that is furthest behind.
    pub fn is_old(&self) -> bool {
        self.version() == "1.0.10"
    }

    /// A session configured as the first recorded one, but for what follows from handlers.
    pub fn session(&self) -> SessionBuilder {
        self.session_of(0)
    }

    /// The same of another one.
    pub fn session_of(&self, number: usize) -> SessionBuilder {
        let opening = self.recording.requests().filter(|request| opens(request)).nth(number);
        let mut config = opening.expect("it was recorded").params.clone();
        let keys = config.as_object_mut().expect("an object");
        keys.retain(|key, _| !FROM_HANDLERS.contains(&key.as_str()));
        if let Some(sections) = config.pointer_mut("/systemMessage/sections").and_then(Value::as_object_mut) {
            sections.retain(|_, section| section["action"] != "transform");
        }
        let config = wire::from_json::<SessionConfig>(&config.to_string()).expect("a configuration");
        self.client.session().configure(|_| config)
    }

    /// Plays the recording to its end. What is asked after that gets the fake's own answers.
    pub async fn play(&self) {
        let mut calls: HashMap<u64, Call> = HashMap::new();
        // Our name for each session that the recording names.
        let mut sessions: HashMap<String, String> = HashMap::new();
        let mut asked: HashMap<String, String> = HashMap::new();
        let translated = |json: &Value, sessions: &HashMap<String, String>| {
            let text = sessions.iter().fold(json.to_string(), |text, (of, to)| text.replace(of, to));
            serde_json::from_str::<Value>(&text).expect("an id for an id")
        };
        for line in &self.recording.lines {
            match line {
                // What follows must not keep our client from what it should not send here.
                Line::Request(request) if !self.is_played(request) => self.fake.settle().await,
                Line::Request(request) => {
                    let call = self.call_like(request).await;
                    if opens(request) {
                        self.open_session(request, &call, &mut sessions);
                    }
                    calls.insert(request.id, call);
                }
                Line::Reply { id, .. } => {
                    drop(self.fake.answered(id, &asked[&id.to_string()]).await);
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
                    self.fake.ask(id, method, translated(params, &sessions));
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

    /// Our request where the recorded client made this one.
    async fn call_like(&self, request: &Request) -> Call {
        // What it answers tells it from others of its kind, if the CLI gave it a name.
        let answers = |params: &Value| {
            let id = &request.params["requestId"];
            !self.has_asked(id) || params["requestId"] == *id
        };
        self.fake.received_with(&ours(request), answers).await
    }

    /// Whether an event of the recording asks for something under this id.
    fn has_asked(&self, id: &Value) -> bool {
        self.recording.lines.iter().any(|line| match line {
            Line::Notice { params, .. } => {
                params.pointer("/event/data/requestId").is_some_and(|other| other == id)
            }
            _ => false,
        })
    }

    /// Checks the configuration that our client sent, and learns the name of the session.
    fn open_session(&self, request: &Request, call: &Call, sessions: &mut HashMap<String, String>) {
        let id = call.params["sessionId"].as_str().expect("we name our sessions").to_owned();
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
        let recorded = opened.and_then(|opened| opened["sessionId"].as_str()).expect("it was opened");
        sessions.insert(recorded.to_owned(), id);
    }
}

fn opens(request: &Request) -> bool {
    matches!(request.method.as_str(), "session.create" | "session.resume")
}

/// The method that we use for what the recorded client did: it left sessions in the old way.
fn ours(request: &Request) -> String {
    match request.method.as_str() {
        "session.destroy" => leave_of(&request.version).to_owned(),
        method => method.to_owned(),
    }
}

/// How a session is left: `session.detach` came between 1.0.65 and 1.0.81.
pub fn leave_of(version: &str) -> &'static str {
    if version == "1.0.10" { "session.destroy" } else { "session.detach" }
}
