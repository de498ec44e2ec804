//! The state of a client, which its handles and its sessions share.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::call::{Caller, peer::Peer};
use crate::process::Process;
use crate::rpc::Closed;
use crate::rpc::connection::{Connection, STOPPED};
use crate::runtime::{aside::caught, spawn};
use crate::session::router::Router;
use crate::trace::context::TraceContext;
use crate::types::ModelList;

/// A closure that returns the current trace context.
pub(crate) type TraceProvider = Arc<dyn Fn() -> Option<TraceContext> + Send + Sync>;

/// A client. Its clones and its sessions share it. Dropping the last reference ends the connection, with calls and turns
/// that are still waiting, within [`END_TIMEOUT`], and the CLI if this client started it.
pub(crate) struct Host {
    pub caller: Caller,
    pub router: Arc<Router>,
    pub trace: Option<TraceProvider>,
    /// None if this client did not start the CLI.
    pub process: Option<Process>,
    /// None unless the connection is over TCP.
    pub address: Option<SocketAddr>,
    /// The secret of the CLI on TCP, if this client sent one.
    pub token: Option<String>,
    /// The result of the last `models.list`.
    pub models: Mutex<Option<Arc<ModelList>>>,
}

impl Host {
    /// Fills in the current trace context, unless the request has one. It has none if the closure panics.
    pub fn trace(&self, parent: &mut Option<String>, state: &mut Option<String>) {
        if parent.is_none()
            && let Some(trace) = self.trace.as_ref().and_then(|current| caught(|| current())?)
        {
            *parent = Some(trace.traceparent().to_owned());
            *state = trace.tracestate().map(str::to_owned);
        }
    }

    pub fn peer(&self) -> &Arc<Peer> {
        &self.caller.peer
    }

    pub fn connection(&self) -> &Arc<Connection> {
        &self.peer().connection
    }
}

/// The longest time from the end of our side of a connection to its end.
const END_TIMEOUT: Duration = Duration::from_secs(10);

impl Drop for Host {
    fn drop(&mut self) {
        let connection = Arc::clone(self.connection());
        connection.end();
        let runtime = connection.runtime.clone();
        // A peer that does not end would keep the streams open.
        spawn(&runtime, async move {
            if tokio::time::timeout(END_TIMEOUT, connection.closed()).await.is_err() {
                connection.close(Closed::new(STOPPED));
            }
        });
    }
}
