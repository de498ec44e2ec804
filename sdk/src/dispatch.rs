//! What becomes of each message the CLI sends. Runs on the reader, so it only sorts and hands over.

use std::sync::Arc;

use crate::connection::{Connection, NoResult};
use crate::error::RpcError;
use crate::event::SessionEvent;
use crate::handler::{Answer, Incoming};
use crate::json;

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
    if method != "session.event" {
        return tracing::trace!(method, "notification");
    }
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
    let session = json::pick(params, ["sessionId"]).ok().and_then(|[id]| json::string(id?));
    let session = session.and_then(|id| connection.session(&id));
    let Some((handler, session)) = session.and_then(|session| Some((session.handler(method)?, session)))
    else {
        return answer
            .give(Err(RpcError::new(RpcError::METHOD_NOT_FOUND, format!("Unhandled method {method}"))));
    };
    let incoming = Incoming { params: params.into(), session };
    tokio::spawn(async move { answer.give(handler(incoming).await) });
}
