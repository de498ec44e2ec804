//! Deciding what the agent may do.

use std::sync::Arc;

use serde_json::json;

use crate::broadcast::{Ask, Owed};
use crate::event::SessionEvent;
use crate::handler::{HandlerContext, Serves};
use crate::json;
use crate::reply::{self, IntoReply, replies};
use crate::session_state::SessionState;
use crate::types::{PermissionDecision, PermissionDecisionContext, PermissionRequest as Details};
use crate::versions::Feature;
use crate::wire;

/// Something the agent wants to do and asks leave for, as `permission.requested` brought it.
#[derive(Debug, Clone)]
pub struct PermissionRequest {
    details: Arc<Details>,
    event: SessionEvent,
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

    /// The shell command to be run, when it is one.
    pub fn command(&self) -> Option<&str> {
        match self.details() {
            Details::Shell(shell) => Some(&shell.full_command_text),
            _ => None,
        }
    }

    /// Whether the CLI says that nothing will be changed: reading a file, a shell line of read-only
    /// commands, a read-only tool of an MCP server. False whenever that is not known.
    ///
    /// Of shell lines the CLI knows it only with `enable_script_safety` in the session's configuration; then
    /// it does not even ask for those that only read in the working directory.
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

    /// Whether [`approve_for_session`](Self::approve_for_session) covers more than this once. For shell
    /// commands the CLI offers it only with `enable_script_safety` in the session's configuration.
    pub fn can_approve_for_session(&self) -> bool {
        match self.details() {
            Details::Shell(shell) => shell.can_offer_session_approval,
            Details::Write(_) | Details::Read(_) | Details::Mcp(_) | Details::CustomTool(_) => true,
            _ => false,
        }
    }

    /// Allows it, and the like of it for the rest of the session: the same commands, all writing, the same
    /// tool. Where [there is no such approval](Self::can_approve_for_session) it is allowed this once, and so
    /// is everything on a CLI before 1.0.35.
    pub fn approve_for_session(&self) -> Decision {
        let approval = match self.details() {
            Details::Shell(shell) if shell.can_offer_session_approval => {
                let commands: Vec<_> = shell.commands.iter().map(|command| &*command.identifier).collect();
                json!({ "kind": "commands", "commandIdentifiers": commands })
            }
            Details::Write(_) => json!({ "kind": "write" }),
            Details::Read(_) => json!({ "kind": "read" }),
            Details::Mcp(mcp) => {
                json!({ "kind": "mcp", "serverName": mcp.server_name, "toolName": mcp.tool_name })
            }
            Details::CustomTool(tool) => json!({ "kind": "custom-tool", "toolName": tool.tool_name }),
            _ => return Decision::approve(),
        };
        Decision::exact(json!({ "kind": "approve-for-session", "approval": approval }).to_string())
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
#[derive(Clone, PartialEq, Eq)]
#[must_use]
pub struct Decision {
    kind: Kind,
    /// `PermissionDecisionContext` as JSON.
    context: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Approve,
    Deny(String),
    Unavailable,
    LeaveToOthers,
    /// A `PermissionDecision` as JSON, and whether it allows what was asked.
    Exact(String, bool),
}

impl std::fmt::Debug for Decision {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // JSON that the program made may hold what it was asked for.
        let hidden = |json: &String| wire::redact::json(json);
        let kind = match &self.kind {
            Kind::Exact(json, allows) => Kind::Exact(hidden(json), *allows),
            kind => kind.clone(),
        };
        let context = self.context.as_ref().map(hidden);
        f.debug_struct("Decision").field("kind", &kind).field("context", &context).finish()
    }
}

replies!(Decision);

impl Decision {
    /// Allows it this once.
    pub fn approve() -> Self {
        Kind::Approve.into()
    }

    /// Refuses it; the model reads the reason.
    pub fn deny(reason: impl Into<String>) -> Self {
        Kind::Deny(reason.into()).into()
    }

    /// Refuses it since nobody is there to decide.
    pub fn unavailable() -> Self {
        Kind::Unavailable.into()
    }

    /// Gives no answer and leaves it to another client of the same session. Where there is none, the
    /// agent waits until the turn is aborted.
    pub fn leave_to_others() -> Self {
        Kind::LeaveToOthers.into()
    }

    /// Says how the decision was come to, for the CLI's records; it changes nothing else.
    #[inline]
    pub fn context(mut self, context: &PermissionDecisionContext) -> Self {
        self.context = Some(wire::to_json(context));
        self
    }

