//! `cargo xtask drift`: compares the schemas of two versions of the CLI, and shows which changes are breaking.

mod change;
mod compare;
mod left_out;
mod limits;
mod lost;
mod pair;
mod parts;
mod place;
mod probe;
mod rename;
mod report;
mod sets;
#[cfg(test)]
mod tests;

use std::io::{self, Write};
use std::process::ExitCode;
use std::thread;

use anyhow::{Context, Result, anyhow, ensure};
use copilot_session_codegen::{Input, Protocol};

use self::change::RuntimeImpact;
pub use self::change::{Change, How, Source, What};
use self::compare::{Comparison, compare};
pub use self::sets::find;
use crate::older::Older;
use crate::schema::{self, SchemaSet};
use crate::{codegen, paths};

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
    let supplement = codegen::read_supplement()?;
    // npm takes as long for the newest version as reading a set takes.
    let (from, to) = thread::scope(|scope| {
        let from = scope.spawn(|| read(&args.from, &supplement));
        let to = read(&args.to, &supplement);
        (from.join(), to)
    });
    let (mut from, to) = (from.map_err(|_| anyhow!("the older set cannot be read"))??, to?);
    if args.probe {
        return probed(&from, to);
    }
    if args.from == sets::SDK {
        allow_older(&mut from.protocol)?;
    }
    let compared = compare(&from.protocol, &to.protocol);
    let report = report::Report { from: &from.label, to: &to.label, compared: &compared, new: &to.protocol };
    let text = match (args.json, args.markdown) {
        (true, _) => report.json()?,
        (_, true) => report.markdown(),
        _ => report.text(),
    };
    show(&text)?;
    if to.set.version == schema::pinned_version(&paths::schema_dir())?
        && let Err(error) = left_out::check(&Older::read()?, &from.set.version, &compared.left_out)
        // An edited set may have more.
        && is_published(&from.set)
        && is_published(&to.set)
    {
        return Err(error);
    }
    ensure!(
        to.protocol.problems().is_empty(),
        "the generator does not support everything in {}, so there may be more changes",
        to.label
    );
    Ok(if args.running { runtime_exit_code(&compared) } else { exit_code(&compared) })
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
    let kept = schema::cached(&set.version).ok().flatten();
    kept.is_some_and(|kept| (&kept.api, &kept.events) == (&set.api, &set.events))
}

/// The changes between two sets, and a report of them.
pub struct Compared {
    pub changes: Vec<Change>,
    pub text: String,
    pub markdown: String,
}

/// Compares the SDK's own set with another.
pub fn compared(old: &SchemaSet, new: &SchemaSet, supplement: &str) -> Result<Compared> {
    let mut from = Protocol::survey(input(old, supplement))?;
    allow_older(&mut from)?;
    let to = Protocol::survey(input(new, supplement))?;
    let compared = compare(&from, &to);
    let report = report::Report { from: &old.version, to: &new.version, compared: &compared, new: &to };
    let (text, markdown) = (report.text(), report.markdown());
    Ok(Compared { changes: compared.changes, text, markdown })
}

/// A set, its protocol, and its name in a report.
struct Read {
    label: String,
    set: SchemaSet,
    protocol: Protocol,
}

fn read(word: &str, supplement: &str) -> Result<Read> {
    let set = sets::find(word)?;
    let protocol = Protocol::survey(input(&set, supplement));
    let protocol = protocol.with_context(|| format!("cannot read the schemas of {}", set.version))?;
    Ok(Read { label: sets::label(word, &set.version), set, protocol })
}

/// Makes the keys optional that older versions omit, as in the generated source.
fn allow_older(protocol: &mut Protocol) -> Result<()> {
    let missing_in_older = Older::read()?.left_out;
    protocol.make_optional(missing_in_older.iter().map(|(key, last)| (key.as_str(), last.as_str())));
    Ok(())
}

fn input<'a>(set: &'a SchemaSet, supplement: &'a str) -> Input<'a> {
    Input { version: &set.version, api: &set.api, events: &set.events, supplement }
}

/// Compares the errors of the compiler with the breaking changes.
fn probed(old: &Read, mut new: Read) -> Result<u8> {
    let compared = compare(&old.protocol, &new.protocol);
    for Read { label, protocol, .. } in [old, &new] {
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

fn exit_code(compared: &Comparison) -> u8 {
    match compared.changes.iter().map(|change| change.source).min() {
        None => 0,
        Some(Source::Breaking) => 2,
        Some(_) => 1,
    }
}

/// The exit code by the impact on a running program.
fn runtime_exit_code(compared: &Comparison) -> u8 {
    match compared.changes.iter().map(|change| change.running).min() {
        None | Some(RuntimeImpact::Decodes) => 0,
        Some(RuntimeImpact::Unknown | RuntimeImpact::Refused) => 1,
        Some(RuntimeImpact::Malformed) => 2,
    }
}
