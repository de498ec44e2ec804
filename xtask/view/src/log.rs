//! A log that was read: its sessions with their turns.

use std::collections::HashMap;
use std::io::BufRead;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::Error;
use crate::lines::{self, Line, Read, Side};
use crate::message::{Content, brief, shortened};
use crate::session::Session;
use crate::span::{Party, Step};

/// A wire log, read into its sessions and turns.
///
/// It holds the texts of the conversations, but not the messages, so it takes less memory than the log has bytes.
#[derive(Default)]
pub struct Log {
    pub(crate) sessions: Vec<Session>,
    by_id: HashMap<String, usize>,
    /// The requests that wait for their responses, by connection, sender and id.
    waiting: HashMap<(String, Side, String), Request>,
    pub(crate) read: Read,
    /// The number of messages that the client left out of the log.
    pub(crate) left_out: u64,
    /// The end of the connection, in a few words.
    pub(crate) end: Option<String>,
    /// The time of the last line, in milliseconds since its client began the log.
    latest: u64,
    /// The time of all clients before that of the last line, in milliseconds.
    earlier: u64,
    /// The first request of each connection, by its id.
    first_requests: HashMap<String, String>,
    /// The numbers of the lines with which a further client begins, if several have written to the log one after
    /// another.
    pub(crate) clients: Vec<u64>,
    pub(crate) version: Option<String>,
    /// The turn that began last: the indices of its session and of itself.
    pub(crate) last_turn: Option<(usize, usize)>,
}

/// A request that waits for its response.
struct Request {
    session: Option<usize>,
    step: Step,
}

/// A line in the list of messages.
pub(crate) struct Entry {
    pub t_ms: u64,
    pub side: Side,
    /// The method, the type of the event, or a word for what is none.
    pub kind: String,
    pub brief: String,
    /// The index of the session, if it is known.
    pub session: Option<usize>,
    /// The index of the turn in its session. It may be one that never begins.
    pub turn: Option<usize>,
}

/// The most clients whose messages a remark names.
const MOST_CLIENTS: usize = 5;

impl Log {
    /// Reads a log to its end.
    ///
    /// # Errors
    /// If it cannot be read, or is not a wire log.
    pub fn read(log: impl BufRead) -> Result<Self, Error> {
        let mut read = Self::default();
        read.read = lines::read(log, |number, _, line| {
            read.add(number, &line);
            Ok(())
        })?;
        Ok(read)
    }

    /// The number of turns of all sessions.
    pub fn turns(&self) -> usize {
        self.sessions.iter().map(|session| session.turns.len()).sum()
    }

    /// The number of lines. All but a few are messages.
    pub fn lines(&self) -> u64 {
        self.read.lines
    }

    /// The time that the log covers, in milliseconds. That between two clients is not known, and not part of it.
    pub(crate) fn length(&self) -> u64 {
        self.earlier.saturating_add(self.latest)
    }

    /// The messages of a client, by its number from 1, in words; none if there is one client only.
    pub(crate) fn messages_of(&self, client: usize) -> Option<String> {
        let first = if client == 1 { 1 } else { *self.clients.get(client.checked_sub(2)?)? };
        let last = self.clients.get(client - 1).map_or(self.lines(), |next| next - 1);
        (!self.clients.is_empty()).then(|| format!("messages {first} to {last}"))
    }

    /// Returns true if the last line was only the start of one, and was ignored: the log was written until a program
    /// ended suddenly, or is still being written.
    pub fn is_cut_off(&self) -> bool {
        self.read.is_cut_off
    }

    /// The remarks on the completeness of the log, a sentence each.
    pub(crate) fn remarks(&self) -> Vec<String> {
        let clients = 1 + self.clients.len();
        let places: Vec<String> =
            (1..=clients).take(MOST_CLIENTS).map_while(|client| self.messages_of(client)).collect();
        let more = if clients > MOST_CLIENTS { ", …" } else { "" };
        let several =
            format!("The log is of {clients} clients, one after another: {}{more}.", places.join(", "));
        let several = (clients > 1).then_some(several);
        let torn = self.read.torn;
        let (starts, are) = if torn == 1 {
            ("start of a line".to_owned(), "is")
        } else {
            (format!("starts of {torn} lines"), "are")
        };
        let torn =
            (torn > 0).then(|| format!("The {starts}, cut off where another client begins, {are} left out."));
        let cut_off = "The last line of the log is cut off, and is left out.".to_owned();
        let left_out =
            format!("The client left {} messages out, because the log was too slow or full.", self.left_out);
        let end = self.end.as_ref().map(|end| format!("The connection ended: {end}"));
        let cut_off = self.is_cut_off().then_some(cut_off);
        let cut_off = several.into_iter().chain(torn).chain(cut_off);
        cut_off.chain((self.left_out > 0).then_some(left_out)).chain(end).collect()
    }

    /// Adds a line, and returns how the list of messages shows it.
    pub(crate) fn add(&mut self, number: u64, line: &Line<'_>) -> Entry {
        self.latest = self.latest.max(line.t_ms);
        let entry = |kind: &str, brief: String| Entry {
            t_ms: line.t_ms,
            side: line.side,
            kind: kind.to_owned(),
            brief,
            session: None,
            turn: None,
        };
        match (line.message, line.left_out, line.end) {
            (Some(message), ..) => self.message(number, line, message),
            (_, Some(count), _) => {
                self.left_out = self.left_out.saturating_add(count);
                entry("left out", format!("{count} messages"))
            }
            (.., end) => {
                let end = end.map_or_else(String::new, reason);
                self.end = Some(end.clone());
                entry("end", end)
            }
        }
    }

