//! Deciding what the agent may do.

mod decision;
mod paths;
mod policy;

use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};

pub use decision::Decision;
pub use policy::Policy;

use crate::events::SessionEvent;
use crate::handlers::context::{HandlerContext, Scope};
use crate::handlers::event_request::{EventHandler, EventRequest, PendingReply};
use crate::handlers::reply::{self, IntoReply};
use crate::printable::printable;
use crate::types::{
    PermissionDetails as Details, PermissionRequestShellCommand, PermissionRequestWrite,
    PermissionRequestedData,
};
use crate::version::Feature;
use crate::wire;
use crate::wire::peek::{self, keys};

/// Something that the agent wants to do and needs a permission for, as `permission.requested` brought it.
#[derive(Debug, Clone)]
pub struct PermissionRequest {
    details: Arc<Details>,
    event: SessionEvent,
    /// The session's working directory, as far as it is known.
    directory: Option<Arc<str>>,
}

impl PermissionRequest {
    /// The details of what is asked for, by kind. What cannot be read, as a kind that is newer than this
    /// crate, is [`Unrecognized`](Details::Unrecognized) with its JSON.
    pub fn details(&self) -> &Details {
        &self.details
    }

    /// The event that asks, for what else it holds.
    pub fn event(&self) -> &SessionEvent {
        &self.event
    }

    /// The shell line to be run; none for any other request.
    ///
    /// Compare it as a whole. The start of a line says nothing about what the line runs:
    /// `git --version; rm -rf /`.
    pub fn command(&self) -> Option<&str> {
        match self.details() {
            Details::Shell(shell) => Some(&shell.full_command_text),
            _ => None,
        }
    }

    /// The commands that the CLI found in the shell line, with their identifiers; empty for any other request.
    ///
    /// Without `enable_script_safety` in the session's configuration the CLI does not look into the line, and
    /// gives the whole of it as one. An identifier is the command without its arguments, which may make it
    /// run anything: it is for showing, not for deciding.
    pub fn commands(&self) -> &[PermissionRequestShellCommand] {
        match self.details() {
            Details::Shell(shell) => &shell.commands,
            _ => &[],
        }
    }

    /// The path of the file or the folder to be read or written, as the CLI gives it; none for any other request. Of a
    /// file that is moved it is the new path; [`paths`](Self::paths) has both.
    pub fn path(&self) -> Option<&str> {
        match self.details() {
            Details::Read(read) => Some(&read.path),
            Details::Write(write) => Some(&write.file_name),
            _ => None,
        }
    }

    /// The paths that the request names: of a file to be read or written, with its links resolved where the
    /// CLI says that too, of where it is moved from, and those that the CLI found in a shell line
    /// (`possiblePaths`).
    ///
    /// A shell line may reach any other path: the CLI looks for paths only with `enable_script_safety`, and
    /// finds none that the line makes up as it runs.
    pub fn paths(&self) -> Vec<&str> {
        match self.details() {
            Details::Shell(shell) => {
                let resolved = shell.resolved_paths.iter().flat_map(|resolved| resolved.values());
                shell.possible_paths.iter().chain(resolved).map(String::as_str).collect()
            }
            _ => self.files().unwrap_or_else(|| self.path().into_iter().collect()),
        }
    }

    /// Tells whether it reads or writes a file within this folder, and nothing else. False whenever that is not
    /// known, and for all that is not reading or writing: no shell line is within a folder, since it may
    /// reach what nobody sees in it.
    ///
    /// `.` and `..` are followed and every link is resolved in the part of the path that exists; the rest is taken to
    /// lie below that part. A relative path is one below the session's working directory, and within no folder when
    /// that is not known. On Windows `C:\a`, `\\?\C:\a` and
    /// `\\server\share\a` are understood with either slash; a stream (`a:b`), a name that is cut off (`a.`),
    /// a device and every other form are within no folder. Elsewhere a path with a backslash is not, and one
    /// through `/proc` is not, by a link either: `/proc/self/cwd` is another folder to the CLI.
    ///
    /// It asks the file system of this machine, on which the CLI must run as well, and tells what is so at the moment:
    /// see [`Policy::read_within`] for what may change before the CLI opens the file.
    pub fn is_within(&self, folder: impl AsRef<Path>) -> bool {
        self.places(folder.as_ref()).is_some_and(|places| !places.is_empty())
    }

