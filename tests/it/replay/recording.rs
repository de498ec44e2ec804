//! Recordings, line by line.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use copilot_session::testing::RawResponse;
use serde_json::Value;

/// The messages between a client and a CLI, in order.
pub struct Recording {
    pub version: String,
    /// The number of the CLI's process, if there are several.
    pub part: usize,
    pub lines: Vec<Line>,
}

/// One message.
pub enum Line {
    /// A request of the client.
    Request(Request),
    /// The client's response to the request with this id.
    Reply { id: Value, result: Value },
    /// The CLI's response to the request with this id.
    Answer { id: u64, answer: RawResponse },
    /// A request of the CLI.
    Ask { id: Value, method: String, params: Value },
    /// A notification of the CLI.
    Notice { method: String, params: Value },
}

/// A request of the recorded client.
pub struct Request {
    pub version: String,
    pub id: u64,
    pub method: String,
    pub params: Value,
}

/// The recordings of a scenario, of all versions.
pub fn of(scenario: &str) -> Vec<Recording> {
    let names = files().into_iter().filter(|(_, other, _)| other == scenario);
    names.flat_map(|(version, _, path)| read(&version, &path)).collect()
}

/// The scenarios recorded on any version.
pub fn scenarios() -> BTreeSet<String> {
    files().into_iter().map(|(_, scenario, _)| scenario).collect()
}

/// Version, scenario and path of each file.
fn files() -> Vec<(String, String, PathBuf)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("recordings");
    let entries = std::fs::read_dir(folder).expect("the recordings");
    let paths = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
    let paths = paths.filter(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
    let split = |path: PathBuf| {
        let name = path.file_stem()?.to_str()?.to_owned();
        let (version, scenario) = name.split_once('-')?;
        Some((version.to_owned(), scenario.to_owned(), path))
    };
    paths.map(|path| split(path).expect("a file name of the form version-scenario")).collect()
}

/// The parts of a recording: when a client's ids restart at 1, it is connected to another process.
fn read(version: &str, path: &Path) -> Vec<Recording> {
    let text = std::fs::read_to_string(path).expect("a recording");
    let mut parts: Vec<Recording> = Vec::new();
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).expect("JSON lines");
        let line = message(version, line["dir"] == "client", &line["msg"]);
        if parts.is_empty() || matches!(&line, Line::Request(request) if request.id == 1) {
            parts.push(Recording { version: version.to_owned(), part: parts.len(), lines: Vec::new() });
        }
        parts.last_mut().expect("a first request").lines.push(line);
    }
    parts
}

fn message(version: &str, of_client: bool, message: &Value) -> Line {
    let (method, id) = (message["method"].as_str().map(str::to_owned), message["id"].clone());
    let number = || id.as_u64().expect("a number of the recorded client");
    let params = message["params"].clone();
    match (method, of_client) {
        (Some(method), true) => {
            Line::Request(Request { version: version.to_owned(), id: number(), method, params })
        }
        (Some(method), false) if id.is_null() => Line::Notice { method, params },
        (Some(method), false) => Line::Ask { id, method, params },
        (None, true) => Line::Reply { id, result: message["result"].clone() },
        (None, false) => {
            let answer =
                message.get("error").map_or_else(|| Ok(message["result"].clone()), |e| Err(e.clone()));
            Line::Answer { id: number(), answer }
        }
    }
}

impl Recording {
    /// The requests of the client, in order.
    pub fn requests(&self) -> impl Iterator<Item = &Request> {
        self.lines.iter().filter_map(|line| match line {
            Line::Request(request) => Some(request),
            _ => None,
        })
    }

    /// The CLI's response to the request with this id.
    pub fn answer_to(&self, wanted: u64) -> Option<&RawResponse> {
        self.lines.iter().find_map(|line| match line {
            Line::Answer { id, answer } if *id == wanted => Some(answer),
            _ => None,
        })
    }

    /// The params of the CLI's requests of this method.
    pub fn asked(&self, wanted: &str) -> Vec<&Value> {
        let asked = |line: &'_ Line| matches!(line, Line::Ask { method, .. } if method == wanted);
        let lines = self.lines.iter().filter(|line| asked(line));
        lines
            .filter_map(|line| if let Line::Ask { params, .. } = line { Some(params) } else { None })
            .collect()
    }

    /// The data of the live events of this type.
    pub fn events(&self, kind: &str) -> Vec<&Value> {
        let notices = self.lines.iter().filter_map(|line| match line {
            Line::Notice { params, .. } => params.get("event"),
            _ => None,
        });
        notices.filter(|event| event["type"] == kind).map(|event| &event["data"]).collect()
    }
}
