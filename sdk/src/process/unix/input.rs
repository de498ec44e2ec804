//! Our end of the CLI's stdin.

use std::io::{self, ErrorKind, Write};
use std::net::{Shutdown, TcpStream as Socket};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::AsyncWrite;
use tokio::net::TcpStream;

/// A socket that is known to the runtime only while it is full.
///
/// The kernel would otherwise wake the runtime whenever the CLI reads something from it, so once more for each message.
///
/// It is a Unix socket, in the type of a TCP socket: only by that type does every supported version of the standard
/// library write without SIGPIPE, which a CLI that has ended would cause, and which kills a program that has set it to
/// its default. On macOS no version does, since it sets an option for sockets of its own only.
pub(crate) enum Input {
    Free(Socket),
    Full(TcpStream),
    /// The runtime could not take the socket.
    Lost,
}

impl Input {
    pub(super) fn new(socket: UnixStream) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        Ok(Self::Free(OwnedFd::from(socket).into()))
    }

    fn take(&mut self) -> Self {
        std::mem::replace(self, Self::Lost)
    }
}

impl AsyncWrite for Input {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        loop {
            let written = match &mut *self {
                Self::Free(socket) => socket.write(bytes),
                Self::Full(socket) => ready!(Pin::new(socket).poll_write(context, bytes)),
                Self::Lost => Err(ErrorKind::NotConnected.into()),
            };
            let kind = written.as_ref().err().map(io::Error::kind);
            *self = match (self.take(), kind) {
                (Self::Free(socket), Some(ErrorKind::Interrupted)) => Self::Free(socket),
                (Self::Free(socket), Some(ErrorKind::WouldBlock)) => Self::Full(TcpStream::from_std(socket)?),
                (Self::Full(socket), _) => {
                    *self = Self::Free(socket.into_std()?);
                    return Poll::Ready(written);
                }
                (other, _) => {
                    *self = other;
                    return Poll::Ready(written);
                }
            };
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Free(socket) => Poll::Ready(socket.shutdown(Shutdown::Write)),
            Self::Full(socket) => Pin::new(socket).poll_shutdown(context),
            Self::Lost => Poll::Ready(Ok(())),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// More than a socket holds arrives whole, then the end.
    #[tokio::test]
    async fn a_full_socket_is_waited_for() {
        let (ours, theirs) = UnixStream::pair().expect("sockets");
        theirs.set_nonblocking(true).expect("a setting");
        let mut theirs = tokio::net::UnixStream::from_std(theirs).expect("a socket");
        let (mut input, sent) = (Input::new(ours).expect("an input"), vec![7; 4 << 20]);
        let write = async {
            for _ in 0..2 {
                input.write_all(&sent).await.expect("a reader");
                assert!(matches!(input, Input::Free(_)));
            }
            input.shutdown().await.expect("an end");
        };
        let mut received = Vec::new();
        let (_, read) = tokio::join!(write, theirs.read_to_end(&mut received));
        assert_eq!((read.expect("bytes"), received.len()), (8 << 20, 8 << 20));
    }

    #[tokio::test]
    async fn nobody_reads_any_more() {
        let (ours, theirs) = UnixStream::pair().expect("sockets");
        let mut input = Input::new(ours).expect("an input");
        drop(theirs);
        let error = input.write_all(b"text").await.expect_err("an error");
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    }
}
