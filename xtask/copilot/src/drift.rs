//! `cargo copilot drift`: compares what a program is built for with a CLI.

use std::path::PathBuf;

use anyhow::Result;
use copilot_session_drift::comparison::{Report, compare};
use copilot_session_drift::ours::Ours;
use copilot_session_drift::sets::{self, SDK};

use crate::project;

const ABOUT: &str = "\
Each of the two is `sdk` for what the copilot-session of the project in the current folder is made for, `installed` for
the installed CLI, a version (its schemas come from npm and are cached), `latest`, or a folder with schemas.

Exit codes:
  0  nothing has changed
  1  no change breaks source: changes are additive, or concern behaviour
  2  a change breaks source that uses the generated API
  3  the two cannot be compared, or only in part
With --running, for a program that was built for FROM and runs with TO:
  0  the program works as before
  1  it receives something unknown, or sends something that TO may refuse
  2  it cannot decode something that TO sends";

#[derive(clap::Args)]
#[command(after_help = ABOUT)]
pub struct Args {
    /// The schemas that source was written for, and a program was built with
    #[arg(value_name = "FROM", default_value = SDK)]
    from: String,
    /// The schemas to compare with, newer or older
    #[arg(value_name = "TO", default_value = "installed")]
    to: String,
    /// Print JSON
    #[arg(long, conflicts_with = "markdown")]
    json: bool,
    /// Print Markdown
    #[arg(long)]
    markdown: bool,
    /// Base the exit code on a running program
    #[arg(long)]
    running: bool,
    /// The Cargo.toml of the project [default: that of the current folder]
    #[arg(long, value_name = "PATH")]
    manifest_path: Option<PathBuf>,
}

pub fn run(args: &Args) -> Result<u8> {
    let ours = if [&args.from, &args.to].into_iter().any(|word| word == SDK) {
        project::ours(args.manifest_path.as_deref())?
    } else {
        Ours::built_in()?
    };
    let (from, to) = sets::read(&args.from, &args.to, &ours)?;
    let compared = compare(&from.protocol, &to.protocol);
    let report = Report { from: &from.label, to: &to.label, compared: &compared, new: &to.protocol };
    let text = match (args.json, args.markdown) {
        (true, _) => report.json()?,
        (_, true) => report.markdown(),
        _ => report.text(),
    };
    crate::print(&text)?;
    report.check()?;
    Ok(if args.running { compared.running_exit_code() } else { compared.exit_code() })
}
