//! A fake Copilot CLI for tests. A test scripts the agent and checks the requests of the client.
//!
//! ```
//! use copilot_session::methods::session::SessionSend;
//! use copilot_session::testing::FakeCli;
//!
//! # fn main() { greets() }
//! # /*
//! #[tokio::test(start_paused = true)]
//! # */
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! async fn greets() {
//!     let fake = FakeCli::start();
//!     let client = fake.client().await;
//!     let session = client.session().approve_all().create().await.unwrap();
//!
//!     fake.answer("Hello to you!");
//!     let answer = session.send_and_wait("Hello").await.unwrap();
//!
//!     assert_eq!(answer.text(), "Hello to you!");
//!     assert_eq!(fake.received::<SessionSend>().await.prompt, "Hello");
//! }
//! ```
//!
//! If the agent needs the client during a turn, the test plays the turn itself between
//! [`begin_turn`](FakeCli::begin_turn) and [`end_turn`](FakeCli::end_turn):
//!
//! ```
//! # use copilot_session::testing::FakeCli;
//! # use copilot_session::Tool;
//! # use serde_json::{Value, json};
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! let fake = FakeCli::start();
//! let tool = Tool::with_schema("weather", "", json!({}), async |_: Value, _| "It rains.");
//! let session = fake.client().await.session().approve_all().tool(tool).create().await.unwrap();
//!
//! let turn = session.prompt("Do I need a coat?").await.unwrap();
//! fake.begin_turn(session.id()).await;
//! let weather = fake.expect_tool_result(session.id(), "weather", json!({"name": "Oslo"})).await;
//! fake.end_turn(session.id(), "Yes");
//!
//! assert!(format!("{weather:?}").contains("It rains."));
//! assert_eq!(turn.await.unwrap().text(), "Yes");
//! # }
//! ```
//!
//! If the code under test opens the session itself, run it in a task, and take the id from its request:
//!
//! ```
//! # use copilot_session::{Client, Error};
//! use copilot_session::methods::server::SessionCreate;
//! # use copilot_session::testing::FakeCli;
//! async fn greet(client: Client) -> Result<String, Error> {
//!     let session = client.session().deny_all().create().await?;
//!     Ok(session.send_and_wait("Hello").await?.text().to_owned())
//! }
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! let fake = FakeCli::start();
//! let greeting = tokio::spawn(greet(fake.client().await));
//! let session = fake.received::<SessionCreate>().await.session_id.unwrap();
//! fake.begin_turn(&session).await;
//! fake.end_turn(&session, "Hello to you!");
//! assert_eq!(greeting.await.unwrap().unwrap(), "Hello to you!");
//! # }
//! ```
//!
//! The CLI reports some failures of calls only by a message. An [`RpcError`](crate::RpcError) with the code -32603 and
//! the message `Session not found: ID` is of the kind [`SessionGone`](crate::ErrorKind::SessionGone), one with
//! `Model "NAME" is not available.` of the kind [`ModelUnavailable`](crate::ErrorKind::ModelUnavailable).
//!
//! The fake responds by default to everything needed to connect a client, open and close sessions, send
//! prompts and results, and abort. Any other method without a response set by the test gets the error
//! -32601. The test then panics when it drops the fake, or in [`FakeCli::finish`], which also panics for
//! prompts and answers that were not used.
//!
//! | Purpose | Functions |
//! |---|---|
//! | connect a client, also with options | [`client`](FakeCli::client), [`connect`](FakeCli::connect) |
//! | script the agent | [`answer`](FakeCli::answer), [`turn`](FakeCli::turn), [`begin_turn`](FakeCli::begin_turn), [`emit`](FakeCli::emit) with [`events`] |
//! | respond to a method | [`on`](FakeCli::on), `fake.on::<SessionModelGetCurrent>(\|()\| json!({"modelId": "m"}))` |
//! | check the client's requests | [`received`](FakeCli::received), [`calls`](FakeCli::calls) |
//! | send a request to the client | [`request`](FakeCli::request), [`expect_permission`](FakeCli::expect_permission) with [`requests`], [`expect_tool_result`](FakeCli::expect_tool_result) |
//! | respond late, twice, in another order, or not at all | [`hold`](FakeCli::hold) with [`reply`](FakeCli::reply), [`delay`](FakeCli::delay) |
//! | break the connection | [`die`](FakeCli::die), [`die_mid_message`](FakeCli::die_mid_message), [`hang_up`](FakeCli::hang_up) |
//! | break the protocol | [`raw`](FakeCli::raw), [`frame`](FakeCli::frame) |
//! | replay a real CLI | [`WireLog`](crate::WireLog), [`FakeCli::replay`] |
//! | run as a program, for `COPILOT_CLI_PATH` | [`run`], as in `examples/fake_cli.rs` |
//!
//! A program that runs [`run`] must be an example of your package (`examples/fake_cli.rs`), since only examples and
//! tests see the features of `[dev-dependencies]`. `cargo test` builds it, but `cargo test --test NAME` does not:
//! `cargo build --examples` does. It is in the folder `examples` beside that of the tests:
//!
//! ```
//! let test = std::env::current_exe().unwrap(); // target/debug/deps/NAME-…
//! let name = format!("fake_cli{}", std::env::consts::EXE_SUFFIX);
//! let fake = test.parent().unwrap().with_file_name("examples").join(name);
//! # assert!(fake.ends_with(format!("examples/fake_cli{}", std::env::consts::EXE_SUFFIX)));
//! ```
//!
//! Params and results of the methods in [`methods`](crate::methods) are checked against their types. The
//! typed functions have counterparts, such as `on_raw`, that accept the name of a method and unchecked JSON.
//!
//! To call a hook, send [`HooksInvoke`](crate::methods::client::HooksInvoke), whose `input` is not checked:
//! `fake.request::<HooksInvoke>(json!({"sessionId": id, "hookType": "preToolUse", "input": {…}}))`. As with the
//! CLI, the response does not say why a handler failed; the log (`tracing`) does.
//!
//! A function that takes what the CLI sends needs no fake. With this feature the types that only the CLI makes have a
//! `Default`, whose texts, lists and options are empty, numbers zero and enums `Unrecognized`:
//!
//! ```
//! use copilot_session::types::AssistantMessageData;
//!
//! fn words(message: &AssistantMessageData) -> usize {
//!     message.content.split_whitespace().count()
//! }
//!
//! let mut message = AssistantMessageData::default();
//! message.content = "Two words".to_owned();
//! assert_eq!(words(&message), 2);
//! ```
//!
//! Nothing waits forever. After three minutes the fake hangs up: calls of the client then fail with an
//! error that says so and names the turns that were not ended. A wait of the fake itself panics after half
//! of that time, and lists what was received. [`set_timeout`](FakeCli::set_timeout) changes the time, for
//! handlers that take longer. Under tokio's paused time both happen as soon as all tasks wait.

mod calls;
mod defaults;
pub mod events;
mod faults;
mod log;
mod pipe;
mod prompts;
mod raw;
mod replay;
pub mod requests;
mod script;
mod state;

pub use calls::{IntoResponse, ResponseFn};
pub use log::{Frame, ReceivedCall, Side};
pub use raw::{RawResponse, error};
pub use script::{ScriptError, run};

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::io::DuplexStream;

use crate::{Client, ClientBuilder, Error};
use state::Shared;

/// The default version of a fake: the one this crate is made for.
pub const VERSION: &str = crate::CLI_VERSION;

/// The default time after which a fake hangs up, longer than any time limit of the SDK.
const TIMEOUT: Duration = Duration::from_secs(180);

/// A fake CLI. Cloning is cheap; clones are the same fake. It must be created within a tokio runtime.
///
/// # Panics
/// On drop, if the client called a method without a response, if a closure passed to [`on`](Self::on)
/// panicked, or if the fake hung up because of its [timeout](Self::set_timeout).
#[derive(Clone)]
pub struct FakeCli(Arc<Shared>);

impl FakeCli {
    /// Starts a fake of [`VERSION`].
    pub fn start() -> Self {
        Self::of_version(VERSION)
    }

    /// Starts a fake of this version: before 1.0.50 it has no `connect`, before 1.0.81 no `session.detach`.
    pub fn of_version(version: &str) -> Self {
        Self(Shared::start(version, 64 << 10))
    }

    /// Starts a fake whose pipes hold this many bytes, 64 KiB by default. With 1, each read and write
    /// transfers one byte.
    pub fn with_pipe_capacity(bytes: usize) -> Self {
        Self(Shared::start(VERSION, bytes))
    }

    /// Sets the time until the fake hangs up, counted from now; three minutes by default. Waits of the fake
    /// that start from now on are limited to half of it.
    pub fn set_timeout(&self, timeout: Duration) {
        self.0.set_timeout(Some(timeout));
    }

    /// Connects the client of this fake, which can have only one. [`connect`](Self::connect) connects one with options.
    ///
    /// # Panics
    /// If the handshake fails or takes longer than a minute, or if the fake already has a client.
    pub async fn client(&self) -> Client {
        let client = self.connect(Client::builder()).await;
        client.unwrap_or_else(|error| panic!("the handshake failed: {error}"))
    }

    /// Connects the client of this fake with the options of a builder, such as its handlers or its wire log.
    ///
    /// ```
    /// # use copilot_session::{Client, testing::FakeCli};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// let fake = FakeCli::of_version("1.0.65");
    /// fake.connect(Client::builder().min_version("1.0.92")).await.expect_err("it is too old");
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`ClientBuilder::connect`].
    ///
    /// # Panics
    /// If the fake already has a client.
    pub async fn connect(&self, builder: ClientBuilder) -> Result<Client, Error> {
        let (from, to) = self.streams();
        builder.connect(from, to).await
    }

    /// Takes the client's end: the stream it reads from and the stream it writes to.
    ///
    /// # Panics
    /// If they were already taken.
    pub fn streams(&self) -> (DuplexStream, DuplexStream) {
        self.0.state().client_end.take().expect("the streams can be taken only once")
    }

    /// The methods of all requests of the client so far.
    pub fn methods(&self) -> Vec<String> {
        let state = self.0.state();
        state.received().filter_map(|json| json["method"].as_str().map(str::to_owned)).collect()
    }

    /// All messages of both sides so far.
    pub fn frames(&self) -> Vec<Frame> {
        self.0.state().frames.iter().map(|(frame, _)| frame.clone()).collect()
    }

    /// Waits until the client has processed everything sent to it. This is exact on a single-threaded
    /// runtime, where tasks run in the order in which they become ready.
    ///
    /// # Panics
    /// If the client does not respond within half of the fake's timeout.
    pub async fn settle(&self) {
        for _ in 0..3 {
            // A string, so that it differs from the ids of all other requests.
            let id = json!(format!("settle {}", self.0.state().number()));
            let answer = self.request_as(id, "fake.settle", json!({})).await;
            assert!(answer.is_err(), "no client knows this method: {answer:?}");
        }
    }

    /// Waits until the client has closed its stream.
    ///
    /// # Panics
    /// If that does not happen within half of the fake's timeout.
    pub async fn ended(&self) {
        self.wait("the end of the client's stream", |state| state.ended.then_some(())).await;
    }

    /// Returns and clears the failures so far, such as calls without a response and closures that panicked.
    /// The test then does not panic for them.
    pub fn take_failures(&self) -> Vec<String> {
        std::mem::take(&mut self.0.state().failures)
    }

    /// Ends the use of the fake and checks that everything scripted was used.
    ///
    /// # Panics
    /// For everything that makes a drop panic, even if clones of the fake remain. Also if a prompt was sent
    /// for which no turn was scripted, or if turns of [`answer`](Self::answer) or [`turn`](Self::turn) were
    /// not used by a prompt.
    pub fn finish(self) {
        let mut state = self.0.state();
        let unused = state.unused();
        state.failures.extend(unused);
        state.prompts.clear();
        state.turns.clear();
    }
}

impl Drop for FakeCli {
    fn drop(&mut self) {
        // A second panic would abort the process and hide the first.
        if std::thread::panicking() {
            return;
        }
        let failures = self.take_failures();
        if !failures.is_empty() {
            panic!("{}; {}", failures.join("; "), self.0.state().summary());
        }
    }
}

impl std::fmt::Debug for FakeCli {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FakeCli").field("version", &self.0.state().version).finish_non_exhaustive()
    }
}
