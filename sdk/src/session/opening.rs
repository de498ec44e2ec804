//! Opening a session (`session.create`, `session.resume`).

use std::sync::Arc;

use crate::call::Call;
use crate::error::Error;
use crate::events::stream::Ended;
use crate::generated::kind;
use crate::handlers::{registry::Handlers, tool, tool::Tool};
use crate::runtime::{BoxFuture, lock, on_drop::OnDrop};
use crate::session::table::{Admission, DETACH_TIMEOUT, WhenOpen};
use crate::session::{
    Session, builder::OnEvents, builder_handlers::Registered, capabilities::KnownCapabilities, host::Host,
    resume, state::SessionState,
};
use crate::session_rpc::SessionRpc;
use crate::types::{RegisterEventInterestParams, SessionResumeResult};

/// A session to be opened. Its configuration is passed as JSON.
#[derive(Clone, Default)]
pub(crate) struct Opening {
    pub id: String,
    pub tools: Vec<Tool>,
    pub registered: Registered,
    pub subscriptions: Vec<OnEvents>,
    pub when_open: WhenOpen,
    /// True if requests that were pending when the session was detached are to be handled.
    pub continues: bool,
    /// The configured working directory.
    pub directory: Option<String>,
}

impl Opening {
    /// Opens the session. An error in place of the configuration is returned.
    pub fn open(
        self,
        host: Arc<Host>,
        method: &'static str,
        config: Result<String, Error>,
    ) -> BoxFuture<Result<Session, Error>> {
        let peer = Arc::clone(host.peer());
        // Boxed by itself, since each of the futures around it would otherwise have room for it.
        let opening: BoxFuture<_> = Box::pin(async move { self.open_untimed(host, method, config?).await });
        Box::pin(async move { peer.within_call_timeout(method, opening).await })
    }

    async fn open_untimed(
        self,
        host: Arc<Host>,
        method: &'static str,
        config: String,
    ) -> Result<Session, Error> {
        if !self.registered.answers(kind::PERMISSION_REQUESTED) {
            let text = "choose what the agent may do: policy, on_permission, approve_all or deny_all";
            return Err(Error::Invalid(text.to_owned()));
        }
        let handlers = self.registered.into_handlers(tool::by_name(&self.tools)?);
        let new = SessionState::new(self.id, host.peer(), handlers);
        if let Some(directory) = &self.directory {
            new.scope.set_working_directory(directory);
        }
        let admission = host.router.sessions.admit(&new, self.when_open).await?;
        let request =
            Request { host, method, config, subscriptions: self.subscriptions, continues: self.continues };
        match admission {
            Admission::New(replaced) => request.open(new, replaced).await,
            Admission::Same(session) => {
                if let Some(directory) = &self.directory {
                    session.state().scope.set_working_directory(directory);
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
    subscriptions: Vec<OnEvents>,
    continues: bool,
}

impl Request {
    /// Opens a registered session, in place of another if there was one.
    async fn open(
        mut self,
        state: Arc<SessionState>,
        replaced: Option<Arc<SessionState>>,
    ) -> Result<Session, Error> {
        let host = Arc::clone(&self.host);
        let was_open = replaced.is_some();
        if let Some(old) = replaced {
            // A handler of the old session may call this.
            host.connection().in_flight.spare_current();
            old.give_way(&state);
        }
        // Its drop detaches the session, which the CLI may open whatever happens here.
        let session = Session::new(Arc::clone(&host), Arc::clone(&state));
        let result = self.call(&state).await.inspect_err(|error| {
            // A session that was open before is detached in any case, since its old handles no longer do so.
            if error.code().is_some() && !was_open && state.life().start_detach() {
                host.router.end(&state, Ended::Session);
            }
        })?;
        let session = session.reopened(self.complete(&state, result, KnownCapabilities::begin).await?);
        if !host.router.sessions.opened(&state, session.downgrade()) {
            // It was deleted in the meantime, or the client was stopped.
            state.check()?;
            return Err(Error::SessionEnded);
        }
        Ok(session)
    }

    /// Opens an open session again, with other handlers.
    async fn join(mut self, session: Session, handlers: Handlers) -> Result<Session, Error> {
        let (sessions, state) = (Arc::clone(&self.host.router.sessions), session.state());
        // Whatever the outcome, so that the next opening can begin.
        let _finish = OnDrop(|| _ = sessions.opened(state, session.downgrade()));
        let result = state.change_handlers(|_| handlers, self.call(state)).await?;
        let opened = self.complete(state, result, KnownCapabilities::change).await?;
        if let Err(ended) = state.check() {
            // The CLI works on several requests at once: it may have handled the detach first.
            if sessions.get(state.id()).is_none() {
                drop(state.caller().call_now(state.version().detach_method(), &(), Some(DETACH_TIMEOUT)));
            }
            return Err(ended);
        }
        Ok(session.clone().reopened(opened))
    }

    /// Makes the call that opens the session. The result of resume has every key of the result of create.
    fn call(&mut self, state: &SessionState) -> Call<SessionResumeResult> {
        for subscribe in self.subscriptions.drain(..) {
            subscribe(state.subscribers.subscribe());
        }
        let caller = &self.host.caller;
        let config = caller.with_login(std::mem::take(&mut self.config));
        caller.call_json(self.method, config).timeout(None)
    }

    /// Reads the result and makes the calls that a session needs once it is open. `learn` receives the capabilities.
    async fn complete(
        self,
        state: &Arc<SessionState>,
        opened: SessionResumeResult,
        learn: fn(&mut KnownCapabilities, KnownCapabilities),
    ) -> Result<SessionResumeResult, Error> {
        learn(&mut lock(&state.capabilities), KnownCapabilities::of_result(&opened));
        if let Some(other) = opened.session_id.as_ref().filter(|other| **other != *state.id()) {
            return Err(Error::Invalid(format!("the CLI opened session {other}, not {}", state.id())));
        }
        for event in state.interests() {
            let request = RegisterEventInterestParams::new(event);
            let interest = SessionRpc(state.caller()).event_log().register_interest(&request);
            match interest.timeout(None).await {
                // An old CLI sends these events to all clients.
                Err(error) if !error.is_method_not_found() => return Err(error),
                _ => {}
            }
        }
        if self.continues {
            resume::answer(state).await;
        }
        Ok(opened)
    }
}
