//! What the generated code needs around it, where nothing is run.

/// The root of the crate.
pub const LIB: &str = "\
#![allow(warnings)]
#![recursion_limit = \"512\"]
#[macro_use]
pub mod wire;
pub mod event;
pub mod rpc;
mod generated;
pub use generated::{methods, server_rpc, session_event, session_rpc, types};
mod probe;
";

/// `crate::generated`.
pub const GENERATED: &str = "\
pub mod methods;
pub mod server_rpc;
pub mod session_event;
pub mod session_rpc;
pub mod types;
";

/// `crate::event`.
pub const EVENT: &str = "\
use crate::wire::{DecodeError, Node, Wire, Writer};
#[derive(Debug, Clone)]
pub struct UnrecognizedEvent { pub kind: String }
#[derive(Debug, Clone)]
pub struct MalformedEvent { pub kind: String }
#[derive(Debug, Clone)]
pub struct SessionEvent;
impl Wire for SessionEvent {
    fn empty() -> Self { Self }
    fn read(&mut self, _: Node<'_>) -> Result<(), DecodeError> { Ok(()) }
    fn write(&self, _: &mut Writer) {}
}
";

/// `crate::rpc`.
pub const RPC: &str = "\
use crate::wire::Wire;
use std::marker::PhantomData;
pub trait ClientMethod { const NAME: &'static str; type Params: Wire; type Result: Wire; }
pub trait ServerMethod { const NAME: &'static str; type Params: Wire; type Result: Wire; }
pub trait Notification { const NAME: &'static str; type Params: Wire; }
#[derive(Debug)]
pub struct Caller;
pub struct Call<T>(PhantomData<T>);
impl Caller {
    pub fn call<T: Wire>(&self, _: &'static str, _: &dyn Wire) -> Call<T> { Call(PhantomData) }
}
";

/// The manifest, which takes part in no workspace.
pub const MANIFEST: &str = "\
[package]
name = \"drift-probe\"
version = \"0.0.0\"
edition = \"2024\"

[workspace]

[features]
testing = []

[dependencies]
serde_core = { version = \"1\", default-features = false, features = [\"std\"] }
serde_json = { version = \"1\", features = [\"raw_value\"] }

[profile.dev]
debug = 0
incremental = false
";
