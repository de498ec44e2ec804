//! Tests with real command shells. All of them hold the same stdout, so its end is the end of them all.

use std::env;
use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::process::Stdio;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{ChildStdin, ChildStdout};
use tokio::runtime::Builder;
use tokio::time::timeout;

use super::super::{Launch, Process, ShutdownTimes, spawn};
use super::*;

/// Longer than any step here takes on a loaded machine.
const LONG: Duration = Duration::from_secs(60);
/// Shorter than a process that does not exit runs.
const SHORT: Duration = Duration::from_millis(20);

/// Another shell, which runs while it can read our pipe.
const NESTED: &str = "cmd /q /d& exit 5";

/// The command shell.
fn shell() -> OsString {
    env::var_os("ComSpec").expect("Windows says where its shell is")
}

/// The shell with this command line.
fn cmd(line: &str) -> Launch {
    let args = ["/q", "/d", "/c", line].map(Into::into).to_vec();
    let env = vec![("ADDED".into(), Some("added".into()))];
    Launch { program: Some(shell().into()), args, env, ..Launch::default() }
}

/// Time limits in which every kill succeeds.
fn times(grace: Duration) -> ShutdownTimes {
    ShutdownTimes { grace, terminate: LONG, kill: LONG }
}

/// Awaits a future that must complete.
async fn soon<T>(future: impl Future<Output = T>) -> T {
    timeout(LONG, future).await.expect("it takes too long")
}

/// Waits for a line of stdout, past the banner and the prompts of shells.
async fn until_line(stdout: &mut BufReader<ChildStdout>, end: &str) {
    let mut line = String::new();
    while !line.trim_end().ends_with(end) {
        line.clear();
        let count = soon(stdout.read_line(&mut line)).await.expect("stdout is readable");
        assert!(count > 0, "stdout ends before: {end}");
    }
}

/// Starts a command line that starts another shell, and waits until that runs.
async fn with_grandchild(line: &str) -> (Process, ChildStdin, BufReader<ChildStdout>) {
    let (process, mut stdin, stdout) = spawn(&cmd(line)).expect("it starts");
    let mut stdout = BufReader::new(stdout);
    stdin.write_all(b"echo is-%ADDED%\r\n").await.expect("the pipe is open");
    until_line(&mut stdout, "is-added").await;
    (process, stdin, stdout)
}

/// Waits until no process holds stdout.
async fn all_exited(mut stdout: BufReader<ChildStdout>) {
    soon(stdout.read_to_end(&mut Vec::new())).await.expect("stdout is readable");
}

#[tokio::test]
async fn a_normal_exit_has_its_code_and_stderr() {
    let (process, _stdin, _stdout) = spawn(&cmd("echo last words>&2& exit 3")).expect("it starts");
    assert_eq!(soon(process.watcher.exited()).await, Exit { code: Some(3), signal: None });
    assert_eq!(process.watcher.stderr.text(), "last words\r\n");
}

#[tokio::test]
async fn a_shutdown_waits_for_the_child_to_exit_by_itself() {
    let (process, stdin, stdout) = with_grandchild(NESTED).await;
    drop(stdin);
    assert_eq!(soon(process.shutdown(times(LONG))).await.code, Some(5));
    all_exited(stdout).await;
}

#[tokio::test]
async fn a_child_that_ignores_the_end_of_stdin_is_killed() {
    let (process, stdin, stdout) = spawn(&cmd("echo ready& for /l %i in () do @rem")).expect("it starts");
    let mut stdout = BufReader::new(stdout);
    until_line(&mut stdout, "ready").await;
    drop(stdin);
    assert_eq!(soon(process.shutdown(times(SHORT))).await, Exit { code: Some(1), signal: None });
    all_exited(stdout).await;
}

#[tokio::test]
async fn a_kill_ends_the_child_and_its_children() {
    let (process, _stdin, stdout) = with_grandchild(NESTED).await;
    process.group.kill();
    assert_eq!(soon(process.watcher.exited()).await, Exit { code: Some(1), signal: None });
    all_exited(stdout).await;
    // Once more, for a job without processes.
    process.group.kill();
}

#[tokio::test]
async fn a_normal_exit_ends_the_children_of_the_child() {
    let (process, _stdin, stdout) = spawn(&cmd("start /b cmd /q /d& exit 4")).expect("it starts");
    assert_eq!(soon(process.watcher.exited()).await.code, Some(4));
    all_exited(BufReader::new(stdout)).await;
}

#[tokio::test]
async fn dropping_ends_the_child_and_its_children() {
    let (process, _stdin, stdout) = with_grandchild(NESTED).await;
    drop(process);
    all_exited(stdout).await;
}

/// If the child did not end, this would wait forever: on Windows threads read the pipes of children, and a
/// runtime waits for its threads.
#[test]
fn the_end_of_the_runtime_ends_them_too() {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (process, _stdin, stdout) = runtime.block_on(with_grandchild(NESTED));
    let mut stdout = File::from(stdout.into_inner().into_owned_handle().expect("it has no pending read"));
    drop(runtime);
    let (sender, gone) = mpsc::channel();
    thread::spawn(move || sender.send(stdout.read_to_end(&mut Vec::new()).is_ok()));
    assert_eq!(gone.recv_timeout(LONG), Ok(true));
    let runtime = Builder::new_current_thread().build().expect("a runtime");
    assert_eq!(runtime.block_on(process.watcher.exited()), Exit::default());
}

/// When this program is killed, the system closes the handle, and the job has not been terminated before.
#[tokio::test]
async fn the_last_handle_takes_the_job_with_it() {
    let job = Job::new().expect("a job");
    let mut command = tokio::process::Command::new(shell());
    command.args(["/q", "/d", "/c", NESTED]).creation_flags(CREATE_NO_WINDOW | CREATE_SUSPENDED);
    command.env("ADDED", "added").stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    job.adopt(&child).and_then(|()| job::resume(&child)).expect("it goes on");
    let mut stdin = child.stdin.take().expect("a pipe");
    let mut stdout = BufReader::new(child.stdout.take().expect("a pipe"));
    stdin.write_all(b"echo is-%ADDED%\r\n").await.expect("the pipe is open");
    until_line(&mut stdout, "is-added").await;
    drop(job);
    all_exited(stdout).await;
    soon(child.wait()).await.expect("it ended");
}

#[tokio::test]
async fn a_failed_start_has_a_reason() {
    let message = |launch: Launch| spawn(&launch).err().expect("it does not start").to_string();
    let missing = Launch { program: Some("C:/nowhere/copilot.exe".into()), ..Launch::default() };
    assert!(message(missing).contains("was not found; tried: C:"));
    let invalid = Launch { args: vec!["\0".into()], ..cmd("exit") };
    assert!(message(invalid).starts_with("the Copilot CLI could not be started from "));
}
