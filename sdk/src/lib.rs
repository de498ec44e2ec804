#![doc = include_str!("../README.md")]

#[macro_use]
pub mod wire;

mod client;
mod client_builder;
mod connection;
mod dispatch;
mod error;
mod event;
mod events;
mod frame;
mod generated;
mod handler;
mod json;
mod permission;
mod process;
mod rpc;
mod session;
mod session_builder;
mod session_state;
mod tool;
mod turn;
mod versions;

pub use client::Client;
pub use client_builder::ClientBuilder;
pub use error::{Closed, Error, RpcError};
pub use event::{MalformedEvent, SessionEvent, UnrecognizedEvent};
pub use events::{Events, Subscription};
#[cfg(feature = "round-trip")]
#[doc(hidden)]
pub use generated::round_trip;
pub use generated::session_event::SessionEventData;
pub use generated::{methods, server_rpc, session_rpc, types};
pub use handler::HandlerContext;
pub use permission::{Decision, PermissionRequest};
pub use process::{NotFound, SpawnError};
pub use rpc::{Call, ClientMethod, Notification};
pub use session::Session;
pub use session_builder::SessionBuilder;
pub use tool::{IntoToolResult, Tool, ToolContext, ToolResult};
pub use turn::{Answer, Turn};
pub use versions::CliVersion;
