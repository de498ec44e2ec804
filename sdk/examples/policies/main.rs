//! Runs a prompt under one of the policies in `policies.rs`:
//! `cargo run --example policies -- read_one_folder "What is in this folder?"`

#[path = "../common/mod.rs"]
mod common;
mod policies;

use std::io::BufRead as _;

use copilot_session::{PermissionRequest, printable_lines};

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

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (name, prompt) = (arguments.next().unwrap_or_default(), arguments.next().unwrap_or_default());
    let policy = policies::ALL.iter().find(|(known, _)| *known == name);
    let names = policies::ALL.map(|(name, _)| name).join(", ");
    let (_, configure) = policy.ok_or_else(|| format!("no policy named {name:?}; there are {names}"))?;
    let client = common::client().start().await?;
    let session = configure(common::session(&client), &std::env::current_dir()?).create().await?;
    println!("{}", printable_lines(session.send_and_wait(prompt).await?.text()));
    client.stop().await;
    Ok(())
}
