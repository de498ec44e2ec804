//! Permission requests of the agent, and their decisions.

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
use crate::handlers::event_request::{self, EventHandler, EventRequest, Request};
use crate::handlers::reply::{IntoReply, Replies};
use crate::printable::printable;
use crate::trace::spans;
use crate::types::{
    PermissionDetails as Details, PermissionRequestShellCommand, PermissionRequestWrite,
    PermissionRequestedData,
};
use crate::version::Feature;
use crate::wire;
use crate::wire::peek::{self, keys};

/// A request of the agent for a permission (`permission.requested`).
#[derive(Clone)]
pub struct PermissionRequest(Arc<Inner>);

struct Inner {
    event: SessionEvent,
    /// The JSON of the details; empty if there are none. A copy, since the event checks all of its text before it shows
    /// a part of it.
    json: Box<str>,
    details: Details,
    /// The session's working directory; none if it is not known.
    directory: Option<Arc<str>>,
}

impl PermissionRequest {
    /// Returns the request, or the reason why its details cannot be read: no closure decides without them.
    fn read(event: SessionEvent, json: Box<str>, directory: Option<Arc<str>>) -> Result<Self, String> {
        let details = details_of(&json)?;
        Ok(Self(Arc::new(Inner { event, json, details, directory })))
    }

    /// The details of the request, by kind. Details that cannot be read, for example of a kind that is newer than
    /// this crate, are [`Unrecognized`](Details::Unrecognized) with their JSON.
    pub fn details(&self) -> &crate::types::PermissionDetails {
        &self.0.details
    }

    /// The event of the request, with all its data.
    pub fn event(&self) -> &SessionEvent {
        &self.0.event
    }

    /// The shell line to run; none for any other request.
    ///
    /// Compare it as a whole. The start of a line does not show what the line runs: `git --version; rm -rf /`.
    pub fn command(&self) -> Option<&str> {
        match self.details() {
            Details::Shell(shell) => Some(&shell.full_command_text),
            _ => None,
        }
    }

    /// The commands that the CLI found in the shell line, with their identifiers; empty for any other request.
    ///
    /// Without `enable_script_safety` in the session's configuration, the CLI does not parse the line, and this is
    /// the whole line as one command. An identifier is the command without its arguments, which may make it run
    /// anything: use it for display, not for decisions.
    pub fn commands(&self) -> &[PermissionRequestShellCommand] {
        match self.details() {
            Details::Shell(shell) => &shell.commands,
            _ => &[],
        }
    }

    /// The path of the file or folder to read or write, as the CLI sends it; none for any other request. For a file
    /// that is moved it is the new path; [`paths`](Self::paths) has both.
    pub fn path(&self) -> Option<&str> {
        match self.details() {
            Details::Read(read) => Some(&read.path),
            Details::Write(write) => Some(&write.file_name),
            _ => None,
        }
    }

    /// Returns the paths that the request names: the file to read or write, the same with its links resolved if the
    /// CLI sends that, the old path of a file that is moved, and the paths that the CLI found in a shell line
    /// (`possiblePaths`).
    ///
    /// A shell line may access any other path: the CLI looks for paths only with `enable_script_safety`, and cannot
    /// find those that the line computes when it runs.
    pub fn paths(&self) -> Vec<&str> {
        match self.details() {
            Details::Shell(shell) => {
                let resolved = shell.resolved_paths.iter().flat_map(|resolved| resolved.values());
                shell.possible_paths.iter().chain(resolved).map(String::as_str).collect()
            }
            _ => self.files().unwrap_or_else(|| self.path().into_iter().collect()),
        }
    }

    /// Returns true if the request reads or writes a file within this folder, and nothing else. Returns false
    /// whenever that is not known, and for all requests but reading and writing: a shell line is within no folder,
    /// since it may access paths that it does not name.
    ///
    /// `.` and `..` are followed and every link is resolved in the part of the path that exists; the rest is assumed
    /// to lie below that part. A relative path is resolved against the session's working directory, and is within no
    /// folder if that is not known. On Windows `C:\a`, `\\?\C:\a` and `\\server\share\a` are recognised with either
    /// slash; a stream (`a:b`), a name that Windows shortens (`a.`), a device and every other form are within no
    /// folder. On other systems a path with a backslash is within no folder, and neither is one that leads through
    /// `/proc`, even by a link: `/proc/self/cwd` is another folder for the CLI.
    ///
    /// It reads the file system of this machine, on which the CLI must run as well, in its present state: see
    /// [`Policy::read_within`] for changes before the CLI opens the file.
    pub fn is_within(&self, folder: impl AsRef<Path>) -> bool {
        self.places(folder.as_ref()).is_some_and(|places| !places.is_empty())
    }

