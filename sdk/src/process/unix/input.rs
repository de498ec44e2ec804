//! Our end of the CLI's stdin.

use std::io::{self, ErrorKind, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream as Socket;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::AsyncWrite;
use tokio::net::UnixStream;

/// A socket that is known to the runtime only while it is full.
///
/// The kernel would otherwise wake the runtime whenever the CLI reads something from it, so once more for each message.
pub(crate) struct Input {
    socket: Socket,
    /// The same socket, while it is full.
    full: Option<UnixStream>,
}

impl Input {
    pub(super) fn new(socket: Socket) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        Ok(Self { socket, full: None })
    }

    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match (&self.socket).write(bytes) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                written => return written,
            }
        }
    }
}

impl AsyncWrite for Input {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let full = match &mut this.full {
            Some(full) => full,
            None => match this.write(bytes) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    this.full.insert(UnixStream::from_std(this.socket.try_clone()?)?)
                }
                written => return Poll::Ready(written),
            },
        };
        let written = ready!(Pin::new(full).poll_write(context, bytes));
        this.full = None;
        Poll::Ready(written)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.socket.shutdown(Shutdown::Write))
    }
}

#[cfg(test)]
impl std::os::fd::AsRawFd for Input {
    fn as_raw_fd(&self) -> std::os::fd::RawFd {
        self.socket.as_raw_fd()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::UnixStream;

    use super::*;

    /// More than a socket holds arrives whole, then the end.
    #[tokio::test]
    async fn a_full_socket_is_waited_for() {
        let (ours, theirs) = Socket::pair().expect("sockets");
        theirs.set_nonblocking(true).expect("a setting");
        let mut theirs = UnixStream::from_std(theirs).expect("a socket");
        let (mut input, sent) = (Input::new(ours).expect("an input"), vec![7; 4 << 20]);
        let write = async {
            for _ in 0..2 {
                input.write_all(&sent).await.expect("a reader");
                assert!(input.full.is_none());
            }
            input.shutdown().await.expect("an end");
        };
        let mut received = Vec::new();
        let (_, read) = tokio::join!(write, theirs.read_to_end(&mut received));
        assert_eq!((read.expect("bytes"), received.len()), (8 << 20, 8 << 20));
    }

    #[tokio::test]
    async fn nobody_reads_any_more() {
        let (ours, theirs) = Socket::pair().expect("sockets");
        let mut input = Input::new(ours).expect("an input");
        drop(theirs);
        let error = input.write_all(b"text").await.expect_err("an error");
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    }
}
