//! The tasks of a connection: reader, writer, and timeouts. The reader runs no user code.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::task::JoinHandle;

use super::{Connection, Diagnose, Service};
use crate::rpc::frame::{Frame, Frames};
use crate::rpc::message::{self, Message, NoResult};
use crate::rpc::responder::Responder;
use crate::rpc::{Closed, RpcError};
use crate::runtime::on_drop::OnDrop;
use crate::wire::shared::Text;
use crate::wire::{DecodeError, peek, redact};

/// The notification that cancels a request.
const CANCEL: &str = "$/cancelRequest";

/// Time for the reader to see the end of a stream that cannot be written, and for the writer to end a closed one.
const END_TIMEOUT: Duration = Duration::from_secs(1);

/// Closes the connection if its reader or writer ends early, because of a panic or the end of the runtime.
/// Calls would otherwise wait forever.
pub(super) struct CloseOnDrop(pub Arc<Connection>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        let reason = match std::thread::panicking() {
            true => "a task of the connection panicked",
            false => "the runtime of the client has ended",
        };
        self.0.close(Closed::new(reason));
    }
}

/// Reads messages until the stream ends.
pub(super) async fn read<R: AsyncRead + Unpin, S: Service>(
    mut frames: Frames<R>,
    service: Arc<S>,
    diagnose: Option<Diagnose>,
    open: CloseOnDrop,
) {
    let CloseOnDrop(connection) = &open;
    let reason = loop {
        match frames.next().await {
            Ok(Some(Frame::Message(body))) => {
                if let Some(log) = &connection.wire_log {
                    log.received(&body);
                }
                receive(connection, &*service, body);
            }
            Ok(Some(Frame::TooLarge { length, start })) => {
                if let Some(log) = &connection.wire_log {
                    log.skipped(length);
                }
                let found = format!("{length} bytes, more than are accepted");
                let error = DecodeError::new("a smaller message", found);
                let start = String::from_utf8_lossy(&start);
                unreadable(connection, &*service, &start, RpcError::INVALID_REQUEST, error);
            }
            Ok(None) => break "the stream ended".to_owned(),
            Err(error) => break format!("the stream cannot be read: {error}"),
        }
    };
    let mut closed = Closed::new(reason);
    closed.stdout = connection.text();
    if let Some(diagnose) = diagnose {
        closed = diagnose(closed).await;
    }
    tracing::debug!(%closed, "connection closed");
    connection.close(closed);
}

/// Dispatches the messages of one frame. The result of a call keeps a body that is owned, and else gets a copy.
fn receive(connection: &Arc<Connection>, service: &impl Service, body: Cow<'_, [u8]>) {
    // `from_utf8_lossy` reads valid text more slowly.
    let lossy = |body: &[u8]| {
        tracing::warn!("received a message that is not valid UTF-8");
        String::from_utf8_lossy(body).into_owned()
    };
    match body {
        Cow::Borrowed(body) => match std::str::from_utf8(body) {
            Ok(text) => dispatch(connection, service, text, &|result| result.into()),
            Err(_) => dispatch(connection, service, &lossy(body), &|result| result.into()),
        },
        Cow::Owned(body) => {
            let text = String::from_utf8(body).unwrap_or_else(|error| lossy(error.as_bytes()));
            let text = Arc::new(text);
            // A small result would keep a large message in memory.
            let keep = |result: &str| match result.len() >= text.len() / 2 {
                true => Text::shared(&text, result),
                false => result.into(),
            };
            dispatch(connection, service, &text, &keep);
        }
    }
}

