//! What can go wrong with a CLI.

use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::Value;

use super::FakeCli;
use super::pipe::{self, Outgoing};
use crate::runtime::lock;

impl FakeCli {
    /// Ends at once, without a goodbye: it reads nothing more, and its stream ends after what was said
    /// before. A fake that is a process ends with this status.
    pub fn die(&self, status: i32) {
        self.0.die(status);
    }

    /// Begins a message, and [dies](Self::die) in the middle of it.
    pub fn die_within_a_message(&self, status: i32) {
        let mut bytes = pipe::frame(br#"{"jsonrpc":"2.0","method":"session.event","params":{}}"#);
        bytes.truncate(bytes.len() / 2);
        self.raw(bytes);
        self.die(status);
    }

    /// Sends bytes as they are, such as ones that are no message.
    ///
    /// The client passes over what is no message, logs it by `tracing`, and lives on. A call whose answer was
    /// among that waits for all of its two minutes, or as [`Call::within`](crate::Call::within) says.
    pub fn raw(&self, bytes: impl Into<Vec<u8>>) {
        let bytes = bytes.into();
        self.0.say(Value::String(String::from_utf8_lossy(&bytes).into_owned()), bytes);
    }

    /// Sends this text with a right header. What is no JSON is passed over and logged, as by
    /// [`raw`](Self::raw); but where the id can still be told, a call of the client fails with
    /// [`Error::Decode`](crate::Error::Decode), and a request to it is answered with an error.
    pub fn frame(&self, body: &str) {
        self.raw(pipe::frame(body.as_bytes()));
    }

    /// Answers this method later by this time.
    pub fn delay(&self, method: &str, by: Duration) {
        lock(&self.0.delays).insert(method.to_owned(), by);
    }

    /// Ends the stream to the client after what was sent before.
    pub fn hang_up(&self) {
        self.0.queue(Outgoing::HangUp);
    }

    /// Keeps the stream to the client open when the client ends its own.
    pub fn stay(&self) {
        self.0.stays.store(true, Ordering::Relaxed);
    }

    /// Reads no more, so that what the client writes fails.
    pub fn deafen(&self) {
        self.0.deafen();
    }
}
