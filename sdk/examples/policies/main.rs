//! Runs a prompt under one of the policies in `policies.rs`, and prints what was refused on standard error:
//! `cargo run --example policies -- read_one_folder "What is in this folder?"`

#[path = "../common/mod.rs"]
mod common;
mod policies;

use std::collections::HashMap;
use std::io::BufRead as _;

use copilot_session::{Answer, Error, PermissionRequest, SessionEventData, Turn, printable, printable_lines};

/// Asks the user on the terminal, on a thread that may block.
async fn ask_user(request: &PermissionRequest) -> String {
    let always = request.summary_for_session().map(|more| format!(", always: {more}"));
    let question = format!("May the agent {}? (yes, no{})", request.summary(), always.unwrap_or_default());
    let ask = move || {
        // One question at a time, so that no answer goes to another one.
        let mut lines = std::io::stdin().lock().lines();
        println!("{question}");
        lines.next()?.ok()
    };
    tokio::task::spawn_blocking(ask).await.ok().flatten().unwrap_or_default()
}

/// Returns the answer of a turn, and prints the calls of tools that were refused.
async fn answer(mut turn: Turn) -> Result<Answer, Error> {
    let mut calls = HashMap::new();
    while let Some(event) = turn.next().await {
        match event.data() {
            SessionEventData::ToolExecutionStart(call) => {
                let arguments = call.arguments.as_ref().map(ToString::to_string).unwrap_or_default();
                calls.insert(call.tool_call_id.clone(), format!("{} {arguments}", call.tool_name));
            }
            SessionEventData::ToolExecutionComplete(end) => {
                if let Some(error) = &end.error
                    && let Some("denied" | "rejected") = error.code.as_deref()
                    && let Some(call) = calls.get(&end.tool_call_id)
                {
                    eprintln!("refused: {}", printable(&format!("{call}: {}", error.message)));
                }
            }
            _ => {}
        }
    }
    turn.await
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (name, prompt) = (arguments.next().unwrap_or_default(), arguments.next().unwrap_or_default());
    let policy = policies::ALL.iter().find(|(known, _)| *known == name);
    let names = policies::ALL.map(|(name, _)| name).join(", ");
    let (_, configure) = policy.ok_or_else(|| format!("no policy named {name:?}; there are {names}"))?;
    let client = common::client().start().await?;
    let session = configure(common::session(&client), &std::env::current_dir()?).create().await?;
    println!("{}", printable_lines(answer(session.prompt(prompt).await?).await?.text()));
    client.stop().await;
    Ok(())
}
