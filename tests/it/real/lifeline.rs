//! Seeing from outside whether a process of the CLI lives, without asking again and again.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::Command;

use copilot_session_tests::cli::cli_path;
use tokio::sync::oneshot;

use super::rig::soon;

/// A pipe that the CLI holds open from its first moment to its last, and what came through it.
pub struct Lifeline {
    pid: u32,
    cut: oneshot::Receiver<()>,
}

/// A lifeline that the CLI has not taken up yet.
pub struct Loose {
    pid: oneshot::Receiver<u32>,
    cut: oneshot::Receiver<()>,
}

/// A program in this folder that becomes the CLI with a lifeline in its hands.
pub fn program(folder: &Path) -> (PathBuf, Loose) {
    let (pipe, program) = (folder.join("lifeline"), folder.join("copilot"));
    run("mkfifo", &[&pipe.to_string_lossy()]);
    script(&program, &format!("exec 9>'{}'; echo $$ >&9; exec '{}' \"$@\"", pipe.display(), cli_path().display()));
    let (pid, told) = oneshot::channel();
    let (end, cut) = oneshot::channel();
    // Opening and reading block until the other side opens and closes, so they have a thread of their own.
    std::thread::spawn(move || {
        let mut pipe = BufReader::new(File::open(pipe).expect("the pipe"));
        let mut line = String::new();
        pipe.read_line(&mut line).expect("a line");
        // A test that has failed already listens to neither.
        drop(pid.send(line.trim().parse().expect("a number")));
        pipe.read_to_end(&mut Vec::new()).expect("the end");
        drop(end.send(()));
    });
    (program, Loose { pid: told, cut })
}

impl Loose {
    /// Waits for the CLI to take it up.
    pub async fn taken(self) -> Lifeline {
        let pid = soon("the CLI to start", self.pid).await.expect("its process id");
        Lifeline { pid, cut: self.cut }
    }
}

impl Lifeline {
    /// Waits until the process is gone, however that comes.
    pub async fn cut(&mut self) {
        soon("the CLI's process to end", &mut self.cut).await.expect("the end of its lifeline");
    }

    /// Whether the process is there.
    pub fn is_alive(&self) -> bool {
        is_alive(self.pid)
    }

    /// Kills the process as the system does when memory runs out.
    pub fn kill(&self) {
        run("kill", &["-KILL", &self.pid.to_string()]);
    }
}

/// Whether there is a process with this id.
pub fn is_alive(pid: u32) -> bool {
    let output = Command::new("kill").args(["-0", &pid.to_string()]).output();
    output.expect("`kill` runs").status.success()
}

/// Makes a shell script. Another process writes it: a file that this one has open for writing might be
/// handed to a child of another test, and the system does not run a file while it is.
pub fn script(path: &Path, text: &str) {
    let write = r#"printf '#!/bin/sh\n%s\n' "$1" > "$2" && chmod +x "$2""#;
    run("sh", &["-c", write, "sh", text, &path.to_string_lossy()]);
}

fn run(program: &str, arguments: &[&str]) {
    let status = Command::new(program).args(arguments).status();
    assert!(status.expect("a system program").success(), "{program} {arguments:?} failed");
}
