//! A stream of any bytes: the messages read from it do not depend on the pieces in which it arrives.
#![no_main]

use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use copilot_session::{Frame, Frames};
use libfuzzer_sys::fuzz_target;
use tokio::io::{AsyncRead, ReadBuf};

const LIMIT: usize = 1 << 10;

/// The most that is kept of a message above the limit.
const START_KEPT: usize = 8 << 10;

fuzz_target!(|data: &[u8]| {
    let Some((piece, stream)) = data.split_first() else { return };
    let whole = frames(stream, stream.len().max(1));
    // From 16 KiB on, junk is dropped while it arrives, so the rest depends on the pieces.
    if stream.len() < 16 << 10 {
        assert_eq!(whole, frames(stream, usize::from(*piece) + 1));
    }
    assert!(whole.iter().map(Vec::len).sum::<usize>() <= stream.len());
});

/// The messages of a stream that arrives in pieces of this size.
fn frames(stream: &[u8], piece: usize) -> Vec<Vec<u8>> {
    let mut frames = Frames::new(Pieces { left: stream, piece }, LIMIT);
    let mut found = Vec::new();
    loop {
        let next = match pin!(frames.next()).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(next) => next.expect("a stream without errors"),
            Poll::Pending => panic!("nothing to wait for"),
        };
        match next {
            Some(Frame::Message(body)) => {
                assert!(body.len() <= LIMIT);
                found.push(body.to_vec());
            }
            Some(Frame::TooLarge { length, start }) => {
                assert!(length > LIMIT as u64 && start.len() <= START_KEPT);
                found.push(start);
            }
            None => return found,
        }
        assert!(frames.buffered() <= 512 << 10);
    }
}

struct Pieces<'a> {
    left: &'a [u8],
    piece: usize,
}

impl AsyncRead for Pieces<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        to: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let (piece, left) = self.left.split_at(self.piece.min(self.left.len()).min(to.remaining()));
        to.put_slice(piece);
        self.left = left;
        Poll::Ready(Ok(()))
    }
}
