//! The messages that wait to be written, framed already.
//!
//! Unbounded: each is a call whose caller waits, or a response, which must neither be lost nor block the reader.

use std::sync::Mutex;
use std::task::{Context, Poll, Waker};

use crate::rpc::frame;
use crate::runtime::lock;

#[derive(Default)]
pub(crate) struct Outbox(Mutex<State>);

#[derive(Default)]
struct State {
    bytes: Vec<u8>,
    /// True once our side of the stream is to be closed. Later messages are not written.
    is_over: bool,
    /// True once nothing more is taken out.
    is_closed: bool,
    /// The writer, if it waits for messages.
    writer: Option<Waker>,
}

impl Outbox {
    /// Adds a message, from the pieces of its JSON. Returns false if the writer has ended.
    pub fn push(&self, pieces: &[&str]) -> bool {
        self.change(|state| {
            if !state.is_over && !state.is_closed {
                frame::append(&mut state.bytes, pieces);
            }
            !state.is_closed
        })
    }

    /// Closes our side of the stream after everything added before.
    pub fn end(&self) {
        self.change(|state| state.is_over = true);
    }

    /// Returns true once our side of the stream is closed, or is to be.
    pub fn is_over(&self) -> bool {
        lock(&self.0).is_over
    }

    /// Drops what is left and everything added later.
    pub fn close(&self) {
        let mut state = lock(&self.0);
        state.is_closed = true;
        state.bytes = Vec::new();
    }

    /// Waits for messages and exchanges them for `taken`, which must be empty. Returns true if they are the last.
    pub fn poll_take(&self, context: &mut Context<'_>, taken: &mut Vec<u8>) -> Poll<bool> {
        let mut state = lock(&self.0);
        if state.bytes.is_empty() && !state.is_over {
            // The waker is that of our own task.
            state.writer = Some(context.waker().clone());
            return Poll::Pending;
        }
        std::mem::swap(&mut state.bytes, taken);
        Poll::Ready(state.is_over)
    }

    /// Changes the state and wakes the writer after releasing the lock.
    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = lock(&self.0);
        let result = change(&mut state);
        let writer = state.writer.take();
        drop(state);
        if let Some(writer) = writer {
            writer.wake();
        }
        result
    }
}