    /// The file that is read or written, under all names that the CLI gives it, and where it is moved from;
    /// none when it is something else, or not known.
    fn files(&self) -> Option<Vec<&str>> {
        let mut files = Vec::new();
        match self.details() {
            Details::Read(read) => {
                files.push(&*read.path);
                files.extend(read.resolved_path.as_deref());
            }
            Details::Write(write) => {
                files.push(&*write.file_name);
                files.extend(write.resolved_path.as_deref());
                let edits = write.file_edits.as_deref().unwrap_or_default();
                files.extend(
                    edits
                        .iter()
                        .flat_map(|edit| edit.before.iter().chain(&edit.after))
                        .map(|file| &*file.path),
                );
                if edits.is_empty() && !names_only(&write.diff, &write.file_name) {
                    return None;
                }
            }
            _ => return None,
        }
        Some(files)
    }

    /// Tells whether the CLI says that nothing will be changed: reading a file, a shell line of read-only
    /// commands, a read-only tool of an MCP server. False whenever that is not known.
    ///
    /// **This is no reason to allow it.** What only reads may read every file, the private keys and
    /// `/proc/self/environ` too ([`is_within`](Self::is_within) tells where a read goes), may print the
    /// environment with its tokens, and may send what it read elsewhere: a tool of an MCP server says itself
    /// that it only reads. [`Policy::read_within`] is a policy that looks at more than this.
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

    /// Whether only a person may say yes: it asks to leave the sandbox, or managed policy wants a person. Any
    /// kind of request may say so, in a CLI that is newer than this crate.
    fn is_for_a_person(&self) -> bool {
        let [request] = self.event.pick(keys!(PermissionRequestedData, ["permissionRequest"]));
        let Some(request) = request else { return true };
        let keys = keys!(PermissionRequestShell, ["managedApprovalRequired", "requestSandboxBypass"]);
        let said = peek::pick(request, keys);
        said.map_or(true, |said| said.into_iter().flatten().any(|said| !matches!(said, "false" | "null")))
    }

    /// Tells whether [`approve_for_session`](Self::approve_for_session) covers more than this once. For shell
    /// commands the CLI offers it only with `enable_script_safety` in the session's configuration.
    pub fn can_approve_for_session(&self) -> bool {
        match self.details() {
            Details::Shell(shell) => shell.can_offer_session_approval,
            Details::Write(_) | Details::Read(_) | Details::Mcp(_) | Details::CustomTool(_) => true,
            _ => false,
        }
    }

    /// Allows it, and the like of it for the rest of the session: the same commands with any arguments, all
    /// writing, all reading, the same tool. Where
    /// [there is no such approval](Self::can_approve_for_session) it is allowed this once, and so is
    /// everything on a CLI before 1.0.35. What it covers is not asked for again.
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

    /// A few words on what is asked for, on one line, for showing to a person.
    ///
    /// They hold the whole command, path or name. What could make it look like another one is escaped, as
    /// [`printable`](crate::printable) does, and so is a backtick in a command, which stands between two.
    pub fn summary(&self) -> String {
        let shown = |text: &str| printable(text).into_owned();
        match self.details() {
            Details::Shell(shell) => {
                format!("run `{}`", printable(&shell.full_command_text).replace('`', r"\u{60}"))
            }
            Details::Write(write) => match moved_from(write) {
                Some(from) => format!("write {}, moved from {}", shown(&write.file_name), shown(from)),
                None => format!("write {}", shown(&write.file_name)),
            },
            Details::Read(read) => format!("read {}", shown(&read.path)),
            Details::Url(url) => format!("fetch {}", shown(&url.url)),
            Details::Mcp(mcp) => {
                format!("call {} of MCP server {}", shown(&mcp.tool_name), shown(&mcp.server_name))
            }
            Details::CustomTool(tool) => format!("call {}", shown(&tool.tool_name)),
            Details::Hook(hook) => format!("call {}, as a hook asks", shown(&hook.tool_name)),
            Details::Memory(_) => "use the memory".to_owned(),
            Details::Workflow(workflow) => format!("run the workflow {}", shown(&workflow.name)),
            Details::ExtensionManagement(_) => "manage extensions".to_owned(),
            Details::ExtensionPermissionAccess(_) => "give an extension permissions".to_owned(),
            Details::ExtensionEnvAccess(_) => "give an extension environment variables".to_owned(),
            Details::Unrecognized(other) => {
                format!("do something new: {}", shown(&other["kind"].to_string()))
            }
        }
    }
}

/// The path that a file had before, when it is another one.
fn moved_from(write: &PermissionRequestWrite) -> Option<&str> {
    let before = write.file_edits.iter().flatten().find_map(|edit| edit.before.as_ref())?;
    (before.path != write.file_name).then_some(&*before.path)
}