    fn message(&mut self, number: u64, line: &Line<'_>, message: &RawValue) -> Entry {
        let connection = line.connection.map_or_else(String::new, |connection| connection.get().to_owned());
        let (kind, brief, session, failed) = match Content::of(message) {
            Content::Event { session, event } => {
                self.find_version(event.raw_data());
                let index = self.session(&session);
                let turn = self.sessions[index].turn_index();
                let before = self.sessions[index].turns.len().checked_sub(1);
                self.sessions[index].apply(&event, line.t_ms, number);
                // An event that begins a turn belongs to it.
                let latest = self.sessions[index].turns.len().checked_sub(1);
                if latest > before {
                    self.last_turn = latest.map(|turn| (index, turn));
                }
                let turn = turn.max(latest.unwrap_or_default());
                let kind = shortened(event.kind());
                let (t_ms, side) = (line.t_ms, line.side);
                return Entry {
                    t_ms,
                    side,
                    kind,
                    brief: brief(&event),
                    session: Some(index),
                    turn: Some(turn),
                };
            }
            Content::Request { id, method, mut params } => {
                if line.side == Side::Client && self.begins_client(&connection, &id, number, line.t_ms) {
                    params.brief = format!("client {} begins  {}", 1 + self.clients.len(), params.brief);
                }
                let session = params.session.as_deref().map(|id| self.session(id));
                let step = step(number, line, &shortened(&method), &params.brief, false);
                self.waiting.insert((connection, line.side, id), Request { session, step });
                (method, params.brief, session, None)
            }
            Content::Notification { method, params } => {
                (method, params.brief, params.session.as_deref().map(|id| self.session(id)), None)
            }
            Content::Response { id, failed, session, brief } => {
                self.find_version(message.get());
                let asker = if line.side == Side::Client { Side::Server } else { Side::Client };
                let request = self.waiting.remove(&(connection, asker, id));
                let known = request.as_ref().and_then(|request| request.session);
                let session = known.or_else(|| session.as_deref().map(|id| self.session(id)));
                let word = if failed { "error" } else { "result" };
                let method = request.as_ref().map_or("", |request| &request.step.label);
                let kind = format!("{word} of {method}");
                // A request that creates a session does not name it.
                if let (Some(index), None, Some(request)) = (session, known, request) {
                    self.sessions[index].step(request.step);
                }
                (kind, brief, session, Some(failed))
            }
            Content::Other { brief } => ("unreadable".to_owned(), brief, None, Some(true)),
        };
        let (kind, turn) = (shortened(&kind), session.map(|index| self.sessions[index].turn_index()));
        if let Some(index) = session.filter(|_| failed.is_some() || !is_noise(&kind)) {
            self.sessions[index].step(step(number, line, &kind, &brief, failed == Some(true)));
        }
        Entry { t_ms: line.t_ms, side: line.side, kind, brief, session, turn }
    }

    /// Returns true if a request of the client is the first of a further one, which has appended to the log. Its ids
    /// begin again, and a client uses none twice. If it has several connections, the others begin with it.
    fn begins_client(&mut self, connection: &str, id: &str, number: u64, t_ms: u64) -> bool {
        let begins = self.first_requests.get(connection).map(|first| first == id);
        if begins == Some(true) {
            self.first_requests.clear();
        }
        if begins != Some(false) {
            self.first_requests.insert(connection.to_owned(), id.to_owned());
        }
        if begins != Some(true) {
            return false;
        }
        self.clients.push(number);
        self.earlier = self.length();
        self.latest = t_ms;
        self.waiting.clear();
        self.sessions.iter_mut().for_each(Session::client_begins);
        true
    }

    fn session(&mut self, id: &str) -> usize {
        if let Some(index) = self.by_id.get(id) {
            return *index;
        }
        self.sessions.push(Session::new(id, 1 + self.clients.len()));
        self.by_id.insert(id.to_owned(), self.sessions.len() - 1);
        self.sessions.len() - 1
    }

    /// Notes the version of the CLI, which the response to `connect` and the event `session.start` contain.
    fn find_version(&mut self, json: &str) {
        #[derive(Deserialize)]
        struct Start {
            #[serde(rename = "copilotVersion")]
            version: String,
        }
        #[derive(Deserialize)]
        struct Connected {
            version: String,
        }
        #[derive(Deserialize)]
        struct Response {
            result: Connected,
        }
        if self.version.is_some() || !json.contains("ersion\"") {
            return;
        }
        let start = serde_json::from_str::<Start>(json).ok().map(|start| start.version);
        let response = || serde_json::from_str::<Response>(json).ok().map(|response| response.result.version);
        self.version = start.or_else(response).map(|version| shortened(&version));
    }
}

/// The arrow of a message.
fn step(number: u64, line: &Line<'_>, label: &str, brief: &str, failed: bool) -> Step {
    let (from, to) = match line.side {
        Side::Client => (Party::App, Party::Cli),
        Side::Server => (Party::Cli, Party::App),
    };
    let (label, brief, t_ms) = (label.to_owned(), brief.to_owned(), line.t_ms);
    Step { from, to, label, brief, count: 1, failed, t_ms, line: number }
}

/// Notifications that say nothing about a turn.
fn is_noise(method: &str) -> bool {
    matches!(method, "session.lifecycle" | "host.event")
}

/// The reason of the end of a connection.
fn reason(end: &RawValue) -> String {
    #[derive(Deserialize)]
    struct End {
        reason: String,
    }
    match serde_json::from_str::<End>(end.get()) {
        Ok(end) => shortened(&end.reason),
        Err(_) => shortened(end.get()),
    }
}

impl std::fmt::Debug for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (sessions, turns) = (self.sessions.len(), self.turns());
        f.debug_struct("Log")
            .field("lines", &self.lines())
            .field("sessions", &sessions)
            .field("turns", &turns)
            .finish()
    }
}
