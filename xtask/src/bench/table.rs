//! Lays the figures of builds out side by side.

use super::build::Figures;
use crate::table::{self, megabytes, seconds};

/// The name of a row, its value for one build, and how that value is written.
type Row = (&'static str, fn(&Figures) -> Option<f64>, fn(f64) -> String);

const ROWS: [Row; 6] = [
    ("wall time", |figures| Some(figures.wall_seconds), seconds),
    ("CPU time", |figures| figures.cpu_seconds, seconds),
    ("memory of the largest process", |figures| bytes(figures.peak_bytes), megabytes),
    ("crates compiled", |figures| Some(figures.crates as f64), |count| format!("{count:.0}")),
    ("the library's rlib", |figures| bytes(figures.rlib_bytes), megabytes),
    ("the library's rmeta", |figures| bytes(figures.rmeta_bytes), megabytes),
];

/// One line per row, one column per build and, for two builds, how many times more the second took.
pub fn render(builds: &[Figures]) -> String {
    let heading = builds.iter().map(|figures| figures.package.to_owned());
    let mut lines = vec![line("", heading, if builds.len() == 2 { "ratio" } else { "" })];
    for (name, value, written) in ROWS {
        let values: Vec<Option<f64>> = builds.iter().map(value).collect();
        if values.iter().all(Option::is_none) {
            continue;
        }
        let cells = values.iter().map(|value| value.map_or_else(|| "-".to_owned(), written));
        let ratio = match values.as_slice() {
            [Some(first), Some(second)] if *first > 0.0 => format!("{:.1}x", second / first),
            _ => String::new(),
        };
        lines.push(line(name, cells, &ratio));
    }
    lines.join("\n") + "\n"
}

fn line(name: &str, cells: impl Iterator<Item = String>, ratio: &str) -> String {
    table::line(name, cells.map(|cell| (cell, 20)).chain([(ratio.to_owned(), 9)]))
}

fn bytes(count: Option<u64>) -> Option<f64> {
    count.map(|count| count as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(package: &'static str, seconds: f64, rlib_bytes: Option<u64>) -> Figures {
        Figures {
            package,
            wall_seconds: seconds,
            cpu_seconds: None,
            peak_bytes: None,
            crates: 12,
            rlib_bytes,
            rmeta_bytes: None,
        }
    }

    #[test]
    fn two_builds_are_compared() {
        let table = render(&[figures("ours", 20.0, Some(50_000_000)), figures("theirs", 170.0, None)]);
        let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(rows[0], ["ours", "theirs", "ratio"]);
        assert_eq!(rows[1], ["wall", "time", "20.0", "s", "170.0", "s", "8.5x"]);
        assert_eq!(rows[2], ["crates", "compiled", "12", "12", "1.0x"]);
        assert_eq!(rows[3], ["the", "library's", "rlib", "50.0", "MB", "-"]);
        assert_eq!(rows.len(), 4);
    }

    #[test]
    fn one_build_has_no_ratio() {
        assert!(!render(&[figures("ours", 20.0, None)]).contains('x'));
    }
}
