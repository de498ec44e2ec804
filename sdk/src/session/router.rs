//! What becomes of each message the CLI sends. Runs on the reader, so it only sorts and hands over.

use std::sync::Arc;

use crate::events::SessionEvent;
use crate::handlers::handler::{self, Answer, Answering, ClientContext, HandlerContext, OnFailure};
use crate::handlers::{dialogs, hooks};
use crate::methods::client::{AutoModeSwitchRequest, ExitPlanModeRequest, HooksInvoke};
use crate::rpc::ClientMethod;
use crate::rpc::RpcError;
use crate::rpc::connection::{Connection, NoResult};
use crate::session::state::SessionState;
use crate::wire::peek;
use crate::wire::{DecodeError, redact};

/// Why a message cannot be read.
pub(crate) enum Unreadable {
    /// It is no JSON object.
    NoJson(DecodeError),
    /// It has this many bytes, which are more than are taken.
    TooLarge(u64),
}

/// The notification that brings an event of a session.
const EVENT: &str = "session.event";

const KEYS: [&str; 5] = ["id", "method", "params", "result", "error"];

/// Sorts what came as one message.
pub(crate) fn message(connection: &Arc<Connection>, body: &[u8]) {
    match std::str::from_utf8(body) {
        Ok(text) => text_message(connection, text),
        Err(error) => {
            tracing::warn!(%error, "a message that is not all UTF-8");
            text_message(connection, &String::from_utf8_lossy(body));
        }
    }
}

fn text_message(connection: &Arc<Connection>, text: &str) {
    if !text.trim_start().starts_with('[') {
        return single(connection, text);
    }
    // No CLI sends several in an array; their answers go out one by one.
    if let Err(error) = peek::each(text, |text| single(connection, text)) {
        tracing::warn!(%error, "the rest of an array of messages cannot be read");
    }
}

fn single(connection: &Arc<Connection>, text: &str) {
    let [id, method, params, result, error] = match peek::pick(text, KEYS) {
        Ok(parts) => parts,
        Err(error) => return unreadable(connection, text.as_bytes(), Unreadable::NoJson(error)),
    };
    match (method, id) {
        (Some(method), id) => match (peek::string(method), id) {
            (Some(method), None) => notification(connection, &method, params.unwrap_or("{}")),
            (Some(method), Some(id)) if is_id(id) => {
                request(connection, id, &method, params.unwrap_or("{}"));
            }
            (_, Some(id)) => {
                tracing::warn!("a request whose method is no string, or whose id is no id");
                let error = RpcError::new(RpcError::INVALID_REQUEST, "not a JSON-RPC request");
                connection.respond(if is_id(id) { id } else { "null" }, &Err(error));
            }
            (None, None) => tracing::warn!("a notification whose method is no string"),
        },
        (None, Some(id)) => response(connection, id, result, error),
        (None, None) => tracing::warn!("a message that is no request, notification or response"),
    }
}

/// Whether this JSON can be the id of a request: a string, a number or null.
fn is_id(json: &str) -> bool {
    json.starts_with(['"', '-', 'n']) || json.starts_with(|digit: char| digit.is_ascii_digit())
}

/// A message that cannot be read but for its start. Whoever waits for it is told, if it shows who that is.
pub(crate) fn unreadable(connection: &Arc<Connection>, start: &[u8], why: Unreadable) {
    let start = String::from_utf8_lossy(start);
    let (code, expected, found) = match why {
        Unreadable::NoJson(error) => (RpcError::PARSE_ERROR, "a JSON object", error.found().to_owned()),
        Unreadable::TooLarge(length) => {
            let found = format!("{length} bytes, more than are taken");
            (RpcError::INVALID_REQUEST, "a message of less size", found)
        }
    };
    let [id, method, params, result, error] = peek::pick_start(&start, KEYS);
    let method = method.and_then(peek::string);
    let shown = method.as_deref().map(redact::text);
    tracing::warn!(id, method = shown.as_deref(), found, "a message that cannot be read");
    if method.as_deref() == Some(EVENT)
        && let Some(session) = session_at(&start).and_then(|id| connection.session(&id))
    {
        session.miss();
    }
    let Some(id) = id.filter(|id| is_id(id)) else { return };
    if method.is_some() || params.is_some() {
        let error = RpcError::new(code, format!("expected {expected}, found {found}"));
        let on_failure = match method.as_deref() {
            Some(HooksInvoke::NAME) => hooks::on_failure_by_start(&start),
            Some(method) => on_failure(method, "{}"),
            None => None,
        };
        connection.respond(id, &handler::settled(Err(error), on_failure));
    } else if let (Ok(id), true) = (number(id), result.is_some() || error.is_some()) {
        connection.answered(id, Err(NoResult::Unreadable(DecodeError::new(expected, found))));
    }
}

/// The session that an event is of whose message is not whole.
fn session_at(start: &str) -> Option<String> {
    const PARAMS: &str = "\"params\":";
    let params = &start[start.find(PARAMS)? + PARAMS.len()..];
    let [session] = peek::pick_start(params, ["sessionId"]);
    peek::string(session?).map(|id| id.into_owned())
}

