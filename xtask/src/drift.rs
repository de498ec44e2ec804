//! `cargo xtask drift`: compares the schemas of two versions of the CLI, and shows which changes are breaking.

mod left_out;
mod probe;

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
pub use copilot_session_drift::comparison::{Change, How, Source, What};
use copilot_session_drift::comparison::{Report, compare};
use copilot_session_drift::ours::Ours;
pub use copilot_session_drift::sets::find;
use copilot_session_drift::sets::{self, Side};

use crate::paths;
use crate::schema::{self, SchemaSet};

/// The exit code when the sets cannot be compared, or `older.json` disagrees with the comparison.
pub const ERROR: u8 = 3;

const EXIT_CODES: &str = "\
Each of the two is a version (its schemas come from npm and are cached), a folder with schemas, `latest`,
`installed` for the CLI in COPILOT_CLI_PATH or on the PATH, or `sdk` for the schemas that the SDK was generated from.

Exit codes:
  0  nothing has changed
  1  no change breaks source: changes are additive, or concern behaviour
  2  a change breaks source that uses the generated API
  3  the sets cannot be compared, or only in part, or schema/older.json disagrees with the comparison
With --running, for a program that was built for FROM and runs with TO:
  0  the program works as before
  1  it receives something unknown, or sends something that TO may refuse
  2  it cannot decode something that TO sends
With --probe: 0 if the compiler agrees, 3 if it does not.

xtask/docs/drift.md explains the words and the JSON.";

#[derive(clap::Args)]
#[command(after_help = EXIT_CODES)]
pub struct Args {
    /// The schemas that source was written for, and a program was built with
    #[arg(value_name = "FROM", default_value = sets::SDK)]
    from: String,
    /// The schemas to compare with, newer or older
    #[arg(value_name = "TO", default_value = "latest")]
    to: String,
    /// Print JSON
    #[arg(long, conflicts_with = "markdown")]
    json: bool,
    /// Print Markdown, for a pull request
    #[arg(long)]
    markdown: bool,
    /// Base the exit code on a running program
    #[arg(long, conflicts_with = "probe")]
    running: bool,
    /// Check the breaking changes with the compiler, and print the differences
    #[arg(long, conflicts_with_all = ["json", "markdown"])]
    probe: bool,
}

pub fn run(args: &Args) -> ExitCode {
    match drift(args) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(ERROR)
        }
    }
}

fn drift(args: &Args) -> Result<u8> {
    let ours = Ours::in_folder(&paths::schema_dir())?;
    if args.probe {
        return probed(&Side::read(&args.from, &ours)?, Side::read(&args.to, &ours)?);
    }
    let (from, to) = sets::read(&args.from, &args.to, &ours)?;
    let compared = compare(&from.protocol, &to.protocol);
    let report = Report { from: &from.label, to: &to.label, compared: &compared, new: &to.protocol };
    let text = match (args.json, args.markdown) {
        (true, _) => report.json()?,
        (_, true) => report.markdown(),
        _ => report.text(),
    };
    show(&text)?;
    if to.set.version == ours.set.version
        && let Err(error) = left_out::check(&ours.older, &from.set.version, &compared.left_out)
        // An edited set may have more.
        && is_published(&from.set)
        && is_published(&to.set)
    {
        return Err(error);
    }
    report.check()?;
    Ok(if args.running { compared.running_exit_code() } else { compared.exit_code() })
}

/// Prints a text to stdout. A closed pipe is no error.
fn show(text: &str) -> Result<()> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error).context("cannot print"),
        _ => Ok(()),
    }
}

/// Returns true if a set is the published one of its version, and not an edited one.
fn is_published(set: &SchemaSet) -> bool {
    let own = schema::read_checked(&paths::schema_dir()).ok().filter(|own| own.version == set.version);
    let kept = own.or_else(|| schema::cached(&set.version).ok().flatten());
    kept.is_some_and(|kept| (&kept.api, &kept.events) == (&set.api, &set.events))
}

/// The changes between two sets, and a report of them.
pub struct Compared {
    pub changes: Vec<Change>,
    pub text: String,
    pub markdown: String,
}

/// Compares the SDK's own set with another.
pub fn compared(new: &SchemaSet) -> Result<Compared> {
    let ours = Ours::in_folder(&paths::schema_dir())?;
    let (mut from, to) = (ours.survey(&ours.set)?, ours.survey(new)?);
    ours.allow_older(&mut from);
    let compared = compare(&from, &to);
    let report = Report { from: &ours.set.version, to: &new.version, compared: &compared, new: &to };
    let (text, markdown) = (report.text(), report.markdown());
    Ok(Compared { changes: compared.changes, text, markdown })
}

/// Compares the errors of the compiler with the breaking changes.
fn probed(old: &Side, mut new: Side) -> Result<u8> {
    let compared = compare(&old.protocol, &new.protocol);
    for Side { label, protocol, .. } in [old, &new] {
        ensure!(protocol.problems().is_empty(), "the generator does not support everything in {label}");
    }
    let missing_in_older = new.protocol.compare(&old.protocol).missing_in_older;
    new.protocol.make_optional(missing_in_older.iter().map(|key| (key.as_str(), old.set.version.as_str())));
    let folder = paths::target_dir().join("drift-probe");
    let outcome = probe::run(&folder, &old.protocol, &compared.changes, &new.protocol)?;
    show(&outcome.text())?;
    ensure!(outcome.agrees(), "the compiler disagrees");
    Ok(0)
}
