//! The result of a load.

use std::error::Error;
use std::fmt::Display;

/// The result of a step that may be impossible.
pub type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// The figures of a load and the checks that failed.
#[derive(Default)]
pub struct Report {
    /// Each with its name, and a comma after it.
    pub figures: String,
    pub failures: Vec<String>,
}

impl Report {
    /// The report of a load that could not be run to its end.
    pub fn failed(error: &(dyn Error + Send + Sync)) -> Self {
        Self { figures: String::new(), failures: vec![format!("{error:#}")] }
    }

    /// Adds a figure.
    pub fn figure(&mut self, name: &str, value: impl Display) {
        self.figures += &format!("{name} {value}, ");
    }

    /// Adds a failure unless the check holds.
    pub fn check(&mut self, holds: bool, failure: impl FnOnce() -> String) {
        if !holds {
            self.failures.push(failure());
        }
    }
}
