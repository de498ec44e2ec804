//! Hand-written; everything below it is written by `cargo xtask codegen`.

// The schema's prose is not written for rustdoc, and its longest types take many arguments.
#![allow(rustdoc::all, missing_docs)]
#![allow(clippy::all, deprecated)]

#[rustfmt::skip]
pub mod methods;
#[cfg(feature = "round-trip")]
#[rustfmt::skip]
pub mod round_trip;
#[rustfmt::skip]
pub mod server_rpc;
#[rustfmt::skip]
pub mod session_event;
#[rustfmt::skip]
pub mod session_rpc;
#[rustfmt::skip]
pub mod types;
