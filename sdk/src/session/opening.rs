//! Opening a session (`session.create`, `session.resume`).

use std::sync::Arc;

use crate::error::Error;
use crate::generated::kind;
use crate::handlers::registry::Handlers;
use crate::handlers::tool::{self, Tool};
use crate::runtime::aside::drop_aside;
use crate::runtime::lock;
use crate::session::Session;
use crate::session::builder::OnEvent;
use crate::session::builder_handlers::Registered;
use crate::session::capabilities::KnownCapabilities;
use crate::session::host::Host;
use crate::session::resume;
use crate::session::state::SessionState;
use crate::session::table::{Admission, DETACH_TIMEOUT, WhenOpen, detach};
use crate::session_rpc::SessionRpc;
use crate::types::{RegisterEventInterestParams, SessionResumeResult};
use crate::wire;
use crate::wire::peek::{self, keys};

/// A session to be opened. Its configuration is passed as JSON: inline functions compile the hundred keys of the type
/// in the crate that sets them, and not in this one.
pub(crate) struct Opening {
    pub host: Arc<Host>,
    /// The session's id, or the error for which the session cannot be opened.
    pub id: Result<String, Error>,
    pub tools: Vec<Tool>,
    pub registered: Registered,
    pub subscriptions: Vec<OnEvent>,
    pub when_open: WhenOpen,
    /// True if requests that were pending when the session was detached are to be handled.
    pub continues: bool,
    /// True if another client decides on model switches.
    pub leaves_auto_mode_switch: bool,
    /// The configured working directory.
    pub directory: Option<String>,
}

impl Opening {
    pub async fn open(self, method: &'static str, config: String) -> Result<Session, Error> {
        let peer = Arc::clone(self.host.peer());
        peer.within_call_timeout(method, self.open_untimed(method, config)).await
    }

    async fn open_untimed(self, method: &'static str, config: String) -> Result<Session, Error> {
        let Self { host, id, tools, registered, subscriptions, when_open, continues, directory, .. } = self;
        let id = id?;
        if !registered.answers(kind::PERMISSION_REQUESTED) {
            let text = "choose what the agent may do: policy, on_permission, approve_all or deny_all";
            return Err(Error::Invalid(text.to_owned()));
        }
        let tools = tool::by_name(tools)?;
        let interests = registered.interests();
        let handlers = registered.into_handlers(tools, self.leaves_auto_mode_switch);
        let new = SessionState::new(id, host.peer(), host.version.clone(), handlers);
        if let Some(directory) = &directory {
            new.scope().set_working_directory(directory);
        }
        let request = Request { host, method, config, subscriptions, interests, continues };
        match request.host.router.sessions().admit(&new, when_open).await? {
            Admission::New(replaced) => request.open(new, replaced).await,
            Admission::Same(session) => {
                if let Some(directory) = &directory {
                    session.state().scope().set_working_directory(directory);
                }
                request.join(session, new.take_handlers()).await
            }
        }
    }
}

/// The call that opens the session, and the calls that follow it.
struct Request {
    host: Arc<Host>,
    method: &'static str,
    config: String,
    subscriptions: Vec<OnEvent>,
    interests: Vec<&'static str>,
    continues: bool,
}

impl Request {
    /// Opens a registered session, in place of another if there was one.
    async fn open(
        self,
        state: Arc<SessionState>,
        replaced: Option<Arc<SessionState>>,
    ) -> Result<Session, Error> {
        let host = Arc::clone(&self.host);
        // A session that was open before is detached in any case, since its old handles no longer do so.
        let may_be_open = replaced.is_some();
        let mut opening =
            Unopened { host: &host, state: &state, is_open: false, refused: false, may_be_open };
        if let Some(old) = replaced {
            // A handler of the old session may call this.
            host.connection().in_flight().spare_current();
            old.give_way(&state);
        }
        let opened = self
            .send(&state, KnownCapabilities::begin, |error| opening.refused = error.code().is_some())
            .await?;
        let session = Session::new(Arc::clone(&host), Arc::clone(&state), opened);
        if !host.router.sessions().opened(&state, session.downgrade()) {
            // It was deleted in the meantime, or the client was stopped.
            state.check()?;
            return Err(Error::SessionEnded);
        }
        opening.is_open = true;
        Ok(session)
    }

