//! A client and a session on a fake CLI.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use copilot_session::testing::FakeCli;
use copilot_session::types::PingRequest;
use copilot_session::{Client, Error, Events, Session, SessionBuilder, SessionEvent};
use serde_json::Value;

/// A fake CLI, a client of it, and a session of that client.
pub struct Rig {
    pub fake: FakeCli,
    pub client: Client,
    pub session: Session,
}

impl Rig {
    /// Starts with a session that approves everything.
    pub async fn start() -> Self {
        Self::with(SessionBuilder::approve_all).await
    }

    /// Starts with a session configured by the closure.
    pub async fn with(configure: impl FnOnce(SessionBuilder) -> SessionBuilder) -> Self {
        Self::on(FakeCli::start(), configure).await
    }

    /// The same as [`Rig::with`], on this fake.
    pub async fn on(fake: FakeCli, configure: impl FnOnce(SessionBuilder) -> SessionBuilder) -> Self {
        let client = connect(&fake).await;
        let session = configure(client.session()).create().await.expect("the session");
        Self { fake, client, session }
    }

    /// Emits an event of the session.
    pub fn emit(&self, event: Value) {
        self.fake.emit(self.session.id(), event);
    }

    /// The kinds of the session's events up to the first of this kind.
    pub async fn kinds_until(&self, events: &mut Events, last: &str) -> Vec<String> {
        let mut kinds = Vec::new();
        while kinds.last().is_none_or(|kind| kind != last) {
            kinds.push(next(events).await.kind().to_owned());
        }
        kinds
    }
}

/// Connects a client to this fake.
pub async fn connect(fake: &FakeCli) -> Client {
    try_connect(fake).await.expect("the handshake")
}

/// Connects to this fake, with a handshake limit of ten seconds.
pub async fn try_connect(fake: &FakeCli) -> Result<Client, Error> {
    fake.connect(Client::builder().handshake_timeout(Duration::from_secs(10))).await
}

/// A request id that no other test uses, since a request whose id is repeated is not handled again.
pub fn new_request_id() -> String {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    format!("request {}", COUNT.fetch_add(1, Ordering::Relaxed))
}

/// The next event, which must come.
pub async fn next(events: &mut Events) -> SessionEvent {
    events.next().await.expect("one more event")
}

/// Checks that the connection works in both directions.
pub async fn assert_alive(client: &Client) {
    let request = PingRequest::default().message("there?");
    let pong = client.rpc().ping(&request).await.expect("a response to the ping");
    assert_eq!(pong.message, "pong: there?");
}
