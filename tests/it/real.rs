//! Tests on the real CLI, with a scripted model.

mod dependant;
mod dialogs;
mod failures;
#[cfg(target_os = "linux")]
mod forged;
mod hooks;
#[cfg(unix)]
mod killed;
mod life;
#[cfg(unix)]
mod lifeline;
mod logged_in;
#[cfg(target_os = "linux")]
mod options;
#[cfg(unix)]
mod permissions;
#[cfg(target_os = "linux")]
mod policies;
#[cfg(unix)]
mod process;
mod provided;
mod requests;
mod resume;
mod rig;
mod rpc;
mod sections;
#[cfg(unix)]
mod server;
mod session_calls;
#[cfg(unix)]
mod shell;
mod stored;
mod takeover;
mod tcp;
mod tools;
mod turn_ends;
mod turns;
mod wire_log;
#[cfg(unix)]
mod wrong_program;
