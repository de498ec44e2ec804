//! What all clones of a fake share, with the tasks that serve it.

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
use super::raw::{RawAnswer, error};
use super::{LIFETIME, defaults};
use crate::runtime::lock;

const INTERNAL_ERROR: i64 = -32603;

/// What a method does.
#[derive(Clone)]
pub(super) enum Script {
    Answer(Arc<dyn Fn(&Value) -> RawAnswer + Send + Sync>),
    Hold,
    Die(i32),
}

pub(super) struct Shared {
    pub version: String,
    scripts: Mutex<HashMap<String, Script>>,
    pub delays: Mutex<HashMap<String, Duration>>,
    /// Locked before the log where both are.
    pub prompts: watch::Sender<Prompts>,
    pub log: watch::Sender<Log>,
    /// Unbounded: a test says what it says at once, and the pipe behind it is what holds so many bytes.
    outgoing: mpsc::UnboundedSender<Outgoing>,
    pub client_end: Mutex<Option<(DuplexStream, DuplexStream)>>,
    /// Whether our end of the stream stays open when the client has ended its own.
    pub stays: AtomicBool,
    reader: OnceLock<AbortHandle>,
    lifetime: Mutex<Option<AbortHandle>>,
    /// How long anything is waited for.
    patience: Mutex<Duration>,
    /// The status that it died with.
    pub died: OnceLock<i32>,
    last_number: AtomicU64,
}

impl Shared {
    /// Starts the tasks at the ends of two pipes that hold so many bytes.
    pub fn start(version: &str, pipe: usize) -> Arc<Self> {
        let (client_reads, we_write) = tokio::io::duplex(pipe);
        let (we_read, client_writes) = tokio::io::duplex(pipe);
        let (outgoing, queue) = mpsc::unbounded_channel();
        let shared = Arc::new(Self {
            version: version.to_owned(),
            scripts: Mutex::default(),
            delays: Mutex::default(),
            prompts: watch::Sender::new(Prompts::default()),
            log: watch::Sender::new(Log::default()),
            outgoing,
            client_end: Mutex::new(Some((client_reads, client_writes))),
            stays: AtomicBool::new(false),
            reader: OnceLock::new(),
            lifetime: Mutex::default(),
            patience: Mutex::new(LIFETIME / 2),
            died: OnceLock::new(),
            last_number: AtomicU64::new(0),
        });
        tokio::spawn(pipe::write(we_write, queue));
        let reader = tokio::spawn(pipe::read(we_read, Arc::clone(&shared)));
        shared.reader.get_or_init(|| reader.abort_handle());
        shared
    }