    /// Opens an open session again, with other handlers.
    async fn join(self, session: Session, handlers: Handlers) -> Result<Session, Error> {
        let _finish = FinishOnDrop(&session);
        let host = Arc::clone(&self.host);
        let state = Arc::clone(session.state());
        // One change of tools at a time, so that the tools here are those that the CLI was sent last.
        let _changing = state.tools_change().lock().await;
        // The CLI may call the new tools before it responds, and the old ones until then.
        let both =
            |old: &Handlers| Handlers { tools: old.with_tools(&handlers.tools).tools, ..handlers.clone() };
        let old = state.change_handlers(both);
        let mut refused = false;
        let opened =
            self.send(&state, KnownCapabilities::change, |error| refused = error.code().is_some()).await;
        if refused {
            drop_aside(state.change_handlers(|_| old));
        } else if opened.is_ok() {
            drop_aside(state.change_handlers(|_| handlers));
        }
        let opened = opened?;
        if let Err(ended) = state.check() {
            // The CLI works on several requests at once: it may have handled the detach first.
            if host.router.session(state.id()).is_none() {
                drop(state.caller().call_now(state.version().detach_method(), DETACH_TIMEOUT));
            }
            return Err(ended);
        }
        Ok(session.clone().reopened(opened))
    }

    /// Makes the calls. `learn` receives the capabilities in the response, `failed` the error in place of it.
    async fn send(
        self,
        state: &Arc<SessionState>,
        learn: fn(&mut KnownCapabilities, &str),
        failed: impl FnOnce(&Error),
    ) -> Result<SessionResumeResult, Error> {
        let Self { host, method, config, subscriptions, interests, continues } = self;
        for on_event in subscriptions {
            drop(state.subscribe().on(on_event));
        }
        let config = host.caller.with_login(config);
        let opened = host.caller.call_json::<()>(method, config).timeout(None).json().await;
        let opened = opened.inspect_err(failed)?;
        let [capabilities] =
            peek::pick(&opened, keys!(SessionResumeResult, ["capabilities"])).unwrap_or_default();
        learn(&mut lock(state.capabilities()), capabilities.unwrap_or("{}"));
        // The result of resume has every key of the result of create.
        let opened: SessionResumeResult =
            wire::from_json(&opened).map_err(|error| Error::decode(method, error, Some(&host.version)))?;
        if let Some(other) = opened.session_id.as_ref().filter(|other| **other != *state.id()) {
            return Err(Error::Invalid(format!("the CLI opened session {other}, not {}", state.id())));
        }
        begin(state, interests, continues).await?;
        Ok(opened)
    }
}

/// Makes the calls that a session needs once it is open.
async fn begin(
    state: &Arc<SessionState>,
    interests: Vec<&'static str>,
    continues: bool,
) -> Result<(), Error> {
    for event in interests {
        let request = RegisterEventInterestParams::new(event);
        let interest = SessionRpc(state.caller()).event_log().register_interest(&request);
        match interest.timeout(None).await {
            // An old CLI sends these events to all clients.
            Err(error) if !error.is_method_not_found() => return Err(error),
            _ => {}
        }
    }
    if continues {
        resume::answer(state).await;
    }
    Ok(())
}

/// Removes the session unless it was opened, and detaches it if the CLI may have opened it.
struct Unopened<'a> {
    host: &'a Arc<Host>,
    state: &'a Arc<SessionState>,
    is_open: bool,
    /// True if the CLI responded with an error.
    refused: bool,
    /// True if the CLI already had it open.
    may_be_open: bool,
}

impl Drop for Unopened<'_> {
    fn drop(&mut self) {
        if self.is_open {
            return;
        }
        if !self.refused || self.may_be_open {
            drop(detach(&self.host.router, self.state));
        }
        self.host.router.unregister(self.state);
        self.state.end(None);
    }
}

/// Ends an opening of the session, whatever its outcome, so that the next one can begin.
struct FinishOnDrop<'a>(&'a Session);

impl Drop for FinishOnDrop<'_> {
    fn drop(&mut self) {
        self.0.host().router.sessions().opened(self.0.state(), self.0.downgrade());
    }
}
