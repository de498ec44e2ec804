//! Tries again after temporary failures. The last error is printed, and the exit code says if a later run may succeed:
//! `cargo run --example errors -- "What is a heron?"`
//!
//! `RUST_LOG=copilot_session=debug cargo run --example errors` also prints what the CLI logs.

mod common;

use std::process::ExitCode;
use std::time::Duration;

use copilot_session::{Answer, Error, Retry, Session, printable_lines};
use tracing_subscriber::EnvFilter;

/// Sends a prompt, and sends it again after temporary failures. The pauses are logged.
async fn ask(session: &Session, prompt: &str) -> Result<Answer, Error> {
    let attempt = async || {
        let answer = session.prompt(prompt).await?.timeout(Duration::from_secs(300)).await;
        if let Err(Error::TurnTimeout(_)) = answer {
            // The agent still works on this attempt.
            session.abort().await?;
        }
        answer
    };
    Retry::new(4).run(attempt).await
}

async fn run() -> Result<(), Error> {
    // A call, such as that of a prompt or an abort, fails after this time; by default after 2 minutes.
    let client = common::client().call_timeout(Duration::from_secs(20)).start().await?;
    // A handler that hangs counts as failed after a while.
    let session = common::session(&client).deny_all().handler_timeout(Duration::from_secs(60));
    let session = session.create().await?;
    let answer = ask(&session, &common::argument("What is a heron?")).await;
    // Also after an error, so that the CLI can end its work.
    client.stop().await;
    println!("{}", printable_lines(answer?.text()));
    Ok(())
}

#[tokio::main]
async fn main() -> ExitCode {
    let wanted = EnvFilter::try_from_default_env().unwrap_or_else(|_| "copilot_session=info".into());
    tracing_subscriber::fmt().with_env_filter(wanted).with_writer(std::io::stderr).init();
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // `:#` adds the causes. A `main` that returns the error would print its `Debug` form.
            eprintln!("error: {error:#}");
            // 75 means "try again later" to many programs (`EX_TEMPFAIL`).
            ExitCode::from(if error.is_retryable() { 75 } else { 1 })
        }
    }
}
