//! The differences between two sets of schemas, and which of them are breaking.

mod change;
mod compare;
mod limits;
mod lost;
mod pair;
mod parts;
mod place;
pub mod rename;
mod report;
#[cfg(test)]
mod tests;

pub use change::{Change, How, RuntimeImpact, Source, What};
pub use compare::{Comparison, compare};
pub use report::Report;

impl Comparison {
    /// The exit code of a comparison for source that uses the generated API: 0 if nothing has changed, 2 if a change
    /// breaks it, 1 for other changes.
    pub fn exit_code(&self) -> u8 {
        match self.changes.iter().map(|change| change.source).min() {
            None => 0,
            Some(Source::Breaking) => 2,
            Some(_) => 1,
        }
    }

    /// The exit code for a running program: 0 if it works as before, 2 if it cannot decode something, and otherwise 1.
    pub fn running_exit_code(&self) -> u8 {
        match self.changes.iter().map(|change| change.running).min() {
            None | Some(RuntimeImpact::Decodes) => 0,
            Some(RuntimeImpact::Unknown | RuntimeImpact::Refused) => 1,
            Some(RuntimeImpact::Malformed) => 2,
        }
    }
}
