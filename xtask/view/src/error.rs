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
    /// The page cannot be written.
    #[error("cannot write the page")]
    Write(#[source] io::Error),
}
