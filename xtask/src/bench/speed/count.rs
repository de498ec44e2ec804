//! The counted figures, which are the same on a busy machine and on a quiet one.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::thread;

use anyhow::{Context, Result};

use super::figures::{self, Figures};
use super::programs::Programs;
use super::rows::Row;
use super::table::{Table, compared, number};

/// A figure and its name.
type Figure = (&'static str, fn(&Figures) -> f64);

/// The version of valgrind, if it is installed.
pub fn valgrind() -> Option<String> {
    let output = Command::new("valgrind").arg("--version").output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

pub fn instruction_table(programs: &Programs, rows: &[&Row]) -> Result<Table> {
    let counts: Vec<Vec<f64>> =
        programs.paths().map(|path| instructions(path, &programs.cli, rows)).collect::<Result<_>>()?;
    let cells = |row: usize| compared(&counts.iter().map(|counts| counts[row]).collect::<Vec<_>>());
    Ok(Table {
        title: "Instructions per operation, on a runtime of one thread:".to_owned(),
        columns: programs.columns(),
        rows: rows.iter().enumerate().map(|(index, row)| (row.title.to_owned(), cells(index))).collect(),
    })
}

/// The instructions per operation of some rows.
pub fn instructions(program: &Path, cli: &Path, rows: &[&Row]) -> Result<Vec<f64>> {
    let jobs = Mutex::new(rows.iter().flat_map(|row| row.counted.map(|size| (row.name, size))));
    let next = || jobs.lock().unwrap_or_else(PoisonError::into_inner).next();
    let results = Mutex::new(BTreeMap::new());
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some((row, size)) = next() {
                    let result = count(program, cli, row, size);
                    results.lock().unwrap_or_else(PoisonError::into_inner).insert((row, size), result);
                }
            });
        }
    });
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    let mut take = |row: &Row, size| results.remove(&(row.name, size)).context("a row was not counted")?;
    let per_operation = rows.iter().map(|row| {
        let [small, large] = row.counted;
        let ((few, first), (many, second)) = (take(row, small)?, take(row, large)?);
        Ok((second - first) / (many - few))
    });
    per_operation.collect()
}

/// The operations of a run and all its instructions.
fn count(program: &Path, cli: &Path, row: &str, size: u64) -> Result<(f64, f64)> {
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(program);
    let (figures, output) = figures::run_in(command, cli, row, size, &["current"])?;
    let collected = collected(&output.stderr);
    Ok((figures.operations, collected.with_context(|| format!("callgrind has no count: {}", output.stderr))?))
}

/// The count of instructions in what callgrind prints.
fn collected(printed: &str) -> Option<f64> {
    let (_, count) = printed.lines().filter_map(|line| line.split_once("Collected :")).next_back()?;
    count.trim().parse().ok()
}

pub fn allocation_table(programs: &Programs, rows: &[&Row]) -> Result<Table> {
    let measure = |row: &Row| -> Result<_> {
        let runs = programs
            .paths()
            .map(|path| figures::run(path, &programs.cli, row.name, row.counted[1], &["current"]));
        let runs: Vec<Figures> = runs.collect::<Result<_>>()?;
        let mut cells = compared(&per_operation(&runs, |run| run.allocations));
        cells.extend(per_operation(&runs, |run| run.allocated_bytes).into_iter().map(number));
        Ok((row.title.to_owned(), cells))
    };
    let mut columns = programs.columns();
    columns.extend(programs.each("bytes"));
    Ok(Table {
        title: "Allocations per operation, and their bytes:".to_owned(),
        columns,
        rows: rows.iter().map(|row| measure(row)).collect::<Result<_>>()?,
    })
}

fn per_operation(runs: &[Figures], figure: fn(&Figures) -> f64) -> Vec<f64> {
    runs.iter().map(|run| figure(run) / run.operations).collect()
}

/// The table of how tasks wake each other on several threads.
pub fn wake_table(programs: &Programs) -> Result<Table> {
    let figures: [Figure; 3] = [
        ("polls of a task", |run| run.polls),
        ("tasks that move to another worker", |run| run.stolen),
        ("sleeps of a worker", |run| run.parks),
    ];
    let mut rows = Vec::new();
    for (row, title, size) in [("call", "call", 5000), ("tool", "tool call", 3000), ("turn", "turn", 2000)] {
        let runs = programs.paths().map(|path| figures::run(path, &programs.cli, row, size, &[]));
        let runs: Vec<Figures> = runs.collect::<Result<_>>()?;
        rows.extend(
            figures
                .iter()
                .map(|(what, figure)| (format!("{title}: {what}"), compared(&per_operation(&runs, *figure)))),
        );
    }
    Ok(Table {
        title: "Per operation, on a runtime of several threads:".to_owned(),
        columns: programs.columns(),
        rows,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_is_found() {
        let printed =
            "==1== Events    : Ir\n==1== Collected : 716322\n==1== \n==1== I   refs:      716,322\n";
        assert_eq!(collected(printed), Some(716_322.0));
        assert_eq!(collected("valgrind: no such program"), None);
    }
}