    /// Returns all paths that the CLI sends for the file to read or write, including the old one of a move; none for
    /// any other request, or if they are not all known.
    fn files(&self) -> Option<Vec<&str>> {
        let (file, resolved, edits) = match self.details() {
            Details::Read(read) => (&read.path, &read.resolved_path, &[][..]),
            Details::Write(write) => {
                let edits = write.file_edits.as_deref().unwrap_or_default();
                if edits.is_empty() && !names_only(&write.diff, &write.file_name) {
                    return None;
                }
                (&write.file_name, &write.resolved_path, edits)
            }
            _ => return None,
        };
        let edited = edits.iter().flat_map(|edit| edit.before.iter().chain(&edit.after));
        let edited = edited.map(|file| &file.path);
        Some(std::iter::once(file).chain(resolved).chain(edited).map(String::as_str).collect())
    }

    /// Returns true if the CLI declares that the request changes nothing: it reads a file, runs a shell line of
    /// read-only commands, or calls a read-only tool of an MCP server. Returns false whenever that is not known.
    ///
    /// **This is no reason to approve it.** A read-only action may read every file, including private keys and
    /// `/proc/self/environ` ([`is_within`](Self::is_within) checks the path), may print the environment with its
    /// tokens, and may send the data elsewhere: a tool of an MCP server declares itself read-only.
    /// [`Policy::read_within`] is a policy that checks more than this.
    ///
    /// For shell lines the CLI knows it only with `enable_script_safety` in the session's configuration; it then
    /// sends no request for those that only read in the working directory.
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

    /// Returns true if only a person may approve it: it is to run outside the sandbox (`requestSandboxBypass`), or
    /// managed policy requires a person (`managedApprovalRequired`). Returns true as well if that cannot be read.
    ///
    /// A handler that approves without a person checks this first, whatever the request is, as
    /// [`Policy::decide`] does. The [`summary`](Self::summary) does not say it.
    pub fn is_for_a_person(&self) -> bool {
        // Read for any kind of request, since newer CLIs may add them to more kinds.
        let keys = keys!(PermissionRequestShell, ["managedApprovalRequired", "requestSandboxBypass"]);
        let said = peek::pick(&self.0.json, keys);
        said.map_or(true, |said| said.into_iter().flatten().any(|said| !matches!(said, "false" | "null")))
    }

    /// Returns true if [`approve_for_session`](Self::approve_for_session) covers more than this request. For shell
    /// commands the CLI offers it only with `enable_script_safety` in the session's configuration.
    pub fn can_approve_for_session(&self) -> bool {
        self.approval().is_some()
    }

    /// Approves this request and similar ones for the rest of the session: the same commands with any arguments, all
    /// writing, all reading, or the same tool. The CLI sends no requests for them any more, so show the
    /// [description](Self::summary_for_session) to the person who decides. If [there is no such
    /// approval](Self::can_approve_for_session), or with a CLI before 1.0.35, it approves only this request.
    pub fn approve_for_session(&self) -> Decision {
        match self.approval() {
            Some((approval, _)) => {
                Decision::exact(json!({ "kind": "approve-for-session", "approval": approval }).to_string())
            }
            None => Decision::approve(),
        }
    }

    /// Returns a short description of what [`approve_for_session`](Self::approve_for_session) allows, on one line, to
    /// show to a person before they decide: `write any file`. None if it approves only this request. Names in it are
    /// escaped as in [`summary`](Self::summary).
    pub fn summary_for_session(&self) -> Option<String> {
        self.approval().map(|(_, summary)| summary)
    }

    /// The approval that covers more than this request, with its description; none if there is no such approval.
    fn approval(&self) -> Option<(Value, String)> {
        let any_call = || format!("{} with any arguments", self.summary());
        Some(match self.details() {
            Details::Shell(shell) if shell.can_offer_session_approval => {
                let commands: Vec<_> = shell.commands.iter().map(|command| &*command.identifier).collect();
                let shown: Vec<_> = commands.iter().map(|command| in_backticks(command)).collect();
                let approval = json!({ "kind": "commands", "commandIdentifiers": commands });
                (approval, format!("run {} with any arguments", shown.join(", ")))
            }
            Details::Write(_) => (json!({ "kind": "write" }), "write any file".to_owned()),
            Details::Read(_) => (json!({ "kind": "read" }), "read any file".to_owned()),
            Details::Mcp(mcp) => {
                let (server, tool) = (&mcp.server_name, &mcp.tool_name);
                (json!({ "kind": "mcp", "serverName": server, "toolName": tool }), any_call())
            }
            Details::CustomTool(tool) => {
                (json!({ "kind": "custom-tool", "toolName": tool.tool_name }), any_call())
            }
            _ => return None,
        })
    }

