//! What a run prints.

use std::process::ExitCode;

use serde_json::{Value, json};

/// What a run comes to, unless it could not be done.
pub type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// The figures of a run, and what did not hold in it.
pub struct Report {
    figures: Value,
    failures: Vec<String>,
}

impl Report {
    /// A report with nothing in it yet.
    pub fn new() -> Self {
        Self { figures: json!({}), failures: Vec::new() }
    }

    /// Sets the figures, an object.
    pub fn figures(&mut self, figures: Value) {
        self.figures = figures;
    }

    /// Notes a failure unless this holds.
    pub fn check(&mut self, holds: bool, failure: impl FnOnce() -> String) {
        if !holds {
            self.failures.push(failure());
        }
    }

    /// Prints the line, and fails when something did not hold.
    pub fn print(mut self) -> ExitCode {
        let failed = !self.failures.is_empty();
        self.figures["failures"] = json!(self.failures);
        println!("{}", self.figures);
        if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
    }
}

/// The most memory that this process has had so far, in bytes; only Linux tells.
pub fn peak_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}
