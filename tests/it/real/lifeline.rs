//! A way to see when a process ends, without polling.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use copilot_session_tests::cli::cli_path;
use tokio::sync::oneshot;

use super::rig::{PATIENCE, soon};

/// A pipe that a process holds open from its first moment to its last.
pub struct Lifeline {
    pid: u32,
    cut: oneshot::Receiver<Instant>,
}

/// A lifeline that no process holds yet.
pub struct Loose {
    pid: oneshot::Receiver<u32>,
    cut: oneshot::Receiver<Instant>,
}

/// A lifeline in this folder, and the shell commands by which a process takes it.
pub fn lifeline(folder: &Path, name: &str) -> (String, Loose) {
    let pipe = folder.join(name);
    run("mkfifo", &[&pipe.to_string_lossy()]);
    let words = format!("exec 9>'{}'; echo $$ >&9", pipe.display());
    let (pid, process) = oneshot::channel();
    let (end, cut) = oneshot::channel();
    // Opening and reading block until the other side opens and closes, so they have a thread of their own.
    std::thread::spawn(move || {
        let mut pipe = BufReader::new(File::open(pipe).expect("the pipe"));
        let mut line = String::new();
        pipe.read_line(&mut line).expect("a line");
        // A test that has failed has dropped the receivers.
        let _ = pid.send(line.trim().parse().expect("a number"));
        pipe.read_to_end(&mut Vec::new()).expect("the end");
        let _ = end.send(Instant::now());
    });
    (words, Loose { pid: process, cut })
}

/// A program in this folder that takes a lifeline and then becomes the CLI.
pub fn program(folder: &Path) -> (PathBuf, Loose) {
    program_after(folder, ":")
}

/// The same, with these shell commands first.
pub fn program_after(folder: &Path, words: &str) -> (PathBuf, Loose) {
    let (take, loose) = lifeline(folder, "cli.lifeline");
    let program = folder.join("copilot");
    script(&program, &format!("{words}; {take}; exec '{}' \"$@\"", cli_path().display()));
    (program, loose)
}

impl Loose {
    /// Waits until a process holds it.
    pub async fn taken(self) -> Lifeline {
        let pid = soon("the process to start", self.pid).await.expect("its id");
        Lifeline { pid, cut: self.cut }
    }
}

impl Lifeline {
    /// Waits until the process has ended, in whatever way, and returns the time.
    pub async fn cut(self, whose: &str) -> Instant {
        soon(&format!("{whose} to end"), self.cut).await.expect("the end of its lifeline")
    }

    /// The same as [`Lifeline::cut`], but without letting other tasks run.
    pub fn block_until_cut(mut self) {
        let start = Instant::now();
        while self.cut.try_recv().is_err() {
            assert!(start.elapsed() < PATIENCE, "waited {PATIENCE:?} for the process to end");
            std::thread::yield_now();
        }
    }

    /// The process's id.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Returns true if a process with its id exists.
    pub fn is_alive(&self) -> bool {
        let output = Command::new("kill").args(["-0", &self.pid.to_string()]).output();
        output.expect("`kill`").status.success()
    }

    /// Kills the process, as the system does when memory runs out.
    pub fn kill(&self) {
        run("kill", &["-KILL", &self.pid.to_string()]);
    }

    /// Stops the process without ending it.
    pub fn freeze(&self) {
        run("kill", &["-STOP", &self.pid.to_string()]);
    }
}

/// Writes a shell script by another process: if this process had the file open for writing, a child of
/// another test might inherit it, and the system runs no file that is open for writing.
pub fn script(path: &Path, text: &str) {
    let write = r#"printf '#!/bin/sh\n%s\n' "$1" > "$2" && chmod +x "$2""#;
    run("sh", &["-c", write, "sh", text, &path.to_string_lossy()]);
}

/// Runs a program of the system.
pub fn run(program: &str, arguments: &[&str]) {
    let status = Command::new(program).args(arguments).status();
    assert!(status.expect("a system program").success(), "{program} {arguments:?} failed");
}
