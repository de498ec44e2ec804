//! The client as its sessions know it.

use std::sync::Arc;

use crate::call::Caller;
use crate::call::peer::Peer;
use crate::process::Process;
use crate::rpc::connection::Connection;
use crate::runtime::aside::caught;
use crate::session::router::Router;
use crate::trace_context::TraceContext;
use crate::version::CliVersion;

/// Finds out what a request is part of.
pub(crate) type TraceProvider = Arc<dyn Fn() -> Option<TraceContext> + Send + Sync>;

/// The client as its sessions know it. The last share ends the connection, and the CLI with it if we started it.
pub(crate) struct Host {
    pub caller: Caller,
    pub router: Arc<Router>,
    pub version: CliVersion,
    pub trace: Option<TraceProvider>,
    /// None for a CLI that we did not start.
    pub process: Option<Process>,
}

impl Host {
    /// Returns what a request that is made now is part of. A provider that panics knows nothing.
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
