//! The SDK on the real CLI, with a scripted model.

mod permissions;
mod rig;
mod rpc;
mod shell;
mod tools;
mod turns;
