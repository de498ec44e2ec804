//! The state of a fake, which its clones and its tasks share.

use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::DuplexStream;
use tokio::sync::{Notify, mpsc};
use tokio::task::AbortHandle;

use super::log::{Frame, Side};
use super::prompts::Prompt;
use super::raw::{RawResponse, error};
use super::{TIMEOUT, pipe};
use crate::rpc::RpcError;
use crate::runtime::lock;
use crate::version::CliVersion;

/// Responds to a request with these params; none if the test itself responds, or if there is no response.
pub(super) type Respond = dyn Fn(&Value) -> Option<RawResponse> + Send + Sync;

#[derive(Default)]
pub(super) struct Shared {
    state: Mutex<State>,
    /// Notified after each message of the client.
    received: Notify,
}

#[derive(Default)]
pub(super) struct State {
    pub version: String,
    pub client_end: Option<(DuplexStream, DuplexStream)>,
    /// The bytes for the client; none once the fake has hung up. Unbounded, since a test sends without
    /// waiting; the pipe behind it has the limited capacity.
    outgoing: Option<mpsc::UnboundedSender<Vec<u8>>>,
    reader: Option<AbortHandle>,
    /// True if our end of the stream stays open when the client closes its own.
    pub keep_open: bool,
    hang_up_task: Option<AbortHandle>,
    /// The time limit of each wait.
    wait_timeout: Duration,
    /// The exit status of [`die`](Self::die).
    pub died: Option<i32>,
    next_number: u64,
    /// The test's response to a method.
    pub responses: HashMap<String, Arc<Respond>>,
    pub delays: HashMap<String, Duration>,
    /// The prompts that wait for a turn, and those whose turn was begun.
    pub prompts: Vec<Prompt>,
    /// The scripted turns that wait for a prompt. There are none while a prompt waits.
    pub turns: VecDeque<Vec<Value>>,
    /// All messages, each with true once a wait has returned it.
    pub frames: Vec<(Frame, bool)>,
    /// True once the client has closed its stream.
    pub ended: bool,
    /// The failures of the test.
    pub failures: Vec<String>,
}

impl Shared {
    /// Starts the tasks that serve two pipes of this capacity in bytes.
    pub fn start(version: &str, capacity: usize) -> Arc<Self> {
        let (client_reads, we_write) = tokio::io::duplex(capacity);
        let (we_read, client_writes) = tokio::io::duplex(capacity);
        // Unbounded, since a test decides how much is sent, and waits for no reader.
        let (outgoing, queue) = mpsc::unbounded_channel();
        tokio::spawn(pipe::write(we_write, queue));
        let shared = Arc::new(Self::default());
        let reader = tokio::spawn(pipe::read(we_read, Arc::clone(&shared)));
        *shared.state() = State {
            version: version.to_owned(),
            client_end: Some((client_reads, client_writes)),
            outgoing: Some(outgoing),
            reader: Some(reader.abort_handle()),
            ..State::default()
        };
        shared.set_timeout(Some(TIMEOUT));
        shared
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Hangs up after this time, and limits each wait to half of it.
    pub fn set_timeout(self: &Arc<Self>, timeout: Option<Duration>) {
        let task =
            timeout.map(|timeout| tokio::spawn(hang_up_after(Arc::downgrade(self), timeout)).abort_handle());
        let mut state = self.state();
        state.wait_timeout = timeout.unwrap_or(TIMEOUT) / 2;
        if let Some(before) = std::mem::replace(&mut state.hang_up_task, task) {
            before.abort();
        }
    }

    /// Handles a message of the client, and responds if it is a request.
    pub fn receive(self: &Arc<Self>, body: &[u8]) {
        let message: Value =
            serde_json::from_slice(body).unwrap_or_else(|_| String::from_utf8_lossy(body).into());
        let (id, method) = (message.get("id").cloned(), message["method"].as_str().map(str::to_owned));
        let params = message["params"].clone();
        self.state().record(Side::Client, message);
        self.received.notify_waiters();
        let (Some(id), Some(method)) = (id, method) else { return };
        let Some(response) = self.response(&method, &params) else { return };
        let delay = self.state().delays.get(&method).copied();
        let shared = Arc::clone(self);
        let finish = move || {
            shared.state().finish_call(id, &method, &params, response);
            shared.received.notify_waiters();
        };
        match delay {
            None => finish(),
            Some(delay) => drop(tokio::spawn(async move {
                tokio::time::sleep(delay).await;
                finish();
            })),
        }
    }

    /// The response to a request; none if it is sent later, or never.
    fn response(&self, method: &str, params: &Value) -> Option<RawResponse> {
        let scripted = self.state().responses.get(method).cloned();
        let Some(respond) = scripted else { return Some(self.state().default_response(method, params)) };
        // Without the lock, since the closure may use the fake.
        catch_unwind(AssertUnwindSafe(|| respond(params))).unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("no text");
            self.state().failures.push(format!("the response closure of `{method}` panicked: {text}"));
            Some(Err(error(RpcError::INTERNAL_ERROR, text)))
        })
    }

    /// Records that the client has closed its stream.
    pub fn end(&self) {
        let mut state = self.state();
        state.ended = true;
        if !state.keep_open {
            state.hang_up();
        }
        drop(state);
        self.received.notify_waiters();
    }

    /// Waits until `find` finds something in the state. After the time limit it returns an error that lists
    /// what was received instead.
    pub async fn find<T>(
        &self,
        what: &str,
        mut find: impl FnMut(&mut State) -> Option<T>,
    ) -> Result<T, String> {
        let finding = async {
            loop {
                let received = self.received.notified();
                if let Some(found) = find(&mut self.state()) {
                    return found;
                }
                received.await;
            }
        };
        let wait_timeout = self.state().wait_timeout;
        let found = tokio::time::timeout(wait_timeout, finding).await;
        found.map_err(|_| {
            format!("{what} was not received within {wait_timeout:?}; {}", self.state().summary())
        })
    }
}

