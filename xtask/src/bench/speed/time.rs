//! Time per operation.

use std::fs;
use std::time::Instant;

use anyhow::Result;

use super::figures::{self, Figures};
use super::programs::Programs;
use super::rows::Row;
use super::table::{Table, compared, number};

/// The part of a CPU that other programs may use during a run that counts.
const MOST_FOREIGN: f64 = 0.1;
/// As many runs must be left, or all count.
const FEWEST: usize = 3;
/// The length of a tick in `/proc`.
const TICK: f64 = 0.01;

/// The ways to run a program.
const MODES: [(&str, &[&str]); 3] = [
    ("on a runtime of several threads", &[]),
    ("on a runtime of one thread", &["current"]),
    ("on a runtime of several threads, with the CLI on the same CPU", &["pinned"]),
];

struct Run {
    figures: Figures,
    foreign: f64,
}

pub fn tables(programs: &Programs, rows: &[&Row], rounds: usize) -> Result<Vec<Table>> {
    let paths: Vec<_> = programs.paths().collect();
    // By mode, row and program.
    let mut runs: Vec<Vec<Vec<Vec<Run>>>> = MODES
        .iter()
        .map(|_| rows.iter().map(|_| paths.iter().map(|_| Vec::new()).collect()).collect())
        .collect();
    for round in 0..rounds {
        for (mode, (_, options)) in MODES.iter().enumerate() {
            for (index, row) in rows.iter().enumerate() {
                for turn in 0..paths.len() {
                    // The first one changes, in case that it has an advantage.
                    let program = (turn + round) % paths.len();
                    let (busy, children, started) = (busy(), children(), Instant::now());
                    let figures = figures::run(paths[program], &programs.cli, row.name, row.timed, options)?;
                    let used = (self::busy() - busy) - (self::children() - children);
                    let foreign = used / started.elapsed().as_secs_f64();
                    runs[mode][index][program].push(Run { figures, foreign });
                }
            }
        }
    }
    Ok(MODES.iter().zip(&runs).map(|((title, _), runs)| table(programs, title, rows, runs)).collect())
}

fn table(programs: &Programs, title: &str, rows: &[&Row], runs: &[Vec<Vec<Run>>]) -> Table {
    let cells = |runs: &[Vec<Run>]| {
        let values = |figure: fn(&Figures) -> f64| -> Vec<f64> {
            runs.iter().map(|runs| median(runs, |run| figure(run) / run.operations * 1e6)).collect()
        };
        let mut cells = compared(&values(|run| run.seconds));
        cells.extend(values(|run| run.cpu_seconds).into_iter().map(number));
        cells
    };
    let mut columns = programs.columns();
    columns.extend(programs.each("CPU"));
    Table {
        title: format!("Microseconds per operation, and those of its own CPU time, {title}:"),
        columns,
        rows: rows.iter().zip(runs).map(|(row, runs)| (row.title.to_owned(), cells(runs))).collect(),
    }
}

/// The median of the runs that were alone.
fn median(runs: &[Run], figure: impl Fn(&Figures) -> f64) -> f64 {
    let quiet = || runs.iter().filter(|run| run.foreign < MOST_FOREIGN);
    let mut values: Vec<f64> = match quiet().count() {
        count if count >= FEWEST => quiet().map(|run| figure(&run.figures)).collect(),
        _ => runs.iter().map(|run| figure(&run.figures)).collect(),
    };
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        count if count % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}

/// The CPU seconds of the whole machine, without those of waiting.
fn busy() -> f64 {
    let all = fs::read_to_string("/proc/stat").unwrap_or_default();
    let fields = numbers(all.lines().next().unwrap_or_default());
    // Idle and waiting for input are the fourth and the fifth; those of guests are in the first two.
    fields
        .iter()
        .take(8)
        .enumerate()
        .filter(|(index, _)| !matches!(index, 3 | 4))
        .map(|(_, ticks)| ticks * TICK)
        .sum()
}

/// The CPU seconds of the children that have ended.
fn children() -> f64 {
    let own = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name may have spaces. The state follows it, so that these are fields 16 and 17.
    let fields = numbers(own.rsplit(')').next().unwrap_or_default());
    fields.iter().skip(12).take(2).map(|ticks| ticks * TICK).sum()
}

/// The numbers after the first word.
fn numbers(line: &str) -> Vec<f64> {
    line.split_whitespace().skip(1).map(|word| word.parse().unwrap_or(0.0)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(operations: f64, foreign: f64) -> Run {
        let figures = serde_json::json!({
            "operations": operations, "seconds": 0, "cpu_seconds": 0, "resident_bytes": 0, "peak_bytes": 0,
            "allocations": 0, "allocated_bytes": 0, "live_bytes": 0, "polls": 0, "stolen": 0, "parks": 0,
        });
        Run { figures: serde_json::from_value(figures).expect("figures"), foreign }
    }

    #[test]
    fn runs_beside_others_are_left_out_while_three_remain() {
        let mut runs = vec![run(1.0, 0.0), run(2.0, 0.0), run(9.0, 0.5), run(10.0, 0.5)];
        assert_eq!(median(&runs, |run| run.operations), 5.5);
        runs.push(run(3.0, 0.0));
        assert_eq!(median(&runs, |run| run.operations), 2.0);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_machine_is_busier_than_its_children() {
        assert!(busy() > 0.0);
        assert!(children() <= busy());
    }
}