    /// Hangs up after this time, and waits for nothing longer than half of it.
    pub fn set_lifetime(self: &Arc<Self>, limit: Option<Duration>) {
        *lock(&self.patience) = limit.unwrap_or(LIFETIME) / 2;
        let task = limit.map(|limit| tokio::spawn(expire(Arc::downgrade(self), limit)).abort_handle());
        if let Some(before) = std::mem::replace(&mut *lock(&self.lifetime), task) {
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

    /// Something that the test should fail for.
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
        self.say(message, bytes);
    }

    /// Sends bytes that are logged in this form.
    pub fn say(&self, json: Value, bytes: Vec<u8>) {
        self.note(Side::Cli, json);
        self.queue(Outgoing::Bytes(bytes));
    }

    pub fn queue(&self, outgoing: Outgoing) {
        // A fake that has hung up says nothing more.
        drop(self.outgoing.send(outgoing));
    }

    pub fn notify(&self, method: &str, params: Value) {
        self.send(json!({"jsonrpc": "2.0", "method": method, "params": params}));
    }

    pub fn answer_as(&self, id: Value, answer: RawAnswer) {
        self.send(match answer {
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
        // In the CLI's order, whatever serde_json's is: of an event that is too large only the start is looked at.
        let text = format!(
            r#"{{"jsonrpc":"2.0","method":"session.event","params":{{"sessionId":{},"event":{}}}}}"#,
            params["sessionId"], params["event"]
        );
        let message = json!({"jsonrpc": "2.0", "method": "session.event", "params": params});
        self.say(message, pipe::frame(text.as_bytes()));
    }

    pub fn deafen(&self) {
        self.reader.get().expect("it runs from the start").abort();
    }

    pub fn die(&self, status: i32) {
        self.died.get_or_init(|| status);
        self.deafen();
        self.queue(Outgoing::HangUp);
    }

    fn note(&self, from: Side, json: Value) {
        // Only what comes from the client is waited for.
        self.log.send_if_modified(|log| {
            log.frames.push(Frame { from, json });
            from == Side::Client
        });
    }

    /// Takes a message of the client and answers it when it is a request.
    pub fn take(self: &Arc<Self>, body: &[u8]) {
        let text = || Value::String(String::from_utf8_lossy(body).into_owned());
        let message: Value = serde_json::from_slice(body).unwrap_or_else(|_| text());
        let (id, method) = (message.get("id").cloned(), message["method"].as_str().map(str::to_owned));
        let params = message["params"].clone();
        self.note(Side::Client, message);
        let (Some(id), Some(method)) = (id, method) else { return };
        // Not under the lock: an answer may change the answers.
        let script = lock(&self.scripts).get(&method).cloned();
        let answer = match script {
            Some(Script::Hold) => return,
            Some(Script::Die(status)) => return self.die(status),
            Some(Script::Answer(answer)) => self.answer_by(&*answer, &method, &params),
            None => self.answer_by_default(&method, &params),
        };
        let delay = lock(&self.delays).get(&method).copied();
        let Some(delay) = delay else { return self.finish_call(id, &method, &params, answer) };
        let shared = Arc::clone(self);
        tokio::spawn(async move {
            tokio::time::sleep(delay).await;
            shared.finish_call(id, &method, &params, answer);
        });
    }

    fn answer_by(
        &self,
        answer: &(dyn Fn(&Value) -> RawAnswer + Send + Sync),
        method: &str,
        params: &Value,
    ) -> RawAnswer {
        catch_unwind(AssertUnwindSafe(|| answer(params))).unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("no text");
            self.fail(format!("the fake's answer to `{method}` panicked: {text}"));
            Err(error(INTERNAL_ERROR, text))
        })
    }

    fn answer_by_default(&self, method: &str, params: &Value) -> RawAnswer {
        defaults::answer(&self.version, method, params, || self.number()).unwrap_or_else(|| {
            self.fail(format!("unexpected call of `{method}`, for which the fake has no answer"));
            Err(defaults::unknown(method))
        })
    }

    /// Sends an answer, and what comes of a prompt that was taken.
    fn finish_call(&self, id: Value, method: &str, params: &Value, answer: RawAnswer) {
        match (method, answer) {
            ("session.send", Ok(result)) => self.take_prompt(id, params, result),
            ("session.abort", Ok(result)) if result["success"] != false => {
                self.take_abort(id, params, result)
            }
            (_, answer) => self.answer_as(id, answer),
        }
    }

    /// Notes that the client has ended its stream.
    pub fn end(&self) {
        self.log.send_modify(|log| log.ended = true);
        if !self.stays.load(Ordering::Relaxed) {
            self.queue(Outgoing::HangUp);
        }
    }

    /// Waits until something is found in the log; for half of the fake's life, after which it says what had
    /// come instead.
    pub async fn find<T>(&self, what: &str, find: impl FnMut(&mut Log) -> Option<T>) -> Result<T, String> {
        self.patiently(what, found(&self.log, find)).await
    }

    pub(super) async fn patiently<T>(
        &self,
        what: &str,
        finding: impl Future<Output = T>,
    ) -> Result<T, String> {
        let patience = *lock(&self.patience);
        let found = tokio::time::timeout(patience, finding).await;
        found.map_err(|_| format!("{what} did not come in {patience:?}; {}", self.story()))
    }

    /// What had happened, for the text of a panic.
    pub fn story(&self) -> String {
        self.open().into_iter().chain([self.log.borrow().story()]).collect::<Vec<_>>().join("; ")
    }

    /// What was left of prompts, answers and turns, in words.
    fn open(&self) -> Vec<String> {
        let prompts = self.prompts.borrow();
        prompts.left().into_iter().chain(prompts.open()).collect()
    }
}

/// Waits until something is found in what changes.
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

/// Ends a fake that a test waits for in vain.
async fn expire(shared: Weak<Shared>, limit: Duration) {
    tokio::time::sleep(limit).await;
    if let Some(shared) = shared.upgrade() {
        let why = format!("the fake CLI hung up after {limit:?}, when the test was not over");
        shared.fail(why.clone());
        // Text that is no message stands in the client's error, which else knew of the end of the stream only.
        let text = [why].into_iter().chain(shared.open()).collect::<Vec<_>>().join("; ");
        shared.queue(Outgoing::Bytes(text.into_bytes()));
        shared.queue(Outgoing::HangUp);
    }
}
