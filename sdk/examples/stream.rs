//! Prints the answer while the model writes it, and beside it what the agent does:
//! `cargo run --example stream -- "Tell me a story."`
//!
//! With `RUST_LOG=copilot_session=debug` this and the other examples also print the log of the SDK and of the CLI.

mod common;

use std::io::Write as _;
use std::time::Duration;

use copilot_session::{Policy, SessionEventData, printable_lines};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let prompt = common::argument("Tell me a story.");
    let folder = std::env::current_dir()?;
    let client = common::client().start().await?;
    let session = common::session(&client)
        // The agent may read the files here, and do nothing else.
        .policy(Policy::read_within(folder))
        .create()
        .await?;

    let mut turn = session.prompt(prompt).await?.idle_timeout(Duration::from_secs(120));
    while let Some(event) = turn.next().await {
        match event.data() {
            // Text of others is escaped before it goes to a terminal.
            SessionEventData::AssistantMessageDelta(delta) => {
                print!("{}", printable_lines(&delta.delta_content));
                // Standard output waits for the end of a line.
                std::io::stdout().flush()?;
            }
            SessionEventData::AssistantReasoningDelta(delta) => {
                eprint!("{}", printable_lines(&delta.delta_content));
            }
            SessionEventData::ToolExecutionStart(start) => {
                eprintln!("\n[{} runs]", printable_lines(&start.tool_name))
            }
            SessionEventData::ToolExecutionComplete(end) if !end.success => eprintln!("[it failed]"),
            SessionEventData::SessionError(error) => eprintln!("\n[{}]", printable_lines(&error.message)),
            _ => {}
        }
    }
    // The turn has ended. As a future it returns the whole answer, or the error.
    let answer = turn.await?;
    println!();
    eprintln!("[{:.1?}, {} tokens]", answer.duration(), answer.usage().output_tokens);
    client.stop().await;
    Ok(())
}
