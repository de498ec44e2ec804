//! JSON-RPC 2.0 over a byte stream.

pub(crate) mod connection;
pub(crate) mod error;
pub(crate) mod frame;
pub(crate) mod in_flight;
pub(crate) mod message;
mod method;
pub(crate) mod outbox;
pub(crate) mod responder;
pub(crate) mod wire_log;

pub use error::{Closed, RpcError};
#[cfg(feature = "testing")]
pub use method::ServerMethod;
pub use method::{ClientMethod, Notification};
