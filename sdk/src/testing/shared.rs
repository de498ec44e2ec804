//! The state shared by all clones of a fake and its tasks.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::DuplexStream;
use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;

use super::log::{Frame, Log, Side};
use super::pipe::{self, Outgoing};
use super::prompts::Prompts;
use super::raw::{RawResponse, error};
use super::{TIMEOUT, defaults};
use crate::runtime::lock;

const INTERNAL_ERROR: i64 = -32603;

/// The reaction to a request of a method.
#[derive(Clone)]
pub(super) enum Script {
    Respond(Arc<dyn Fn(&Value) -> RawResponse + Send + Sync>),
    Hold,
    Die(i32),
}

pub(super) struct Shared {
    pub version: String,
    scripts: Mutex<HashMap<String, Script>>,
    pub delays: Mutex<HashMap<String, Duration>>,
    /// Locked before the log if both are needed.
    pub prompts: watch::Sender<Prompts>,
    pub log: watch::Sender<Log>,
    /// Unbounded, since a test sends without waiting; the pipe behind it has the limited capacity.
    outgoing: mpsc::UnboundedSender<Outgoing>,
    pub client_end: Mutex<Option<(DuplexStream, DuplexStream)>>,
    /// True if our end of the stream stays open when the client closes its own.
    pub keep_open: AtomicBool,
    reader: OnceLock<AbortHandle>,
    hang_up_task: Mutex<Option<AbortHandle>>,
    /// The time limit of each wait.
    wait_timeout: Mutex<Duration>,
    /// The exit status of [`die`](Self::die).
    pub died: OnceLock<i32>,
    last_number: AtomicU64,
}

impl Shared {
    /// Starts the tasks that serve two pipes of this capacity in bytes.
    pub fn start(version: &str, capacity: usize) -> Arc<Self> {
        let (client_reads, we_write) = tokio::io::duplex(capacity);
        let (we_read, client_writes) = tokio::io::duplex(capacity);
        let (outgoing, queue) = mpsc::unbounded_channel();
        let shared = Arc::new(Self {
            version: version.to_owned(),
            scripts: Mutex::default(),
            delays: Mutex::default(),
            prompts: watch::Sender::new(Prompts::default()),
            log: watch::Sender::new(Log::default()),
            outgoing,
            client_end: Mutex::new(Some((client_reads, client_writes))),
            keep_open: AtomicBool::new(false),
            reader: OnceLock::new(),
            hang_up_task: Mutex::default(),
            wait_timeout: Mutex::new(TIMEOUT / 2),
            died: OnceLock::new(),
            last_number: AtomicU64::new(0),
        });
        tokio::spawn(pipe::write(we_write, queue));
        let reader = tokio::spawn(pipe::read(we_read, Arc::clone(&shared)));
        shared.reader.get_or_init(|| reader.abort_handle());
        shared
    }

    /// Hangs up after this time, and limits each wait to half of it.
    pub fn set_timeout(self: &Arc<Self>, timeout: Option<Duration>) {
        *lock(&self.wait_timeout) = timeout.unwrap_or(TIMEOUT) / 2;
        let task =
            timeout.map(|timeout| tokio::spawn(hang_up_after(Arc::downgrade(self), timeout)).abort_handle());
        if let Some(before) = std::mem::replace(&mut *lock(&self.hang_up_task), task) {
            before.abort();
        }
    }

    pub fn script(&self, method: &str, script: Script) {
        lock(&self.scripts).insert(method.to_owned(), script);
    }

    pub fn release(&self, method: &str) {
        lock(&self.scripts).remove(method);
        lock(&self.delays).remove(method);
    }

    pub fn number(&self) -> u64 {
        self.last_number.fetch_add(1, Ordering::Relaxed)
    }

    /// Records a failure of the test.
    pub fn fail(&self, why: String) {
        self.log.send_modify(|log| log.failures.push(why));
    }

    pub fn take_failures(&self) -> Vec<String> {
        let mut failures = Vec::new();
        self.log.send_if_modified(|log| {
            failures = std::mem::take(&mut log.failures);
            false
        });
        failures
    }

    pub fn send(&self, message: Value) {
        let bytes = pipe::frame(message.to_string().as_bytes());
        self.send_bytes(message, bytes);
    }

    /// Sends bytes that are logged as `json`.
    pub fn send_bytes(&self, json: Value, bytes: Vec<u8>) {
        self.record(Side::Cli, json);
        self.queue(Outgoing::Bytes(bytes));
    }

    pub fn queue(&self, outgoing: Outgoing) {
        // Ignored once the fake has hung up.
        drop(self.outgoing.send(outgoing));
    }

    pub fn notify(&self, method: &str, params: Value) {
        self.send(json!({"jsonrpc": "2.0", "method": method, "params": params}));
    }

    pub fn respond_as(&self, id: Value, response: RawResponse) {
        self.send(match response {
            Ok(result) => json!({"jsonrpc": "2.0", "id": id, "result": result}),
            Err(error) => json!({"jsonrpc": "2.0", "id": id, "error": error}),
        });
    }

    pub fn emit(&self, session_id: &str, mut event: Value) {
        let number = self.number();
        let envelope = event.as_object_mut().expect("an event is an object");
        envelope.entry("id").or_insert_with(|| format!("event-{number}").into());
        envelope.entry("timestamp").or_insert("2026-01-01T00:00:00.000Z".into());
        envelope.entry("parentId").or_insert(Value::Null);
        envelope.entry("data").or_insert_with(|| json!({}));
        let params = json!({"sessionId": session_id, "event": event});
        // Keys in the order of the CLI, independent of serde_json's: of an event that is too large only the
        // start is read.
        let text = format!(
            r#"{{"jsonrpc":"2.0","method":"session.event","params":{{"sessionId":{},"event":{}}}}}"#,
            params["sessionId"], params["event"]
        );
        let message = json!({"jsonrpc": "2.0", "method": "session.event", "params": params});
        self.send_bytes(message, pipe::frame(text.as_bytes()));
    }

