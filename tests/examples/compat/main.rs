//! A program that runs the features of a session, step by step, on one version of the CLI; run by
//! `cargo xtask compat` and `cargo xtask audit`.
//!
//! Each step has a CLI, a folder and a scripted model of its own, and a time limit, so that a failed step does not stop
//! the others. For each step the program prints a line of JSON, as in [`report`].

#![allow(missing_docs, reason = "the items are used by this program alone")]

mod bench;
mod calls;
mod report;
mod steps;

use std::path::PathBuf;
use std::sync::Arc;

use clap::Parser;
use tokio::runtime::Runtime;

use bench::Lab;

/// The arguments. The CLI is the one in `COPILOT_CLI_PATH`.
#[derive(Parser)]
#[command(about = "Runs the features of a session, step by step, on one version of the CLI.")]
struct Options {
    /// The expected version of the CLI.
    #[arg(long, default_value_t)]
    expect: String,
    /// Writes wire logs to this folder.
    #[arg(long)]
    wire_logs: Option<PathBuf>,
    /// Runs these steps only.
    #[arg(long)]
    step: Vec<String>,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let Options { expect, wire_logs, step: chosen } = Options::parse();
    let lab = Arc::new(Lab::new(copilot_session_tests::cli::cli_path(), expect, wire_logs));
    let runtime = Runtime::new()?;
    runtime.block_on(async {
        let wanted = |name: &str| chosen.is_empty() || chosen.iter().any(|step| step == name);
        for step in steps::NAMES.iter().copied().filter(|name| wanted(name)) {
            report::run(step, report::STEP, steps::run(step, Arc::clone(&lab))).await;
        }
        if wanted(calls::STEP) {
            calls::run(&lab).await;
        }
    });
    // A step that hangs may block a thread.
    runtime.shutdown_background();
    Ok(())
}
