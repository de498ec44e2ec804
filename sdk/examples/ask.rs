//! Asks one question and prints the answer: `cargo run --example ask -- "What is in this folder?"`
//!
//! The agent gets no permission here: `deny_all` refuses all that the CLI asks for.

mod common;

use copilot_session::printable_lines;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let client = common::client().start().await?;
    let session = common::session(&client).deny_all().create().await?;
    let answer = session.send_and_wait(common::argument("What can you do?")).await?;
    println!("{}", printable_lines(answer.text()));
    client.stop().await;
    Ok(())
}
