//! A fake Copilot CLI in memory: plain JSON in and out, and a test decides what it says.
//!
//! It answers what a client needs to greet it and to open a session, as the real CLI of the same
//! version does, and says nothing else by itself. [`FakeCli::on`] changes an answer,
//! [`FakeCli::hold`] lets the test give it by hand, [`FakeCli::emit`] makes events,
//! [`FakeCli::request`] asks the client something, [`FakeCli::received`] waits for what the client asks.
//!
//! Nothing in it depends on time but the deadlines: a wait that lasts a minute panics and says what
//! had come instead. After three minutes the fake hangs up, so that no test hangs, and it panics when it
//! is dropped, so that none passes by that; where not even that ends a test, the process is ended.
//! Under tokio's paused time all of this happens as soon as every task waits.

mod defaults;
mod log;
pub mod say;
mod wire;

pub use log::{Call, Frame, Side};

use std::collections::HashMap;
use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::DuplexStream;
use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;

use log::Log;
use wire::Outgoing;

/// The version a fake has unless told otherwise.
pub const VERSION: &str = "1.0.102";

/// How long anything is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long a fake lives, longer than any limit of the SDK.
const LIFETIME: Duration = Duration::from_secs(180);

/// How a request of the client is answered: the result, or the error object.
pub type Answer = Result<Value, Value>;

/// A fake CLI. Cloning is cheap and gives the same one.
#[derive(Clone)]
pub struct FakeCli(Arc<Shared>);

struct Shared {
    version: String,
    answers: Mutex<HashMap<String, Script>>,
    log: watch::Sender<Log>,
    outgoing: mpsc::UnboundedSender<Outgoing>,
    client_end: Mutex<Option<(DuplexStream, DuplexStream)>>,
    /// Whether our end of the stream stays open when the client has ended its own.
    stays: AtomicBool,
    reader: OnceLock<AbortHandle>,
    /// Whether it hung up by itself.
    expired: AtomicBool,
    last_number: AtomicU64,
}

/// What a method does.
#[derive(Clone)]
enum Script {
    Answer(Arc<dyn Fn(&Value) -> Answer + Send + Sync>),
    Hold,
}

