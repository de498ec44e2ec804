//! Tests on the real CLI, with a scripted model.
//!
//! A module without an attribute runs on every system. One for `unix` needs bash as the agent's shell, which is
//! PowerShell on Windows, or sends signals; one for `linux` also reads `/proc`, or gives the agent commands that differ
//! elsewhere.

mod dependant;
mod dialogs;
mod examples;
#[cfg(unix)] // commands for bash
mod failures;
#[cfg(target_os = "linux")] // finds the CLI's input in /proc
mod forged;
#[cfg(unix)] // commands for bash
mod hooks;
#[cfg(unix)] // signals
mod killed;
mod life;
#[cfg(unix)] // programs that are shell scripts, and signals
mod lifeline;
mod logged_in;
mod observed;
#[cfg(target_os = "linux")] // reads the arguments and the environment of the CLI in /proc
mod options;
mod own_agent;
#[cfg(unix)] // commands for bash
mod permissions;
#[cfg(target_os = "linux")] // commands of GNU, and paths of Linux
mod policies;
#[cfg(unix)] // signals
mod process;
mod provided;
mod requests;
mod resume;
mod rig;
mod rpc;
mod sections;
#[cfg(unix)] // hooks that are commands for bash
mod server;
mod session_calls;
#[cfg(unix)] // commands for bash
mod shell;
mod stored;
mod takeover;
mod tcp;
mod tools;
mod turn_ends;
mod turns;
mod wire_log;
#[cfg(unix)] // programs that are shell scripts
mod wrong_program;
