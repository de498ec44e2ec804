//! The router: passes each message of the CLI to the session or handler that it is for.
//!
//! It runs on the reader task, so it never blocks and runs no code of a user.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tracing::Instrument as _;

use crate::call::peer::Peer;
use crate::events::{
    SessionEvent, envelope::Envelope, notifications::NotificationSubscribers, stream::Ended,
};
use crate::handlers::{context::ClientContext, dialogs, handler::Handler, hooks};
use crate::methods::client::{AutoModeSwitchRequest, ExitPlanModeRequest, HooksInvoke};
use crate::methods::notification;
use crate::rpc::connection::{OnResponse, Service};
use crate::rpc::message::Params;
use crate::rpc::responder::{OnFailure, Responder};
use crate::rpc::{ClientMethod, Closed, Notification, RpcError};
use crate::runtime::aside::drop_aside;
use crate::session::{shell::routes::EXEC, shell::routes::ShellRoutes, state::SessionState, table::Sessions};
use crate::types::SessionLifecycleType;
use crate::version::Feature;
use crate::wire::scan::{Invalid, Raw, Scanner};
use crate::wire::{peek, peek::keys};

/// The notification that carries an event of a session.
const EVENT: &str = notification::SessionEvent::NAME;

/// The keys of its params.
const EVENT_PARAMS: [&str; 2] = keys!(SessionEventNotification, ["sessionId", "event"]);

/// The handlers of a client, which serve all its sessions, by method.
pub(crate) type ClientHandlers = HashMap<&'static str, Handler<ClientContext>>;

/// The sessions, handlers and subscribers of a client, to which messages go.
pub(crate) struct Router {
    pub peer: Arc<Peer>,
    /// All sessions that are open or being opened.
    pub sessions: Arc<Sessions>,
    pub handlers: ClientHandlers,
    /// The timeout of each of these handlers.
    pub handler_timeout: Option<Duration>,
    /// The subscribers of notifications, whatever the session.
    pub notifications: NotificationSubscribers,
    pub shells: Arc<ShellRoutes>,
}

impl Router {
    /// Ends a session and removes it, unless another has its place.
    pub fn end(&self, session: &Arc<SessionState>, ended: Ended) {
        if self.sessions.remove(session) {
            self.shells.forget(session.id());
        }
        session.end(ended);
    }

    /// Ends a session that the CLI no longer has.
    pub fn end_session(&self, id: &str) {
        if let Some(session) = self.sessions.get(id) {
            self.end(&session, Ended::Session);
        }
    }

    /// Delivers the event in the params of a notification, which need not be JSON: then it does nothing, unless they
    /// have the usual form, in which the event finds out itself.
    fn event(&self, params: &str) -> Result<(), Invalid> {
        if self.peer.version().is_known()
            && let Some((session, event)) = &Envelope::usual(params)
        {
            self.deliver(session, event);
            return Ok(());
        }
        let (mut session, mut event) = (None, None);
        let mut scanner = Scanner::new(params);
        scanner.known_members(&EVENT_PARAMS, |scanner, index| {
            match index {
                0 => session = scanner.string_or_skip()?,
                _ if scanner.is_at(b'{') => event = Some(Envelope::read(scanner)?),
                _ => (_, event) = (scanner.skip()?, None),
            }
            Ok(())
        })?;
        scanner.end()?;
        let session = session.map(Raw::text);
        self.deliver(session.as_deref().unwrap_or_default(), &event.unwrap_or_default());
        Ok(())
    }

    fn deliver(&self, session: &str, event: &Envelope<'_>) {
        let Some(session) = self.sessions.get(session) else {
            return tracing::trace!("an event of a session that is not open here");
        };
        match SessionEvent::new(event, &|text| text.into()) {
            Ok(event) => session.deliver(event),
            Err(error) => {
                tracing::warn!(%error, "an event without a type");
                session.report_missed();
            }
        }
    }

    /// Reports an event of which only the start of the params can be read. If it is a request, it is refused, since the
    /// agent waits for an answer.
    fn unreadable_event(&self, params: &str) {
        let [id, _] = peek::pick_start(params, EVENT_PARAMS);
        let Some(session) = id.and_then(peek::string).and_then(|id| self.sessions.get(&id)) else { return };
        session.report_missed();
        let event = peek::text_from(params, EVENT_PARAMS[1]).unwrap_or_default();
        let [kind] = peek::pick_start(event, ["type"]);
        let data = peek::text_from(event, "data").unwrap_or_default();
        if let Some(kind) = kind.and_then(peek::string) {
            session.refuse(&kind, data);
        }
    }

