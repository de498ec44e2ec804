//! Goes on with a session of an earlier run: `cargo run --example resume -- "My name is Ada."`, and then
//! `cargo run --example resume -- "What is my name?"`
//!
//! It finds the last session of this folder, prints the conversation so far, and sends the prompt.

mod common;

use copilot_session::printable_lines;
use copilot_session::transcript::Transcript;
use copilot_session::types::{SessionListFilter, SessionListRequest};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let prompt = common::argument("What have we said so far?");
    let client = common::client().start().await?;

    // The CLI keeps a session from its first prompt on.
    let here = SessionListFilter::default().cwd(std::env::current_dir()?.display().to_string());
    let stored = client.rpc().session().list(&SessionListRequest::default().filter(here)).await?.sessions;
    let last = stored.into_iter().max_by(|one, other| one.modified_time.cmp(&other.modified_time));

    // Handlers and tools belong to this program, not to what is stored, so both ways need them.
    let builder = common::session(&client).deny_all();
    let session = match last {
        Some(last) => builder.resume(last.session_id).await?,
        None => builder.create().await?,
    };
    let history = session.messages().await?;
    let transcript: Transcript = history.iter().collect();
    println!("{transcript}");

    println!("{}", printable_lines(session.send_and_wait(prompt).await?.text()));
    // The session stays on disk; `client.delete_session(session.id())` would remove it.
    session.disconnect().await?;
    client.stop().await;
    Ok(())
}
