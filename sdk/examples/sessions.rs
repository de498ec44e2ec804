//! Asks several sessions of one CLI at the same time, and prints each answer when it is there:
//! `cargo run --example sessions -- "a poet" "a lawyer" "a pirate"`
//!
//! The sessions share a process, not a conversation. `Client` and `Session` are handles: a clone is cheap.

mod common;

use copilot_session::{Client, Error, printable_lines};
use tokio::task::JoinSet;

/// Asks a session of its own, and returns the answer.
async fn ask(client: Client, role: &str, prompt: &str) -> Result<String, Error> {
    let role = format!("Answer like {role}, in one sentence.");
    let session = common::session(&client).append_system_message(role).deny_all().create().await?;
    let answer = session.send_and_wait(prompt).await?;
    session.disconnect().await?;
    Ok(answer.text().to_owned())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut roles: Vec<String> = std::env::args().skip(1).collect();
    if roles.is_empty() {
        roles = ["a poet", "a lawyer", "a pirate"].map(str::to_owned).to_vec();
    }
    let client = common::client().start().await?;
    let mut answers = JoinSet::new();
    for role in roles {
        let client = client.clone();
        answers.spawn(async move {
            let answer = ask(client, &role, "What is a good day?").await;
            (role, answer)
        });
    }
    while let Some(done) = answers.join_next().await {
        let (role, answer) = done?;
        // One session that fails does not end the others.
        match answer {
            Ok(answer) => println!("{role}: {}", printable_lines(&answer)),
            Err(error) => println!("{role} did not answer: {error:#}"),
        }
    }
    client.stop().await;
    Ok(())
}
