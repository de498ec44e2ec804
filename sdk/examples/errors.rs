//! Tries again after temporary failures, and says what to do about the others:
//! `cargo run --example errors -- "What is a heron?"`
//!
//! `RUST_LOG=copilot_session=debug cargo run --example errors` also prints what the CLI logs.

mod common;

use std::process::ExitCode;
use std::time::Duration;

use copilot_session::{Answer, Error, ErrorKind, Retry, Session, printable_lines};
use tracing_subscriber::EnvFilter;

/// Sends a prompt until there is an answer, or an error that stays. The pauses are logged.
async fn ask(session: &Session, prompt: &str) -> Result<Answer, Error> {
    let attempt = async || {
        let job = async { session.prompt(prompt).await?.timeout(Duration::from_secs(300)).await };
        let answer = job.await;
        if answer.as_ref().is_err_and(Error::is_timeout) {
            // The agent still works on it. If the CLI responds to nothing, this fails after the timeout of calls.
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

/// The advice to a person about an error.
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
    let wanted = EnvFilter::try_from_default_env().unwrap_or_else(|_| "copilot_session=info".into());
    tracing_subscriber::fmt().with_env_filter(wanted).with_writer(std::io::stderr).init();
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // `:#` adds the causes. A `main` that returns the error would print its `Debug` form.
            eprintln!("error: {}\n{}", printable_lines(&format!("{error:#}")), advice(&error));
            ExitCode::FAILURE
        }
    }
}