    /// The answer's fields in the words the CLI understands; none when nothing is to be said.
    fn fields(self, new_words: bool) -> Option<String> {
        let result = match (self.kind, new_words) {
            (Kind::Exact(decision, _), true) => decision,
            (Kind::Approve, true) => r#"{"kind":"approve-once"}"#.to_owned(),
            (Kind::Approve | Kind::Exact(_, true), false) => r#"{"kind":"approved"}"#.to_owned(),
            (Kind::Deny(reason), true) => json!({ "kind": "reject", "feedback": reason }).to_string(),
            (Kind::Deny(reason), false) => {
                json!({ "kind": "denied-interactively-by-user", "feedback": reason }).to_string()
            }
            (Kind::Exact(_, false), false) => r#"{"kind":"denied-interactively-by-user"}"#.to_owned(),
            (Kind::Unavailable, true) => r#"{"kind":"user-not-available"}"#.to_owned(),
            (Kind::Unavailable, false) => {
                r#"{"kind":"denied-no-approval-rule-and-could-not-request-from-user"}"#.to_owned()
            }
            (Kind::LeaveToOthers, _) => return None,
        };
        Some(match self.context {
            Some(context) if new_words => format!(r#""result":{result},"decisionContext":{context}"#),
            _ => format!(r#""result":{result}"#),
        })
    }
}

impl From<Kind> for Decision {
    fn from(kind: Kind) -> Self {
        Self { kind, context: None }
    }
}

/// Any decision of the protocol, such as an approval for one location. A CLI before 1.0.35 knows
/// few of them, and is told to allow it this once, or to refuse it.
impl From<PermissionDecision> for Decision {
    #[inline]
    fn from(decision: PermissionDecision) -> Self {
        Self::exact(wire::to_json(&decision))
    }
}

impl Decision {
    fn exact(decision: String) -> Self {
        let [kind] = json::pick(&decision, ["kind"]).unwrap_or_default();
        let approves = kind.and_then(json::string).is_some_and(|kind| kind.starts_with("approve"));
        Kind::Exact(decision, approves).into()
    }
}

/// How a permission request is answered.
const ANSWER: &str = "session.permissions.handlePendingPermissionRequest";

/// Gives code that decides the form of an [`Ask`].
#[inline]
pub(crate) fn ask<F, Fut>(decide: F) -> Ask
where
    F: Fn(PermissionRequest, HandlerContext) -> Fut + Send + Sync + 'static,
    Fut: Future<Output: IntoReply<Decision>> + Send + 'static,
{
    let decide = Arc::new(decide);
    Arc::new(move |session, event| {
        let Some((owed, request)) = read(session, event) else { return };
        let (decide, context) = (Arc::clone(&decide), HandlerContext { session: Arc::clone(session) });
        owed.run(async move |owed| {
            match reply::replied(context.limit(), || decide(request, context.clone())).await {
                Ok(decision) => give(owed, decision, &context),
                Err(failure) => owed.fail(&failure),
            }
        });
    })
}

/// What a live `permission.requested` asks for; none when there is nothing to decide.
fn read(session: &Arc<SessionState>, event: &SessionEvent) -> Option<(Owed, PermissionRequest)> {
    let [details, resolved] =
        json::pick(event.raw_data(), ["permissionRequest", "resolvedByHook"]).unwrap_or_default();
    if resolved == Some("true") {
        return None;
    }
    let new_words = session.versions().has(Feature::NewPermissionWords);
    let owed = Owed::new(session, event, ANSWER, if new_words { refused } else { refused_in_old_words })?;
    match wire::from_json(details.unwrap_or("null")) {
        Ok(details) => Some((owed, PermissionRequest { details: Arc::new(details), event: event.clone() })),
        // What it asks for is not known, so it is refused.
        Err(error) => {
            owed.fail(&format!("the permission request could not be read: {error}"));
            None
        }
    }
}

fn give(owed: Owed, decision: Decision, context: &HandlerContext) {
    let new_words = context.session.versions().has(Feature::NewPermissionWords);
    match decision.fields(new_words) {
        Some(fields) => owed.give(&fields),
        None => owed.leave(),
    }
}

fn refused(reason: &str) -> String {
    Decision::deny(format!("the permission handler failed: {reason}")).fields(true).unwrap_or_default()
}

fn refused_in_old_words(reason: &str) -> String {
    Decision::deny(format!("the permission handler failed: {reason}")).fields(false).unwrap_or_default()
}
