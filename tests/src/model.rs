//! A scripted model server: it speaks the OpenAI chat completions protocol on
//! a loopback port, and a [`Script`] decides every answer. The real CLI talks
//! to it through its `provider` setting (`type: "openai"`,
//! `wireApi: "completions"`), so whole agent turns run with no login and no
//! internet.
//!
//! It also plays GitHub for a CLI whose `COPILOT_API_URL` and `COPILOT_DEBUG_GITHUB_API_URL` are its
//! [`github_url`](ModelServer::github_url): the CLI takes itself for logged in with [`GITHUB_TOKEN`], and is given
//! the account, its quota and the scripted model, without a provider.
//!
//! ```no_run
//! # use copilot_session_tests::model::{ModelServer, Reply, Script};
//! # use serde_json::json;
//! # async fn example() -> std::io::Result<()> {
//! let model = ModelServer::start(Script::replies([
//!     Reply::tool_call("lookup", json!({"key": "a"})),
//!     Reply::text("It is 4."),
//! ]))
//! .await?;
//! // ... run a turn against model.base_url() ...
//! assert_eq!(model.requests()[1].tool_results()[0].1, "4");
//! # Ok(())
//! # }
//! ```

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

/// The one model that the server lists; a session may ask for any name.
pub const MODEL_NAME: &str = "scripted";

/// A running model server. Dropping it stops it, closes its connections, and
/// panics if something arrived that the script had no answer for.
pub struct ModelServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

/// What the connections and the test both look at.
struct Shared {
    address: SocketAddr,
    script: Mutex<Script>,
    requests: watch::Sender<Vec<ModelRequest>>,
    unexpected: Mutex<Vec<String>>,
    /// How many tool calls were sent, for their ids.
    calls: AtomicUsize,
}

impl ModelServer {
    /// Starts a server on a free loopback port.
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

    /// The address to give to the CLI as `provider.baseUrl`.
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// The address to give to the CLI as that of GitHub's interfaces.
    pub fn github_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The completion requests seen so far, in order of arrival: what the
    /// model saw.
    pub fn requests(&self) -> Vec<ModelRequest> {
        self.shared.requests.borrow().clone()
    }

    /// Waits for the completion request with this index, counted from 0.
    pub async fn request(&self, index: usize) -> ModelRequest {
        let mut requests = self.shared.requests.subscribe();
        let seen = requests.wait_for(|seen| seen.len() > index).await;
        seen.expect("the server owns the sender")[index].clone()
    }

    /// Takes what went wrong so far: requests the script had no reply for, and
    /// requests that are not part of the protocol. What is taken here no
    /// longer makes the drop panic.
    pub fn take_unexpected(&self) -> Vec<String> {
        std::mem::take(&mut *lock(&self.shared.unexpected))
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
    /// Records a request and finds its reply. The script stays locked all the
    /// while, so that replies go out in the order of the recorded requests.
    fn next_reply(&self, headers: HeaderMap, body: Value) -> (ModelRequest, Result<Reply, String>) {
        let mut script = lock(&self.script);
        let request = ModelRequest::new(self.requests.borrow().len(), headers, body);
        self.requests.send_modify(|requests| requests.push(request.clone()));
        let reply = script.reply_to(&request);
        (request, reply)
    }

    /// Notes something the test did not plan for.
    fn note_unexpected(&self, what: String) {
        lock(&self.unexpected).push(what);
    }
}

/// Locks even after a panic elsewhere: the data are plain lists.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
