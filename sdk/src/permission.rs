//! Deciding what the agent may do.

use std::pin::Pin;
use std::sync::Arc;

use crate::event::SessionEvent;
use crate::handler::HandlerContext;
use crate::session_state::SessionState;
use crate::types::{
    PermissionDecision, PermissionDecisionApproveOnce,
    PermissionDecisionApproved, PermissionDecisionDeniedInteractivelyByUser,
    PermissionDecisionDeniedNoApprovalRuleAndCouldNotRequestFromUser, PermissionDecisionReject,
    PermissionDecisionRequest, PermissionDecisionUserNotAvailable, PermissionRequest as Details,
    PermissionRequestedData,
};

/// Something the agent wants to do and asks leave for, as `permission.requested` brought it.
#[derive(Debug, Clone)]
pub struct PermissionRequest {
    data: Arc<PermissionRequestedData>,
    context: HandlerContext,
}

impl PermissionRequest {
    /// What exactly is asked for, by kind.
    pub fn details(&self) -> &Details {
        &self.data.permission_request
    }

    /// The whole of the event.
    pub fn data(&self) -> &PermissionRequestedData {
        &self.data
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
    Deny(Option<String>),
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
        Self(Kind::Deny(Some(reason.into())))
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
    fn on_wire(self, new_words: bool) -> Option<PermissionDecision> {
        Some(match (self.0, new_words) {
            (Kind::Approve, true) => PermissionDecision::ApproveOnce(PermissionDecisionApproveOnce::default()),
            (Kind::Approve, false) => PermissionDecision::Approved(PermissionDecisionApproved::default()),
            (Kind::Deny(feedback), true) => {
                let mut reject = PermissionDecisionReject::default();
                reject.feedback = feedback;
                PermissionDecision::Reject(reject)
            }
            (Kind::Deny(feedback), false) => {
                let mut denied = PermissionDecisionDeniedInteractivelyByUser::default();
                denied.feedback = feedback;
                PermissionDecision::DeniedInteractivelyByUser(denied)
            }
            (Kind::Unavailable, true) => {
                PermissionDecision::UserNotAvailable(PermissionDecisionUserNotAvailable::default())
            }
            (Kind::Unavailable, false) => PermissionDecision::DeniedNoApprovalRuleAndCouldNotRequestFromUser(
                PermissionDecisionDeniedNoApprovalRuleAndCouldNotRequestFromUser::default(),
            ),
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
    let data = match event.decode::<PermissionRequestedData>() {
        Ok(data) if data.resolved_by_hook == Some(true) => return,
        Ok(data) => data,
        Err(error) => {
            tracing::error!(%error, "a permission request that cannot be read is refused");
            return undecodable(session, event);
        }
    };
    let owed = Owed { session: Arc::clone(session), request_id: Some(data.request_id.clone()) };
    let context = HandlerContext { session: Arc::clone(session) };
    let request = PermissionRequest { data: Arc::new(data), context };
    tokio::spawn(async move {
        let decision = decide(request).await;
        owed.give(decision);
    });
}

/// A request nobody can read is refused: what it asks for is not known.
fn undecodable(session: &Arc<SessionState>, event: &SessionEvent) {
    let id = crate::json::pick(event.raw_data(), ["requestId"]).ok().and_then(|[id]| crate::json::string(id?));
    if let Some(id) = id {
        let owed = Owed { session: Arc::clone(session), request_id: Some(id.into_owned()) };
        owed.give(Decision::deny("the permission request could not be read"));
    }
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
            let answer = PermissionDecisionRequest::new(request_id, decision);
            self.session.caller().notify("session.permissions.handlePendingPermissionRequest", &answer);
        }
    }
}

impl Drop for Owed {
    fn drop(&mut self) {
        self.send(Decision::deny("the permission handler failed"));
    }
}
