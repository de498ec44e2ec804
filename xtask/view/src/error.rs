//! The errors of logs and pages.

use std::io;

/// An error of a log that is read or of a page that is written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The log cannot be read.
    #[error("cannot read the log")]
    Read(#[source] io::Error),
    /// A line is no line of a wire log. The last line may be cut off, so it is not reported unless it is the only one.
    #[error("line {line} is no line of a wire log: {problem}")]
    NotALog {
        /// The number of the line, from 1.
        line: u64,
        /// The description of the problem.
        problem: String,
    },
    /// The log has no line.
    #[error("the log is empty")]
    Empty,
    /// The log has no such turn.
    #[error("the log has no {wanted}; {there}")]
    NoTurn {
        /// The turn that was asked for, such as `turn 7`.
        wanted: String,
        /// The turns that there are, such as `it has turns 1 to 3`.
        there: String,
    },
    /// The page cannot be written.
    #[error("cannot write the page")]
    Write(#[source] io::Error),
}
