//! Loads on the SDK, each of which checks that no event, request or answer is lost; run by `cargo xtask matrix`.
//!
//! The CLI is played by this program itself, in a process of its own, except in [`chunks`].

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
use std::time::Duration;

use clap::Parser;
use copilot_session::Client;
use tokio::runtime::{Builder, Runtime};

use report::{Outcome, Report};

/// The time limit of each wait. It passes only if something hangs.
const LIMIT: Duration = Duration::from_secs(240);
/// The time limit of a load.
const LOAD_LIMIT: Duration = Duration::from_secs(900);

#[derive(Parser)]
#[command(about = "Loads the SDK and checks that nothing is lost.")]
struct Options {
    /// Runs the smallest load of each kind only.
    #[arg(long)]
    quick: bool,
    /// Passed by `cargo bench`.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    // The SDK starts this program in place of the CLI.
    if std::env::args().any(|argument| argument == "--server") {
        return match peer::run() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("error: {error}");
                ExitCode::FAILURE
            }
        };
    }
    let mut loads = Loads::default();
    if Options::parse().quick {
        loads.quick()
    } else {
        loads.full()
    }
    println!("{} loads, {} failed", loads.count, loads.failed);
    if loads.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[derive(Default)]
struct Loads {
    count: usize,
    failed: usize,
}

impl Loads {
    fn quick(&mut self) {
        self.burst(2_000, 0);
        self.crowd(2_000, 0);
        self.others(30, 50, 2);
    }

    fn full(&mut self) {
        for events in [2_000, 20_000, 100_000] {
            for workers in [0, 1, 2, 4] {
                self.burst(events, workers);
            }
        }
        for workers in [0, 2] {
            self.crowd(100_000, workers);
        }
        self.others(300, 1_000, 20);
    }

    fn burst(&mut self, events: u64, workers: usize) {
        let title = format!("A flood of {events} events, {}", threads(workers));
        self.run(&title, workers, burst::run(events));
    }

    fn crowd(&mut self, events: u64, workers: usize) {
        let title =
            format!("A flood of {events} events for subscribers that come and go, {}", threads(workers));
        self.run(&title, workers, crowd::run(events));
    }

    fn others(&mut self, megabytes: usize, sessions: usize, answers: usize) {
        self.run(&format!("One message of {megabytes} MB"), 0, frame::run(megabytes));
        self.run(&format!("{sessions} sessions, one of them stalled"), 0, sessions::run(sessions));
        self.run(&format!("{answers} long answers of the real CLI"), 0, chunks::run(answers, 5_000));
    }

    /// Runs a load on a runtime with so many worker threads, and prints its figures and its failures.
    fn run(
        &mut self,
        title: &str,
        workers: usize,
        load: impl Future<Output = Outcome<Report>> + Send + 'static,
    ) {
        heap::reset_peak();
        let report = run(workers, load).unwrap_or_else(|error| Report::failed(&*error));
        let peak = heap::peak() as f64 / 1e6;
        println!("{title}: {}peak heap {peak:.1} MB", report.figures);
        for failure in &report.failures {
            println!("  FAILED: {failure}");
        }
        self.count += 1;
        self.failed += usize::from(!report.failures.is_empty());
    }
}

fn run(workers: usize, load: impl Future<Output = Outcome<Report>> + Send + 'static) -> Outcome<Report> {
    let runtime = runtime(workers)?;
    // A task runs on the worker threads only, and its panic does not end the program.
    let report = runtime.block_on(async { tokio::time::timeout(LOAD_LIMIT, tokio::spawn(load)).await });
    // A load that hangs may block a thread.
    runtime.shutdown_background();
    report??
}

/// A runtime with so many worker threads, or on the calling thread for 0.
fn runtime(workers: usize) -> std::io::Result<Runtime> {
    match workers {
        0 => Builder::new_current_thread().enable_all().build(),
        workers => Builder::new_multi_thread().worker_threads(workers).enable_all().build(),
    }
}

fn threads(workers: usize) -> String {
    match workers {
        0 => "on the calling thread".to_owned(),
        1 => "on 1 worker".to_owned(),
        workers => format!("on {workers} workers"),
    }
}

/// A client of this program itself, which plays the CLI.
async fn start_peer() -> Outcome<Client> {
    Ok(Client::builder().program(std::env::current_exe()?).no_login().start().await?)
}
