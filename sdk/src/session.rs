//! A conversation with the agent.

pub(crate) mod builder;
pub(crate) mod builder_handlers;
pub(crate) mod capabilities;
pub(crate) mod defaults;
pub(crate) mod host;
pub(crate) mod opening;
mod prompt;
mod questions;
pub(crate) mod resume;
pub(crate) mod router;
pub(crate) mod shell;
pub(crate) mod state;
pub(crate) mod table;
pub(crate) mod turn;

use std::sync::{Arc, Mutex, Weak};

use serde_core::{Serialize, de::DeserializeOwned};
use tokio::time::Instant;
use tracing::Instrument as _;

use crate::call::{Call, Caller};
use crate::error::{Closed, Error, unsupported::Unsupported};
use crate::events::stream::{Ended, Events, Subscription};
use crate::events::{SessionEvent, answer::Answer, notifications::MalformedNotification};
use crate::handlers::{registry::Handlers, tool, tool::Tool};
use crate::methods;
use crate::runtime::{lock, on_drop::OnDrop};
use crate::session::prompt::check_extra;
use crate::session::turn::{Turn, prompts::Prompt, tracker::Tracker};
use crate::session::{capabilities::Capabilities, host::Host, shell::Shell, state::SessionState};
use crate::session_rpc::SessionRpc;
use crate::trace::{spans, turn::TurnSpan, turn::WeakSpan};
use crate::types::{
    AbortRequest, LogRequest, ModelSwitchToRequest, ModelSwitchToResult, SendRequest, SendResult,
    SessionResumeResult, ShellExitNotification, ShellOutputNotification, UiElicitationRequest,
    UiElicitationResponse,
};
use crate::version::Feature;
use crate::wire::{self, Wire, peek::keys};

const SET_TOOLS: &str = "session.tools.set";

/// A conversation with the agent, opened by [`Client::session`](crate::Client::session).
///
/// Cloning is cheap; a clone is a handle of the same session. When the last handle is dropped without
/// [`disconnect`](Self::disconnect), the session is disconnected in the background, and errors are ignored: the
/// session remains on disk and can be resumed. [`downgrade`](Self::downgrade) returns a handle that does not keep the
/// session open.
///
/// A session ends when it is disconnected, when its last handle is dropped, when a client deletes it, when another
/// session [replaces it](crate::WhenOpen::Replace), or when the connection closes. After that every call on it fails
/// with [`Error::SessionEnded`] or [`Error::Closed`], and nothing is sent.
#[derive(Clone)]
pub struct Session {
    inner: Arc<Inner>,
    opened: Arc<SessionResumeResult>,
}

struct Inner {
    /// Keeps the CLI running.
    host: Arc<Host>,
    state: Arc<SessionState>,
    /// Sends the calls of the handles.
    caller: Caller,
    /// The latest response of the CLI to opening it.
    opened: Mutex<Arc<SessionResumeResult>>,
}

/// A handle of a session that does not keep it open, returned by [`Session::downgrade`]. Use it in lists of sessions
/// and in the session's own handlers.
#[derive(Debug, Clone)]
pub struct WeakSession(Weak<Inner>);

impl WeakSession {
    /// Returns a handle that keeps the session open; none once its last handle is dropped. The session may have
    /// ended.
    pub fn upgrade(&self) -> Option<Session> {
        self.0.upgrade().map(Session::of)
    }

    /// Returns true if the last handle is dropped or being dropped.
    pub(crate) fn is_gone(&self) -> bool {
        self.0.strong_count() == 0
    }
}

impl Session {
    /// Returns the first handle of a session, which is about to be opened.
    pub(crate) fn new(host: Arc<Host>, state: Arc<SessionState>) -> Self {
        let opened = Mutex::new(Arc::new(SessionResumeResult::empty()));
        let caller = state.caller().for_handle();
        Self::of(Arc::new(Inner { host, state, caller, opened }))
    }

    fn of(inner: Arc<Inner>) -> Self {
        let opened = Arc::clone(&lock(&inner.opened));
        Self { inner, opened }
    }

    /// Returns the same session after the CLI has opened it.
    pub(crate) fn reopened(self, opened: SessionResumeResult) -> Self {
        *lock(&self.inner.opened) = Arc::new(opened);
        Self::of(self.inner)
    }

    pub(crate) fn state(&self) -> &Arc<SessionState> {
        &self.inner.state
    }

    /// Returns true until the session ends or is being disconnected. Afterwards every call fails, and nothing is sent.
    pub fn is_open(&self) -> bool {
        self.check().is_ok()
    }

    /// Returns a handle that does not keep the session open.
    pub fn downgrade(&self) -> WeakSession {
        WeakSession(Arc::downgrade(&self.inner))
    }

    /// The session's id.
    pub fn id(&self) -> &str {
        self.inner.state.id()
    }

