//! Gets at the schemas inside a CLI binary, which unpacks them to its cache when it starts.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::cli;
use crate::process::Stopped;

/// How long the first start may take, unpacking included.
const ANSWER_DEADLINE: Duration = Duration::from_secs(60);
/// How long the CLI may take to end by itself once its input is closed.
const EXIT_DEADLINE: Duration = Duration::from_secs(5);
/// No answer to the one request made here comes near this size.
const MAX_FRAME: usize = 16 << 20;
/// The id of the one request made here.
const REQUEST_ID: u64 = 1;

/// Unpacked schemas, which vanish with this value.
pub struct Unpacked {
    pub schemas: PathBuf,
    _temp: TempDir,
}

/// Starts a binary of the given version with empty folders of its own and finds what it unpacks.
pub fn schemas(binary: &Path, version: &str) -> Result<Unpacked> {
    let temp = tempfile::tempdir().context("cannot create a temporary folder")?;
    let log = temp.path().join("stderr");
    let answer = start_and_ask(binary, temp.path(), &log).with_context(|| {
        let said = fs::read_to_string(&log).unwrap_or_default();
        let last = said.lines().rev().find(|line| !line.trim().is_empty());
        let last = last.map_or(String::new(), |line| format!(" (it said: {})", line.trim()));
        format!("the Copilot CLI {version} did not start as a server{last}")
    })?;
    ensure!(
        answer["result"]["version"] == version,
        "the Copilot CLI {version} started as another version: {answer}"
    );
    let schemas = find(&temp.path().join("cache").join("pkg"), version)
        .with_context(|| format!("the Copilot CLI {version} did not unpack any schemas"))?;
    Ok(Unpacked { schemas, _temp: temp })
}

/// Runs the CLI as a server until it has answered one request: by then it is unpacked.
fn start_and_ask(binary: &Path, temp: &Path, log: &Path) -> Result<Value> {
    let mut command = Command::new(binary);
    cli::isolate(&mut command, temp);
    let child = command
        .args(["--server", "--stdio", "--no-auto-update", "--no-auto-login"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(File::create(log)?)
        .spawn()
        .context("cannot run it")?;
    let mut child = Stopped(child);
    let mut stdin = child.0.stdin.take().context("it has no input")?;
    let stdout = child.0.stdout.take().context("it has no output")?;
    let (sender, receiver) = mpsc::channel();
    // A read cannot be given a deadline, but waiting for another thread can.
    thread::spawn(move || sender.send(read_answer(&mut BufReader::new(stdout))));
    let request = json!({"jsonrpc": "2.0", "id": REQUEST_ID, "method": "status.get", "params": {}});
    stdin.write_all(frame(&request).as_bytes())?;
    stdin.flush()?;
    let answer = receiver
        .recv_timeout(ANSWER_DEADLINE)
        .map_err(|_| anyhow!("no answer within {} seconds", ANSWER_DEADLINE.as_secs()))??;
    drop(stdin);
    wait_for_exit(&mut child.0);
    Ok(answer)
}

/// Lets the CLI end by itself, so that it does not write into folders that are being removed.
fn wait_for_exit(child: &mut Child) {
    let started = Instant::now();
    while started.elapsed() < EXIT_DEADLINE && matches!(child.try_wait(), Ok(None)) {
        thread::sleep(Duration::from_millis(20));
    }
}

fn frame(message: &Value) -> String {
    let body = message.to_string();
    format!("Content-Length: {}\r\n\r\n{body}", body.len())
}

/// Reads messages until the answer to the request comes by.
fn read_answer(input: &mut impl BufRead) -> Result<Value> {
    loop {
        let message = read_message(input)?;
        if message["id"] == REQUEST_ID && message.get("method").is_none() {
            return Ok(message);
        }
    }
}

fn read_message(input: &mut impl BufRead) -> Result<Value> {
    let mut length = None;
    loop {
        let mut line = String::new();
        ensure!(input.read_line(&mut line)? > 0, "it ended without an answer");
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("Content-Length")
        {
            length = Some(value.trim().parse::<usize>()?);
        }
    }
    let Some(length) = length.filter(|length| *length <= MAX_FRAME) else {
        bail!("its output is not a stream of messages");
    };
    let mut body = vec![0; length];
    input.read_exact(&mut body)?;
    Ok(serde_json::from_slice(&body)?)
}

/// Finds `<platform>/<version>/schemas`, whatever the CLI calls the platform.
fn find(packages: &Path, version: &str) -> Option<PathBuf> {
    fs::read_dir(packages)
        .ok()?
        .flatten()
        .map(|platform| platform.path().join(version).join("schemas"))
        .find(|schemas| schemas.is_dir())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_is_picked_from_the_stream() -> Result<()> {
        let stream = [
            frame(&json!({"method": "log", "params": {"text": "ü"}})),
            frame(&json!({"id": 1, "method": "ask"})),
            frame(&json!({"id": 1, "result": {"version": "1.0.102"}})),
        ]
        .concat();
        let answer = read_answer(&mut stream.as_bytes())?;
        assert_eq!(answer["result"]["version"], "1.0.102");
        Ok(())
    }

    #[test]
    fn a_stream_that_ends_or_is_something_else_is_an_error() {
        for wrong in ["", "hello\r\n\r\n", "Content-Length: 9\r\n\r\n{}", "Content-Length: x\r\n\r\n"] {
            assert!(read_answer(&mut wrong.as_bytes()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_schemas_are_found_for_their_version() -> Result<()> {
        let temp = tempfile::tempdir()?;
        let schemas = temp.path().join("linux-x64").join("1.0.102").join("schemas");
        fs::create_dir_all(&schemas)?;
        assert_eq!(find(temp.path(), "1.0.102"), Some(schemas));
        assert_eq!(find(temp.path(), "1.0.81"), None);
        Ok(())
    }
}
