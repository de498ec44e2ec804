//! A conversation with the agent.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::client::ClientInner;
use crate::error::Error;
use crate::event::SessionEvent;
use crate::events::{Events, Subscription};
use crate::json;
use crate::session_rpc::SessionRpc;
use crate::session_state::SessionState;
use crate::turn::{Answer, Turn};
use crate::types::{SendRequest, SendResult, SessionResumeResult};

/// How long [`Session::disconnect`] waits for the CLI.
const DISCONNECT: Duration = Duration::from_secs(10);

/// A conversation with the agent, made by [`Client::session`](crate::Client::session).
///
/// Cloning is cheap and gives the same session. When the last clone goes without
/// [`disconnect`](Self::disconnect), the CLI is told in the background, best effort: what it kept on
/// disk stays, and the session can be resumed.
#[derive(Clone)]
pub struct Session(Arc<Inner>);

struct Inner {
    /// Keeps the CLI running.
    client: Arc<ClientInner>,
    state: Arc<SessionState>,
    opened: SessionResumeResult,
    connected: AtomicBool,
}

impl Session {
    pub(crate) fn new(
        client: Arc<ClientInner>,
        state: Arc<SessionState>,
        opened: SessionResumeResult,
    ) -> Self {
        Self(Arc::new(Inner { client, state, opened, connected: AtomicBool::new(true) }))
    }

    /// The session's id.
    pub fn id(&self) -> &str {
        self.0.state.id()
    }

    /// The folder the CLI keeps for the session (`checkpoints/`, `files/`, `plan.md`); none when
    /// infinite sessions are off.
    pub fn workspace_path(&self) -> Option<&str> {
        self.0.opened.workspace_path.as_deref()
    }

    /// What `session.create` or `session.resume` answered.
    pub fn opened(&self) -> &SessionResumeResult {
        &self.0.opened
    }

    /// Every method the CLI has for a session, typed.
    pub fn rpc(&self) -> SessionRpc<'_> {
        SessionRpc(self.0.state.caller())
    }

    /// Sends a prompt (`session.send`) and gives the turn that follows: its events and its answer.
    ///
    /// The prompt is text, or a [`SendRequest`] with attachments, a mode and more. While the agent is
    /// busy the prompt waits its turn.
    ///
    /// # Errors
    /// As any call; what goes wrong later is the turn's.
    pub async fn prompt(&self, prompt: impl Into<SendRequest>) -> Result<Turn, Error> {
        // From before the request is written, so that nothing of the turn is missed.
        let events = self.0.state.subscribe_from_now();
        let sent = self.submit(prompt.into()).await?;
        Ok(Turn::new(events, sent.message_id, self.0.state.versions()))
    }

    /// Sends a prompt (`session.send`) and gives its message id, without waiting for an answer.
    ///
    /// # Errors
    /// As any call.
    pub async fn send(&self, prompt: impl Into<SendRequest>) -> Result<String, Error> {
        Ok(self.submit(prompt.into()).await?.message_id)
    }

    /// Sends a prompt and waits for the answer, however long the agent works on it. For a time limit
    /// use `prompt(…)` and [`Turn::within`].
    ///
    /// # Errors
    /// [`Error::Turn`] when the agent fails, else as any call.
    pub async fn send_and_wait(&self, prompt: impl Into<SendRequest>) -> Result<Answer, Error> {
        self.prompt(prompt).await?.await
    }

    async fn submit(&self, request: SendRequest) -> Result<SendResult, Error> {
        self.check_connected()?;
        self.rpc().send(&request).await
    }

    /// Calls the closure for the events that [`events`](Self::events) gives, in order, on a task of its
    /// own: a turn's answer may be there before the closure has seen the turn's last event.
    pub fn on(&self, handle: impl FnMut(&SessionEvent) + Send + 'static) -> Subscription {
        Subscription::start(self.events(), handle)
    }

    /// The session's events from now on. The first observer of a session that has had no prompt also
    /// gets those since it was made.
    pub fn events(&self) -> Events {
        self.0.state.subscribe()
    }

    /// What happened in the session so far (`session.getMessages`): from CLI 1.0.40 on, the events
    /// that are kept, without the passing ones.
    ///
    /// # Errors
    /// As any call. An event that cannot be decoded is in the list like any other.
    pub async fn messages(&self) -> Result<Vec<SessionEvent>, Error> {
        const METHOD: &str = "session.getMessages";
        self.check_connected()?;
        let result = self.0.state.caller().call::<()>(METHOD, &()).json().await?;
        let events = json::pick(&result, ["events"]).and_then(|[events]| json::items(events.unwrap_or("[]")));
        let events = events.and_then(|events| events.into_iter().map(SessionEvent::from_json).collect());
        events.map_err(|error| Error::Decode { method: METHOD.to_owned(), error })
    }

    /// Ends this client's part in the session and frees what it held here. What the CLI keeps on disk
    /// stays, and the session can be resumed. Turns that still run end with [`Error::SessionEnded`].
    ///
    /// Sends `session.detach`, or `session.destroy` to a CLI older than that. Waits 10 s at most.
    ///
    /// # Errors
    /// As any call; the session is over here all the same.
    pub async fn disconnect(&self) -> Result<(), Error> {
        if !self.0.connected.swap(false, Ordering::AcqRel) {
            return Ok(());
        }
        // Handlers stay until the answer, since the CLI may ask for them on the way out.
        let _end = EndOnDrop(&self.0);
        let state = &self.0.state;
        state.caller().call::<()>(state.versions().leave(), &()).within(DISCONNECT).await
    }

    fn check_connected(&self) -> Result<(), Error> {
        match self.0.connected.load(Ordering::Acquire) {
            true => Ok(()),
            false => Err(Error::SessionEnded),
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if self.connected.swap(false, Ordering::AcqRel) {
            self.state.caller().leave(self.state.versions().leave());
            self.end();
        }
    }
}

impl Inner {
    /// Frees what the session holds here.
    fn end(&self) {
        self.client.connection().unregister(self.state.id());
        self.state.end(None);
    }
}

/// Ends a session here once it was left, also when whoever left it does not wait for the answer.
struct EndOnDrop<'a>(&'a Inner);

impl Drop for EndOnDrop<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("id", &self.id()).finish_non_exhaustive()
    }
}

impl From<&str> for SendRequest {
    fn from(prompt: &str) -> Self {
        Self::new(prompt)
    }
}

impl From<String> for SendRequest {
    fn from(prompt: String) -> Self {
        Self::new(prompt)
    }
}
