//! The replay of a recording as a fake CLI.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use serde_json::Value;
use serde_json::value::RawValue;

use super::shared::{Script, Shared};
use super::{FakeCli, RawResponse, VERSION};

/// Requests with a default response, even if recorded: the handshake, and the end of sessions.
const DEFAULTS: &[&str] = &["connect", "ping", "status.get", "session.destroy", "session.detach"];

/// A line of a recording.
struct Line {
    of_client: bool,
    message: Value,
    /// True if the connection ended here.
    ends: bool,
}

impl Line {
    fn method(&self) -> Option<&str> {
        self.message["method"].as_str()
    }

    /// The method of a client's request that is replayed.
    fn request(&self) -> Option<&str> {
        self.method().filter(|method| self.of_client && !DEFAULTS.contains(method))
    }

    fn response(&self) -> RawResponse {
        match self.message.get("error") {
            Some(error) => Err(error.clone()),
            None => Ok(self.message["result"].clone()),
        }
    }
}

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
        let version = lines.iter().find_map(|line| line.message["result"]["version"].as_str());
        let fake = Self::of_version(version.unwrap_or(VERSION));
        fake.0.play(lines);
        fake
    }
}

fn read(recording: &str) -> Result<Vec<Line>, String> {
    // A program that was killed may have left an incomplete line.
    let whole = match recording.trim_end().rsplit_once('\n') {
        Some((whole, last)) if serde_json::from_str::<&RawValue>(last).is_err() => whole,
        _ => recording,
    };
    let lines = whole.lines().filter(|line| !line.trim().is_empty()).enumerate();
    let line = |(index, line): (usize, &str)| {
        let mut line: Value = serde_json::from_str(line).unwrap_or_default();
        let ends = line.get("end").is_some();
        let of_client = match line["dir"].as_str() {
            Some("client") => true,
            Some("server") => false,
            _ => return Err(format!("line {} is not a line of a recording", index + 1)),
        };
        Ok(Line { of_client, message: line["msg"].take(), ends })
    };
    lines.map(line).collect()
}

impl Shared {
    fn play(self: &Arc<Self>, lines: Vec<Line>) {
        let methods: BTreeSet<String> = lines.iter().filter_map(Line::request).map(str::to_owned).collect();
        methods.iter().for_each(|method| self.script(method, Script::Hold));
        let shared = Arc::clone(self);
        tokio::spawn(async move {
            let mut player =
                Player { fake: &shared, ids: HashMap::new(), sessions: Vec::new(), lines: &lines };
            if let Err(missing) = player.play().await {
                shared.fail(format!("cannot replay the recording: {missing}"));
                shared.queue(super::pipe::Outgoing::HangUp);
            }
            methods.iter().for_each(|method| shared.release(method));
        });
    }
}

struct Player<'a> {
    fake: &'a Shared,
    lines: &'a [Line],
    /// The id of our client's request for each recorded id, both as JSON.
    ids: HashMap<String, Value>,
    /// Pairs of recorded and actual session ids.
    sessions: Vec<(String, String)>,
}

impl Player<'_> {
    async fn play(&mut self) -> Result<(), String> {
        for line in self.lines {
            let id = &line.message["id"];
            if line.ends {
                self.fake.queue(super::pipe::Outgoing::HangUp);
                return Ok(());
            }
            match (line.of_client, line.method()) {
                (true, Some(_)) => self.client_request(line).await?,
                (true, None) => {
                    let what = format!("the client's response to request {id}");
                    drop(self.fake.find(&what, |log| log.take_response(id)).await?);
                }
                (false, Some(_)) => self.fake.send(self.translated(&line.message)),
                // Responses without a replayed request belong to the handshake or the end of a session.
                (false, None) => {
                    if let Some(ours) = self.ids.remove(&id.to_string()) {
                        let response = line.response();
                        let response = response.map(|v| self.translated(&v)).map_err(|v| self.translated(&v));
                        self.fake.respond_as(ours, response);
                    }
                }
            }
        }
        Ok(())
    }

    async fn client_request(&mut self, line: &Line) -> Result<(), String> {
        let Some(method) = line.request() else { return Ok(()) };
        let (id, params) = (&line.message["id"], &line.message["params"]);
        // The request id distinguishes replies of the same method.
        let request_id = &params["requestId"];
        let matches = |ours: &Value| request_id.is_null() || ours["requestId"] == *request_id;
        let what = format!("the client's request `{method}`");
        let call = self.fake.find(&what, |log| log.take_call(method, matches)).await?;
        let recorded = params["sessionId"].as_str().or_else(|| self.session_of(id));
        let ours = call.params["sessionId"].as_str();
        if let (Some(recorded), Some(ours)) = (recorded, ours)
            && !self.sessions.iter().any(|(known, _)| known == recorded)
        {
            self.sessions.push((recorded.to_owned(), ours.to_owned()));
        }
        self.ids.insert(id.to_string(), call.id);
        Ok(())
    }

    /// The session id in the CLI's response to this request.
    fn session_of(&self, id: &Value) -> Option<&str> {
        let responds = |line: &&Line| !line.of_client && line.method().is_none() && line.message["id"] == *id;
        self.lines.iter().find(responds)?.message["result"]["sessionId"].as_str()
    }

    /// Replaces the recorded session ids by ours.
    fn translated(&self, json: &Value) -> Value {
        let text = self.sessions.iter().fold(json.to_string(), |text, (of, to)| text.replace(of, to));
        serde_json::from_str(&text).unwrap_or_default()
    }
}
