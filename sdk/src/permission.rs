//! Deciding what the agent may do.

use std::pin::Pin;
use std::sync::Arc;

use serde_json::json;

use crate::event::SessionEvent;
use crate::handler::HandlerContext;
use crate::session_state::SessionState;
use crate::types::PermissionRequest as Details;
use crate::{json, wire};

/// Something the agent wants to do and asks leave for, as `permission.requested` brought it.
#[derive(Debug, Clone)]
pub struct PermissionRequest {
    details: Arc<Details>,
    event: SessionEvent,
    context: HandlerContext,
}

impl PermissionRequest {
    /// What exactly is asked for, by kind.
    pub fn details(&self) -> &Details {
        &self.details
    }

    /// The event that asks, for what else it holds.
    pub fn event(&self) -> &SessionEvent {
        &self.event
    }

    /// The session the request belongs to.
    pub fn context(&self) -> &HandlerContext {
        &self.context
    }

    /// The shell command to be run, when it is one.
    pub fn command(&self) -> Option<&str> {
        match self.details() {
            Details::Shell(shell) => Some(&shell.full_command_text),
            _ => None,
        }
    }

    /// Whether the CLI says that nothing will be changed: reading a file, a shell line of read-only
    /// commands, a read-only tool of an MCP server. False whenever that is not known.
    pub fn is_read_only(&self) -> bool {
        match self.details() {
            Details::Read(_) => true,
            Details::Shell(shell) => {
                let commands = &shell.commands;
                !shell.has_write_file_redirection
                    && !commands.is_empty()
                    && commands.iter().all(|command| command.read_only)
            }
            Details::Mcp(mcp) => mcp.read_only,
            _ => false,
        }
    }

    /// In a few words what is asked for, for showing to a person.
    pub fn summary(&self) -> String {
        match self.details() {
            Details::Shell(shell) => format!("run `{}`", shell.full_command_text),
            Details::Write(write) => format!("write {}", write.file_name),
            Details::Read(read) => format!("read {}", read.path),
            Details::Url(url) => format!("fetch {}", url.url),
            Details::Mcp(mcp) => format!("call {} of MCP server {}", mcp.tool_name, mcp.server_name),
            Details::CustomTool(tool) => format!("call {}", tool.tool_name),
            Details::Hook(hook) => format!("call {}, as a hook asks", hook.tool_name),
            Details::Memory(_) => "use the memory".to_owned(),
            Details::Workflow(workflow) => format!("run the workflow {}", workflow.name),
            Details::ExtensionManagement(_) => "manage extensions".to_owned(),
            Details::ExtensionPermissionAccess(_) => "give an extension permissions".to_owned(),
            Details::ExtensionEnvAccess(_) => "give an extension environment variables".to_owned(),
            Details::Unrecognized(other) => format!("do something new: {}", other["kind"]),
        }
    }
}

/// What a permission request is answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Decision(Kind);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Approve,
    Deny(String),
    Unavailable,
    LeaveToOthers,
}

impl Decision {
    /// Allows it this once.
    pub fn approve() -> Self {
        Self(Kind::Approve)
    }

    /// Refuses it; the model reads the reason.
    pub fn deny(reason: impl Into<String>) -> Self {
        Self(Kind::Deny(reason.into()))
    }

    /// Refuses it since nobody is there to decide.
    pub fn unavailable() -> Self {
        Self(Kind::Unavailable)
    }

    /// Gives no answer and leaves it to another client of the same session. Where there is none, the
    /// agent waits until the turn is aborted.
    pub fn leave_to_others() -> Self {
        Self(Kind::LeaveToOthers)
    }

    /// The decision in the words the CLI understands; none when nothing is to be said.
    fn on_wire(self, new_words: bool) -> Option<serde_json::Value> {
        Some(match (self.0, new_words) {
            (Kind::Approve, true) => json!({ "kind": "approve-once" }),
            (Kind::Approve, false) => json!({ "kind": "approved" }),
            (Kind::Deny(feedback), true) => json!({ "kind": "reject", "feedback": feedback }),
            (Kind::Deny(feedback), false) => {
                json!({ "kind": "denied-interactively-by-user", "feedback": feedback })
            }
            (Kind::Unavailable, true) => json!({ "kind": "user-not-available" }),
            (Kind::Unavailable, false) => {
                json!({ "kind": "denied-no-approval-rule-and-could-not-request-from-user" })
            }
            (Kind::LeaveToOthers, _) => return None,
        })
    }
}

/// Code that decides.
pub(crate) type Decide = Arc<dyn Fn(PermissionRequest) -> Deciding + Send + Sync>;
type Deciding = Pin<Box<dyn Future<Output = Decision> + Send>>;

/// Has a live `permission.requested` decided, if this client decides at all.
pub(crate) fn requested(session: &Arc<SessionState>, event: &SessionEvent) {
    let Some(decide) = session.decides() else { return };
    let keys = ["requestId", "permissionRequest", "resolvedByHook"];
    let [id, details, resolved] = json::pick(event.raw_data(), keys).unwrap_or_default();
    if resolved == Some("true") {
        return;
    }
    let Some(id) = id.and_then(json::string) else {
        return tracing::error!("a permission request without an id cannot be answered");
    };
    let owed = Owed { session: Arc::clone(session), request_id: Some(id.into_owned()) };
    let details = match wire::from_json(details.unwrap_or("null")) {
        Ok(details) => Arc::new(details),
        // What it asks for is not known, so it is refused.
        Err(error) => {
            tracing::error!(%error, "a permission request that cannot be read is refused");
            return owed.give(Decision::deny("the permission request could not be read"));
        }
    };
    let context = HandlerContext { session: Arc::clone(session) };
    let request = PermissionRequest { details, event: event.clone(), context };
    tokio::spawn(async move {
        let decision = decide(request).await;
        owed.give(decision);
    });
}

/// The answer owed to one request. Dropped without one, as when the handler panics, it refuses.
struct Owed {
    session: Arc<SessionState>,
    request_id: Option<String>,
}

impl Owed {
    fn give(mut self, decision: Decision) {
        self.send(decision);
    }

    fn send(&mut self, decision: Decision) {
        let Some(request_id) = self.request_id.take() else { return };
        if let Some(decision) = decision.on_wire(self.session.versions().has_new_permission_words()) {
            let answer = json!({ "requestId": request_id, "result": decision });
            // It is flat, so it is never refused for its depth.
            drop(self.session.caller().notify("session.permissions.handlePendingPermissionRequest", &answer));
        }
    }
}

impl Drop for Owed {
    fn drop(&mut self) {
        self.send(Decision::deny("the permission handler failed"));
    }
}
