//! The rows that are tests.

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::json;

use super::{Column, Matrix, Row};
use crate::{cargo, cli, process};

const COLUMNS: [Column; 2] = [("passed", 10), ("failed", 10)];

/// The test program.
const TESTS: [&str; 4] = ["--package", "copilot-session-tests", "--test", "it"];

/// What a row shows, and the parts of the names of its tests. Each part must match some.
const ROWS: [(&str, &[&str]); 9] = [
    ("every callback kind x panic, error, drop, deadline, undecodable input", &["callbacks::"]),
    ("odd input, connection alive", &["connection::"]),
    ("a peer that never answers", &["silence::"]),
    ("prompts that follow or join one another, aborts, hooks that block", &["turns::", "real::turn_ends::"]),
    ("ways around each documented policy", &["permissions::", "real::policies::"]),
    ("tools replaced while they are called", &["session::tools::"]),
    ("a runtime that is gone, the program's own panics", &["connection::ending::", "session::outside::"]),
    ("open sessions taken up again", &["session::takeover::", "real::takeover::"]),
    ("CLI killed at each phase, host killed", &["real::killed::", "real::process::"]),
];

pub fn run(matrix: &mut Matrix, cli: &Path) -> Result<()> {
    // Before the heading, as it takes minutes and says what it does.
    let mut command = cargo::command("test");
    command.args(TESTS).arg("--no-run");
    cargo::run(&mut command, "the tests cannot be built")?;
    matrix.section("Tests", &COLUMNS);
    for (title, filters) in ROWS {
        let mut results = Vec::new();
        for filter in filters {
            results.push((*filter, test(filter, cli)?));
        }
        matrix.add(row(title, &results));
    }
    Ok(())
}

/// How many tests passed and failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Tested {
    passed: u64,
    failed: u64,
}

/// Runs the tests with this in their names; none when they did not come to an end.
fn test(filter: &str, cli: &Path) -> Result<Option<Tested>> {
    let mut command = cargo::command("test");
    command.args(TESTS).args(["--quiet", "--", filter]);
    command.env(cli::PATH_VARIABLE, cli);
    let output = process::run(&mut command, None).context("cannot run cargo")?;
    if !output.status.success() {
        eprint!("{}{}", output.stdout, output.stderr);
    }
    Ok(Tested::read(&output.stdout))
}

impl Tested {
    /// Reads the line that a test program ends with.
    fn read(stdout: &str) -> Option<Self> {
        let line = stdout.lines().find_map(|line| line.strip_prefix("test result: "))?;
        let number = |of: &str| {
            let counted = line.split(['.', ';']).find_map(|part| part.trim().strip_suffix(of))?;
            counted.trim().parse().ok()
        };
        Some(Self { passed: number(" passed")?, failed: number(" failed")? })
    }
}

fn row(title: &str, results: &[(&str, Option<Tested>)]) -> Row {
    let mut failures = Vec::new();
    let (mut passed, mut failed) = (0, 0);
    for (filter, tested) in results {
        match tested {
            None => failures.push(format!("the tests `{filter}` did not come to an end")),
            Some(Tested { passed: 0, failed: 0 }) => failures.push(format!("no test matches `{filter}`")),
            Some(tested) => {
                passed += tested.passed;
                failed += tested.failed;
            }
        }
    }
    if failed > 0 {
        failures.push(format!("{failed} tests failed; see above"));
    }
    let filters: Vec<_> = results.iter().map(|(filter, _)| filter).collect();
    let figures = json!({"filters": filters, "passed": passed, "failed": failed});
    Row { title: title.to_owned(), cells: vec![passed.to_string(), failed.to_string()], figures, failures }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_needs_tests_that_pass() {
        let read = |line: &str| Tested::read(&format!("\nrunning tests\n....\n{line}\n"));
        let good = read("test result: ok. 12 passed; 0 failed; 0 ignored; 0 measured; 300 filtered out");
        let bad = read("test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 300 filtered out");
        let none = read("test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 315 filtered out");
        assert_eq!(good, Some(Tested { passed: 12, failed: 0 }));
        assert_eq!(bad, Some(Tested { passed: 1, failed: 2 }));
        assert_eq!(read("signal: 9"), None);
        assert!(row("", &[("a", good)]).failures.is_empty());
        for wrong in [bad, none, None] {
            assert_eq!(row("", &[("a", good), ("b", wrong)]).failures.len(), 1, "{wrong:?}");
        }
    }
}
