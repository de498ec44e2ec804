//! Policies: sets of actions that an agent may take with or without a person. Use one of these, or build your own
//! from them.
//!
//! The tests try to circumvent each of them on the real CLI.

use std::path::Path;

use copilot_session::types::{PermissionDetails, PreToolUseHookInput, PreToolUseHookOutput};
use copilot_session::{Decision, Policy, SessionBuilder};

use super::ask_user;

/// A function that adds a policy for the files in a folder to a session.
pub type Configure = fn(SessionBuilder, &Path) -> SessionBuilder;

/// All policies by name.
pub const ALL: [(&str, Configure); 8] = [
    ("read_one_folder", read_one_folder),
    ("on_a_server", on_a_server),
    ("named_only", named_only),
    ("whole_lines", whole_lines),
    ("one_more_tool", one_more_tool),
    ("write_one_folder", write_one_folder),
    ("ask_a_person", ask_a_person),
    ("hook_and_policy", hook_and_policy),
];

/// Allows reading the files of a folder, except those that may contain keys, and calling one tool of this program.
fn read_one_folder(session: SessionBuilder, folder: &Path) -> SessionBuilder {
    session.policy(Policy::read_within(folder).allow_tool("weather"))
}

/// The same for a server: the model has only these tools, and the CLI's features for a person at a terminal are
/// disabled.
fn on_a_server(session: SessionBuilder, folder: &Path) -> SessionBuilder {
    let tools = ["builtin:view", "builtin:grep", "builtin:rg", "builtin:glob"].map(str::to_owned).to_vec();
    session
        .server_defaults()
        .configure(|config| config.available_tools(tools))
        .policy(Policy::read_within(folder))
}

/// Allows one tool of this program and one shell line, and no files.
fn named_only(session: SessionBuilder, _: &Path) -> SessionBuilder {
    session.policy(Policy::deny_all().allow_tool("weather").allow_command("git --version"))
}

/// Allows two shell lines. Each is compared as a whole, so a line with additions is refused, and so is one that is to
/// run outside the sandbox.
fn whole_lines(session: SessionBuilder, _: &Path) -> SessionBuilder {
    session.on_permission(async |request, _| match request.command() {
        _ if request.is_for_a_person() => Decision::deny("nobody is here to approve it"),
        Some("git --version" | "uname -a") => Decision::approve(),
        _ => Decision::deny("only git --version and uname -a"),
    })
}

/// Allows the same as a ready policy, and one tool of a trusted MCP server.
fn one_more_tool(session: SessionBuilder, folder: &Path) -> SessionBuilder {
    let policy = Policy::read_within(folder);
    session.on_permission(move |request, _| {
        let policy = policy.clone();
        tokio::task::spawn_blocking(move || match request.details() {
            // The policy refuses what only a person may approve.
            _ if request.is_for_a_person() => policy.decide(&request),
            PermissionDetails::Mcp(mcp) if mcp.server_name == "docs" && mcp.tool_name == "docs-search" => {
                Decision::approve()
            }
            _ => policy.decide(&request),
        })
    })
}

/// Allows reading as above, and writing in a separate folder from which no program is run.
fn write_one_folder(session: SessionBuilder, folder: &Path) -> SessionBuilder {
    let (policy, drafts) = (Policy::read_within(folder), folder.join("drafts"));
    session.on_permission(move |request, _| {
        let (policy, drafts) = (policy.clone(), drafts.clone());
        tokio::task::spawn_blocking(move || match request.details() {
            // The policy refuses what only a person may approve.
            _ if request.is_for_a_person() => policy.decide(&request),
            PermissionDetails::Write(_) if request.is_within(&drafts) => Decision::approve(),
            _ => policy.decide(&request),
        })
    })
}

/// Asks a person about every request. "Always" allows more than this request for the rest of the session, such as to
/// write any file, so the question says how much.
fn ask_a_person(session: SessionBuilder, _: &Path) -> SessionBuilder {
    session.on_permission(async |request, _| match ask_user(&request).await.as_str() {
        "always" => request.approve_for_session(),
        "yes" => Decision::approve(),
        _ => Decision::deny("the user said no"),
    })
}

/// Refuses other tools by a hook, which is called for every call, including those without a permission request, such
/// as a tool of an MCP server that declares itself read-only.
fn hook_and_policy(session: SessionBuilder, folder: &Path) -> SessionBuilder {
    let session = session.hook(async |call: PreToolUseHookInput, _| match call.tool_name.as_str() {
        "view" | "grep" | "rg" | "glob" => PreToolUseHookOutput::default(),
        _ => PreToolUseHookOutput::deny("only reading here"),
    });
    session.policy(Policy::read_within(folder))
}
