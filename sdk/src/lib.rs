//! [guide]: crate::guide
//! [turns]: crate::turns
//! [server]: crate::server
//! [policies]: crate::policies
//! [stability]: crate::stability
//! [versions]: crate::cli_versions
//! [newer]: crate::newer
//! [speed]: crate::speed
//! [ci]: crate::ci
//! [official]: crate::official
//! [python]: crate::python
//!
// These links come before the README, so that rustdoc uses them in place of the README's own, which lead to docs.rs.
#![doc = include_str!("../README.md")]
#![cfg_attr(not(windows), forbid(unsafe_code))]
// On docs.rs an item shows the feature that it needs.
#![cfg_attr(docsrs, feature(doc_cfg))]

// From the bottom to the top: a module imports only from those above it in this list, which a test checks. Generated
// types belong to all of them.
mod printable; // text for a terminal, escaped
mod runtime; // locks, timers, random identifiers, and user code kept off the reader
mod trace; // spans of the program's own tracing, and their context on the wire
#[macro_use]
pub mod wire; // JSON text and Rust values
mod generated; // the protocol's types and methods
mod tail; // the end of what a program printed
mod version; // the CLI's version and features
mod rpc; // JSON-RPC on a byte stream
mod process; // the CLI as a child process
mod events; // events of a session and their subscribers
mod error;
mod retry; // repeated attempts after a temporary failure
mod call; // calls to the CLI
mod handlers; // code of users that answers the CLI's requests
pub mod providers; // user types that answer a namespace of requests
mod session;
mod client;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg(feature = "transcript")]
pub mod transcript;

pub use call::Call;
pub use client::Client;
pub use client::builder::ClientBuilder;
pub use client::builder::telemetry::TelemetryConfig;
pub use error::kind::ErrorKind;
pub use error::turn::{TimeoutKind, TurnCutOff, TurnError, TurnTimeout};
pub use error::unsupported::Unsupported;
pub use error::{Closed, Error, RpcError};
pub use events::answer::Answer;
pub use events::notifications::{MalformedNotification, Notifications};
pub use events::queue::Overflow;
pub use events::tool_call::{ToolCall, ToolOutcome};
pub use events::usage::Usage;
pub use events::{Events, Subscription};
pub use events::{MalformedEvent, SessionEvent, UnrecognizedEvent};
pub use generated::session_event::SessionEventData;
/// The params, results and events that go over the wire.
pub use generated::types;
pub use generated::version::CLI_VERSION;
pub use generated::{methods, server_rpc, session_rpc};
pub use handlers::context::{ClientContext, HandlerContext};
pub use handlers::handler::Handles;
pub use handlers::hooks::{Hook, HookOutput, OtherHook};
pub use handlers::permission::{Decision, PermissionRequest, Policy};
pub use handlers::reply::IntoReply;
pub use handlers::tool::{IntoToolResult, Tool, ToolContext, ToolResult};
pub use printable::{printable, printable_lines};
pub use process::{NotFound, SpawnError};
pub use retry::Retry;
#[cfg(feature = "testing")]
pub use rpc::ServerMethod;
#[cfg(feature = "_fuzzing")]
#[doc(hidden)]
pub use rpc::frame::{Frame, Frames};
pub use rpc::wire_log::WireLog;
pub use rpc::{ClientMethod, Notification};
pub use session::builder::SessionBuilder;
pub use session::capabilities::Capabilities;
pub use session::shell::{Shell, ShellChunk, ShellOutput, ShellRun};
pub use session::table::WhenOpen;
pub use session::turn::Turn;
pub use session::{Session, WeakSession};
pub use trace::context::TraceContext;
pub use version::{CliVersion, Compatibility, Feature, OLDEST_CLI_VERSION, OLDEST_FULL_CLI_VERSION};

#[doc = include_str!("../docs/guide.md")]
pub mod guide {}

#[doc = include_str!("../docs/server.md")]
pub mod server {}

/// Policies to use or to adapt, from the example `policies`. `ask_user` asks a person.
///
/// ```rust
/// # async fn ask_user(_: &copilot_session::PermissionRequest) -> String { String::new() }
/// # fn main() { assert!(!policies::ALL.is_empty()) }
/// # mod policies {
#[doc = include_str!("../examples/policies/policies.rs")]
/// # }
/// ```
pub mod policies {}

#[doc = include_str!("../docs/stability.md")]
pub mod stability {}

#[doc = include_str!("../docs/official.md")]
pub mod official {}

#[doc = include_str!("../docs/python.md")]
pub mod python {}

#[doc = include_str!("../docs/versions.md")]
pub mod cli_versions {}

#[doc = include_str!("../docs/newer.md")]
pub mod newer {}

#[doc = include_str!("../docs/ci.md")]
pub mod ci {}

#[doc = include_str!("../docs/turns.md")]
pub mod turns {}

#[doc = include_str!("../docs/speed.md")]
pub mod speed {}
