//! What the tests and the demo share: a scripted model server that stands in
//! for a real model, samples of what the schema allows, and the way to find a Copilot CLI to run.

pub mod cli;
pub mod model;
pub mod sample;
