//! Runs a prompt in a session whose files are in memory, and prints their names:
//! `cargo run --example session_fs -- "What is a heron?"`

mod common;

use copilot_session::printable_lines;
use copilot_session::providers::{MemoryFiles, session_fs};
use copilot_session::types::{SessionFsSetProviderConventions, SessionFsSetProviderRequest};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let prompt = common::argument("What is a heron?");
    let client = common::client().start().await?;
    let folder = std::env::current_dir()?.display().to_string();
    let conventions = SessionFsSetProviderConventions::Posix;
    let provider = SessionFsSetProviderRequest::new(folder, "/state", conventions);
    client.rpc().session_fs().set_provider(&provider).await?;

    let files = MemoryFiles::default();
    let session = common::session(&client).deny_all().provide(session_fs(files.clone())).create().await?;
    println!("{}", printable_lines(session.send_and_wait(prompt).await?.text()));
    client.stop().await;
    for path in files.files().keys() {
        println!("{}", printable_lines(path));
    }
    Ok(())
}