impl State {
    /// Restores the default response to this method, without a delay.
    pub fn release(&mut self, method: &str) {
        self.responses.remove(method);
        self.delays.remove(method);
    }

    pub fn number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number - 1
    }

    /// Returns true if the version is at least this one.
    pub fn is_from(&self, numbers: [u64; 3]) -> bool {
        CliVersion::new(&*self.version).numbers() >= numbers
    }

    pub fn record(&mut self, from: Side, json: Value) {
        self.frames.push((Frame { from, json }, false));
    }

    pub fn send(&mut self, message: Value) {
        let bytes = pipe::frame(&message.to_string());
        self.send_bytes(message, bytes);
    }

    /// Sends bytes that are logged as `json`.
    pub fn send_bytes(&mut self, json: Value, bytes: Vec<u8>) {
        self.record(Side::Cli, json);
        if let Some(outgoing) = &self.outgoing {
            // Ignored once the client has closed its reading end.
            drop(outgoing.send(bytes));
        }
    }

    pub fn respond(&mut self, id: Value, response: RawResponse) {
        self.send(match response {
            Ok(result) => json!({"jsonrpc": "2.0", "id": id, "result": result}),
            Err(error) => json!({"jsonrpc": "2.0", "id": id, "error": error}),
        });
    }

    pub fn emit(&mut self, session_id: &str, mut event: Value) {
        let number = self.number();
        let envelope = event.as_object_mut().expect("an event is an object");
        envelope.entry("id").or_insert_with(|| format!("event-{number}").into());
        envelope.entry("timestamp").or_insert("2026-01-01T00:00:00.000Z".into());
        envelope.entry("parentId").or_insert(Value::Null);
        envelope.entry("data").or_insert_with(|| json!({}));
        // Keys in the order of the CLI, independent of serde_json's: of an event that is too large only the
        // start is read.
        let text = format!(
            r#"{{"jsonrpc":"2.0","method":"session.event","params":{{"sessionId":{},"event":{event}}}}}"#,
            json!(session_id)
        );
        let params = json!({"sessionId": session_id, "event": event});
        let message = json!({"jsonrpc": "2.0", "method": "session.event", "params": params});
        self.send_bytes(message, pipe::frame(&text));
    }

    pub fn stop_reading(&self) {
        self.reader.iter().for_each(AbortHandle::abort);
    }

    /// Closes the stream to the client after everything sent before.
    pub fn hang_up(&mut self) {
        self.outgoing = None;
    }

    pub fn die(&mut self, status: i32) {
        self.died.get_or_insert(status);
        self.stop_reading();
        self.hang_up();
    }
}

/// Hangs up when a test takes too long.
async fn hang_up_after(shared: Weak<Shared>, timeout: Duration) {
    tokio::time::sleep(timeout).await;
    let Some(shared) = shared.upgrade() else { return };
    let mut state = shared.state();
    let why = format!("the fake CLI hung up after {timeout:?}, before the test ended");
    // Text that belongs to no message is part of the client's error, which would otherwise only report the
    // end of the stream.
    let text = [vec![why.clone()], state.unused(), state.unfinished()].concat().join("; ");
    state.failures.push(why);
    state.send_bytes(text.clone().into(), text.into_bytes());
    state.hang_up();
}
