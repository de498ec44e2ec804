//! Code that the tests, the demo and the benchmarks share: samples of the schemas, and the search for a Copilot CLI to
//! run.

pub mod cli;
pub mod sample;
