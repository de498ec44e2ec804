//! Seeing from outside whether a process lives, without asking again and again.

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

/// A lifeline that no process has taken up yet.
pub struct Loose {
    pid: oneshot::Receiver<u32>,
    cut: oneshot::Receiver<Instant>,
}

/// A lifeline in this folder, and the shell's words to take it up.
pub fn lifeline(folder: &Path, name: &str) -> (String, Loose) {
    let pipe = folder.join(name);
    run("mkfifo", &[&pipe.to_string_lossy()]);
    let words = format!("exec 9>'{}'; echo $$ >&9", pipe.display());
    let (pid, told) = oneshot::channel();
    let (end, cut) = oneshot::channel();
    // Opening and reading block until the other side opens and closes, so they have a thread of their own.
    std::thread::spawn(move || {
        let mut pipe = BufReader::new(File::open(pipe).expect("the pipe"));
        let mut line = String::new();
        pipe.read_line(&mut line).expect("a line");
        // A test that has failed already listens to neither.
        let _ = pid.send(line.trim().parse().expect("a number"));
        pipe.read_to_end(&mut Vec::new()).expect("the end");
        let _ = end.send(Instant::now());
    });
    (words, Loose { pid: told, cut })
}

/// A program in this folder that becomes the CLI with a lifeline in its hands.
pub fn program(folder: &Path) -> (PathBuf, Loose) {
    program_after(folder, ":")
}

/// The same, with these words for the shell before all.
pub fn program_after(folder: &Path, words: &str) -> (PathBuf, Loose) {
    let (take, loose) = lifeline(folder, "cli.lifeline");
    let program = folder.join("copilot");
    script(&program, &format!("{words}; {take}; exec '{}' \"$@\"", cli_path().display()));
    (program, loose)
}

impl Loose {
    /// Waits for a process to take it up.
    pub async fn taken(self) -> Lifeline {
        let pid = soon("the process to start", self.pid).await.expect("its id");
        Lifeline { pid, cut: self.cut }
    }
}

impl Lifeline {
    /// Waits until the process is gone, however that comes, and says since when.
    pub async fn cut(self, whose: &str) -> Instant {
        soon(&format!("{whose} to end"), self.cut).await.expect("the end of its lifeline")
    }

    /// As [`Lifeline::cut`], without giving other tasks a turn.
    pub fn cut_meanwhile(mut self) {
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

    /// Whether there is a process with its id.
    pub fn is_alive(&self) -> bool {
        let output = Command::new("kill").args(["-0", &self.pid.to_string()]).output();
        output.expect("`kill` runs").status.success()
    }

    /// Kills the process as the system does when memory runs out.
    pub fn kill(&self) {
        run("kill", &["-KILL", &self.pid.to_string()]);
    }

    /// Keeps the process from doing anything more.
    pub fn freeze(&self) {
        run("kill", &["-STOP", &self.pid.to_string()]);
    }
}

/// Makes a shell script. Another process writes it: a file that this one has open for writing might be
/// handed to a child of another test, and the system does not run a file while it is.
pub fn script(path: &Path, text: &str) {
    let write = r#"printf '#!/bin/sh\n%s\n' "$1" > "$2" && chmod +x "$2""#;
    run("sh", &["-c", write, "sh", text, &path.to_string_lossy()]);
}

/// Runs a program of the system.
pub fn run(program: &str, arguments: &[&str]) {
    let status = Command::new(program).args(arguments).status();
    assert!(status.expect("a system program").success(), "{program} {arguments:?} failed");
}
