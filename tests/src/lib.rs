//! Code that the tests, the demo and the benchmarks share: a scripted model server in place of a real model,
//! samples of the schemas, and the search for a Copilot CLI to run.

pub mod cli;
pub mod model;
pub mod sample;
