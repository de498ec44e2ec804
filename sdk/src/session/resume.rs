//! Requests that were open when a session was left, and wait for whoever takes it up.

use std::sync::Arc;

use crate::events::SessionEvent;
use crate::handlers::permission;
use crate::session::state::SessionState;
use crate::wire::peek;
use crate::wire::quote;

const TOOLS: &str = "session.tools.listPendingRequests";
const PERMISSIONS: &str = "session.permissions.pendingRequests";
const HISTORY: &str = "session.getMessages";

/// Has the tool calls and permission requests answered that still wait: the CLI does not ask again. Each is
/// seen to by itself: one that cannot be read, and a list that cannot be had, keep no other from its answer.
pub(crate) async fn answer(session: &Arc<SessionState>) {
    let tools = ask(session, TOOLS).await;
    for item in items(TOOLS, &tools, "items") {
        match tool_call(session, item) {
            Some(event) => session.handle_event_request(&event),
            None => tracing::warn!("a pending tool call that cannot be read"),
        }
    }
    let permissions = ask(session, PERMISSIONS).await;
    let waiting = items(PERMISSIONS, &permissions, "items");
    if waiting.is_empty() {
        return;
    }
    let history = ask(session, HISTORY).await;
    let asked = permission_requests(&items(HISTORY, &history, "events"));
    for item in waiting {
        let Some(id) = text(item, "requestId") else {
            tracing::warn!("a pending permission request without an id");
            continue;
        };
        match asked.iter().find(|event| text(event.raw_data(), "requestId").as_ref() == Some(&id)) {
            Some(event) => session.handle_event_request(event),
            // Nothing is known that a handler could decide by, and the agent would wait for ever.
            None => permission::refuse_unknown(session.scope(), &id),
        }
    }
}

/// What the CLI answers; nothing when it does not, or is too old to have what waits.
async fn ask(session: &SessionState, method: &'static str) -> Box<str> {
    let answer = session.caller().call::<()>(method, &()).json().await;
    answer.unwrap_or_else(|error| {
        match error.is_method_not_found() {
            true => tracing::debug!(%error, "no pending requests"),
            false => tracing::warn!(%error, "the pending requests are not known"),
        }
        "{}".into()
    })
}

/// The items of a list in an answer, as far as it can be read.
fn items<'a>(method: &'static str, answer: &'a str, key: &str) -> Vec<&'a str> {
    let list = peek::pick(answer, [key]).map(|[list]| list.unwrap_or("[]"));
    list.and_then(peek::items).unwrap_or_else(|error| {
        tracing::warn!(method, %error, "a list that cannot be read");
        Vec::new()
    })
}

/// The event that asked: an item of the list has all that it had, but for the session.
fn tool_call(session: &SessionState, item: &str) -> Option<SessionEvent> {
    text(item, "requestId").and(text(item, "toolName"))?;
    let fields = item.trim_start().strip_prefix('{')?;
    let data = format!(r#"{{"sessionId":{},{fields}"#, quote(session.id()));
    SessionEvent::from_json(format!(r#"{{"type":"external_tool.requested","data":{data}}}"#)).ok()
}

/// The permission requests in the history that clients decide, not a hook. The list of what waits has only what
/// is shown to a user; the event that asked has all.
fn permission_requests(history: &[&str]) -> Vec<SessionEvent> {
    let events = history.iter().filter_map(|event| SessionEvent::from_json(*event).ok());
    let by_hook = |event: &SessionEvent| {
        let [by_hook] = peek::pick(event.raw_data(), ["resolvedByHook"]).unwrap_or_default();
        by_hook == Some("true")
    };
    events.filter(|event| event.kind() == "permission.requested" && !by_hook(event)).collect()
}

/// A string of an object.
fn text(object: &str, key: &str) -> Option<String> {
    let [text] = peek::pick(object, [key]).ok()?;
    peek::string(text?).map(|text| text.into_owned())
}
