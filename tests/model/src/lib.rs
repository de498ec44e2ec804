//! A scripted model server. It speaks the OpenAI chat completions protocol on a loopback port, and a
//! [`Script`] decides every answer. The real CLI uses it through its `provider` setting (`type: "openai"`,
//! `wireApi: "completions"`), so whole agent turns run without login or internet.
//!
//! The server also stands in for GitHub, for a CLI whose `COPILOT_API_URL` and `COPILOT_DEBUG_GITHUB_API_URL`
//! are its [`github_url`](ModelServer::github_url). That CLI is logged in with [`GITHUB_TOKEN`], and gets the
//! account, its quota and the scripted model without a provider.
//!
//! ```no_run
//! # use copilot_session_model::{ModelServer, Reply, Script};
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

/// The one model that the server lists; a session may request any name.
pub const MODEL_NAME: &str = "scripted";

/// A running model server. Dropping it stops it, closes its connections, and panics if a request was
/// unexpected.
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

    /// The address for `provider.baseUrl`.
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// The address for the environment variables of GitHub's interfaces.
    pub fn github_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The completion requests so far, in order of arrival.
    pub fn requests(&self) -> Vec<ModelRequest> {
        self.shared.requests.borrow().clone()
    }

    /// Waits for the completion request with this index, counted from 0.
    pub async fn request(&self, index: usize) -> ModelRequest {
        let mut requests = self.shared.requests.subscribe();
        let seen = requests.wait_for(|seen| seen.len() > index).await;
        seen.expect("the server owns the sender")[index].clone()
    }

    /// Takes the problems so far: requests without a reply in the script, and requests outside of the
    /// protocol. The drop does not panic for those that were taken.
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
