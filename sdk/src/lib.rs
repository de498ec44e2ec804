//! [guide]: crate::guide
//! [turns]: crate::turns
//! [server]: crate::server
//! [policies]: crate::policies
//! [versions]: crate::cli_versions
//! [python]: crate::python
//!
// The links above stand before the README, so that they count here in place of its own, which lead to files.
#![doc = include_str!("../README.md")]
#![cfg_attr(not(windows), forbid(unsafe_code))]

#[macro_use]
pub mod wire;

mod answer;
mod aside;
mod broadcast;
mod capabilities;
mod client;
mod client_builder;
mod client_calls;
mod connection;
mod delivery;
mod dialogs;
mod dispatch;
mod error;
mod error_kind;
mod event;
mod events;
mod frame;
mod gate;
mod generated;
mod handler;
mod hooks;
mod id;
mod json;
mod life;
mod notices;
mod opening;
mod pending;
mod permission;
mod printable;
mod process;
mod prompts;
mod repeats;
mod reply;
mod rpc;
mod running;
mod session;
mod session_builder;
mod session_defaults;
mod session_handlers;
mod session_state;
mod sessions;
mod shell;
mod shell_routes;
mod shell_source;
mod system_message;
mod tail;
#[cfg(feature = "testing")]
pub mod testing;
mod timer;
mod tool;
mod trace_context;
#[cfg(feature = "transcript")]
pub mod transcript;
mod turn;
mod turn_error;
mod turn_limits;
mod turn_tracker;
mod unsupported;
mod versions;
mod wire_log;

pub use answer::Answer;
pub use capabilities::Capabilities;
pub use client::Client;
pub use client_builder::ClientBuilder;
pub use delivery::Delivery;
pub use error::{Closed, Error, RpcError};
pub use error_kind::ErrorKind;
pub use event::{MalformedEvent, SessionEvent, UnrecognizedEvent};
pub use events::{Events, Subscription};
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub use frame::{Frame, Frames};
#[cfg(feature = "round-trip")]
#[doc(hidden)]
pub use generated::round_trip;
pub use generated::session_event::SessionEventData;
/// The types of the protocol: the params, results and events that go over the wire.
///
/// `Tool`, `ToolResult` and `PermissionRequest` stand here as the protocol has them; types of the same names at the
/// root of this crate are made for use. Import them by name, or keep this module's name: after
/// `use copilot_session::{types::*, *}` they are ambiguous.
pub use generated::types;
pub use generated::{methods, server_rpc, session_rpc};
pub use handler::{ClientContext, HandlerContext};
pub use hooks::{Hook, OtherHook};
pub use notices::{MalformedNotification, Notifications};
pub use permission::{Decision, PermissionRequest, Policy};
pub use printable::{printable, printable_lines};
pub use process::{NotFound, SpawnError};
pub use reply::IntoReply;
#[cfg(feature = "testing")]
pub use rpc::ServerMethod;
pub use rpc::{Call, ClientMethod, Notification};
pub use session::{Session, WeakSession};
pub use session_builder::SessionBuilder;
pub use sessions::WhenOpen;
pub use shell::{Shell, ShellChunk, ShellOutput, ShellRun};
pub use tool::{IntoToolResult, Tool, ToolContext, ToolResult};
pub use trace_context::TraceContext;
pub use turn::Turn;
pub use turn_error::TurnError;
pub use turn_limits::{Limit, Limits, TurnTimeout};
pub use unsupported::Unsupported;
pub use versions::{CliVersion, Feature};
pub use wire_log::WireLog;

#[doc = include_str!("../docs/guide.md")]
pub mod guide {}

#[doc = include_str!("../docs/server.md")]
pub mod server {}

/// Policies to take or to change, of the example `policies`. `ask_user` asks a person.
///
/// ```rust
/// # async fn ask_user(_: String) -> String { String::new() }
/// # fn main() { assert!(!policies::ALL.is_empty()) }
/// # mod policies {
#[doc = include_str!("../examples/policies/policies.rs")]
/// # }
/// ```
pub mod policies {}

#[doc = include_str!("../docs/python.md")]
pub mod python {}

#[doc = include_str!("../docs/versions.md")]
pub mod cli_versions {}

#[doc = include_str!("../docs/turns.md")]
pub mod turns {}
