//! `cargo xtask bench instructions`: fails if an operation takes more instructions than were accepted.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use super::count;
use super::programs::{Build, Programs, Sdk};
use super::rows::ROWS;
use crate::paths;

/// The growth in percent that fails.
const MOST_GROWTH: f64 = 10.0;

/// The error without limits.
const NO_COUNTS: &str = "no counts were accepted; run `cargo xtask bench instructions --accept`";

/// The counts that were accepted, and the processor that they are for, since others have other instructions.
#[derive(Serialize, Deserialize)]
struct Accepted {
    processor: String,
    instructions: BTreeMap<String, u64>,
}

impl Accepted {
    fn read(file: &Path) -> Result<Self> {
        Ok(serde_json::from_str(&fs::read_to_string(file).context(NO_COUNTS)?)?)
    }
}

fn file() -> PathBuf {
    paths::repo_root().join("xtask/instructions.json")
}

pub fn run(accept: bool) -> Result<()> {
    let accepted = if accept { None } else { Some(Accepted::read(&file())?) };
    let other =
        accepted.as_ref().map(|accepted| &*accepted.processor).filter(|name| *name != env::consts::ARCH);
    if let Some(other) = other {
        println!("SKIPPED: the accepted counts are for a processor of the kind {other}.");
        return Ok(());
    }
    let valgrind = count::valgrind().context("valgrind, which counts the instructions, is not installed")?;
    let programs = Programs::build(&[Sdk::Ours], Build::Plain)?;
    let rows: Vec<_> = ROWS.iter().collect();
    let mut now = BTreeMap::new();
    for path in programs.paths() {
        let counts = count::instructions(path, &programs.cli, &rows)?;
        now.extend(rows.iter().zip(counts).map(|(row, count)| (row.name.to_owned(), count.round() as u64)));
    }
    let Some(accepted) = accepted else {
        let now = Accepted { processor: env::consts::ARCH.to_owned(), instructions: now };
        return Ok(fs::write(file(), serde_json::to_string_pretty(&now)? + "\n")?);
    };
    println!("Instructions per operation, counted by {valgrind}, and the accepted ones:");
    let mut has_grown = false;
    for row in rows {
        let limit = accepted.instructions.get(row.name);
        let limit = *limit.with_context(|| format!("{}: {NO_COUNTS}", row.name))?;
        has_grown |= compare(row.title, now[row.name], limit);
    }
    ensure!(
        !has_grown,
        "an operation has grown by more than {MOST_GROWTH} %; if that is worth it to every user, run `cargo xtask bench \
         instructions --accept`"
    );
    Ok(())
}

/// Prints a count beside its limit. Returns true if it has grown too much.
fn compare(what: &str, now: u64, limit: u64) -> bool {
    let growth = (now as f64 / limit as f64 - 1.0) * 100.0;
    let verdict = if growth > MOST_GROWTH { "  TOO MANY" } else { "" };
    println!("{what:<28}{now:>12}{limit:>12}{growth:>+8.1} %{verdict}");
    growth > MOST_GROWTH
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_an_accepted_count() -> Result<()> {
        let accepted = Accepted::read(&file())?;
        let mut names = ROWS.map(|row| row.name);
        names.sort_unstable();
        assert!(accepted.instructions.keys().map(String::as_str).eq(names));
        Ok(())
    }

    #[test]
    fn only_large_growth_fails() {
        assert!(!compare("same", 100, 100));
        assert!(!compare("a little more", 109, 100));
        assert!(compare("more", 111, 100));
    }
}
