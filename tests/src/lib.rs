//! Code that the tests, the demo, the pictures and the benchmarks share: samples of the schemas, the search for a
//! Copilot CLI to run, a script for demonstrations, a browser, and a terminal.

pub mod browser;
pub mod cli;
pub mod demonstration;
pub mod sample;
#[cfg(unix)]
pub mod terminal;
