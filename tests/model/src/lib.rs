#![doc = include_str!("../README.md")]

mod github;
mod http;
mod reply;
mod request;
mod script;
mod stall;
#[cfg(test)]
mod tests;
mod wire;

pub use github::{GITHUB_LOGIN, GITHUB_TOKEN};
pub use reply::Reply;
pub use request::ModelRequest;
pub use script::Script;
pub use stall::Stall;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use hyper::HeaderMap;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// The name of the only model that the server lists. A session may request any other name, too.
pub const MODEL_NAME: &str = "scripted";

/// A running model server.
///
/// Its drop ends it and closes its connections.
///
/// # Panics
/// Its drop panics if a request was unexpected (see [`take_unexpected`](Self::take_unexpected)), unless the thread
/// panics already.
pub struct ModelServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

/// The state that the connections share with the test.
struct Shared {
    address: SocketAddr,
    script: Mutex<Script>,
    requests: watch::Sender<Vec<ModelRequest>>,
    unexpected: Mutex<Vec<String>>,
    /// The number of tool calls that were sent, for their ids.
    calls: AtomicUsize,
}

impl ModelServer {
    /// Starts a server on a free port of the loopback address. It runs on the current tokio runtime, and ends with it.
    ///
    /// # Errors
    /// The system gives it no port.
    ///
    /// # Panics
    /// There is no tokio runtime, or one without its I/O or time driver.
    pub async fn start(script: Script) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            address,
            script: Mutex::new(script),
            requests: watch::Sender::new(Vec::new()),
            unexpected: Mutex::new(Vec::new()),
            calls: AtomicUsize::new(0),
        });
        let accepting = tokio::spawn(http::accept(listener, Arc::clone(&shared)));
        Ok(Self { address, shared, accepting })
    }

    /// The address of OpenAI's interface, such as `http://127.0.0.1:40123/v1`: the `baseUrl` of a session's `provider`.
    /// It needs no key, and takes any.
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// The address of GitHub's interfaces, without a path: the value of `COPILOT_API_URL` and
    /// `COPILOT_DEBUG_GITHUB_API_URL`. They need [`GITHUB_TOKEN`].
    pub fn github_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The variables with which a CLI takes this server for GitHub, where it is logged in as [`GITHUB_LOGIN`]. They are
    /// for a program that starts the CLI and knows nothing of the test; a program with the SDK can give the token
    /// to `ClientBuilder::github_token` instead of the third.
    pub fn github_env(&self) -> [(&'static str, String); 3] {
        [
            ("COPILOT_API_URL", self.github_url()),
            ("COPILOT_DEBUG_GITHUB_API_URL", self.github_url()),
            ("COPILOT_GITHUB_TOKEN", GITHUB_TOKEN.to_owned()),
        ]
    }

    /// The completion requests so far, in the order in which they came.
    pub fn requests(&self) -> Vec<ModelRequest> {
        self.shared.requests.borrow().clone()
    }

    /// Waits for the completion request with this index, counted from 0. There is no timeout.
    pub async fn request(&self, index: usize) -> ModelRequest {
        let mut requests = self.shared.requests.subscribe();
        let seen = requests.wait_for(|seen| seen.len() > index).await;
        seen.expect("the server owns the sender")[index].clone()
    }

    /// Takes the reasons why requests were unexpected so far: those for which the script has no reply, or panicked, and
    /// those that are not of the protocol. Each got an HTTP error that is not to be retried. The drop does not panic
    /// for reasons that were taken.
    pub fn take_unexpected(&self) -> Vec<String> {
        std::mem::take(&mut *lock(&self.shared.unexpected))
    }
}

impl fmt::Debug for ModelServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let requests = self.shared.requests.borrow().len();
        f.debug_struct("ModelServer")
            .field("address", &self.address)
            .field("requests", &requests)
            .finish_non_exhaustive()
    }
}

impl Drop for ModelServer {
    fn drop(&mut self) {
        self.accepting.abort();
        let unexpected = self.take_unexpected();
        // A second panic would abort the process and hide the first.
        if !thread::panicking() {
            assert!(unexpected.is_empty(), "the model server saw: {}", unexpected.join("; "));
        }
    }
}

impl Shared {
    /// Records a request and finds its reply. The script stays locked meanwhile, so that the replies are in
    /// the order of the recorded requests.
    fn next_reply(&self, headers: HeaderMap, body: Value) -> (ModelRequest, Result<Reply, String>) {
        let mut script = lock(&self.script);
        let request = ModelRequest::new(self.requests.borrow().len(), headers, body);
        self.requests.send_modify(|requests| requests.push(request.clone()));
        let reply = script.reply_to(&request);
        (request, reply)
    }

    /// Records a problem.
    fn note_unexpected(&self, what: String) {
        lock(&self.unexpected).push(what);
    }
}

/// Locks even after a panic elsewhere: the lists stay valid.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
