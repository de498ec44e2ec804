//! A recording as a fake CLI.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use serde_json::Value;
use serde_json::value::RawValue;

use super::shared::{Script, Shared};
use super::{FakeCli, RawAnswer, VERSION};

/// What the fake does by itself, whatever was recorded: greetings, and goodbyes that nothing depends on.
const BY_ITSELF: &[&str] = &["connect", "ping", "status.get", "session.destroy", "session.detach"];

/// One message of a recording.
struct Line {
    of_client: bool,
    message: Value,
    /// Whether the connection ended here.
    ends: bool,
}

impl Line {
    fn method(&self) -> Option<&str> {
        self.message["method"].as_str()
    }

    /// A request of the client that is played.
    fn request(&self) -> Option<&str> {
        self.method().filter(|method| self.of_client && !BY_ITSELF.contains(method))
    }

    fn answer(&self) -> RawAnswer {
        match self.message.get("error") {
            Some(error) => Err(error.clone()),
            None => Ok(self.message["result"].clone()),
        }
    }
}

impl FakeCli {
    /// A fake that says what a recorded CLI said, in the same order: JSON lines as a
    /// [`WireLog`](crate::WireLog) writes them.
    ///
    /// Where the recording has a request or an answer of its client, the fake waits for one of the same
    /// method from this client. Params are not compared, but ids are translated. Greetings and goodbyes are
    /// left to the fake, as is what comes after the end of the recording, unless its last line says how the
    /// connection ended: then this one ends there, too. The test fails when the client
    /// does not do what was recorded.
    ///
    /// # Panics
    /// When the text is no recording.
    pub fn replay(recording: &str) -> Self {
        let lines = read(recording).unwrap_or_else(|error| panic!("{error}"));
        let version = lines.iter().find_map(|line| line.message["result"]["version"].as_str());
        let fake = Self::of_version(version.unwrap_or(VERSION));
        fake.0.play(lines);
        fake
    }
}

fn read(recording: &str) -> Result<Vec<Line>, String> {
    // A program that was killed may have left half a line.
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
            _ => return Err(format!("line {} is not one of a recording", index + 1)),
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
                shared.fail(format!("the recording cannot be played: {missing}"));
                shared.queue(super::pipe::Outgoing::HangUp);
            }
            methods.iter().for_each(|method| shared.release(method));
        });
    }
}

struct Player<'a> {
    fake: &'a Shared,
    lines: &'a [Line],
    /// The id of our client's request by that of the recorded one, both as JSON.
    ids: HashMap<String, Value>,
    /// The recorded name of each session with ours.
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
                    let what = format!("the client's answer to request {id}");
                    drop(self.fake.find(&what, |log| log.take_answer(id)).await?);
                }
                (false, Some(_)) => self.fake.send(self.translated(&line.message)),
                // The answers to greetings and goodbyes have no request here.
                (false, None) => {
                    if let Some(ours) = self.ids.remove(&id.to_string()) {
                        let answer = line.answer();
                        let answer = answer.map(|v| self.translated(&v)).map_err(|v| self.translated(&v));
                        self.fake.answer_as(ours, answer);
                    }
                }
            }
        }
        Ok(())
    }

    async fn client_request(&mut self, line: &Line) -> Result<(), String> {
        let Some(method) = line.request() else { return Ok(()) };
        let (id, params) = (&line.message["id"], &line.message["params"]);
        // What it answers tells it from others of its kind.
        let request_id = &params["requestId"];
        let alike = |ours: &Value| request_id.is_null() || ours["requestId"] == *request_id;
        let what = format!("the client's request `{method}`");
        let call = self.fake.find(&what, |log| log.take_call(method, alike)).await?;
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

    /// The session that the CLI named in its answer to this request.
    fn session_of(&self, id: &Value) -> Option<&str> {
        let answers = |line: &&Line| !line.of_client && line.method().is_none() && line.message["id"] == *id;
        self.lines.iter().find(answers)?.message["result"]["sessionId"].as_str()
    }

    /// The same with our names of the sessions.
    fn translated(&self, json: &Value) -> Value {
        let text = self.sessions.iter().fold(json.to_string(), |text, (of, to)| text.replace(of, to));
        serde_json::from_str(&text).unwrap_or_default()
    }
}