/// Whether a diff is of this file alone: a file that is moved stands in it under two names, of which the
/// request has one.
fn names_only(diff: &str, file: &str) -> bool {
    let slash = if file.starts_with('/') { "" } else { "/" };
    let expected = format!("diff --git a{slash}{file} b{slash}{file}");
    diff.lines().filter(|line| line.starts_with("diff --git ")).all(|line| line == expected)
}

/// Turns code that decides into an [`EventHandler`], and returns it with the kind of the events that it handles.
#[inline]
pub(crate) fn handler<F, Fut>(decide: F) -> (&'static str, EventHandler)
where
    F: Fn(PermissionRequest, HandlerContext) -> Fut + Send + Sync + 'static,
    Fut: Future<Output: IntoReply<Decision>> + Send + 'static,
{
    let decide = Arc::new(decide);
    let handler: EventHandler = Arc::new(move |context, event| {
        let Some((reply, request)) = read(context.scope(), event) else { return };
        let (decide, context) = (Arc::clone(&decide), context.clone());
        reply.run(async move |reply| {
            match reply::replied(context.timeout(), || decide(request, context.clone())).await {
                Ok(decision) => respond(reply, decision, context.scope()),
                Err(failure) => reply.fail(&failure),
            }
        });
    });
    (PermissionRequestedData::KIND, handler)
}

/// The request of a live `permission.requested`; none when there is nothing to decide.
fn read(scope: &Arc<Scope>, event: &SessionEvent) -> Option<(PendingReply, PermissionRequest)> {
    let [details, resolved] =
        event.pick(keys!(PermissionRequestedData, ["permissionRequest", "resolvedByHook"]));
    if resolved == Some("true") {
        return None;
    }
    let new_words = scope.version().has(Feature::NewPermissionWords);
    let refusal = if new_words { refused } else { refused_in_old_words };
    let reply = PendingReply::new::<PermissionRequestedData>(scope, event, refusal)?;
    let Some(details) = details_of(details.unwrap_or("null")) else {
        reply.fail("the permission request could not be read");
        return None;
    };
    // That of a sub-agent is not known.
    let directory = scope.working_directory().filter(|_| event.agent_id().is_none());
    Some((reply, PermissionRequest { details: Arc::new(details), event: event.clone(), directory }))
}

/// What is asked for, as far as it can be read: as what it is, with the keys that came later in their safe
/// values, or else as JSON.
fn details_of(json: &str) -> Option<Details> {
    // Kind, key, value. CLI 1.0.10 knows no approvals for the session.
    const CAME_LATER: [(&str, &str, bool); 1] =
        [("write", keys!(PermissionRequestWrite, ["canOfferSessionApproval"])[0], false)];
    let error = match wire::from_json(json) {
        Ok(details) => return Some(details),
        Err(error) => error,
    };
    let mut value: Value = wire::from_json(json).ok()?;
    for (kind, key, safe) in CAME_LATER {
        if let Some(object) = value.as_object_mut().filter(|object| object.get("kind") == Some(&kind.into()))
        {
            object.entry(key).or_insert_with(|| safe.into());
        }
    }
    wire::from_json(&value.to_string()).ok().or_else(|| {
        tracing::warn!(%error, "a permission request is not as expected");
        Some(Details::Unrecognized(value))
    })
}

/// Refuses a request of which no more is known than its id, so that nobody can be asked.
pub(crate) fn refuse_unknown(scope: &Arc<Scope>, id: &str) {
    let event = json!({ "type": PermissionRequestedData::KIND, "data": { "requestId": id } }).to_string();
    let Ok(event) = SessionEvent::from_json(event) else { return };
    if let Some(reply) = PendingReply::new::<PermissionRequestedData>(scope, &event, refused) {
        tracing::warn!(id, "nothing is known of a pending permission request, so the answer is no");
        respond(reply, Decision::unavailable(), scope);
    }
}

fn respond(reply: PendingReply, decision: Decision, scope: &Scope) {
    let new_words = scope.version().has(Feature::NewPermissionWords);
    match decision.fields(new_words) {
        Some(fields) => reply.respond(&fields),
        None => reply.withdraw(),
    }
}

/// The answer for a handler that failed. The reason is not for the model, which takes a refusal for the
/// user's own.
fn refused(_: &str) -> String {
    Decision::unavailable().fields(true).unwrap_or_default()
}

fn refused_in_old_words(_: &str) -> String {
    Decision::unavailable().fields(false).unwrap_or_default()
}