    /// Returns a short description of the request, on one line, to show to a person.
    ///
    /// It contains the whole command, path or name. Characters that could make it look like another one are escaped
    /// as by [`printable`](crate::printable), and so are backticks in a command, which is enclosed in backticks.
    pub fn summary(&self) -> String {
        match self.details() {
            Details::Shell(shell) => format!("run {}", in_backticks(&shell.full_command_text)),
            Details::Write(write) => match moved_from(write) {
                Some(from) => {
                    format!("write {}, moved from {}", printable(&write.file_name), printable(from))
                }
                None => format!("write {}", printable(&write.file_name)),
            },
            Details::Read(read) => format!("read {}", printable(&read.path)),
            Details::Url(url) => format!("fetch {}", printable(&url.url)),
            Details::Mcp(mcp) => {
                format!("call {} of MCP server {}", printable(&mcp.tool_name), printable(&mcp.server_name))
            }
            Details::CustomTool(tool) => format!("call {}", printable(&tool.tool_name)),
            Details::Hook(hook) => format!("call {}, as a hook asks", printable(&hook.tool_name)),
            Details::Memory(_) => "use the memory".to_owned(),
            Details::Workflow(workflow) => format!("run the workflow {}", printable(&workflow.name)),
            Details::ExtensionManagement(_) => "manage extensions".to_owned(),
            Details::ExtensionPermissionAccess(_) => "give an extension permissions".to_owned(),
            Details::ExtensionEnvAccess(_) => "give an extension environment variables".to_owned(),
            Details::Unrecognized(other) => {
                format!("do something new: {}", printable(&other["kind"].to_string()))
            }
        }
    }
}

impl std::fmt::Debug for PermissionRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PermissionRequest")
            .field("details", self.details())
            .field("event", self.event())
            .field("directory", &self.0.directory)
            .finish()
    }
}

/// Returns a command in backticks, safe to show.
fn in_backticks(command: &str) -> String {
    format!("`{}`", printable(command).replace('`', r"\u{60}"))
}

/// Returns the old path of a file that is moved.
fn moved_from(write: &PermissionRequestWrite) -> Option<&str> {
    let before = write.file_edits.iter().flatten().find_map(|edit| edit.before.as_ref())?;
    (before.path != write.file_name).then_some(&*before.path)
}

/// Returns true if a diff is of this file alone. The diff of a move has two paths, and the request only one of them.
fn names_only(diff: &str, file: &str) -> bool {
    let slash = if file.starts_with('/') { "" } else { "/" };
    let expected = format!("diff --git a{slash}{file} b{slash}{file}");
    diff.lines().filter(|line| line.starts_with("diff --git ")).all(|line| line == expected)
}

/// Turns a closure that decides into an [`EventHandler`], and returns it with the kind of events that it handles.
pub(crate) fn handler(decide: impl Replies<PermissionRequest, Decision>) -> (&'static str, EventHandler) {
    let decide = Arc::new(decide);
    let handler = move |context: &HandlerContext, request: &Request<'_>| {
        if request.is_resolved {
            return;
        }
        let (event, details) = (request.event.clone(), request.details.unwrap_or_default().into());
        // The working directory of a sub-agent is not known.
        let directory = context.scope.working_directory().filter(|_| event.agent_id().is_none());
        let (decide, own) = (Arc::clone(&decide), context.clone());
        answer(context, request, async move {
            let permission = PermissionRequest::read(event, details, directory)?;
            let span = spans::permission(own.session_id());
            let decided = async { (*decide).clone()(permission, own).await.into_reply() };
            spans::run(span, decided, |decision| decision.is_err().then_some("failure")).await
        });
    };
    (PermissionRequestedData::KIND, Arc::new(handler))
}

/// Decodes the details of a request, or returns the reason of the failure. Keys that old CLIs do not send get safe
/// values. Details that cannot be decoded remain JSON.
fn details_of(json: &str) -> Result<Details, String> {
    if json.is_empty() {
        return Err("the permission request has no details".to_owned());
    }
    let unreadable = |error| format!("the permission request could not be read: {error}");
    let mismatch = match wire::from_json(json) {
        Ok(details) => return Ok(details),
        Err(error) => error,
    };
    let mut value: Value = wire::from_json(json).map_err(unreadable)?;
    // CLI 1.0.10 has no approvals for the session.
    let [approval] = keys!(PermissionRequestWrite, ["canOfferSessionApproval"]);
    if value["kind"] == "write" && value[approval].is_null() {
        value[approval] = false.into();
    }
    wire::from_json(&value.to_string()).or_else(|_| {
        tracing::warn!(error = %mismatch, "a permission request does not match the schema");
        Ok(Details::Unrecognized(value))
    })
}

/// Answers a request with a decision. If there is none, the model does not get the reason, since it attributes refusals
/// to the user.
fn answer(
    context: &HandlerContext,
    request: &Request<'_>,
    deciding: impl Future<Output = Result<Decision, String>> + Send + 'static,
) {
    let new_words = |scope: &Scope| scope.version().has(Feature::NewPermissionWords);
    let refused =
        move |scope: &Scope, _: &str| Decision::unavailable().fields(new_words(scope)).unwrap_or_default();
    let scope = Arc::clone(&context.scope);
    event_request::answer::<PermissionRequestedData>(context, request, refused, async move {
        Ok(deciding.await?.fields(new_words(&scope)))
    });
}
