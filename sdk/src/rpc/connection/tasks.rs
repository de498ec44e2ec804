//! The two tasks of a connection.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;

use super::{Connection, Outgoing};
use crate::rpc::Closed;
use crate::rpc::frame::{self, Frame, Frames};
use crate::session::router::{self, Unreadable};

/// How long the reader is given to see the end of a stream that cannot be written any more.
const END: Duration = Duration::from_secs(1);

/// Closes the connection when one of its two tasks ends before it should, by a panic or since the runtime ends
/// that it was started on: nobody may wait for what only that task can bring.
pub(super) struct CloseOnDrop {
    connection: Arc<Connection>,
    armed: bool,
}

impl CloseOnDrop {
    pub fn new(connection: &Arc<Connection>) -> Self {
        Self { connection: Arc::clone(connection), armed: true }
    }

    /// Leaves the connection open.
    fn defuse(mut self) {
        self.armed = false;
    }
}

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        if !self.armed {
            return;
        }
        let reason = match std::thread::panicking() {
            true => "a task of the connection panicked",
            false => "the runtime is gone that the client was started on",
        };
        self.connection.close(Closed::new(reason));
    }
}

/// Reads messages until the stream ends. Runs no code of a user.
pub(super) async fn read<R: AsyncRead + Unpin>(mut frames: Frames<R>, open: CloseOnDrop) {
    let connection = &open.connection;
    let reason = loop {
        match frames.next().await {
            Ok(Some(Frame::Message(body))) => {
                if let Some(log) = &connection.wire_log {
                    log.received(body);
                }
                router::message(connection, body);
            }
            Ok(Some(Frame::TooLarge { length, start })) => {
                if let Some(log) = &connection.wire_log {
                    log.passed_over(length);
                }
                router::unreadable(connection, &start, Unreadable::TooLarge(length));
            }
            Ok(None) => break "the stream ended".to_owned(),
            Err(error) => break format!("the stream cannot be read: {error}"),
        }
    };
    let mut closed = Closed::new(reason);
    closed.stdout = connection.text.text();
    if let Some(process) = &connection.process {
        closed = process.diagnose(closed).await;
    }
    tracing::debug!(%closed, "connection closed");
    connection.close(closed);
}

/// Writes what is to go out until our side of the stream ends.
pub(super) async fn write<W: AsyncWrite + Unpin>(
    mut to: W,
    mut queue: mpsc::UnboundedReceiver<Outgoing>,
    open: CloseOnDrop,
) {
    let connection = &open.connection;
    let mut bytes = Vec::new();
    let mut more = true;
    while more {
        let Some(first) = queue.recv().await else { break };
        // All that waits goes out in one write.
        let mut next = Some(first);
        while let Some(outgoing) = next {
            match outgoing {
                Outgoing::Message(message) => frame::append(&mut bytes, &message),
                Outgoing::End => {
                    more = false;
                    break;
                }
            }
            next = queue.try_recv().ok();
        }
        let written = async {
            to.write_all(&bytes).await?;
            to.flush().await
        };
        if let Err(error) = written.await {
            // A CLI that ended takes nothing more, and the reader finds out why.
            drop(tokio::time::timeout(END, connection.closed()).await);
            connection.close(Closed::new(format!("the stream cannot be written: {error}")));
            break;
        }
        bytes.clear();
        bytes.shrink_to(64 << 10);
    }
    // A peer that is gone needs no end.
    drop(to.shutdown().await);
    // The reader sees the end of the connection.
    open.defuse();
}
