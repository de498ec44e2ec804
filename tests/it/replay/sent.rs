//! The messages of the client, in a form that is the same in every run.

use std::collections::HashMap;

use copilot_session::testing::{FakeCli, Side};
use serde_json::{Value, json};

use super::stage::{Stage, end_method};

/// A request (its method, and its params without the session's id), or a response (`answer to` the method,
/// and all of it). Ids of the CLI are numbered.
pub type Sent = (String, Value);

pub fn request(method: &str, params: Value) -> Sent {
    (method.to_owned(), params)
}

/// The configuration is compared with the recorded one when it arrives.
pub fn create() -> Sent {
    request("session.create", json!({}))
}

pub fn prompt(text: &str) -> Sent {
    request("session.send", json!({ "prompt": text }))
}

pub fn tool_result(number: usize, result: Value) -> Sent {
    let id = format!("request {number}");
    request("session.tools.handlePendingToolCall", json!({"requestId": id, "result": result}))
}

pub fn permission(number: usize, result: Value) -> Sent {
    let (method, id) = ("session.permissions.handlePendingPermissionRequest", format!("request {number}"));
    request(method, json!({"requestId": id, "result": result}))
}

/// The response to a hook of this type.
pub fn hook(kind: &str, result: Value) -> Sent {
    answer(&format!("hooks.invoke {kind}"), result)
}

pub fn answer(method: &str, result: Value) -> Sent {
    (format!("answer to {method}"), json!({ "result": result }))
}

pub fn leave(stage: &Stage) -> Sent {
    request(end_method(stage.version()), json!({}))
}

/// The messages that the client sent after its handshake.
pub fn sent(fake: &FakeCli, version: &str) -> Vec<Sent> {
    let mut sent = Vec::new();
    let mut ids = Ids::default();
    let mut asked: HashMap<String, String> = HashMap::new();
    for frame in fake.frames() {
        let json = frame.json;
        let method = json["method"].as_str();
        match (frame.from, method) {
            (Side::Cli, Some(method)) if json.get("id").is_some() => {
                let kind = json["params"]["hookType"].as_str().map(|kind| format!(" {kind}"));
                asked.insert(json["id"].to_string(), method.to_owned() + &kind.unwrap_or_default());
            }
            (Side::Cli, _) => ids.learn(&json),
            (Side::Client, Some(method)) => {
                sent.push((method.to_owned(), ids.params(method, &json["params"])))
            }
            (Side::Client, None) => {
                let asked = &asked[&json["id"].to_string()];
                let mut answer = json.clone();
                answer.as_object_mut().expect("an object").retain(|key, _| key != "jsonrpc" && key != "id");
                if asked != "fake.settle" {
                    sent.push((format!("answer to {asked}"), answer));
                }
            }
        }
    }
    let greeting: &[&str] =
        if version == "1.0.10" { &["connect", "ping", "status.get"] } else { &["connect"] };
    let rest = sent.split_off(greeting.len());
    assert!(sent.iter().map(|(method, _)| method).eq(greeting), "{sent:?}");
    rest
}

/// The ids in the order in which they first appeared.
#[derive(Default)]
struct Ids {
    sessions: Vec<Value>,
    requests: Vec<Value>,
    processes: Vec<Value>,
}

impl Ids {
    /// Records the ids in a message of the CLI.
    fn learn(&mut self, json: &Value) {
        let event = &json["params"]["event"];
        let asks = event["type"].as_str().is_some_and(|kind| !kind.ends_with("completed"));
        if let Some(id) = event["data"].get("requestId").filter(|id| asks && !self.requests.contains(id)) {
            self.requests.push(id.clone());
        }
        self.processes.extend(json["result"].get("processId").cloned());
    }

    /// The params without the parts that differ from run to run.
    fn params(&mut self, method: &str, params: &Value) -> Value {
        let mut params = params.clone();
        if matches!(method, "session.create" | "session.resume") {
            self.sessions.push(params["sessionId"].clone());
            return json!({});
        }
        let Some(keys) = params.as_object_mut() else { return params };
        if method.starts_with("session.") {
            let session = keys.remove("sessionId").unwrap_or_default();
            assert!(self.sessions.contains(&session), "{method} of session {session}");
        }
        let kinds = [("requestId", "request", &self.requests), ("processId", "process", &self.processes)];
        for (key, kind, known) in kinds {
            let Some(id) = keys.get_mut(key) else { continue };
            if let Some(index) = known.iter().position(|known| known == id) {
                *id = format!("{kind} {}", index + 1).into();
            } else if id.as_str().is_some_and(|id| id.len() == 36) {
                *id = "of our own".into();
            }
        }
        params
    }
}
