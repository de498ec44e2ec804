//! Requests that were open when a session was left, and wait for whoever takes it up.

use std::sync::Arc;

use crate::connection::quote;
use crate::error::Error;
use crate::event::SessionEvent;
use crate::json;
use crate::session_state::SessionState;
use crate::wire::DecodeError;

/// Has the tool calls and permission requests answered that still wait: the CLI does not ask again. A CLI
/// that cannot tell what waits has nothing that does.
pub(crate) async fn answer(session: &Arc<SessionState>) {
    match events(session).await {
        Ok(events) => events.iter().for_each(|event| session.ask(event)),
        Err(error) if error.is_method_not_found() => tracing::debug!(%error, "no pending requests"),
        Err(error) => {
            tracing::warn!(error = %format_args!("{error:#}"), "the pending requests are not known")
        }
    }
}

/// The events that asked.
async fn events(session: &SessionState) -> Result<Vec<SessionEvent>, Error> {
    const TOOLS: &str = "session.tools.listPendingRequests";
    const PERMISSIONS: &str = "session.permissions.pendingRequests";
    const HISTORY: &str = "session.getMessages";
    let call = |method| session.caller().call::<()>(method, &()).json();
    let of = |method: &'static str| move |error| Error::decode(method, error, Some(session.versions()));

    let tools = call(TOOLS).await?;
    let mut events = tool_calls(session, &tools).map_err(of(TOOLS))?;
    let permissions = call(PERMISSIONS).await?;
    let waiting = items(&permissions, "items").map_err(of(PERMISSIONS))?;
    if !waiting.is_empty() {
        let history = call(HISTORY).await?;
        events.extend(permission_requests(&waiting, &history).map_err(of(HISTORY))?);
    }
    Ok(events)
}

/// An item of the list has all that the event had, but for the session.
fn tool_calls(session: &SessionState, answer: &str) -> Result<Vec<SessionEvent>, DecodeError> {
    let event = |item: &str| {
        let fields = item.trim().strip_prefix('{').unwrap_or("}");
        let data = format!(r#"{{"sessionId":{},{fields}"#, quote(session.id()));
        SessionEvent::from_json(format!(r#"{{"type":"external_tool.requested","data":{data}}}"#))
    };
    items(answer, "items")?.into_iter().map(event).collect()
}

/// The list has what is shown to a user; the event that asked has all.
fn permission_requests(waiting: &[&str], history: &str) -> Result<Vec<SessionEvent>, DecodeError> {
    let id = |raw: &str| json::pick(raw, ["requestId"]).ok().and_then(|[id]| id.map(str::to_owned));
    let waiting: Vec<_> = waiting.iter().filter_map(|item| id(item)).collect();
    let mut events = Vec::new();
    for raw in items(history, "events")? {
        let event = SessionEvent::from_json(raw)?;
        let asks = event.kind() == "permission.requested";
        if asks && id(event.raw_data()).is_some_and(|id| waiting.contains(&id)) {
            events.push(event);
        }
    }
    Ok(events)
}

fn items<'a>(answer: &'a str, key: &str) -> Result<Vec<&'a str>, DecodeError> {
    let [list] = json::pick(answer, [key])?;
    json::items(list.unwrap_or("[]"))
}
