//! A reviewer for CI: a diff in, findings out.
//!
//! ```sh
//! git diff main | cargo xtask demo review # with a scripted model, in a clone of the repository
//! git diff main | review                  # the diff on standard input; `cargo run -p review` is `review`
//! review --base main --fail-on warning    # the changes since the branch left main
//! review --base main --json               # for another program
//! review --base main --github             # for a workflow of GitHub, which shows the findings in the change
//! ```
//!
//! The agent may read the repository and nothing else: it has only tools that read, a policy refuses every path outside
//! of the repository and every file that may contain keys, and the instructions, hooks and MCP servers of the
//! repository and of the user take no part. A search in the contents of files is refused in a folder with hidden files
//! below it, such as the top of the repository with its `.git`, so the prompt names the other folders at the top. One
//! time limit holds for everything until the result; a CLI that hangs gets up to 25 s more to end.
//!
//! The exit code is 0 without findings that count, 1 with some, and 2 if there was no review. No changes since `--base` are
//! no findings; an empty standard input is an error, since the program before the pipe may have failed.
//!
//! Lines with text of the model begin with `|`, so that a CI system that reads commands from the output takes none from it.
//! The commands of `--github` are one line each, in which that text is escaped.
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
use tokio::time::{Instant, timeout_at};

use report::Severity;

/// The arguments of the program.
#[derive(Parser)]
#[command(about = "Reviews a diff and prints its findings.")]
#[command(after_help = "COPILOT_DEMO_API_KEY is the key of the model server.")]
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
    /// Prints the findings as annotations of a GitHub workflow.
    #[arg(long, conflicts_with = "json")]
    github: bool,
    /// The time limit of everything until the result, in seconds. A CLI that hangs takes up to 25 s more to end.
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
}

/// The variable with the key of the model server. Other users can read the arguments of a program.
const KEY_VARIABLE: &str = "COPILOT_DEMO_API_KEY";

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
            let failure = format!("{failure:#}");
            let (first, rest) = failure.split_once('\n').unwrap_or((&failure, ""));
            eprintln!("error: {}", report::line(first));
            report::lines(rest).for_each(|line| eprintln!("{line}"));
            ExitCode::from(2)
        }
    }
}

async fn run(options: &Options) -> Result<ExitCode, Failure> {
    let start = Instant::now();
    let limit = Duration::from_secs(options.timeout);
    let deadline = start.checked_add(limit).ok_or("the time limit is too long")?;
    let reading = async {
        let repo = diff::repository(&options.repo).await?;
        let diff = diff::read(options, &repo).await?;
        Ok::<_, Failure>((repo, diff))
    };
    let read = timeout_at(deadline, reading).await;
    let (repo, diff) = read.map_err(|_| format!("the diff did not come within {limit:?}"))??;
    if diff.trim().is_empty() {
        if options.base.is_none() {
            return Err("the diff on standard input is empty".into());
        }
        eprintln!("The diff is empty.");
        return Ok(ExitCode::SUCCESS);
    }
    let outcome = agent::review(options, &repo, &diff, deadline).await?;
    match options.json {
        true => println!("{}", report::json(&outcome, start.elapsed())?),
        false => report::print(&outcome, start.elapsed(), options.github),
    }
    let review = outcome.review.map_err(|error| report::cause(&error))?;
    let fails = review.findings.iter().any(|finding| finding.severity >= options.fail_on);
    Ok(if fails { ExitCode::from(1) } else { ExitCode::SUCCESS })
}