    pub fn stop_reading(&self) {
        self.reader.get().expect("the reader was started with the fake").abort();
    }

    pub fn die(&self, status: i32) {
        self.died.get_or_init(|| status);
        self.stop_reading();
        self.queue(Outgoing::HangUp);
    }

    fn record(&self, from: Side, json: Value) {
        // Waits concern only messages of the client.
        self.log.send_if_modified(|log| {
            log.frames.push(Frame { from, json });
            from == Side::Client
        });
    }

    /// Handles a message of the client, and responds if it is a request.
    pub fn receive(self: &Arc<Self>, body: &[u8]) {
        let text = || Value::String(String::from_utf8_lossy(body).into_owned());
        let message: Value = serde_json::from_slice(body).unwrap_or_else(|_| text());
        let (id, method) = (message.get("id").cloned(), message["method"].as_str().map(str::to_owned));
        let params = message["params"].clone();
        self.record(Side::Client, message);
        let (Some(id), Some(method)) = (id, method) else { return };
        // Without the lock, since the closure may change the scripts.
        let script = lock(&self.scripts).get(&method).cloned();
        let response = match script {
            Some(Script::Hold) => return,
            Some(Script::Die(status)) => return self.die(status),
            Some(Script::Respond(respond)) => self.call_closure(&*respond, &method, &params),
            None => self.default_response(&method, &params),
        };
        let delay = lock(&self.delays).get(&method).copied();
        let Some(delay) = delay else { return self.finish_call(id, &method, &params, response) };
        let shared = Arc::clone(self);
        tokio::spawn(async move {
            tokio::time::sleep(delay).await;
            shared.finish_call(id, &method, &params, response);
        });
    }

    fn call_closure(
        &self,
        respond: &(dyn Fn(&Value) -> RawResponse + Send + Sync),
        method: &str,
        params: &Value,
    ) -> RawResponse {
        catch_unwind(AssertUnwindSafe(|| respond(params))).unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("no text");
            self.fail(format!("the response closure of `{method}` panicked: {text}"));
            Err(error(INTERNAL_ERROR, text))
        })
    }

    fn default_response(&self, method: &str, params: &Value) -> RawResponse {
        defaults::response(&self.version, method, params, || self.number()).unwrap_or_else(|| {
            self.fail(format!("unexpected call of `{method}`, for which the fake has no response"));
            Err(defaults::unknown(method))
        })
    }

    /// Sends the response to a call. For a prompt, also plays its turn.
    fn finish_call(&self, id: Value, method: &str, params: &Value, response: RawResponse) {
        match (method, response) {
            ("session.send", Ok(result)) => self.receive_prompt(id, params, result),
            ("session.abort", Ok(result)) if result["success"] != false => {
                self.receive_abort(id, params, result)
            }
            (_, response) => self.respond_as(id, response),
        }
    }

    /// Records that the client has closed its stream.
    pub fn end(&self) {
        self.log.send_modify(|log| log.ended = true);
        if !self.keep_open.load(Ordering::Relaxed) {
            self.queue(Outgoing::HangUp);
        }
    }

    /// Waits until `find` finds something in the log. After the time limit it returns an error that lists
    /// what was received instead.
    pub async fn find<T>(&self, what: &str, find: impl FnMut(&mut Log) -> Option<T>) -> Result<T, String> {
        self.wait_for(what, found(&self.log, find)).await
    }

    pub(super) async fn wait_for<T>(
        &self,
        what: &str,
        finding: impl Future<Output = T>,
    ) -> Result<T, String> {
        let wait_timeout = *lock(&self.wait_timeout);
        let found = tokio::time::timeout(wait_timeout, finding).await;
        found.map_err(|_| format!("{what} was not received within {wait_timeout:?}; {}", self.summary()))
    }

    /// Summarizes what happened, for a panic.
    pub fn summary(&self) -> String {
        self.unfinished().into_iter().chain([self.log.borrow().summary()]).collect::<Vec<_>>().join("; ")
    }

    /// Describes the unused prompts and answers, and the unfinished turns.
    fn unfinished(&self) -> Vec<String> {
        let prompts = self.prompts.borrow();
        prompts.unused().into_iter().chain(prompts.unfinished()).collect()
    }
}

/// Waits until `find` finds something in a state that changes.
pub(super) async fn found<S, T>(state: &watch::Sender<S>, mut find: impl FnMut(&mut S) -> Option<T>) -> T {
    let mut changes = state.subscribe();
    loop {
        let mut found = None;
        state.send_if_modified(|state| {
            found = find(state);
            false
        });
        if let Some(found) = found {
            return found;
        }
        changes.changed().await.expect("the fake keeps the sender");
    }
}

/// Hangs up when a test takes too long.
async fn hang_up_after(shared: Weak<Shared>, timeout: Duration) {
    tokio::time::sleep(timeout).await;
    if let Some(shared) = shared.upgrade() {
        let why = format!("the fake CLI hung up after {timeout:?}, before the test ended");
        shared.fail(why.clone());
        // Text that belongs to no message is part of the client's error, which would otherwise only report
        // the end of the stream.
        let text = [why].into_iter().chain(shared.unfinished()).collect::<Vec<_>>().join("; ");
        shared.queue(Outgoing::Bytes(text.into_bytes()));
        shared.queue(Outgoing::HangUp);
    }
}
