//! The replay of a recording as a fake CLI.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use serde_json::Value;
use serde_json::value::RawValue;

use super::state::Shared;
use super::{FakeCli, VERSION};

/// Requests with a default response, even if recorded: the handshake, and the end of sessions.
const DEFAULTS: &[&str] = &["connect", "ping", "status.get", "session.destroy", "session.detach"];

impl FakeCli {
    /// Starts a fake that replays the messages of a recorded CLI in order, from JSON lines as a
    /// [`WireLog`](crate::WireLog) writes them.
    ///
    /// If the recording contains a request or a response of its client, the fake waits for one of the
    /// same method from this client. Params are not compared, but ids are translated. The fake itself
    /// responds to the handshake and to the end of sessions, and to everything after the end of the
    /// recording. If the last line contains the end of the connection, the fake closes the connection
    /// there. The test fails if the client deviates from the recording.
    ///
    /// # Panics
    /// If the text is not a recording.
    pub fn replay(recording: &str) -> Self {
        let lines = read(recording).unwrap_or_else(|error| panic!("{error}"));
        let version = lines.iter().find_map(|line| line["msg"]["result"]["version"].as_str());
        let fake = Self::of_version(version.unwrap_or(VERSION));
        let methods: BTreeSet<String> = lines.iter().filter_map(request).map(str::to_owned).collect();
        methods.iter().for_each(|method| fake.hold(method));
        let shared = Arc::clone(&fake.0);
        tokio::spawn(async move {
            let played = play(&shared, &lines).await;
            let mut state = shared.state();
            if let Err(missing) = played {
                state.failures.push(format!("cannot replay the recording: {missing}"));
                state.hang_up();
            }
            methods.iter().for_each(|method| state.release(method));
        });
        fake
    }
}

/// Reads the lines of a recording, each an object with the sender in `dir`, and a message in `msg` or the
/// `end` of the connection.
fn read(recording: &str) -> Result<Vec<Value>, String> {
    // A program that was killed may have left an incomplete line.
    let whole = match recording.trim_end().rsplit_once('\n') {
        Some((whole, last)) if serde_json::from_str::<&RawValue>(last).is_err() => whole,
        _ => recording,
    };
    let lines = whole.lines().filter(|line| !line.trim().is_empty()).enumerate();
    let line = |(index, line): (usize, &str)| {
        let line: Value = serde_json::from_str(line).unwrap_or_default();
        let is_valid = line["dir"] == "client" || line["dir"] == "server";
        is_valid.then_some(line).ok_or_else(|| format!("line {} is not a line of a recording", index + 1))
    };
    lines.map(line).collect()
}

/// The method of a client's request that is replayed.
fn request(line: &Value) -> Option<&str> {
    line["msg"]["method"].as_str().filter(|method| line["dir"] == "client" && !DEFAULTS.contains(method))
}

/// Sends the messages of the recorded CLI, each once those of the client before it have come.
async fn play(fake: &Shared, lines: &[Value]) -> Result<(), String> {
    // The id of our client's request for each recorded id, as JSON, and its session for each recorded one.
    let (mut requests, mut sessions) = (HashMap::new(), BTreeMap::new());
    for line in lines {
        let message = &line["msg"];
        let (id, has_method) = (&message["id"], message["method"].is_string());
        if line.get("end").is_some() {
            fake.state().hang_up();
            break;
        } else if let Some(method) = request(line) {
            // The request id distinguishes replies of the same method.
            let request_id = &message["params"]["requestId"];
            let wanted = |ours: &Value| request_id.is_null() || ours["requestId"] == *request_id;
            let what = format!("the client's request `{method}`");
            let call = fake.find(&what, |state| state.take_call(method, wanted)).await?;
            let session_id = message["params"]["sessionId"].as_str().or_else(|| created(lines, id));
            if let (Some(recorded), Some(ours)) = (session_id, call.params["sessionId"].as_str()) {
                sessions.entry(recorded.to_owned()).or_insert_with(|| ours.to_owned());
            }
            requests.insert(id.to_string(), call.id);
        } else if line["dir"] == "client" {
            if !has_method {
                let what = format!("the client's response to request {id}");
                drop(fake.find(&what, |state| state.take_response(id)).await?);
            }
        } else if has_method {
            fake.state().send(translated(message, &sessions));
        } else if let Some(ours) = requests.remove(&id.to_string()) {
            // Other responses belong to the handshake or the end of a session.
            let mut response = translated(message, &sessions);
            response["id"] = ours;
            fake.state().send(response);
        }
    }
    Ok(())
}

/// The session id in the CLI's response to the request with this id.
fn created<'a>(lines: &'a [Value], id: &Value) -> Option<&'a str> {
    let is_response = |line: &&Value| {
        line["dir"] == "server" && line["msg"]["method"].is_null() && line["msg"]["id"] == *id
    };
    lines.iter().find(is_response)?["msg"]["result"]["sessionId"].as_str()
}

/// Replaces the recorded session ids by those of our client.
fn translated(message: &Value, sessions: &BTreeMap<String, String>) -> Value {
    let text = sessions.iter().fold(message.to_string(), |text, (of, to)| text.replace(of, to));
    serde_json::from_str(&text).unwrap_or_default()
}
