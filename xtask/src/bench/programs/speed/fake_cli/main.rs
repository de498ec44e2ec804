//! A CLI that answers at once, so that the time of a program with an SDK is the SDK's.
//!
//! It has one thread, and writes all that it has to say to what it has read with one call, so that a reader finds the
//! same bytes in its reads each time, as far as the pipe or socket has room for them.
//!
//! The prompt says what a turn is, see [`turn::play`]. Everything else has one answer.

mod recorded;
mod turn;

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;

use serde_json::value::RawValue;

/// The room of the pipe to the client, which is the most that Linux allows.
const PIPE: usize = 1 << 20;
pub const TIME: &str = "2026-11-22T06:51:08.310Z";

type Object<'a> = HashMap<&'a str, &'a RawValue>;

/// The text at a key of an object, which has no escapes here.
fn text<'a>(object: &Object<'a>, key: &str) -> &'a str {
    object.get(key).map_or("", |value| value.get().trim_matches('"'))
}

/// The output that is to be written.
#[derive(Default)]
pub struct Out {
    pub bytes: Vec<u8>,
    ids: u64,
}

impl Out {
    /// An identifier that was not used before.
    pub fn id(&mut self) -> String {
        self.ids += 1;
        format!("00000000-0000-4000-8000-{:012x}", self.ids)
    }

