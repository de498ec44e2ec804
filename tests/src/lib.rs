//! What the tests and the demo share: a scripted model server that stands in
//! for a real model, a fake CLI in memory, and the way to find a Copilot CLI to run.

pub mod cli;
pub mod fake;
pub mod model;
pub mod sample;
