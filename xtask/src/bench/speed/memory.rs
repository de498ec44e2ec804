//! Memory.

use anyhow::Result;

use super::figures::{self, Figures};
use super::programs::{Build, Programs, Sdk};
use super::table::{Table, compared};

/// The sessions that are open at the same time.
const SESSIONS: u64 = 1000;
const FLOOD: u64 = 100_000;

pub fn table(sdks: &[Sdk]) -> Result<Table> {
    let counted = run(&Programs::build(sdks, Build::Counted)?, "idle", 100)?;
    let programs = Programs::build(sdks, Build::Plain)?;
    let crowd = run(&programs, "crowd", SESSIONS)?;
    let stall = run(&programs, "stall", FLOOD)?;
    let cells = |runs: &[Figures], figure: fn(&Figures) -> f64| {
        compared(&runs.iter().map(figure).collect::<Vec<_>>())
    };
    let rows = [
        ("heap of an idle session, kB", cells(&counted, |run| run.live_bytes / run.operations / 1e3)),
        ("one of 1,000 sessions in use, kB", cells(&crowd, |run| run.resident_bytes / run.operations / 1e3)),
        ("flood: peak, MB", cells(&stall, |run| run.peak_bytes / 1e6)),
        ("flood: text of the fast one, %", cells(&stall, |run| run.text[0] * 100.0)),
        ("flood: text of the slow one, %", cells(&stall, |run| run.text[1] * 100.0)),
        ("flood: reported as missed, fast", cells(&stall, |run| run.missed[0])),
        ("flood: reported as missed, slow", cells(&stall, |run| run.missed[1])),
    ];
    Ok(Table {
        title: "Memory:".to_owned(),
        columns: programs.columns(),
        rows: rows.map(|(title, cells)| (title.to_owned(), cells)).into(),
    })
}

fn run(programs: &Programs, row: &str, size: u64) -> Result<Vec<Figures>> {
    programs.paths().map(|path| figures::run(path, &programs.cli, row, size, &[])).collect()
}
