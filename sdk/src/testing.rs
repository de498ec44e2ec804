//! A fake Copilot CLI for tests: a test says what the agent does, and looks at what the client asked for.
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
//! An agent that needs the client for its answer works on the prompt between
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
//! The fake answers by itself what it takes to connect a client, to open and disconnect sessions, to take prompts and
//! results, and to abort. It answers nothing else: any other method that the test has not set an answer for gets the
//! error -32601, and the test panics when it drops the fake, or at [`FakeCli::finish`], which also panics for prompts
//! and answers that were not used.
//!
//! | A test | by |
//! |---|---|
//! | says what comes of a prompt | [`answer`](FakeCli::answer), [`turn`](FakeCli::turn), [`begin_turn`](FakeCli::begin_turn), [`emit`](FakeCli::emit) with [`events`] |
//! | answers a method | [`on`](FakeCli::on), `fake.on::<ModelGet>(\|()\| json!({"modelId": "m"}))` |
//! | looks at what was asked | [`received`](FakeCli::received), [`calls`](FakeCli::calls) |
//! | asks the client something | [`request`](FakeCli::request), [`expect_permission`](FakeCli::expect_permission) with [`requests`], [`expect_tool_result`](FakeCli::expect_tool_result) |
//! | leaves a call without an answer, or answers late, twice, in another order | [`hold`](FakeCli::hold) with [`reply`](FakeCli::reply), [`delay`](FakeCli::delay) |
//! | breaks the connection | [`die`](FakeCli::die), [`die_within_a_message`](FakeCli::die_within_a_message), [`hang_up`](FakeCli::hang_up) |
//! | breaks the protocol | [`raw`](FakeCli::raw), [`frame`](FakeCli::frame) |
//! | plays what a real CLI did | [`WireLog`](crate::WireLog), [`FakeCli::replay`] |
//! | needs a program, for `COPILOT_CLI_PATH` | [`run`], as `examples/fake_cli.rs` does |
//!
//! What has a type, by the methods in [`methods`](crate::methods), is checked against it. Each of these
//! functions has a sister, `on_raw` and so on, that takes the method's name and JSON as it is.
//!
//! Nothing waits for ever. After three minutes the fake hangs up: whatever the client waits for fails with an error
//! that says so and names the turns that were begun and not ended. A wait of the fake itself panics after half of
//! that time and says what had come instead. [`lives`](FakeCli::lives) sets other times, for handlers that may take
//! longer. Under tokio's paused time both happen as soon as every task waits.

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
mod shared;

pub use calls::{Answering, IntoAnswer};
pub use log::{Call, Frame, Side};
pub use raw::{RawAnswer, error};
pub use script::{ScriptError, run};

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::io::DuplexStream;

use crate::Client;
use shared::Shared;

use crate::runtime::lock;

/// The version a fake has unless told otherwise: the one this crate is made for.
pub const VERSION: &str = "1.0.102";

/// How long a fake lives unless told otherwise, longer than any limit of the SDK.
const LIFETIME: Duration = Duration::from_secs(180);

/// A fake CLI. Cloning is cheap and gives the same one. It is made within a tokio runtime.
///
/// # Panics
/// On drop, when the client asked for something that the fake was not told about, when a closure given to
/// [`on`](Self::on) panicked, or when the fake hung up because nothing happened any more.
#[derive(Clone)]
pub struct FakeCli(Arc<Shared>);

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
        let fake = Self(Shared::start(version, pipe));
        fake.0.set_lifetime(Some(LIFETIME));
        fake
    }

    /// Hangs up after this time instead of three minutes, counted from now. What is waited for from now on
    /// is waited for half of it.
    pub fn lives(&self, limit: Duration) {
        self.0.set_lifetime(Some(limit));
    }

    /// A client of this fake. There is one; for one with options give [`streams`](Self::streams) to
    /// [`ClientBuilder::connect`](crate::ClientBuilder::connect).
    ///
    /// # Panics
    /// When the greeting fails or is not over in a minute, and when there is a client already.
    pub async fn client(&self) -> Client {
        let (from, to) = self.streams();
        Client::builder().connect(from, to).await.unwrap_or_else(|error| panic!("the greeting: {error}"))
    }

    /// The client's end: what it reads from and what it writes to. There is one.
    ///
    /// # Panics
    /// When they were taken before.
    pub fn streams(&self) -> (DuplexStream, DuplexStream) {
        lock(&self.0.client_end).take().expect("the streams are given out once")
    }

    /// The methods of all requests of the client so far.
    pub fn methods(&self) -> Vec<String> {
        self.0.log.borrow().methods()
    }

    /// All frames of both sides so far.
    pub fn frames(&self) -> Vec<Frame> {
        self.0.log.borrow().frames.clone()
    }

    /// Waits until the client has done all it does by itself after what was sent to it. Exact on a
    /// runtime of one thread, where tasks run in the order they became ready.
    ///
    /// # Panics
    /// When the client has not answered in half of the fake's life.
    pub async fn settle(&self) {
        for _ in 0..3 {
            // Not a number, so that it is no other request's.
            let id = json!(format!("settle {}", self.0.number()));
            let answer = self.request_as(id, "fake.settle", json!({})).await;
            assert!(answer.is_err(), "no client knows this method: {answer:?}");
        }
    }

    /// Waits until the client has ended its stream.
    ///
    /// # Panics
    /// When it has not in half of the fake's life.
    pub async fn ended(&self) {
        self.wait("the end of the client's stream", |log| log.ended.then_some(())).await;
    }

    /// The faults of the test so far: calls that nobody told the fake about, closures that
    /// panicked. It is forgotten by this, so that the test does not fail for it.
    pub fn take_failures(&self) -> Vec<String> {
        self.0.take_failures()
    }

    /// Ends the test's use of the fake, and says what of it was in vain.
    ///
    /// # Panics
    /// For what a drop panics for, also of a fake that is in use elsewhere too. And for what a drop lets pass: a
    /// prompt that was taken and of which nothing came, and what was scripted by [`answer`](Self::answer)
    /// and [`turn`](Self::turn) and no prompt came for.
    pub fn finish(self) {
        self.0.finish_prompts();
    }
}

impl Drop for FakeCli {
    fn drop(&mut self) {
        // A second panic would abort the process and hide the first.
        if std::thread::panicking() {
            return;
        }
        let failures = self.0.take_failures();
        if !failures.is_empty() {
            panic!("{}; {}", failures.join("; "), self.0.story());
        }
    }
}

impl std::fmt::Debug for FakeCli {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FakeCli").field("version", &self.0.version).finish_non_exhaustive()
    }
}
