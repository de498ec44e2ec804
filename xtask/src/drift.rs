//! `cargo xtask drift`: compares the schemas of two versions of the CLI, and tells what the changes break.

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

use std::fs;
use std::process::ExitCode;
use std::thread;

use anyhow::{Context, Result, anyhow, ensure};
use copilot_session_codegen::Input;
use copilot_session_codegen::survey::{Survey, source, survey};

pub use self::change::{Change, How, Source, What};
use self::compare::{Comparison, compare};
pub use self::sets::find;
use crate::older::Older;
use crate::paths;
use crate::schema::{self, SchemaSet};

/// What the command ends with when it could not compare, or `older.json` does not agree with what was found.
pub const ERROR: u8 = 3;

const EXIT_CODES: &str = "\
Each of the two is a version (its schemas come from npm and are kept), a folder with schemas, `latest`,
or `installed` for the CLI in COPILOT_CLI_PATH or on the PATH.

Exit codes:
  0  nothing has changed
  1  what has changed breaks no source: it is additive, or a matter of behaviour
  2  something breaks source that uses the generated API
  3  the sets could not be compared, or schema/older.json does not agree with them

With --probe it exits with 0 when the compiler agrees, and with 3 when it does not.

xtask/docs/drift.md has the meaning of the words and the form of the JSON.";

#[derive(clap::Args)]
#[command(after_help = EXIT_CODES)]
pub struct Args {
    /// The older set [default: the repository's schema folder]
    #[arg(value_name = "FROM")]
    from: Option<String>,
    /// The newer set
    #[arg(value_name = "TO", default_value = "latest")]
    to: String,
    /// Print JSON
    #[arg(long, conflicts_with = "markdown")]
    json: bool,
    /// Print Markdown, for a pull request
    #[arg(long)]
    markdown: bool,
    /// Have the compiler check what is called breaking, and print where it does not agree
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
    let from = args.from.clone().unwrap_or_else(|| paths::schema_dir().display().to_string());
    let supplement = supplement()?;
    // Asking npm for the newest version takes as long as reading a set.
    let (old, new) = thread::scope(|scope| {
        let old = scope.spawn(|| read(&from, &supplement));
        let new = read(&args.to, &supplement);
        (old.join(), new)
    });
    let (from, old) = old.map_err(|_| anyhow!("the older set cannot be read"))??;
    let (to, new) = new?;
    if args.probe {
        return probed((&from, &old), (&to, &new), &supplement);
    }
    let compared = compare(&old, &new);
    let report = report::Report { from: &from.version, to: &to.version, compared: &compared, new: &new };
    let text = match (args.json, args.markdown) {
        (true, _) => report.json()?,
        (_, true) => report.markdown(),
        _ => report.text(),
    };
    print!("{text}");
    if to.version == schema::pinned_version(&paths::schema_dir())?
        && let Err(error) = left_out::check(&Older::read()?, &from.version, &compared.left_out)
        // An edited set may well have more.
        && is_published(&from)
        && is_published(&to)
    {
        return Err(error);
    }
    Ok(exit_code(&compared))
}

/// Whether a set is what its version was published with, and not an edited one.
fn is_published(set: &SchemaSet) -> bool {
    let kept = schema::cached(&set.version).ok().flatten();
    kept.is_some_and(|kept| (&kept.api, &kept.events) == (&set.api, &set.events))
}

/// What has changed between two sets, and how it is told.
pub struct Compared {
    pub changes: Vec<Change>,
    pub text: String,
    pub markdown: String,
}

pub fn compared(old: &SchemaSet, new: &SchemaSet, supplement: &str) -> Result<Compared> {
    let (from, to) = (survey(input(old, supplement))?, survey(input(new, supplement))?);
    let compared = compare(&from, &to);
    let report = report::Report { from: &old.version, to: &new.version, compared: &compared, new: &to };
    let (text, markdown) = (report.text(), report.markdown());
    Ok(Compared { changes: compared.changes, text, markdown })
}

/// What the schemas leave out, which is needed to know what is sent.
fn supplement() -> Result<String> {
    let path = paths::schema_dir().join("supplement.schema.json");
    fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
}

/// A set, and what is in it.
fn read(word: &str, supplement: &str) -> Result<(SchemaSet, Survey)> {
    let set = sets::find(word)?;
    let survey = survey(input(&set, supplement));
    let survey = survey.with_context(|| format!("cannot read the schemas of {}", set.version))?;
    Ok((set, survey))
}

fn input<'a>(set: &'a SchemaSet, supplement: &'a str) -> Input<'a> {
    Input { version: &set.version, api: &set.api, events: &set.events, supplement }
}

/// Compares what the compiler says with what is called breaking.
fn probed(old: (&SchemaSet, &Survey), new: (&SchemaSet, &Survey), supplement: &str) -> Result<u8> {
    let compared = compare(old.1, new.1);
    let (from, to) = thread::scope(|scope| {
        let from = scope.spawn(|| source(input(old.0, supplement), None));
        let to = source(input(new.0, supplement), Some(input(old.0, supplement)));
        (from.join(), to)
    });
    let from = from.map_err(|_| anyhow!("the older set does not generate"))??;
    let to = to?;
    let folder = paths::target_dir().join("drift-probe");
    let outcome = probe::run(&folder, old.1, &compared.changes, &from, &to)?;
    print!("{}", outcome.text());
    ensure!(outcome.agrees(), "the compiler does not agree");
    Ok(0)
}

fn exit_code(compared: &Comparison) -> u8 {
    match compared.changes.iter().map(|change| change.source).min() {
        None => 0,
        Some(Source::Breaking) => 2,
        Some(_) => 1,
    }
}
