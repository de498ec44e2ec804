//! Policies: what an agent may do without a person, or with one. Take one of these, or make yours of them.
//!
//! The tests try many ways around each of them on the real CLI.

use std::path::Path;

use copilot_session::types::{PermissionDetails, PreToolUseHookInput, PreToolUseHookOutput};
use copilot_session::{Decision, Policy, SessionBuilder};

use super::ask_user;

/// Makes a policy for the files in a folder a part of a session.
pub type Configure = fn(SessionBuilder, &Path) -> SessionBuilder;

/// All policies by name.
pub const ALL: [(&str, Configure); 7] = [
    ("read_one_folder", read_one_folder),
    ("on_a_server", on_a_server),
    ("whole_lines", whole_lines),
    ("one_more_tool", one_more_tool),
    ("write_one_folder", write_one_folder),
    ("ask_a_person", ask_a_person),
    ("hook_and_policy", hook_and_policy),
];

/// Reads the files of a folder, but for those that may hold keys, and calls one tool of ours.
fn read_one_folder(session: SessionBuilder, folder: &Path) -> SessionBuilder {
    session.policy(Policy::read_within(folder).allow_tool("weather"))
}

/// The same on a server: the model has these tools and no other, and the CLI does nothing on the side.
fn on_a_server(session: SessionBuilder, folder: &Path) -> SessionBuilder {
    let tools = ["builtin:view", "builtin:grep", "builtin:rg", "builtin:glob"].map(str::to_owned).to_vec();
    session
        .server_defaults()
        .configure(|config| config.available_tools(tools))
        .policy(Policy::read_within(folder))
}

/// Runs two shell lines, each compared as a whole: whatever is added to a line makes it another one.
fn whole_lines(session: SessionBuilder, _: &Path) -> SessionBuilder {
    session.on_permission(async |request, _| match request.command() {
        Some("git --version" | "uname -a") => Decision::approve(),
        _ => Decision::deny("only git --version and uname -a"),
    })
}

/// A ready policy, and one tool of an MCP server that you trust.
fn one_more_tool(session: SessionBuilder, folder: &Path) -> SessionBuilder {
    let policy = Policy::read_within(folder);
    session.on_permission(move |request, _| {
        let policy = policy.clone();
        tokio::task::spawn_blocking(move || match request.details() {
            PermissionDetails::Mcp(mcp) if mcp.server_name == "docs" && mcp.tool_name == "docs-search" => {
                Decision::approve()
            }
            _ => policy.decide(&request),
        })
    })
}

/// Reads as above, and changes files in a folder of its own in which nothing is run.
fn write_one_folder(session: SessionBuilder, folder: &Path) -> SessionBuilder {
    let (policy, drafts) = (Policy::read_within(folder), folder.join("drafts"));
    session.on_permission(move |request, _| {
        let (policy, drafts) = (policy.clone(), drafts.clone());
        tokio::task::spawn_blocking(move || match request.details() {
            PermissionDetails::Write(_) if request.is_within(&drafts) => Decision::approve(),
            _ => policy.decide(&request),
        })
    })
}

/// Asks a person about everything. What is to be allowed always is not asked for again in this session.
fn ask_a_person(session: SessionBuilder, _: &Path) -> SessionBuilder {
    session.on_permission(async |request, _| match ask_user(request.summary()).await.as_str() {
        "always" => request.approve_for_session(),
        "yes" => Decision::approve(),
        _ => Decision::deny("the user said no"),
    })
}

/// A hook sees every call, also one that the CLI does not ask about, such as a tool of an MCP server that
/// says that it only reads.
fn hook_and_policy(session: SessionBuilder, folder: &Path) -> SessionBuilder {
    let session = session.hook(async |call: PreToolUseHookInput, _| match call.tool_name.as_str() {
        "view" | "grep" | "rg" | "glob" => PreToolUseHookOutput::default(),
        _ => PreToolUseHookOutput::deny("only reading here"),
    });
    session.policy(Policy::read_within(folder))
}
