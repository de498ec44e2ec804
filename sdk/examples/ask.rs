//! Asks one question and prints the answer: `cargo run --example ask -- "What is in this folder?"`
//!
//! The agent may read the files below the current folder, except those that may contain keys, and do nothing else.

mod common;

use copilot_session::{Policy, printable_lines};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let client = common::client().start().await?;
    let session = common::session(&client).policy(Policy::read_within(".")).create().await?;
    let answer = session.send_and_wait(common::argument("What can you do?")).await?;
    println!("{}", printable_lines(answer.text()));
    client.stop().await;
    Ok(())
}