    /// The folder in which the CLI keeps the session's files (`checkpoints/`, `files/`, `plan.md`); none if infinite
    /// sessions are disabled.
    pub fn workspace_path(&self) -> Option<&str> {
        self.opened.workspace_path.as_deref()
    }

    /// The CLI's result of the `session.create` or `session.resume` that created this handle. A handle from
    /// [`Client::open_session`](crate::Client::open_session) or from [`WeakSession`] has the latest such result.
    pub fn opened(&self) -> &SessionResumeResult {
        &self.opened
    }

    /// The typed methods of the CLI for a session. Once the session has ended, they fail, and nothing is sent.
    pub fn rpc(&self) -> SessionRpc<'_> {
        SessionRpc(&self.inner.caller)
    }

    /// Calls any method of the session by its name, as [`Client::call_raw`](crate::Client::call_raw) does. The
    /// session's id is added to the params. Once the session has ended, it fails, and nothing is sent.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the params are no object, or have a `sessionId`; otherwise as
    /// [`Client::call_raw`](crate::Client::call_raw).
    pub async fn call_raw<R: DeserializeOwned>(
        &self,
        method: &str,
        params: impl Serialize,
    ) -> Result<R, Error> {
        self.inner.caller.call_raw(method, params).await
    }

    /// Sends a prompt (`session.send`) and returns its turn: a stream of its events, and a future of its answer.
    ///
    /// The prompt is a text, or a [`SendRequest`] with attachments, a mode and more. While the agent is busy, the
    /// prompt waits in the CLI's queue; with `mode: "immediate"` it joins the running turn. [`turns`] lists what
    /// belongs to a turn and what ends it.
    ///
    /// [`turns`]: crate::turns
    ///
    /// # Errors
    /// As any [call](crate::Call), such as [`Error::Timeout`] after the client's
    /// [`call_timeout`](crate::ClientBuilder::call_timeout); later errors are those of the turn.
    pub async fn prompt(&self, prompt: impl Into<SendRequest>) -> Result<Turn, Error> {
        // Before the request is written, so that no event of the turn is missed.
        let events = self.inner.state.subscribers.subscribe_from_now();
        let (started, span) = (Instant::now(), spans::turn(self.id()));
        let turn = TurnSpan::new(span.clone());
        let sent = self.submit(prompt.into(), turn.downgrade()).instrument(span.clone()).await;
        let prompt = sent.inspect_err(|error| spans::failed(&span, error.kind()))?;
        let prompts = Arc::clone(&self.inner.state.prompts);
        let tracker = Tracker::new(prompt, prompts, self.inner.state.version());
        Ok(Turn::new(events, tracker, started, Arc::downgrade(&self.inner.host), turn))
    }

    /// Sends a prompt (`session.send`) and returns its message id, without waiting for the answer.
    ///
    /// # Errors
    /// As any [call](crate::Call).
    pub async fn send(&self, prompt: impl Into<SendRequest>) -> Result<String, Error> {
        Ok(self.submit(prompt.into(), WeakSpan::new()).await?.id().to_owned())
    }

    /// Sends a prompt (`session.send`) and waits for the answer. There is no timeout of the turn; for one use
    /// `prompt(…)` and [`Turn::timeout`].
    ///
    /// # Errors
    /// [`Error::Turn`] if the agent fails, [`Error::TurnCutOff`] if the session or the connection ends before the
    /// answer; otherwise as any [call](crate::Call).
    pub async fn send_and_wait(&self, prompt: impl Into<SendRequest>) -> Result<Answer, Error> {
        self.prompt(prompt).await?.answer().await
    }

    /// Sends a prompt that requests an answer in the form of `T`, and returns that. Requires the feature `schemars`.
    ///
    /// The schema of `T` is sent as the `responseFormat` of the prompt, which the model's provider must support. As
    /// with [`send_and_wait`](Self::send_and_wait), there is no timeout.
    ///
    /// # Errors
    /// [`Error::Answer`] if the answer has another form; otherwise as [`send_and_wait`](Self::send_and_wait).
    #[cfg(feature = "schemars")]
    pub async fn send_and_wait_as<T>(&self, prompt: impl Into<SendRequest>) -> Result<T, Error>
    where
        T: serde_core::de::DeserializeOwned + schemars::JsonSchema,
    {
        self.send_and_wait(prompt.into().answer_as::<T>()).await?.json()
    }

    /// Sends a prompt, whose turn has this span.
    async fn submit(&self, request: SendRequest, turn: WeakSpan) -> Result<Arc<Prompt>, Error> {
        let (prompt, call) = self.prepare(request, turn)?;
        prompt.set_id(call.await?.message_id);
        Ok(prompt)
    }

    /// Returns the prompt of a request and the call that sends it.
    //
    // A function of its own, so that the code that writes the request is compiled in this crate. The code of a future
    // is compiled again in each program.
    fn prepare(
        &self,
        mut request: SendRequest,
        turn: WeakSpan,
    ) -> Result<(Arc<Prompt>, Call<SendResult>), Error> {
        self.check()?;
        self.inner.host.trace(&mut request.traceparent, &mut request.tracestate);
        if !request.rest.is_empty() {
            let extra = std::mem::take(&mut request.rest);
            check_extra(&extra, &wire::to_json(&request), &["sessionId"])?;
            request.rest = extra;
        }
        let state = &self.inner.state;
        let prompt = state.prompts.add(&request.prompt, turn.clone());
        state.scope.turn.set_if_none(&turn);
        Ok((prompt, self.rpc().send(&request)))
    }

    /// Calls the closure for the events of [`events`](Self::events), in order, on a task of its own. The answer of a
    /// turn may be available before the closure has received the turn's last event.
    pub fn on(&self, handle: impl FnMut(&SessionEvent) + Send + 'static) -> Subscription {
        self.events().on(handle)
    }

    /// Subscribes to the session's later events. The first subscriber of a session without a prompt also receives the
    /// events since the session was opened.
    pub fn events(&self) -> Events {
        self.inner.state.subscribers.subscribe()
    }

    /// Stops the agent's work (`session.abort`). The session remains usable. A running turn ends with
    /// [`Answer::is_aborted`], even if another prompt follows at once. CLIs from 1.0.81 on also drop the queued
    /// prompts, whose turns end in the same way.
    ///
    /// A handler of the session may call this: its request then gets no response, and the handler continues.
    ///
    /// # Errors
    /// As any [call](crate::Call).
    pub async fn abort(&self) -> Result<(), Error> {
        self.check()?;
        self.inner.host.connection().in_flight.spare_current();
        self.inner.state.prompts.abort();
        self.rpc().abort(&AbortRequest::default()).done().await
    }

    /// Changes the model from the next prompt on (`session.model.switchTo`). The argument is a model's id, an id with
    /// a reasoning effort (`("gpt-5", "high")`), or a [`ModelSwitchToRequest`] with more.
    ///
    /// # Errors
    /// As any [call](crate::Call). An unknown model is no error. With a [`provider`](crate::SessionBuilder::provider)
    /// of your own the id goes to that as it is. Among GitHub's models, CLI 1.0.102 reports it as set, and runs the
    /// next prompt on a default model; so does [`resume`](crate::SessionBuilder::resume). Compare the id with
    /// [`Client::models`](crate::Client::models) first.
    pub async fn set_model(
        &self,
        model: impl Into<ModelSwitchToRequest>,
    ) -> Result<ModelSwitchToResult, Error> {
        self.rpc().model().switch_to(&model.into()).await
    }

    /// Writes a line to the session's timeline (`session.log`) and returns the id of its event. The line is a text,
    /// or a [`LogRequest`] with a level (default `info`) and an `ephemeral` flag (default false).
    ///
    /// # Errors
    /// As any [call](crate::Call).
    pub async fn log(&self, line: impl Into<LogRequest>) -> Result<String, Error> {
        Ok(self.rpc().log(&line.into()).await?.event_id)
    }

    /// Replaces the tools of this client in the session (`session.tools.set`). A running call of a removed tool is
    /// still answered. It first waits for another `set_tools` of the session that is pending.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an invalid or duplicate name, and for a schema of arguments that are no object;
    /// [`Error::Unsupported`] with a CLI before 1.0.81; otherwise as any [call](crate::Call). The tools then remain
    /// as they were. After [`Error::Timeout`], or if this future is dropped, it is unknown which tools the CLI has,
    /// so calls of the old and the new ones are answered.
    pub async fn set_tools(&self, tools: impl IntoIterator<Item = Tool>) -> Result<(), Error> {
        self.check()?;
        let state = &self.inner.state;
        state.peer().require(Feature::ReplaceTools, "replace tools")?;
        let tools: Vec<Tool> = tools.into_iter().collect();
        let declarations = tool::declarations(tools.iter().map(|tool| &*tool.declaration));
        let tools = tool::by_name(&tools)?;
        let params = ["{", &declarations, "}"].concat();
        let set = self.inner.caller.call_json::<()>(SET_TOOLS, params).timeout(None);
        let change = state.change_handlers(|old| Handlers { tools, ..old.clone() }, set);
        state.peer().within_call_timeout(SET_TOOLS, change).await
    }

    /// The capabilities of the CLI in this session, as last reported.
    pub fn capabilities(&self) -> Capabilities {
        lock(&self.inner.state.capabilities).get()
    }

    /// Shows a form to the user (`session.ui.elicitation`) and returns the response. A client of the session that
    /// handles such requests shows the form. For a single question see [`confirm`](Self::confirm),
    /// [`select`](Self::select) and [`input`](Self::input). There is no timeout, since the user may take long; for one
    /// use `rpc().ui().elicitation(…)` with [`Call::timeout`](crate::Call::timeout).
    ///
    /// # Errors
    /// [`Error::Unsupported`] if no client handles such requests, because the CLI would never respond; otherwise as
    /// any [call](crate::Call).
    pub async fn elicit(&self, form: &UiElicitationRequest) -> Result<UiElicitationResponse, Error> {
        self.check()?;
        if !self.capabilities().elicitation {
            let text = "no client of this session handles elicitation requests (`on_elicitation`)";
            return Err(Unsupported::new(text).into());
        }
        self.rpc().ui().elicitation(form).await
    }

    /// Returns a shell command to run for the user, in the session's working directory and without a permission
    /// request.
    ///
    /// Once the session has ended, [`Shell::start`] fails, and nothing is sent.
    pub fn shell(&self, command: impl Into<String>) -> Shell {
        Shell::new(Arc::clone(&self.inner.state), command.into())
    }

    /// Calls the closure for the output (`shell.output`) of commands that this client started with
    /// `session.shell.exec`. Only CLIs from 1.0.7 to 1.0.89 send it; [`shell`](Self::shell) works with all CLIs.
    pub fn on_shell_output(
        &self,
        handle: impl FnMut(Result<ShellOutputNotification, MalformedNotification>) + Send + 'static,
    ) -> Subscription {
        self.inner.state.notifications.on::<methods::notification::ShellOutput>(handle)
    }

    /// Calls the closure for the end (`shell.exit`) of such a command, which follows all its output.
    pub fn on_shell_exit(
        &self,
        handle: impl FnMut(Result<ShellExitNotification, MalformedNotification>) + Send + 'static,
    ) -> Subscription {
        self.inner.state.notifications.on::<methods::notification::ShellExit>(handle)
    }

    /// Returns the events of the session so far (`session.getMessages`). CLIs from 1.0.40 on leave out the ephemeral
    /// ones. The events share the text of the list, which stays in memory as long as one of them.
    ///
    /// # Errors
    /// As any [call](crate::Call). An event whose data cannot be decoded is in the list like any other.
    pub async fn messages(&self) -> Result<Vec<SessionEvent>, Error> {
        let key = keys!(SessionGetMessagesResult, ["events"]);
        self.rpc().get_messages().read_by(|json| SessionEvent::list(json, &key)).await
    }

    /// Disconnects this client from the session and frees its resources here. The session remains on disk and can be
    /// resumed. Running turns end with [`Error::TurnCutOff`].
    ///
    /// Sends `session.detach`, or `session.destroy` to a CLI before 1.0.81, unless the session has already ended.
    /// Waits at most 10 s. Until the response arrives, the session's handlers may still run and make calls. A handler
    /// of the session may call this: its request then gets no response, and the handler continues.
    ///
    /// # Errors
    /// As any [call](crate::Call); the session has ended here nevertheless.
    pub async fn disconnect(&self) -> Result<(), Error> {
        let state = &self.inner.state;
        if !state.life().start_detach() {
            return Ok(());
        }
        self.inner.host.connection().in_flight.spare_current();
        // The handlers stay until the response, since the CLI may send requests before it, or until the drop of this
        // future.
        let _end = OnDrop(|| self.inner.host.router.end(state, Ended::Session));
        match (self.inner.host.router.sessions.detach(state), state.life().ended()) {
            (Some(answer), _) => answer
                .await
                .unwrap_or_else(|_| Err(Error::Closed(Closed::new("the runtime of the client is gone")))),
            (None, Some(Ended::Connection(closed))) => Err(Error::Closed(closed.clone())),
            (None, _) => Ok(()),
        }
    }

    fn check(&self) -> Result<(), Error> {
        self.inner.state.check()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if self.state.life().start_detach() {
            drop(self.host.router.sessions.detach(&self.state));
            self.host.router.end(&self.state, Ended::Session);
        }
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("id", &self.id()).finish_non_exhaustive()
    }
}

impl From<&str> for ModelSwitchToRequest {
    fn from(model: &str) -> Self {
        Self::new(model)
    }
}

impl From<&String> for ModelSwitchToRequest {
    fn from(model: &String) -> Self {
        Self::new(model)
    }
}

impl From<String> for ModelSwitchToRequest {
    fn from(model: String) -> Self {
        Self::new(model)
    }
}

/// A model and its reasoning effort.
impl From<(&str, &str)> for ModelSwitchToRequest {
    fn from((model, effort): (&str, &str)) -> Self {
        Self::new(model).reasoning_effort(Some(effort.to_owned()))
    }
}

impl<T: Into<String>> From<T> for LogRequest {
    fn from(message: T) -> Self {
        Self::new(message)
    }
}
