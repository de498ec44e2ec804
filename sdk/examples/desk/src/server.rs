//! Serves connections, a limited number at a time, until it is stopped.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use crate::auth::Known;

/// The limits of a server.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The most connections at a time.
    pub connections: usize,
    /// The longest time in which a connection may send no request.
    pub silence: Duration,
    /// The longest time that connections get to finish their work after the server was stopped.
    pub farewell: Duration,
}

impl Default for Limits {
    /// Far more connections than browsers open, and fewer than the files that a program may usually have open.
    fn default() -> Self {
        Self { connections: 256, silence: Duration::from_secs(10), farewell: Duration::from_secs(3) }
    }
}

/// The connections, from the oldest on.
#[derive(Default)]
struct Connections {
    next: u64,
    open: BTreeMap<u64, (Known, AbortHandle)>,
}

/// Serves the routes until `stop` is cancelled.
pub async fn serve(listener: TcpListener, routes: Router, limits: Limits, stop: CancellationToken) {
    let (connections, graceful) = (Arc::<Mutex<Connections>>::default(), GracefulShutdown::new());
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => break,
        };
        match accepted {
            Ok((stream, _)) => admit(stream, &routes, limits, &connections, &graceful),
            // Such as too many open files: it passes when connections end.
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
    drop(listener);
    drop(tokio::time::timeout(limits.farewell, graceful.shutdown()).await);
    lock(&connections).open.values().for_each(|(_, task)| task.abort());
}

/// Serves a connection. If there are too many, the oldest that has not shown the token gives way, so that strangers
/// cannot lock the owner out. If all have shown it, this one is closed.
fn admit(
    stream: TcpStream,
    routes: &Router,
    limits: Limits,
    connections: &Arc<Mutex<Connections>>,
    graceful: &GracefulShutdown,
) {
    let mut table = lock(connections);
    if table.open.len() >= limits.connections {
        let stranger = table.open.iter().find(|(_, (known, _))| !known.get()).map(|(id, _)| *id);
        let Some((_, task)) = stranger.and_then(|id| table.open.remove(&id)) else { return };
        task.abort();
    }
    let (known, routes) = (Known::default(), routes.clone());
    let shown = known.clone();
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(shown.clone());
        let answering = routes.clone().oneshot(request);
        async move { Ok::<_, Infallible>(answering.await.unwrap_or_else(|never| match never {})) }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(limits.silence);
    let serving = graceful.watch(http.serve_connection(TokioIo::new(stream), service));
    let id = table.next;
    table.next += 1;
    let all = Arc::clone(connections);
    let task = tokio::spawn(async move {
        // A connection that breaks does not concern the others.
        drop(serving.await);
        lock(&all).open.remove(&id);
    });
    table.open.insert(id, (known, task.abort_handle()));
}

fn lock(connections: &Mutex<Connections>) -> MutexGuard<'_, Connections> {
    connections.lock().unwrap_or_else(PoisonError::into_inner)
}
