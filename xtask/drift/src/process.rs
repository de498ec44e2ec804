//! Runs other programs, with limits of time and of output.

use std::io::{self, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// The interval between two checks of a running program.
const TICK: Duration = Duration::from_millis(50);

/// The bytes that are kept of each output; what comes after them is dropped.
const MOST: u64 = 16 << 20;

/// The result of a program.
pub struct Output {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

/// Runs a program to the end of itself and of its output, which others that it started may hold open. Stops it when
/// that takes longer than `timeout`.
pub fn run(command: &mut Command, timeout: Option<Duration>) -> io::Result<Output> {
    let started = Instant::now();
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let mut child = Stopped(child);
    let stdout = drain(child.0.stdout.take());
    let stderr = drain(child.0.stderr.take());
    let status = loop {
        let ended = child.0.try_wait()?;
        if let Some(status) = ended.filter(|_| stdout.is_finished() && stderr.is_finished()) {
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
            let _ = pipe.by_ref().take(MOST).read_to_end(&mut bytes);
            let _ = io::copy(&mut pipe, &mut io::sink());
        }
        bytes
    })
}

fn collect(reader: JoinHandle<Vec<u8>>) -> String {
    let bytes = reader.join().unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn shell(script: &str, timeout: Duration) -> io::Result<Output> {
        run(Command::new("sh").args(["-c", script]), Some(timeout))
    }

    #[test]
    fn output_that_is_left_open_is_awaited_for_the_same_time() -> io::Result<()> {
        let open = "sleep 2 & echo";
        let error = shell(open, Duration::from_millis(200)).err().map(|error| error.kind());
        assert_eq!(error, Some(io::ErrorKind::TimedOut));
        let late = shell("(sleep 0.2; echo late) & echo early", Duration::from_secs(60))?;
        assert_eq!((late.stdout.as_str(), late.status.success()), ("early\nlate\n", true));
        Ok(())
    }

    #[test]
    fn output_is_kept_up_to_its_limit() -> io::Result<()> {
        let long = shell(&format!("head -c {} /dev/zero; echo no >&2", MOST + 1), Duration::from_secs(60))?;
        assert_eq!((long.stdout.len() as u64, long.stderr.as_str()), (MOST, "no\n"));
        Ok(())
    }
}