/// The id of a request of ours; it may come back as a string.
fn number(id: &str) -> Result<u64, std::num::ParseIntError> {
    id.trim_matches('"').parse()
}

fn response(connection: &Connection, id: &str, result: Option<&str>, error: Option<&str>) {
    let Ok(id) = number(id) else {
        // The CLI says so of a message of ours that it could not read; which one, it cannot know.
        let code = error.map(|error| rpc_error(error).code);
        return tracing::warn!(id, code, "an answer to no request of ours");
    };
    let reply = match error {
        Some(error) if error != "null" => Err(NoResult::Rpc(rpc_error(error))),
        _ => Ok(result.unwrap_or("null").into()),
    };
    connection.answered(id, reply);
}

fn rpc_error(raw: &str) -> RpcError {
    let [code, message, data] = peek::pick(raw, ["code", "message", "data"]).unwrap_or_default();
    RpcError {
        code: code.and_then(|code| code.parse().ok()).unwrap_or(RpcError::INTERNAL_ERROR),
        message: message.and_then(peek::string).map_or_else(|| redact::json(raw), |text| text.into_owned()),
        data: data.map(str::to_owned),
    }
}

fn notification(connection: &Arc<Connection>, method: &str, params: &str) {
    match method {
        EVENT => event(connection, params),
        "shell.output" | "shell.exit" => {
            let session = connection.shells().route(method, params).and_then(|id| connection.session(&id));
            if let Some(session) = session {
                session.notices().push(method, params);
            }
            connection.notices().push(method, params);
        }
        "session.lifecycle" => {
            connection.notices().push(method, params);
            deleted(connection, params);
        }
        "$/cancelRequest" => {
            if let Ok([Some(id)]) = peek::pick(params, ["id"]) {
                connection.requests().cancel(id);
            }
        }
        _ => connection.notices().push(method, params),
    }
}

/// A session that was deleted, by whomever, is over: the CLI tells no more of it.
fn deleted(connection: &Connection, params: &str) {
    let Ok([Some(kind), Some(id)]) = peek::pick(params, ["type", "sessionId"]) else { return };
    if peek::string(kind).as_deref() == Some("session.deleted")
        && let Some(id) = peek::string(id)
    {
        connection.end_session(&id);
    }
}

fn event(connection: &Connection, params: &str) {
    let Ok([Some(session), event]) = peek::pick(params, ["sessionId", "event"]) else {
        return tracing::warn!("an event without its session");
    };
    let Some(session) = peek::string(session).and_then(|id| connection.session(&id)) else {
        return tracing::trace!(session, "an event of a session that is not ours");
    };
    match SessionEvent::from_json(event.unwrap_or("null")) {
        Ok(event) => session.deliver(event),
        Err(error) => {
            tracing::warn!(%error, "an event without a type");
            session.miss();
        }
    }
}

fn request(connection: &Arc<Connection>, id: &str, method: &str, params: &str) {
    let answer = Answer::new(connection, id, on_failure(method, params));
    match handling(connection, method, params) {
        Some(Handling { call, session }) => answer.run(session, call),
        None => {
            let error = RpcError::new(RpcError::METHOD_NOT_FOUND, format!("Unhandled method {method}"));
            answer.give(Err(error));
        }
    }
}

/// The answer to a request that fails, for those to which the CLI takes an error for no opinion and goes on.
/// It holds wherever the handler is registered, and when there is none, as for a session that has ended here
/// while the CLI still works in it.
fn on_failure(method: &str, params: &str) -> Option<OnFailure> {
    match method {
        HooksInvoke::NAME => hooks::on_failure(params),
        ExitPlanModeRequest::NAME => Some(dialogs::plan_refused),
        AutoModeSwitchRequest::NAME => Some(dialogs::no_switch),
        _ => None,
    }
}

/// What is to be done about a request.
struct Handling {
    /// Calls the handler. In a task of its own, since the reader runs no code of a handler.
    call: Box<dyn FnOnce() -> Answering + Send>,
    /// Whose handler it is, when it is not the client's.
    session: Option<Arc<SessionState>>,
}

/// Finds the handler for a method, the session's own or else the client's.
fn handling(connection: &Arc<Connection>, method: &str, params: &str) -> Option<Handling> {
    let [id, registration] = peek::pick(params, ["sessionId", "registrationId"]).unwrap_or_default();
    let id = id.and_then(peek::string);
    // A session registers its token under its own id, and may be asked for it before the CLI has the session.
    let registered = || registration.and_then(peek::string);
    let session = id.clone().or_else(registered).and_then(|id| connection.session(&id));
    let params: Box<str> = params.into();
    if let Some((session, handler)) = session.and_then(|session| session.handler(method)) {
        let context = HandlerContext { session: Arc::clone(&session) };
        return Some(Handling { call: Box::new(move || handler(params, context)), session: Some(session) });
    }
    let handler = connection.handler(method)?;
    let context = ClientContext::new(Arc::clone(connection), id.as_deref());
    Some(Handling { call: Box::new(move || handler(params, context)), session: None })
}
