//! Runs a program with the scripted model for demonstrations: `scripted PROGRAM [ARGUMENTS…]`; run by
//! `cargo xtask demo`.
//!
//! The program finds the model in `COPILOT_DEMO_PROVIDER_URL` and `COPILOT_DEMO_MODEL`, and the CLI in
//! `COPILOT_CLI_PATH`.

use std::env;
use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use copilot_session_model::{MODEL_NAME, ModelServer};
use copilot_session_tests::cli::{CLI_PATH_VARIABLE, TOKENS, cli_path};
use copilot_session_tests::demonstration::demonstration;
use tokio::process::Command;

/// The pause before each word of the model.
const PACE: Duration = Duration::from_millis(25);

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the program of the command line, and returns its exit code.
async fn run() -> Result<u8, Box<dyn Error>> {
    let mut arguments = env::args_os().skip(1);
    let program = arguments.next().ok_or("no program")?;
    let model = ModelServer::start(demonstration(PACE)).await?;
    let mut command = Command::new(&program);
    for token in TOKENS {
        command.env_remove(token);
    }
    command
        .args(arguments)
        .env("COPILOT_DEMO_PROVIDER_URL", model.base_url())
        .env("COPILOT_DEMO_MODEL", MODEL_NAME)
        .env(CLI_PATH_VARIABLE, cli_path());
    // A ctrl-c reaches the program, too, which decides what it means. This program ends after it.
    let ignored = tokio::spawn(async { while tokio::signal::ctrl_c().await.is_ok() {} });
    let status = command.status().await.map_err(|error| format!("{}: {error}", program.display()))?;
    ignored.abort();
    for problem in model.take_unexpected() {
        eprintln!("the scripted model: {problem}");
    }
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}
