//! No secret is shown: not by `Debug`, not in errors, not in the program's log, not in the wire log.

mod debug;
mod same;
pub(crate) mod tracing;
mod wire_log;
mod writers;

use std::io::Write;
use std::sync::{Arc, Mutex};

/// The secret, which must not be shown.
const SECRET: &str = "SECRETSECRET";

/// A file in memory.
#[derive(Clone, Default)]
pub(crate) struct File(Arc<Mutex<Vec<u8>>>);

impl Write for File {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("the file").write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl File {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().expect("the file").clone()).expect("text")
    }
}
