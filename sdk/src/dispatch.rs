//! What becomes of each message the CLI sends. Runs on the reader, so it only sorts and hands over.

use std::sync::Arc;

use crate::connection::{Connection, NoResult};
use crate::error::RpcError;
use crate::event::SessionEvent;
use crate::handler::{Answer, Answering, ClientContext, HandlerContext};
use crate::json;
use crate::session_state::SessionState;

/// Sorts one message.
pub(crate) fn message(connection: &Arc<Connection>, body: &[u8]) {
    let text = match std::str::from_utf8(body) {
        Ok(text) => text,
        Err(error) => return tracing::warn!(%error, "a message that is not UTF-8"),
    };
    let [id, method, params, result, error] =
        match json::pick(text, ["id", "method", "params", "result", "error"]) {
            Ok(parts) => parts,
            Err(error) => return tracing::warn!(%error, "a message that is no JSON object"),
        };
    match (method.and_then(json::string), id) {
        (Some(method), None) => notification(connection, &method, params.unwrap_or("{}")),
        (Some(method), Some(id)) => request(connection, id, &method, params.unwrap_or("{}")),
        (None, Some(id)) => response(connection, id, result, error),
        (None, None) => tracing::warn!("a message that is no request, notification or response"),
    }
}

fn response(connection: &Connection, id: &str, result: Option<&str>, error: Option<&str>) {
    let Ok(id) = id.trim_matches('"').parse() else {
        // The CLI says so of a message of ours that it could not read; which one, it cannot know.
        return tracing::warn!(id, error, "an answer to no request of ours");
    };
    let reply = match error {
        Some(error) if error != "null" => Err(NoResult::Rpc(rpc_error(error))),
        _ => Ok(result.unwrap_or("null").into()),
    };
    connection.answered(id, reply);
}

fn rpc_error(raw: &str) -> RpcError {
    let [code, message, data] = json::pick(raw, ["code", "message", "data"]).unwrap_or_default();
    RpcError {
        code: code.and_then(|code| code.parse().ok()).unwrap_or(RpcError::INTERNAL_ERROR),
        message: message.and_then(json::string).map_or_else(|| raw.to_owned(), |text| text.into_owned()),
        data: data.map(str::to_owned),
    }
}

fn notification(connection: &Arc<Connection>, method: &str, params: &str) {
    match method {
        "session.event" => event(connection, params),
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
        _ => {
            connection.notices().push(method, params);
            // Some methods of the schema come as notifications, whose answer nobody wants.
            if let Some(handling) = handling(connection, method, params) {
                let method = method.to_owned();
                tokio::spawn(async move {
                    if let Err(error) = (handling.call)().await {
                        tracing::warn!(method, %error, "the handler of a notification failed");
                    }
                });
            }
        }
    }
}

/// A session that was deleted, by whomever, is over: the CLI tells no more of it.
fn deleted(connection: &Connection, params: &str) {
    let Ok([Some(kind), Some(id)]) = json::pick(params, ["type", "sessionId"]) else { return };
    if json::string(kind).as_deref() == Some("session.deleted")
        && let Some(session) = json::string(id).and_then(|id| connection.unregister(&id))
    {
        session.end(None);
    }
}

fn event(connection: &Connection, params: &str) {
    let Ok([Some(session), Some(event)]) = json::pick(params, ["sessionId", "event"]) else {
        return tracing::warn!("an event without its session");
    };
    let Some(session) = json::string(session).and_then(|id| connection.session(&id)) else {
        return tracing::trace!(session, "an event of a session that is not ours");
    };
    match SessionEvent::from_json(event) {
        Ok(event) => session.deliver(event),
        Err(error) => tracing::warn!(%error, "an event without a type"),
    }
}

fn request(connection: &Arc<Connection>, id: &str, method: &str, params: &str) {
    let answer = Answer::new(Arc::clone(connection), id);
    let Some(Handling { call, session }) = handling(connection, method, params) else {
        let error = RpcError::new(RpcError::METHOD_NOT_FOUND, format!("Unhandled method {method}"));
        return answer.give(Err(error));
    };
    let Some(session) = session else {
        tokio::spawn(async move { answer.give(call().await) });
        return;
    };
    // Ended with its session, which gives an error for an answer.
    session.requests().begin(id);
    let (state, key) = (Arc::clone(&session), id.to_owned());
    let task = tokio::spawn(async move {
        answer.give(call().await);
        state.requests().end(&key);
    });
    session.requests().set(id, task.abort_handle());
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
    let [id, registration] = json::pick(params, ["sessionId", "registrationId"]).unwrap_or_default();
    let id = id.and_then(json::string);
    // A session registers its token under its own id, and may be asked for it before the CLI has the session.
    let registered = || registration.and_then(json::string);
    let session = id.clone().or_else(registered).and_then(|id| connection.session(&id));
    let params: Box<str> = params.into();
    if let Some(session) = session
        && let Some(handler) = session.handler(method)
    {
        let context = HandlerContext { session: Arc::clone(&session) };
        return Some(Handling { call: Box::new(move || handler(params, context)), session: Some(session) });
    }
    let handler = connection.handler(method)?;
    let context = ClientContext::new(Arc::clone(connection), id.as_deref());
    Some(Handling { call: Box::new(move || handler(params, context)), session: None })
}
