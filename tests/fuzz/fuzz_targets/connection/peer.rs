//! The side of the CLI: the messages it sends, and the answers it is owed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, DuplexStream};
use tokio::sync::mpsc;

use crate::Steps;

/// The ways in which a handler behaves, each by the word that a request carries.
pub const WORDS: [&str; 5] = ["approve", "deny", "fail", "panic", "hang"];

/// The client's ends of the streams.
pub struct Streams {
    pub read: DuplexStream,
    pub write: DuplexStream,
}

pub struct Peer {
    say: mpsc::UnboundedSender<Vec<u8>>,
    heard: Arc<Mutex<Heard>>,
    count: u64,
    /// The requests that must be answered, by the JSON of their id. A hook also has the word it carries.
    asked: HashMap<String, Option<&'static str>>,
    /// The event requests, by the method that answers them and their id.
    events: HashMap<(&'static str, String), Asked>,
}

struct Asked {
    session: String,
    word: &'static str,
    is_owed: bool,
}

/// The messages that the client has sent.
#[derive(Default)]
struct Heard {
    /// The way in which requests of the client are answered.
    manner: u8,
    /// The responses to requests, by id.
    answers: HashMap<String, Vec<Value>>,
    /// The answers to event requests, by method and id.
    decisions: HashMap<(String, String), Vec<Value>>,
}

const TOOL: &str = "session.tools.handlePendingToolCall";
const PERMISSION: &str = "session.permissions.handlePendingPermissionRequest";

impl Peer {
    pub fn start() -> (Self, Streams) {
        let (from, write) = tokio::io::duplex(1 << 16);
        let (read, mut to) = tokio::io::duplex(1 << 16);
        let (say, mut said) = mpsc::unbounded_channel::<Vec<u8>>();
        let heard = Arc::<Mutex<Heard>>::default();
        tokio::spawn(async move {
            while let Some(bytes) = said.recv().await.filter(|bytes| !bytes.is_empty()) {
                if to.write_all(&bytes).await.is_err() {
                    break;
                }
            }
        });
        tokio::spawn(listen(BufReader::new(from), Arc::clone(&heard), say.clone()));
        let (asked, events) = (HashMap::new(), HashMap::new());
        (Self { say, heard, count: 0, asked, events }, Streams { read, write })
    }

    /// Sends one message.
    pub fn step(&mut self, steps: &mut Steps<'_>, sessions: &[String]) {
        self.count += 1;
        let session = sessions.get(usize::from(steps.next()) % (sessions.len() + 1));
        let session = session.map_or("gone", String::as_str);
        let word = WORDS[usize::from(steps.next()) % WORDS.len()];
        match steps.next() % 16 {
            0..=2 => self.request(steps, session, word),
            3 => self.ask_tool(session, word),
            4 | 5 => self.ask_permission(session, word),
            6 => self.complete(steps),
            7 => self.again(steps),
            8 => self.event(session, "session.idle", json!({"aborted": word == "deny"})),
            9 => {
                let data = json!({"messageId": "m", "deltaContent": word});
                self.event(session, "assistant.message_delta", data);
            }
            10 => self.heard.lock().expect("no panic").manner = steps.next(),
            11 => {
                let length = steps.next();
                let bytes: Vec<u8> = (0..length).map(|_| steps.next()).collect();
                self.say(bytes.iter().map(|byte| char::from(*byte)).collect::<String>());
            }
            12 => {
                self.say(json!({"jsonrpc": "2.0", "id": self.count, "result": word}).to_string());
            }
            13 => {
                let id = self.count.saturating_sub(u64::from(steps.next() % 4));
                let cancel = json!({"jsonrpc": "2.0", "method": "$/cancelRequest", "params": {"id": id}});
                self.say(cancel.to_string());
            }
            14 => self.event(session, "abort", json!({"reason": "user_initiated"})),
            _ => {
                let data = json!({"content": word, "messageId": "m"});
                self.event(session, "assistant.message", data);
            }
        }
    }

    fn request(&mut self, steps: &mut Steps<'_>, session: &str, word: &'static str) {
        let (method, mut params, hook) = match steps.next() % 5 {
            0 => ("userInput.request", json!({"question": word}), None),
            1 => ("sessionFs.readFile", json!({"path": word}), None),
            2 => ("unheard.of", json!({}), None),
            3 => ("hooks.invoke", json!({"hookType": "preToolUse", "input": word}), Some("unreadable")),
            _ => {
                let input =
                    json!({"sessionId": "s", "timestamp": 0, "cwd": "/", "toolName": word, "toolArgs": {}});
                ("hooks.invoke", json!({"hookType": "preToolUse", "input": input}), Some(word))
            }
        };
        params["sessionId"] = session.into();
        let id = json!(self.count);
        self.asked.insert(id.to_string(), hook);
        self.say(json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).to_string());
    }

    fn ask_tool(&mut self, session: &str, word: &'static str) {
        let data = json!({
            "requestId": self.count.to_string(), "sessionId": session, "toolCallId": "call", "toolName": "tool",
            "arguments": {"does": word},
        });
        self.ask(session, TOOL, "external_tool.requested", data, word);
    }

    fn ask_permission(&mut self, session: &str, word: &'static str) {
        let request = json!({
            "kind": "shell", "fullCommandText": word, "intention": "", "commands": [], "possiblePaths": [],
            "possibleUrls": [], "hasWriteFileRedirection": false, "canOfferSessionApproval": false,
        });
        let data = json!({"requestId": self.count.to_string(), "permissionRequest": request});
        self.ask(session, PERMISSION, "permission.requested", data, word);
    }