/// The error object of an answer.
pub fn error(code: i64, message: &str) -> Value {
    json!({"code": code, "message": message})
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl FakeCli {
    /// A fake of [`VERSION`].
    pub fn start() -> Self {
        Self::of_version(VERSION)
    }

    /// A fake of this version: before 1.0.50 it has no `connect`, before 1.0.81 no `session.detach`.
    pub fn of_version(version: &str) -> Self {
        Self::new(version, 64 << 10)
    }

    /// A fake whose pipes hold one byte, so that every read and every write is of one.
    pub fn narrow() -> Self {
        Self::new(VERSION, 1)
    }

    fn new(version: &str, pipe: usize) -> Self {
        let (client_reads, we_write) = tokio::io::duplex(pipe);
        let (we_read, client_writes) = tokio::io::duplex(pipe);
        let (outgoing, queue) = mpsc::unbounded_channel();
        let fake = Self(Arc::new(Shared {
            version: version.to_owned(),
            answers: Mutex::default(),
            log: watch::Sender::new(Log::default()),
            outgoing,
            client_end: Mutex::new(Some((client_reads, client_writes))),
            stays: AtomicBool::new(false),
            reader: OnceLock::new(),
            expired: AtomicBool::new(false),
            last_number: AtomicU64::new(0),
        }));
        tokio::spawn(wire::write(we_write, queue));
        let reader = tokio::spawn(wire::read(we_read, fake.clone()));
        fake.0.reader.get_or_init(|| reader.abort_handle());
        tokio::spawn(expire(Arc::downgrade(&fake.0)));
        fake
    }

    /// The client's end: what it reads from and what it writes to. There is one.
    pub fn streams(&self) -> (DuplexStream, DuplexStream) {
        lock(&self.0.client_end).take().expect("the streams are given out once")
    }

    /// Answers this method with the closure from now on.
    pub fn on(&self, method: &str, answer: impl Fn(&Value) -> Answer + Send + Sync + 'static) {
        self.script(method, Script::Answer(Arc::new(answer)));
    }

    /// Leaves this method to [`received_call`](Self::received_call) and [`answer`](Self::answer).
    pub fn hold(&self, method: &str) {
        self.script(method, Script::Hold);
    }

    /// Answers this method as at first.
    pub fn release(&self, method: &str) {
        lock(&self.0.answers).remove(method);
    }

    fn script(&self, method: &str, script: Script) {
        lock(&self.0.answers).insert(method.to_owned(), script);
    }

    /// Answers a call that was held.
    pub fn answer(&self, call: &Call, answer: Answer) {
        self.answer_as(call.id.clone(), answer);
    }

    /// Answers with an id of any kind.
    pub fn answer_as(&self, id: Value, answer: Answer) {
        self.send(match answer {
            Ok(result) => json!({"jsonrpc": "2.0", "id": id, "result": result}),
            Err(error) => json!({"jsonrpc": "2.0", "id": id, "error": error}),
        });
    }

    /// Makes an event of a session. The keys of its envelope that are left out are filled in.
    pub fn emit(&self, session_id: &str, mut event: Value) {
        let number = self.number();
        let envelope = event.as_object_mut().expect("an event is an object");
        envelope.entry("id").or_insert_with(|| format!("event-{number}").into());
        envelope.entry("timestamp").or_insert("2026-01-01T00:00:00.000Z".into());
        envelope.entry("parentId").or_insert(Value::Null);
        envelope.entry("data").or_insert_with(|| json!({}));
        self.notify("session.event", json!({"sessionId": session_id, "event": event}));
    }

    /// Sends a notification.
    pub fn notify(&self, method: &str, params: Value) {
        self.send(json!({"jsonrpc": "2.0", "method": method, "params": params}));
    }

    /// Asks the client and waits for its answer.
    pub async fn request(&self, method: &str, params: Value) -> Answer {
        self.request_as(json!(self.number()), method, params).await
    }

    /// Asks the client under an id of any kind.
    pub async fn request_as(&self, id: Value, method: &str, params: Value) -> Answer {
        self.ask(&id, method, params);
        self.answered(&id, method).await
    }

    /// Asks the client, and leaves the answer to [`answered`](Self::answered).
    pub fn ask(&self, id: &Value, method: &str, params: Value) {
        self.send(json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
    }

    /// Waits for the client's answer to what was asked under this id.
    pub async fn answered(&self, id: &Value, method: &str) -> Answer {
        self.wait(&format!("the client's answer to `{method}`"), |log| log.take_answer(id)).await
    }

    /// Sends bytes as they are.
    pub fn raw(&self, bytes: impl Into<Vec<u8>>) {
        let bytes = bytes.into();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        self.log(Side::Cli, Value::String(text));
        self.queue(Outgoing::Bytes(bytes));
    }

    /// Sends this text with a right header.
    pub fn frame(&self, body: &str) {
        self.raw(wire::frame(body.as_bytes()));
    }

    /// Ends the stream to the client after what was sent before.
    pub fn hang_up(&self) {
        self.queue(Outgoing::HangUp);
    }

    /// Keeps the stream to the client open when the client ends its own.
    pub fn stay(&self) {
        self.0.stays.store(true, Ordering::Relaxed);
    }

    /// Reads no more, so that what the client writes fails.
    pub fn deafen(&self) {
        self.0.reader.get().expect("it runs from the start").abort();
    }

    /// Waits until the client has ended its stream.
    pub async fn ended(&self) {
        self.wait("the end of the client's stream", |log| log.ended.then_some(())).await;
    }

    /// Waits for the next request of this method that nobody waited for yet, and gives its params.
    pub async fn received(&self, method: &str) -> Value {
        self.received_call(method).await.params
    }

    /// As [`received`](Self::received), with what it takes to answer.
    pub async fn received_call(&self, method: &str) -> Call {
        self.received_with(method, |_| true).await
    }

    /// As [`received_call`](Self::received_call), for a request with such params.
    pub async fn received_with(&self, method: &str, wanted: impl Fn(&Value) -> bool) -> Call {
        self.wait(&format!("the client's request `{method}`"), |log| log.take_call(method, &wanted)).await
    }

    /// Waits until the client has done all it does by itself after what was sent to it. Exact on a
    /// runtime of one thread, where tasks run in the order they became ready.
    pub async fn settle(&self) {
        for _ in 0..3 {
            // Not a number, so that it is no other request's.
            let id = json!(format!("settle {}", self.number()));
            let answer = self.request_as(id, "fake.settle", json!({})).await;
            assert!(answer.is_err(), "no client knows this method: {answer:?}");
        }
    }

    /// The methods of all requests of the client so far.
    pub fn methods(&self) -> Vec<String> {
        self.0.log.borrow().methods()
    }

    /// The params of all requests of this method so far.
    pub fn calls(&self, method: &str) -> Vec<Value> {
        self.0.log.borrow().calls(method)
    }

    /// All frames of both sides so far.
    pub fn frames(&self) -> Vec<Frame> {
        self.0.log.borrow().frames.clone()
    }

    fn number(&self) -> u64 {
        self.0.last_number.fetch_add(1, Ordering::Relaxed)
    }

    fn send(&self, message: Value) {
        let bytes = wire::frame(message.to_string().as_bytes());
        self.log(Side::Cli, message);
        self.queue(Outgoing::Bytes(bytes));
    }

    fn queue(&self, outgoing: Outgoing) {
        // A fake that has hung up says nothing more.
        drop(self.0.outgoing.send(outgoing));
    }

    fn log(&self, from: Side, json: Value) {
        // Only what comes from the client is waited for.
        self.0.log.send_if_modified(|log| {
            log.frames.push(Frame { from, json });
            from == Side::Client
        });
    }

    /// Takes a message of the client and answers it when it is a request.
    fn take(&self, body: &[u8]) {
        let text = || Value::String(String::from_utf8_lossy(body).into_owned());
        let message: Value = serde_json::from_slice(body).unwrap_or_else(|_| text());
        let (id, method) = (message.get("id").cloned(), message["method"].as_str().map(str::to_owned));
        let params = message["params"].clone();
        self.log(Side::Client, message);
        let (Some(id), Some(method)) = (id, method) else { return };
        // Not under the lock: an answer may change the answers.
        let script = lock(&self.0.answers).get(&method).cloned();
        match script {
            Some(Script::Answer(answer)) => self.answer_as(id, answer(&params)),
            Some(Script::Hold) => {}
            None => self.answer_as(id, defaults::answer(&self.0.version, &method, &params, || self.number())),
        }
    }

    /// Notes that the client has ended its stream.
    fn end(&self) {
        self.0.log.send_modify(|log| log.ended = true);
        if !self.0.stays.load(Ordering::Relaxed) {
            self.hang_up();
        }
    }

    /// Waits until something is found in the log.
    async fn wait<T>(&self, what: &str, mut find: impl FnMut(&mut Log) -> Option<T>) -> T {
        let mut changes = self.0.log.subscribe();
        let finding = async {
            loop {
                let mut found = None;
                self.0.log.send_if_modified(|log| {
                    found = find(log);
                    false
                });
                if let Some(found) = found {
                    return found;
                }
                changes.changed().await.expect("the fake keeps the sender");
            }
        };
        let found = tokio::time::timeout(PATIENCE, finding).await;
        found.unwrap_or_else(|_| panic!("{what} did not come; {}", self.0.log.borrow().story()))
    }
}

/// Ends a fake that a test waits for in vain.
async fn expire(shared: Weak<Shared>) {
    tokio::time::sleep(LIFETIME).await;
    if let Some(shared) = shared.upgrade() {
        shared.expired.store(true, Ordering::Relaxed);
        drop(shared.outgoing.send(Outgoing::HangUp));
    }
    tokio::time::sleep(PATIENCE).await;
    if let Some(shared) = shared.upgrade() {
        // Not by `eprintln`, whose text a test that does not end keeps for itself.
        let text =
            format!("a test hangs even though the fake CLI hung up; {}\n", shared.log.borrow().story());
        drop(std::io::stderr().write_all(text.as_bytes()));
        std::process::exit(101);
    }
}

impl Drop for FakeCli {
    fn drop(&mut self) {
        // A second panic would abort the process and hide the first.
        if self.0.expired.load(Ordering::Relaxed) && !std::thread::panicking() {
            panic!("nothing happened until the fake CLI hung up; {}", self.0.log.borrow().story());
        }
    }
}