    /// Ends a session that a client deleted: the CLI sends nothing more for it.
    fn deleted(&self, params: &str) {
        let keys = keys!(SessionLifecycleNotification, ["type", "sessionId"]);
        let Ok([Some(kind), Some(id)]) = peek::pick(params, keys) else { return };
        let kind = peek::string(kind).map(|kind| SessionLifecycleType::from(&*kind));
        if let (Some(SessionLifecycleType::SessionDeleted), Some(id)) = (kind, peek::string(id)) {
            self.end_session(&id);
        }
    }
}

impl Service for Router {
    fn request(&self, method: &str, params: &str, responder: Responder) {
        let responder = responder.on_failure(on_failure(method, params));
        let [id, registration] = peek::pick(params, ["sessionId", "registrationId"]).unwrap_or_default();
        let id = id.and_then(peek::string);
        // A session registers its token under its own id, and the CLI may request the token before it has the session.
        let owner = id.as_deref().map(Cow::Borrowed).or_else(|| peek::string(registration?));
        let session = owner.and_then(|id| self.sessions.get(&id));
        if let Some((context, handler)) = session.and_then(|session| session.handler(method)) {
            let params: Box<str> = params.into();
            let (owner, turn) = (context.scope.number, context.scope.turn.span());
            return responder.run(Some(owner), move || handler(params, context).instrument(turn));
        }
        match self.handlers.get(method).cloned() {
            Some(handler) => {
                let params: Box<str> = params.into();
                let context = ClientContext::new(&self.peer, id.as_deref(), self.handler_timeout);
                responder.run(None, move || handler(params, context));
            }
            None => responder.respond(Err(RpcError::unhandled(method))),
        }
    }

    fn unchecked(&self, method: &str, params: &str) -> bool {
        method == EVENT && self.event(params).is_ok()
    }

    fn notification(&self, method: &str, params: &str) {
        match method {
            EVENT => {
                if self.event(params).is_err() {
                    tracing::warn!("an event without a session id");
                }
                return;
            }
            notification::ShellOutput::NAME | notification::ShellExit::NAME => {
                if let Some(session) = self.shells.route(method, params).and_then(|id| self.sessions.get(&id))
                {
                    session.notifications.push(method, params);
                }
            }
            _ => {}
        }
        self.notifications.push(method, params);
        if method == notification::SessionLifecycle::NAME {
            self.deleted(params);
        }
    }

    fn unreadable(&self, method: &str, start: &str, error: RpcError, responder: Option<Responder>) {
        let params = peek::text_from(start, "params").unwrap_or_default();
        if method == EVENT {
            self.unreadable_event(params);
        }
        let Some(responder) = responder else { return };
        let on_failure = match method {
            HooksInvoke::NAME => hooks::on_failure_by_start(params),
            method => on_failure(method, "{}"),
        };
        responder.on_failure(on_failure).respond(Err(error));
    }

    fn calling(&self, method: &str, params: Params<'_>) -> Option<OnResponse> {
        if method != EXEC || !self.peer.version().has(Feature::ShellNotifications) {
            return None;
        }
        let params = params.text();
        let session = peek::text(&params, "sessionId")?.into_owned();
        let (shells, sessions) = (Arc::clone(&self.shells), Arc::clone(&self.sessions));
        shells.starting();
        Some(Box::new(move |response| {
            let early = shells.started(&session, response.as_deref().ok());
            if let Some(session) = sessions.get(&session) {
                early.iter().for_each(|note| session.notifications.push(&note.name, &note.params));
            }
        }))
    }

    fn closed(&self, closed: &Closed) {
        for session in self.sessions.take_all() {
            session.end(Ended::Connection(closed.clone()));
        }
        self.notifications.end(Ended::Connection(closed.clone()));
    }
}

impl Drop for Router {
    /// Drops the handlers in a task of their own, since the reader may hold the last reference and must run no user
    /// code.
    fn drop(&mut self) {
        drop_aside(std::mem::take(&mut self.handlers));
    }
}

/// Returns the function that turns an error into a refusal, for requests after whose error the CLI would continue. It
/// applies wherever the handler is registered, and also without a handler, for example after a session has ended here
/// while the CLI still works in it.
fn on_failure(method: &str, params: &str) -> Option<OnFailure> {
    match method {
        HooksInvoke::NAME => hooks::on_failure(params),
        ExitPlanModeRequest::NAME => Some(dialogs::plan_refused),
        AutoModeSwitchRequest::NAME => Some(dialogs::no_switch),
        _ => None,
    }
}
