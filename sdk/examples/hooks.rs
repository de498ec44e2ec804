//! Steers the agent with hooks, which the CLI calls at fixed points of a session:
//! `cargo run --example hooks -- "Delete the file notes.txt."`
//!
//! A hook that fails or takes too long counts as a refusal where it can refuse.

mod common;

use copilot_session::printable_lines;
use copilot_session::types::{
    PostToolUseHookInput, PreToolUseHookInput, PreToolUseHookOutput, SessionStartHookInput,
    SessionStartHookOutput,
};
use serde_json::Value;

/// Prints a call. Text of the model is escaped before it goes to a terminal.
fn print(what: &str, tool: &str, arguments: &Value) {
    println!("{what}: {}", printable_lines(&format!("{tool} {arguments}")));
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let prompt = common::argument("Delete the file notes.txt.");
    let client = common::client().start().await?;
    // The type of the argument says which hook it is.
    let session = common::session(&client)
        .hook(async |start: SessionStartHookInput, _| {
            let text = format!("The user is at a terminal in {}.", start.cwd);
            SessionStartHookOutput::default().additional_context(text)
        })
        // Before each call of a tool, also where no permission is asked for. It names what is allowed, so that a
        // tool that comes with the next version of the CLI is refused.
        .hook(async |call: PreToolUseHookInput, _| match call.tool_name.as_str() {
            "view" | "grep" | "rg" | "glob" => PreToolUseHookOutput::default(),
            _ => {
                print("refused", &call.tool_name, &call.tool_args);
                PreToolUseHookOutput::deny("only reading here")
            }
        })
        // After each call that succeeded, such as for a log. It could also change the result.
        .hook(async |call: PostToolUseHookInput, _| print("done", &call.tool_name, &call.tool_args))
        // What passes the hook still needs a permission.
        .deny_all()
        .create()
        .await?;
    println!("{}", printable_lines(session.send_and_wait(prompt).await?.text()));
    client.stop().await;
    Ok(())
}
