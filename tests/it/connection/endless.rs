//! A peer that does not end its side of the connection.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use copilot_session::Client;
use copilot_session::testing::FakeCli;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::sync::oneshot;

use super::ending::soon;

/// A stream that its peer never ends. It takes nothing more once `is_full` is set.
struct Endless {
    stream: Option<DuplexStream>,
    is_full: Arc<AtomicBool>,
    /// Gets the stream when the client drops it, so that the peer does not see that.
    left: Option<oneshot::Sender<DuplexStream>>,
}

impl Endless {
    fn new(stream: DuplexStream) -> (Self, Arc<AtomicBool>, oneshot::Receiver<DuplexStream>) {
        let (is_full, (left, is_left)) = (Arc::<AtomicBool>::default(), oneshot::channel());
        (Self { stream: Some(stream), is_full: Arc::clone(&is_full), left: Some(left) }, is_full, is_left)
    }

    fn stream(&mut self) -> Pin<&mut DuplexStream> {
        Pin::new(self.stream.as_mut().expect("a stream"))
    }
}

impl Drop for Endless {
    fn drop(&mut self) {
        let (left, stream) = (self.left.take().expect("one drop"), self.stream.take().expect("a stream"));
        drop(left.send(stream));
    }
}

impl AsyncRead for Endless {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        to: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.stream().poll_read(context, to)
    }
}

impl AsyncWrite for Endless {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.is_full.load(Ordering::Relaxed) {
            true => Poll::Pending,
            false => self.stream().poll_write(context, bytes),
        }
    }
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_flush(context)
    }
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// A peer that does not end its streams, and may have stopped to read, does not keep the tasks of a client that was
/// stopped or dropped.
#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_end() {
    for (stops, is_full) in [(true, false), (true, true), (false, false), (false, true)] {
        let fake = FakeCli::start();
        let (from, to) = fake.streams();
        let (from, _, from_left) = Endless::new(from);
        let (to, full, to_left) = Endless::new(to);
        let client = Client::builder().connect(from, to).await.expect("the handshake");
        let session = client.session().approve_all().create().await.expect("a session");
        full.store(is_full, Ordering::Relaxed);
        if stops {
            client.stop().await;
        }
        drop((client, session));
        let _from = soon("the reader", from_left).await.expect("the stream");
        let _to = soon("the writer", to_left).await.expect("the stream");
        fake.hang_up();
    }
}