/// Dispatches the messages of a text. `keep` returns the text of a result to keep.
fn dispatch(connection: &Arc<Connection>, service: &impl Service, text: &str, keep: &dyn Fn(&str) -> Text) {
    if let Some((method, params)) = message::usual_notification(text) {
        if service.unchecked(method, params) {
            return;
        }
        if method != CANCEL && message::is_json(params) {
            return service.notification(method, params);
        }
    }
    if let Some((id, result)) = message::usual_response(text) {
        return connection.complete(id, || Ok(keep(result)));
    }
    message::each(text, |message| match message {
        Message::Response { id, result } => connection.complete(id, || result.map(keep)),
        Message::Notification { method, params } if method == CANCEL => {
            if let Ok([Some(id)]) = peek::pick(params, ["id"]) {
                connection.in_flight.cancel_id(id);
            }
        }
        Message::Notification { method, params } => service.notification(&method, params),
        Message::Request { id, method, params } => {
            service.request(&method, params, Responder::new(connection, id));
        }
        Message::Invalid { id } => {
            let error = RpcError::new(RpcError::INVALID_REQUEST, "not a JSON-RPC request");
            connection.respond(id, &Err(error));
        }
        Message::Unreadable(text, error) => {
            unreadable(connection, service, text, RpcError::PARSE_ERROR, error);
        }
    });
}

/// Reports a message that cannot be read to the call or the service that it belongs to, as far as its start
/// shows.
fn unreadable(
    connection: &Arc<Connection>,
    service: &impl Service,
    start: &str,
    code: i64,
    problem: DecodeError,
) {
    let [id, method, params, result, error] = peek::pick_start(start, message::KEYS);
    let is_request = method.is_some() || params.is_some();
    let is_response = result.is_some() || error.is_some();
    let (id, method) = (id.filter(|id| message::is_id(id)), method.and_then(peek::string));
    let shown = method.as_deref().map(redact::text);
    tracing::warn!(
        id,
        method = shown.as_deref(),
        found = problem.found(),
        "received a message that cannot be read"
    );
    if !is_request {
        if let (true, Some(Ok(id))) = (is_response, id.map(message::number)) {
            connection.complete(id, || Err(NoResult::Unreadable(problem)));
        }
        return;
    }
    let error = RpcError::new(code, format!("expected {}, found {}", problem.expected(), problem.found()));
    let responder = id.map(|id| Responder::new(connection, id));
    match (method, responder) {
        (Some(method), responder) => service.unreadable(&method, start, error, responder),
        (None, Some(responder)) => responder.respond(Err(error)),
        (None, None) => {}
    }
}

/// Fails overdue pending calls until the connection is closed. Then it ends the reader and the writer: a peer that goes
/// on must reach no handler any more, and one that reads nothing must not keep its stream open.
pub(super) async fn time_out(
    connection: Arc<Connection>,
    reader: JoinHandle<()>,
    mut writer: JoinHandle<()>,
) {
    while connection.closed.borrow().is_none() {
        let sooner = connection.look_sooner.notified();
        match connection.fail_overdue() {
            Some(next) => drop(tokio::time::timeout_at(next, sooner).await),
            None => sooner.await,
        }
    }
    reader.abort();
    if tokio::time::timeout(END_TIMEOUT, &mut writer).await.is_err() {
        writer.abort();
    }
}

/// Writes the messages of the outbox until our side of the stream is closed.
pub(super) async fn write<W: AsyncWrite + Unpin>(mut to: W, open: CloseOnDrop) {
    let CloseOnDrop(connection) = &open;
    let closed = OnDrop(|| connection.outbox.close());
    let (mut bytes, mut is_over) = (Vec::new(), false);
    while !is_over {
        // Everything that waits goes out in one write.
        is_over = std::future::poll_fn(|context| connection.outbox.poll_take(context, &mut bytes)).await;
        let written = async {
            to.write_all(&bytes).await?;
            to.flush().await
        };
        if let Err(error) = written.await {
            // The CLI has ended, and the reader finds out why.
            drop(tokio::time::timeout(END_TIMEOUT, connection.closed()).await);
            connection.close(Closed::new(format!("the stream cannot be written: {error}")));
            break;
        }
        bytes.clear();
        bytes.shrink_to(64 << 10);
    }
    // The peer may be gone.
    drop(to.shutdown().await);
    drop((to, closed));
    // The reader sees the end of the connection.
    connection.closed().await;
}
