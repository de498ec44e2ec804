//! A reviewer for CI: a diff in, findings out.
//!
//! ```sh
//! git diff main | review                  # the diff on standard input
//! review --base main --fail-on warning    # the changes since the branch left main
//! review --base main --json               # for another program
//! ```
//!
//! The agent may read the repository and nothing else: it has only tools that read, a policy refuses every path outside
//! of the repository and every file that may contain keys, and the instructions, hooks and MCP servers of the repository
//! and of the user take no part. It has one time limit for everything. The exit code is 0 without findings that count,
//! 1 with some, and 2 if there was no review.
//!
//! The author of the diff can try to talk the model out of a finding, so let a person look, too.
//! The CLI needs a login: set `COPILOT_GITHUB_TOKEN`, name a home that has one by `--home`, or use a model server of
//! your own by `--provider-url`.

mod agent;
mod diff;
mod report;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anstream::{eprintln, println};
use clap::Parser;
use copilot_session::printable_lines;
use tokio::time::{Instant, timeout_at};

use report::Severity;

/// The arguments of the program.
#[derive(Parser)]
#[command(about = "Reviews a diff and prints its findings.")]
struct Options {
    /// Reviews the changes since the branch left this one, instead of a diff on standard input.
    #[arg(long)]
    base: Option<String>,
    /// The repository.
    #[arg(long, default_value = ".")]
    repo: PathBuf,
    /// The least severity for which the exit code is 1.
    #[arg(long, value_enum, default_value = "error")]
    fail_on: Severity,
    /// Prints JSON instead of text.
    #[arg(long)]
    json: bool,
    /// The time limit of everything, in seconds.
    #[arg(long, default_value = "300")]
    timeout: u64,
    /// The largest diff, in bytes. A larger one is refused, since a review of a part could miss the fault.
    #[arg(long, default_value = "200000")]
    max_diff: usize,
    /// The CLI's home, for its login. Without it, the home is a new, empty folder.
    #[arg(long)]
    home: Option<PathBuf>,
    /// An OpenAI-compatible model server to use instead of the Copilot login.
    #[arg(long, env = "COPILOT_DEMO_PROVIDER_URL")]
    provider_url: Option<String>,
    /// The model to use.
    #[arg(long, env = "COPILOT_DEMO_MODEL")]
    model: Option<String>,
    /// The key of the model server.
    #[arg(long, env = "COPILOT_DEMO_API_KEY", hide_env_values = true)]
    api_key: Option<String>,
}

/// The reason why there is no review.
type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let options = Options::parse();
    let run = tokio::runtime::Runtime::new().map(|runtime| {
        let result = runtime.block_on(run(&options));
        // Does not wait for a thread that still reads standard input.
        runtime.shutdown_background();
        result
    });
    match run.map_err(Failure::from).flatten() {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("error: {}", printable_lines(&format!("{failure:#}")));
            ExitCode::from(2)
        }
    }
}

async fn run(options: &Options) -> Result<ExitCode, Failure> {
    let start = Instant::now();
    let limit = Duration::from_secs(options.timeout);
    let deadline = start.checked_add(limit).ok_or("the time limit is too long")?;
    let repo = diff::repository(&options.repo).await?;
    let diff = timeout_at(deadline, diff::read(options, &repo)).await;
    let diff = diff.map_err(|_| format!("the diff did not come within {limit:?}"))??;
    if diff.trim().is_empty() {
        eprintln!("The diff is empty.");
        return Ok(ExitCode::SUCCESS);
    }
    let outcome = agent::review(options, &repo, &diff, deadline).await?;
    match options.json {
        true => println!("{}", report::json(&outcome, start.elapsed())?),
        false => report::print(&outcome, start.elapsed()),
    }
    let review = outcome.review.map_err(|error| report::cause(&error))?;
    let fails = review.findings.iter().any(|finding| finding.severity >= options.fail_on);
    Ok(if fails { ExitCode::from(1) } else { ExitCode::SUCCESS })
}
