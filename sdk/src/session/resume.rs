//! Handles the requests that were pending when a session was detached, which the CLI does not send again on resume.

use std::sync::Arc;

use crate::events::SessionEvent;
use crate::generated::{event_requests, kind};
use crate::session::state::SessionState;
use crate::wire::{peek, peek::keys, quote};

const TOOLS: &str = "session.tools.listPendingRequests";
const PERMISSIONS: &str = "session.permissions.pendingRequests";
const HISTORY: &str = "session.getMessages";

/// Starts the handlers of the pending tool calls and permission requests. Items that cannot be read and lists that
/// cannot be fetched are skipped.
pub(crate) async fn answer(session: &Arc<SessionState>) {
    for item in list(session, TOOLS, keys!(PendingExternalToolRequestList, ["items"])).await {
        match tool_call(session, &item) {
            Some(event) => session.handle_event_request(&event),
            None => tracing::warn!("a pending tool call cannot be read"),
        }
    }
    let pending = list(session, PERMISSIONS, keys!(PendingPermissionRequestList, ["items"])).await;
    if pending.is_empty() {
        return;
    }
    let history = list(session, HISTORY, keys!(SessionGetMessagesResult, ["events"])).await;
    let requests = permission_requests(history);
    for item in pending {
        let Some(id) = peek::text(&item, event_requests::ID) else {
            tracing::warn!("a pending permission request has no id");
            continue;
        };
        match requests.iter().find(|event| event.request_id() == Some(&*id)) {
            Some(event) => session.handle_event_request(event),
            // A handler has no details to decide on, and without an answer the agent would wait for ever.
            None => session.refuse(kind::PERMISSION_REQUESTED, &item),
        }
    }
}

/// Calls a method and returns the items of a list in its result; none on failure. An old CLI has no pending requests.
async fn list(session: &SessionState, method: &'static str, key: [&str; 1]) -> Vec<String> {
    let call = session.caller().call::<()>(method, &()).timeout(None);
    let items = call.read_by(|result| {
        let [list] = peek::pick(result, key)?;
        Ok(peek::items(list.unwrap_or("[]"))?.into_iter().map(str::to_owned).collect())
    });
    items.await.unwrap_or_else(|error| {
        match error.is_method_not_found() {
            true => tracing::debug!(%error, "no pending requests"),
            false => tracing::warn!(%error, "a list of pending requests cannot be read"),
        }
        Vec::new()
    })
}

/// Rebuilds the event of a tool call. The item of the list has all of its data but the session id.
fn tool_call(session: &SessionState, item: &str) -> Option<SessionEvent> {
    let tool = peek::text(item, keys!(PendingExternalToolRequest, ["toolName"])[0]);
    peek::text(item, event_requests::ID).and(tool)?;
    let fields = item.trim_start().strip_prefix('{')?;
    let data = format!(r#"{{"sessionId":{},{fields}"#, quote(session.id()));
    let kind = kind::EXTERNAL_TOOL_REQUESTED;
    SessionEvent::from_json(format!(r#"{{"type":"{kind}","data":{data}}}"#)).ok()
}

/// Returns the permission requests in the history, except those that a hook decided. The list of pending requests has
/// only a text for the user; the event has all data.
fn permission_requests(history: Vec<String>) -> Vec<SessionEvent> {
    let events = history.into_iter().filter_map(|event| SessionEvent::from_json(event).ok());
    let by_hook = |event: &SessionEvent| {
        event.pick(keys!(PermissionRequestedData, ["resolvedByHook"])) == [Some("true")]
    };
    events.filter(|event| event.kind() == kind::PERMISSION_REQUESTED && !by_hook(event)).collect()
}
