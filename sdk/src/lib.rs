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

// From the bottom to the top: a module imports only from those above it in this list. `tests/it/layers.rs` holds that.
mod printable;
#[macro_use]
pub mod wire;
mod call;
mod client;
mod error;
mod events;
mod generated;
mod handlers;
mod process;
mod random;
mod rpc;
mod runtime;
mod session;
mod tail;
#[cfg(feature = "testing")]
pub mod testing;
mod trace_context;
#[cfg(feature = "transcript")]
pub mod transcript;
mod version;

pub use call::Call;
pub use client::Client;
pub use client::builder::ClientBuilder;
pub use error::kind::ErrorKind;
pub use error::turn::TurnError;
pub use error::unsupported::Unsupported;
pub use error::{Closed, Error, RpcError};
pub use events::answer::Answer;
pub use events::notifications::{MalformedNotification, Notifications};
pub use events::queue::Delivery;
pub use events::{Events, Subscription};
pub use events::{MalformedEvent, SessionEvent, UnrecognizedEvent};
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
pub use handlers::handler::{ClientContext, HandlerContext};
pub use handlers::hooks::{Hook, OtherHook};
pub use handlers::permission::{Decision, PermissionRequest, Policy};
pub use handlers::reply::IntoReply;
pub use handlers::tool::{IntoToolResult, Tool, ToolContext, ToolResult};
pub use printable::{printable, printable_lines};
pub use process::{NotFound, SpawnError};
#[cfg(feature = "testing")]
pub use rpc::ServerMethod;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub use rpc::frame::{Frame, Frames};
pub use rpc::wire_log::WireLog;
pub use rpc::{ClientMethod, Notification};
pub use session::builder::SessionBuilder;
pub use session::capabilities::Capabilities;
pub use session::shell::{Shell, ShellChunk, ShellOutput, ShellRun};
pub use session::table::WhenOpen;
pub use session::turn::Turn;
pub use session::turn::limits::{Limit, Limits, TurnTimeout};
pub use session::{Session, WeakSession};
pub use trace_context::TraceContext;
pub use version::{CliVersion, Feature};

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
