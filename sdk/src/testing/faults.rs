//! Faults of a CLI.

use std::time::Duration;

use serde_json::Value;

use super::{FakeCli, pipe};

impl FakeCli {
    /// Ends without a shutdown: it stops reading, and its stream closes after everything sent before. A
    /// fake that runs as a program exits with this status.
    pub fn die(&self, status: i32) {
        self.0.state().die(status);
    }

    /// Sends half of a message and [dies](Self::die).
    pub fn die_mid_message(&self, status: i32) {
        let mut bytes = pipe::frame(r#"{"jsonrpc":"2.0","method":"session.event","params":{}}"#);
        bytes.truncate(bytes.len() / 2);
        self.raw(bytes);
        self.die(status);
    }

    /// Sends bytes unchanged, for example bytes that are not a message.
    ///
    /// The client ignores text that is not a message, logs it with `tracing`, and continues. A call whose
    /// response was in that text waits for its [timeout](crate::ClientBuilder::call_timeout).
    pub fn raw(&self, bytes: impl Into<Vec<u8>>) {
        let bytes = bytes.into();
        self.0.state().send_bytes(Value::from(String::from_utf8_lossy(&bytes)), bytes);
    }

    /// Sends this text with a valid header. If it is not JSON, the client ignores and logs it, as for
    /// [`raw`](Self::raw). If the id is still readable, a call of the client fails with
    /// [`Error::Decode`](crate::Error::Decode), and a request to the client gets an error response.
    pub fn frame(&self, body: &str) {
        self.raw(pipe::frame(body));
    }

    /// Delays the responses to this method.
    pub fn delay(&self, method: &str, by: Duration) {
        self.0.state().delays.insert(method.to_owned(), by);
    }

    /// Closes the stream to the client after everything sent before.
    pub fn hang_up(&self) {
        self.0.state().hang_up();
    }

    /// Keeps the stream to the client open when the client closes its own.
    pub fn keep_open(&self) {
        self.0.state().keep_open = true;
    }

    /// Stops reading, so that the client's writes fail.
    pub fn stop_reading(&self) {
        self.0.state().stop_reading();
    }
}
