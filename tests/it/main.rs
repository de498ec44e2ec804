//! All integration tests, in one binary.

mod callbacks;
mod config;
mod connection;
mod docs;
mod generated;
mod layers;
mod mutations;
mod newer;
mod oracle;
mod permissions;
#[cfg(unix)]
mod pictures;
mod printable;
mod real;
mod recordings;
mod replay;
mod retry;
mod rig;
mod secrets;
mod session;
mod silence;
mod spans;
mod testing;
mod tools;
mod transcript;
mod turns;
mod wire;
