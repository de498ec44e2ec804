//! Asks one question and prints the answer: `cargo run --example ask -- "What is in this folder?"`
//!
//! The agent gets no permissions here: `deny_all` refuses what it would have to ask for.

mod common;

use copilot_session::Client;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let prompt = std::env::args().nth(1).unwrap_or_else(|| "What can you do for me?".to_owned());
    let client = Client::start().await?;
    let session = common::session(&client).deny_all().create().await?;
    let answer = session.send_and_wait(prompt).await?;
    println!("{}", answer.text());
    client.stop().await;
    Ok(())
}
