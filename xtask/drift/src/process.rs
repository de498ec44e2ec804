//! Runs other programs, with a time limit.

use std::io::{self, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// The interval between two checks of a running program.
const TICK: Duration = Duration::from_millis(50);

/// The result of a program.
pub struct Output {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

/// Runs a program to its end, and stops it when it takes longer than `timeout`.
pub fn run(command: &mut Command, timeout: Option<Duration>) -> io::Result<Output> {
    let started = Instant::now();
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let mut child = Stopped(child);
    let stdout = drain(child.0.stdout.take());
    let stderr = drain(child.0.stderr.take());
    let status = loop {
        if let Some(status) = child.0.try_wait()? {
            break status;
        }
        if let Some(timeout) = timeout.filter(|timeout| started.elapsed() > *timeout) {
            let message = format!("it did not end within {} seconds", timeout.as_secs());
            return Err(io::Error::new(io::ErrorKind::TimedOut, message));
        }
        thread::sleep(TICK);
    };
    Ok(Output { status, stdout: collect(stdout), stderr: collect(stderr) })
}

/// A child that is killed when the value is dropped.
pub struct Stopped(pub Child);

impl Drop for Stopped {
    fn drop(&mut self) {
        // Both fail if the child has already exited.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Reads a pipe on another thread, so that the program never blocks on a full pipe.
fn drain(pipe: Option<impl Read + Send + 'static>) -> JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // The bytes before a read error are still useful.
            let _ = pipe.read_to_end(&mut bytes);
        }
        bytes
    })
}

fn collect(reader: JoinHandle<Vec<u8>>) -> String {
    let bytes = reader.join().unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}