    pub fn frame(&mut self, body: &str) {
        self.bytes.extend_from_slice(format!("Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes());
    }

    fn result(&mut self, id: &str, result: &str) {
        self.frame(&format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#));
    }

    /// The JSON of an event.
    pub fn event(&mut self, kind: &str, data: &str, is_ephemeral: bool) -> String {
        let ephemeral = if is_ephemeral { r#","ephemeral":true"# } else { "" };
        let (id, parent) = (self.id(), turn::PARENT);
        format!(
            r#"{{"type":"{kind}","data":{data}{ephemeral},"id":"{id}","timestamp":"{TIME}","parentId":"{parent}"}}"#
        )
    }

    /// The notification of an event.
    pub fn notify(&mut self, session: &str, kind: &str, data: &str, is_ephemeral: bool) {
        let event = self.event(kind, data, is_ephemeral);
        self.frame(&format!(
            r#"{{"jsonrpc":"2.0","method":"session.event","params":{{"sessionId":"{session}","event":{event}}}}}"#
        ));
    }
}

/// The state of a session.
#[derive(Default)]
pub struct Session {
    /// The requests of the turn.
    pub requests: Option<turn::Requests>,
    /// The result of `session.getMessages`.
    pub history: String,
}

struct Cli {
    stdout: File,
    out: Out,
    sessions: HashMap<String, Session>,
    /// Blocks of events by session and prompt.
    blocks: HashMap<(String, String), turn::Block>,
}

impl Cli {
    fn flush(&mut self) -> io::Result<()> {
        self.stdout.write_all(&self.out.bytes)?;
        self.out.bytes.clear();
        Ok(())
    }

    fn handle(&mut self, body: &[u8]) -> io::Result<()> {
        let message: Object = serde_json::from_slice(body)?;
        let Some(id) = message.get("id").map(|id| id.get()) else { return Ok(()) };
        let params: Object = match message.get("params") {
            Some(params) => serde_json::from_str(params.get())?,
            None => Object::new(),
        };
        let session = text(&params, "sessionId");
        match text(&message, "method") {
            "connect" => self.out.result(id, r#"{"ok":true,"protocolVersion":3,"version":"1.0.102"}"#),
            "ping" => {
                let pong = format!(r#"{{"message":"pong","timestamp":"{TIME}","protocolVersion":3}}"#);
                self.out.result(id, &pong);
            }
            "session.create" => self.create(id, session),
            "session.detach" | "session.destroy" | "session.delete" => {
                self.out.result(id, r#"{"success":true}"#);
                self.sessions.remove(session);
                self.blocks.retain(|(of, _), _| of != session);
            }
            "session.name.get" => self.out.result(id, r#"{"name":"speed"}"#),
            "session.send" => self.send(id, session, text(&params, "prompt"))?,
            "session.getMessages" => {
                let history = &self.sessions.get(session).expect("an open session").history;
                self.out.result(id, history);
            }
            "session.tools.handlePendingToolCall" | "session.permissions.handlePendingPermissionRequest" => {
                self.out.result(id, r#"{"success":true}"#);
                let requests = self.sessions.get_mut(session).and_then(|session| session.requests.as_mut());
                requests.expect("a turn with requests").answered(&mut self.out, session, &params);
            }
            "session.options.update" => self.out.result(id, r#"{"success":true,"pluginHookCount":0}"#),
            "session.skills.reload" => self.out.result(id, r#"{"warnings":[],"errors":[]}"#),
            "runtime.shutdown" => self.out.result(id, "null"),
            method => {
                let error = format!(r#"{{"code":-32601,"message":"Unhandled method {method}"}}"#);
                self.out.frame(&format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{error}}}"#));
            }
        }
        Ok(())
    }

    fn create(&mut self, id: &str, session: &str) {
        let session = if session.is_empty() { self.out.id() } else { session.to_owned() };
        let result = format!(
            r#"{{"sessionId":"{session}","nativeSessionId":"{session}","startTime":"{TIME}","isRemote":false,"mode":"interactive","capabilities":{{"ui":{{"elicitation":false}}}},"modelState":{{"modelId":"fake-model"}}}}"#
        );
        self.out.result(id, &result);
        let start = format!(
            r#"{{"sessionId":"{session}","version":1,"producer":"copilot-agent","copilotVersion":"1.0.102","startTime":"{TIME}"}}"#
        );
        self.out.notify(&session, "session.start", &start, false);
        self.sessions.insert(session, Session::default());
    }

    fn send(&mut self, id: &str, session: &str, prompt: &str) -> io::Result<()> {
        let message = self.out.id();
        self.out.result(id, &format!(r#"{{"messageId":"{message}"}}"#));
        let key = (session.to_owned(), prompt.to_owned());
        let mut block = self.blocks.remove(&key);
        let state = self.sessions.get_mut(session).expect("an open session");
        let mut turn = turn::Turn { session, message: &message, state, block: &mut block };
        while turn.play(prompt, &mut self.out) {
            self.stdout.write_all(&self.out.bytes)?;
            self.out.bytes.clear();
        }
        self.blocks.extend(block.map(|block| (key, block)));
        Ok(())
    }
}

/// The place of the first whole body, if there is one.
fn body(input: &[u8]) -> Option<std::ops::Range<usize>> {
    let head = input.windows(4).position(|window| window == b"\r\n\r\n")?;
    let header = std::str::from_utf8(&input[..head]).expect("a header in ASCII");
    let length = header.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>())
    });
    let length = length.expect("a Content-Length").expect("a number");
    (head + 4 + length <= input.len()).then_some(head + 4..head + 4 + length)
}

fn main() -> io::Result<()> {
    // Without the buffer of the standard library.
    let stdout = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    // Fails on a socket.
    let _ = rustix::pipe::fcntl_setpipe_size(&stdout, PIPE);
    let mut stdin = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let mut cli = Cli { stdout, out: Out::default(), sessions: HashMap::new(), blocks: HashMap::new() };
    let (mut input, mut chunk) = (Vec::new(), vec![0; 1 << 18]);
    loop {
        let count = stdin.read(&mut chunk)?;
        if count == 0 {
            return Ok(());
        }
        input.extend_from_slice(&chunk[..count]);
        let mut start = 0;
        while let Some(body) = body(&input[start..]) {
            cli.handle(&input[start + body.start..start + body.end])?;
            start += body.end;
        }
        input.drain(..start);
        cli.flush()?;
    }
}
