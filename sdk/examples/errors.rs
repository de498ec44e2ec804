//! Tries again after failures that pass, and says what to do about the others:
//! `cargo run --example errors -- "What is a heron?"`
//!
//! `RUST_LOG=copilot_session=debug cargo run --example errors` also prints what the CLI logs.

mod common;

use std::process::ExitCode;
use std::time::Duration;

use copilot_session::{Answer, Client, Error, ErrorKind, Session};
use tracing_subscriber::EnvFilter;

/// How often a prompt is sent, and the first pause if the CLI names none.
const ATTEMPTS: u32 = 4;
const PAUSE: Duration = Duration::from_secs(1);

/// Sends a prompt until there is an answer, or an error that stays.
async fn ask(session: &Session, prompt: &str) -> Result<Answer, Error> {
    let mut attempt = 1;
    loop {
        let turn = session.prompt(prompt).await?.timeout(Duration::from_secs(300));
        let error = match turn.await {
            Err(error) if error.is_retryable() && attempt < ATTEMPTS => error,
            done => return done,
        };
        if error.is_timeout() {
            // The agent still works on it.
            session.abort().await?;
        }
        let pause = error.retry_after().unwrap_or(PAUSE * 2u32.pow(attempt - 1));
        eprintln!("again in {pause:?}: {error}");
        tokio::time::sleep(pause).await;
        attempt += 1;
    }
}

async fn run() -> Result<(), Error> {
    let client = Client::start().await?;
    // A handler that hangs counts as failed after a while.
    let session = common::session(&client).deny_all().handler_timeout(Duration::from_secs(60));
    let session = session.create().await?;
    let answer = ask(&session, &common::argument("What is a heron?")).await;
    // Also after an error, so that the CLI can end its work.
    client.stop().await;
    println!("{}", answer?.text());
    Ok(())
}

/// What a person can do about an error.
fn advice(error: &Error) -> &'static str {
    match error.kind() {
        ErrorKind::CliNotFound => "install the CLI: npm install -g @github/copilot",
        ErrorKind::Authentication => "run `copilot` once to log in",
        ErrorKind::Quota => "your plan has no requests left",
        ErrorKind::VersionSkew => "install another version of the CLI",
        ErrorKind::ContextLimit => "begin a new session",
        _ => "this is all that is known",
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let wanted = EnvFilter::from_default_env();
    tracing_subscriber::fmt().with_env_filter(wanted).with_writer(std::io::stderr).init();
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // `:#` adds the causes. A `main` that returns the error would print its `Debug` form.
            eprintln!("error: {error:#}\n{}", advice(&error));
            ExitCode::FAILURE
        }
    }
}
