//! The SDK on the real CLI, with a scripted model.

#[cfg(unix)]
mod lifeline;
#[cfg(target_os = "linux")]
mod options;
#[cfg(unix)]
mod permissions;
#[cfg(unix)]
mod process;
mod requests;
mod resume;
mod rig;
mod rpc;
#[cfg(unix)]
mod shell;
mod tcp;
mod tools;
mod turns;
