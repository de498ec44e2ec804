//! A program that loads the SDK and counts what is lost; run by `cargo xtask matrix`.
//!
//! Each run prints one line of JSON: its figures, and in `failures` what did not hold.

#![allow(missing_docs, reason = "nobody but this program uses its items")]

mod burst;
mod chunks;
mod crowd;
mod frame;
mod heap;
mod peer;
mod report;
mod script;
mod sessions;
mod watch;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use copilot_session::Client;
use tokio::runtime::{Builder, Runtime};

use report::{Outcome, Report};

#[derive(Parser)]
#[command(about = "Loads the SDK and counts what is lost.")]
struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// One turn with a flood of events, from a process that plays the CLI.
    Burst {
        /// How many events the turn has, beside those that come of answers: whole blocks of 500.
        #[arg(long, default_value_t = 2000)]
        events: u64,
        /// How many threads the runtime has; 0 for one that runs on this thread.
        #[arg(long, default_value_t = 0)]
        workers: usize,
    },
    /// The same with observers of every policy that come and go meanwhile.
    Crowd {
        #[arg(long, default_value_t = 2000)]
        events: u64,
        #[arg(long, default_value_t = 0)]
        workers: usize,
    },
    /// Turns with long answers, on the real CLI with a scripted model.
    Chunks {
        #[arg(long, default_value_t = 20)]
        runs: usize,
        /// In how many pieces the model answers.
        #[arg(long, default_value_t = 5000)]
        chunks: usize,
    },
    /// One message of so many megabytes.
    Frame {
        #[arg(long, default_value_t = 300)]
        megabytes: usize,
    },
    /// Many sessions on one client, one of them stalled.
    Sessions {
        #[arg(long, default_value_t = 1000)]
        count: usize,
    },
}

fn main() -> ExitCode {
    // As the SDK starts the CLI, it starts this program to play it.
    if std::env::args().any(|argument| argument == "--server") {
        return match peer::run() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail(&error),
        };
    }
    match run(Options::parse().command) {
        Ok(report) => report.print(),
        Err(error) => fail(&*error),
    }
}

fn fail(error: &dyn std::error::Error) -> ExitCode {
    eprintln!("error: {error}");
    ExitCode::FAILURE
}

fn run(command: Command) -> Outcome<Report> {
    match command {
        Command::Burst { events, workers } => {
            // On a task, so that nothing but the workers has a part in it.
            let turn = async move { tokio::spawn(burst::run(events)).await };
            runtime(workers)?.block_on(turn)?
        }
        Command::Crowd { events, workers } => {
            let turn = async move { tokio::spawn(crowd::run(events)).await };
            runtime(workers)?.block_on(turn)?
        }
        Command::Chunks { runs, chunks } => runtime(0)?.block_on(chunks::run(runs, chunks)),
        Command::Frame { megabytes } => runtime(0)?.block_on(frame::run(megabytes)),
        Command::Sessions { count } => runtime(0)?.block_on(sessions::run(count)),
    }
}

fn runtime(workers: usize) -> std::io::Result<Runtime> {
    match workers {
        0 => Builder::new_current_thread().enable_all().build(),
        workers => Builder::new_multi_thread().worker_threads(workers).enable_all().build(),
    }
}

/// A client of this program itself, which plays the CLI.
async fn start_peer() -> Outcome<Client> {
    Ok(Client::builder().program(std::env::current_exe()?).no_login().start().await?)
}
