//! The client, as seen by its sessions.

use std::sync::Arc;

use crate::call::Caller;
use crate::call::peer::Peer;
use crate::process::Process;
use crate::rpc::connection::Connection;
use crate::runtime::aside::caught;
use crate::session::router::Router;
use crate::trace_context::TraceContext;
use crate::version::CliVersion;

/// A closure that returns the current trace context.
pub(crate) type TraceProvider = Arc<dyn Fn() -> Option<TraceContext> + Send + Sync>;

/// The part of a client that its sessions use. Dropping the last reference ends the connection, and the CLI if this
/// client started it.
pub(crate) struct Host {
    pub caller: Caller,
    pub router: Arc<Router>,
    pub version: CliVersion,
    pub trace: Option<TraceProvider>,
    /// None if this client did not start the CLI.
    pub process: Option<Process>,
}

impl Host {
    /// Returns the current trace context; none if the closure panics.
    pub fn trace_context(&self) -> Option<TraceContext> {
        let provider = self.trace.as_ref()?;
        caught(|| provider())?
    }

    pub fn peer(&self) -> &Arc<Peer> {
        self.caller.peer()
    }

    pub fn connection(&self) -> &Arc<Connection> {
        self.peer().connection()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.connection().end();
    }
}
