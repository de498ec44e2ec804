//! Code that the tests, the demo and the benchmarks share: samples of the schemas, the search for a Copilot CLI to
//! run, and a script for demonstrations.

pub mod cli;
pub mod demonstration;
pub mod sample;