    fn ask(&mut self, session: &str, method: &'static str, kind: &str, data: Value, word: &'static str) {
        let asked = Asked { session: session.to_owned(), word, is_owed: true };
        self.events.insert((method, self.count.to_string()), asked);
        self.event(session, kind, data);
    }

    /// Sends the event that ends a recent event request.
    fn complete(&mut self, steps: &mut Steps<'_>) {
        let id = self.count.saturating_sub(u64::from(steps.next() % 8)).to_string();
        for (method, kind) in [(TOOL, "external_tool.completed"), (PERMISSION, "permission.completed")] {
            if let Some(asked) = self.events.get_mut(&(method, id.clone())) {
                asked.is_owed = false;
                let session = asked.session.clone();
                self.event(&session, kind, json!({"requestId": id}));
            }
        }
    }

    /// Repeats a recent event request.
    fn again(&mut self, steps: &mut Steps<'_>) {
        let id = self.count.saturating_sub(u64::from(steps.next() % 8)).to_string();
        let Some(asked) = self.events.get(&(TOOL, id.clone())) else { return };
        let (session, word) = (asked.session.clone(), asked.word);
        let data = json!({
            "requestId": id, "sessionId": session, "toolCallId": "call", "toolName": "tool",
            "arguments": {"does": word},
        });
        self.event(&session, "external_tool.requested", data);
    }

    fn event(&self, session: &str, kind: &str, data: Value) {
        let event = json!({"type": kind, "data": data, "ephemeral": true});
        let params = json!({"sessionId": session, "event": event});
        self.say(json!({"jsonrpc": "2.0", "method": "session.event", "params": params}).to_string());
    }

    fn say(&self, body: String) {
        say(&self.say, body);
    }

    pub fn hang_up(&self) {
        drop(self.say.send(Vec::new()));
    }

    /// Compares the answers with those that are owed. A client that was stopped owes none.
    pub fn check(&self, sessions: &[String], is_stopped: bool) {
        let heard = self.heard.lock().expect("no panic");
        for (id, word) in &self.asked {
            let answers = heard.answers.get(id).map_or(&[][..], Vec::as_slice);
            assert!(answers.len() <= 1, "{id} was answered {} times: {answers:?}", answers.len());
            assert!(is_stopped || !answers.is_empty(), "{id} was not answered");
            let (Some(answer), Some(word)) = (answers.first(), word) else { continue };
            // A hook answers with the output of its handler, or with a refusal.
            let allows = answer["result"]["output"]["permissionDecision"] == "allow";
            let denies = answer["result"]["output"]["permissionDecision"] == "deny";
            assert!(if allows { *word == "approve" } else { denies }, "{word}: {answer}");
        }
        for ((method, id), asked) in &self.events {
            let decisions = heard.decisions.get(&((*method).to_owned(), id.clone()));
            let decisions = decisions.map_or(&[][..], Vec::as_slice);
            assert!(decisions.len() <= 1, "{method} {id} was answered {} times", decisions.len());
            let is_owed = asked.is_owed && !is_stopped && sessions.contains(&asked.session);
            assert!(!is_owed || decisions.len() == 1, "{method} {id} was not answered");
            let approved = decisions.first().is_some_and(|params| params["result"]["kind"] == "approve-once");
            assert!(!approved || asked.word == "approve", "{id} was approved, but its handler was to {}", asked.word);
        }
    }
}

fn say(to: &mpsc::UnboundedSender<Vec<u8>>, body: String) {
    let mut bytes = format!("Content-Length: {}\r\n\r\n", body.len()).into_bytes();
    bytes.extend_from_slice(body.as_bytes());
    drop(to.send(bytes));
}

/// Records the messages of the client and answers its requests.
async fn listen(
    mut from: BufReader<DuplexStream>,
    heard: Arc<Mutex<Heard>>,
    to: mpsc::UnboundedSender<Vec<u8>>,
) {
    loop {
        let mut header = String::new();
        let read = from.read_line(&mut header).await;
        let Some(length) = header.trim().strip_prefix("Content-Length: ") else {
            return assert!(read.is_err() || header.is_empty(), "{header}");
        };
        let mut body = vec![0; length.parse::<usize>().expect("a length") + 2];
        from.read_exact(&mut body).await.expect("a whole message");
        let message: Value = serde_json::from_slice(&body).expect("JSON");
        let Some(method) = message["method"].as_str() else {
            let answers = &mut heard.lock().expect("no panic").answers;
            answers.entry(message["id"].to_string()).or_default().push(message);
            continue;
        };
        let manner = {
            let mut heard = heard.lock().expect("no panic");
            if let Some(id) = message["params"]["requestId"].as_str() {
                let key = (method.to_owned(), id.to_owned());
                heard.decisions.entry(key).or_default().push(message["params"].clone());
            }
            heard.manner
        };
        if let Some(answer) = answer(manner, method, &message) {
            say(&to, answer.to_string());
        }
    }
}

/// The response to a request of the client: a result like the CLI's, an error, nonsense, or none.
fn answer(manner: u8, method: &str, message: &Value) -> Option<Value> {
    let result = match (manner % 4, method) {
        (1, _) => {
            let error = json!({"code": -32603, "message": "no"});
            return Some(json!({"jsonrpc": "2.0", "id": message["id"], "error": error}));
        }
        (2, _) => json!(["nonsense"]),
        (3, _) => return None,
        (_, "connect") => json!({"ok": true, "protocolVersion": 3, "version": "1.0.102"}),
        (_, "session.create" | "session.resume") => json!({"sessionId": message["params"]["sessionId"]}),
        (_, "session.send") => json!({"messageId": "m"}),
        _ => json!({"success": true}),
    };
    Some(json!({"jsonrpc": "2.0", "id": message["id"], "result": result}))
}
