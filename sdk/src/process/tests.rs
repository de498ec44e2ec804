//! Tests with real shells.

use std::fs;
use std::time::Instant;

use rustix::process::{Pid, test_kill_process};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::runtime::Builder;

use super::output::Lines;
use super::*;

/// Longer than any step here takes on a loaded machine.
const LONG: Duration = Duration::from_secs(30);
/// Shorter than a process that does not exit runs.
const SHORT: Duration = Duration::from_millis(20);

/// A program that runs a shell script.
fn sh(script: &str) -> Launch {
    Launch { program: Some("/bin/sh".into()), args: vec!["-c".into(), script.into()], ..Launch::default() }
}

/// Time limits in which every kill succeeds.
fn times(grace: Duration, terminate: Duration) -> ShutdownTimes {
    ShutdownTimes { grace, terminate, kill: LONG }
}

/// Awaits a future that must complete.
async fn soon<T>(future: impl Future<Output = T>) -> T {
    timeout(LONG, future).await.expect("it takes too long")
}

/// The next line of stdout.
async fn line(stdout: &mut BufReader<Output>) -> String {
    let mut line = String::new();
    soon(stdout.read_line(&mut line)).await.expect("stdout is readable");
    line.trim_end().to_owned()
}

/// Starts a script whose first line is the id of a process that it started.
async fn with_grandchild(script: &str) -> (Process, Input, Pid) {
    let (process, stdin, stdout) = spawn(&sh(script)).expect("it starts");
    let id = line(&mut BufReader::new(stdout)).await.parse().expect("a number");
    (process, stdin, Pid::from_raw(id).expect("a process id"))
}

/// Returns true if a process runs; an orphan that is not reaped does not.
fn runs(pid: Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
    let state = stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
    test_kill_process(pid).is_ok() && !matches!(state, Some('Z' | 'X'))
}

/// Waits until a condition holds, without a runtime.
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < LONG, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// The id of the shell.
fn pid_of(process: &Process) -> Pid {
    Pid::from_raw(process.watcher.id.cast_signed()).expect("a process id")
}

#[tokio::test]
async fn a_normal_exit_has_its_code_and_stderr() {
    let (process, stdin, mut stdout) =
        spawn(&sh("cat; printf 'first\\nlast words' >&2; exit 3")).expect("it starts");
    assert_eq!(*process.watcher.exit.borrow(), None);
    drop(stdin);
    assert_eq!(process.shutdown(times(LONG, LONG)).await, Exit { code: Some(3), signal: None });
    assert_eq!(process.watcher.stderr.text(), "first\nlast words");
    assert_eq!(*process.watcher.exit.borrow(), Some(Exit { code: Some(3), signal: None }));
    let mut rest = String::new();
    soon(stdout.read_to_string(&mut rest)).await.expect("stdout ends");
    assert_eq!(rest, "");
}

#[tokio::test]
async fn the_exit_is_seen_from_several_places() {
    let (process, stdin, _stdout) = spawn(&sh("read line; echo gone >&2; exit 5")).expect("it starts");
    let waiting: Vec<_> = (0..3)
        .map(|_| {
            let watcher = process.watcher.clone();
            tokio::spawn(async move { (watcher.exited().await, watcher.stderr.text()) })
        })
        .collect();
    drop(stdin);
    for seen in waiting {
        let (exit, tail) = soon(seen).await.expect("it does not panic");
        assert_eq!((exit.code, tail.as_str()), (Some(5), "gone\n"));
    }
}

#[tokio::test]
async fn an_early_exit_has_its_stderr() {
    let (process, _stdin, _stdout) =
        spawn(&sh("echo 'unknown option --acp' >&2; exit 1")).expect("it starts");
    let exit = soon(process.watcher.exited()).await;
    assert_eq!(exit, Exit { code: Some(1), signal: None });
    assert_eq!(process.watcher.stderr.text(), "unknown option --acp\n");
}

#[tokio::test]
async fn a_child_that_ignores_the_end_of_stdin_gets_sigterm() {
    let (process, stdin, _stdout) = spawn(&sh("exec sleep 1000")).expect("it starts");
    drop(stdin);
    let exit = soon(process.shutdown(times(SHORT, LONG))).await;
    assert_eq!(exit, Exit { code: None, signal: Some(15) });
}

#[tokio::test]
async fn sigterm_leaves_time_to_tidy_up() {
    let script = "trap 'echo tidied >&2; exit 7' TERM; echo ready; sleep 1000 & wait";
    let (process, stdin, stdout) = spawn(&sh(script)).expect("it starts");
    assert_eq!(line(&mut BufReader::new(stdout)).await, "ready");
    drop(stdin);
    assert_eq!(soon(process.shutdown(times(SHORT, LONG))).await.code, Some(7));
    assert_eq!(process.watcher.stderr.text(), "tidied\n");
}

#[tokio::test]
async fn a_child_that_ignores_sigterm_is_killed() {
    let script = "trap '' TERM; echo ready; while :; do sleep 1000; done";
    let (process, stdin, stdout) = spawn(&sh(script)).expect("it starts");
    assert_eq!(line(&mut BufReader::new(stdout)).await, "ready");
    drop(stdin);
    let exit = soon(process.shutdown(times(SHORT, SHORT))).await;
    assert_eq!(exit, Exit { code: None, signal: Some(9) });
}

#[tokio::test]
async fn a_cancelled_shutdown_leaves_the_process_to_its_drop() {
    let (process, _stdin, grandchild) = with_grandchild("sleep 1000 & echo $!; wait").await;
    assert!(timeout(SHORT, process.shutdown(times(LONG, LONG))).await.is_err());
    assert!(runs(grandchild) && process.watcher.exit.borrow().is_none());
    drop(process);
    until("the grandchild is gone", || !runs(grandchild));
}

#[tokio::test]
async fn grandchildren_end_with_a_normal_exit() {
    let (process, _stdin, grandchild) = with_grandchild("sleep 1000 & echo $!; exit 4").await;
    assert_eq!(soon(process.watcher.exited()).await.code, Some(4));
    until("the grandchild is gone", || !runs(grandchild));
}

#[tokio::test]
async fn grandchildren_end_with_a_shutdown() {
    let script = "trap '' TERM; sh -c 'echo $$; while :; do sleep 1000; done' & wait; wait";
    let (process, stdin, grandchild) = with_grandchild(script).await;
    drop(stdin);
    assert_eq!(soon(process.shutdown(times(SHORT, SHORT))).await.signal, Some(9));
    until("the grandchild is gone", || !runs(grandchild));
}

#[tokio::test]
async fn a_kill_is_seen_as_an_exit() {
    let (process, _stdin, grandchild) = with_grandchild("sleep 1000 & echo $!; wait").await;
    process.group.kill();
    assert_eq!(soon(process.watcher.exited()).await.signal, Some(9));
    until("the grandchild is gone", || !runs(grandchild));
}

#[test]
fn dropping_kills_and_reaps_without_a_runtime() {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (process, _stdin, grandchild) = runtime.block_on(with_grandchild("sleep 1000 & echo $!; wait"));
    let (child, watcher) = (pid_of(&process), process.watcher.clone());
    drop(runtime);
    assert!(runs(child) && runs(grandchild));
    drop(process);
    until("the child is reaped", || test_kill_process(child).is_err());
    until("the grandchild is gone", || !runs(grandchild));
    let runtime = Builder::new_current_thread().build().expect("a runtime");
    assert_eq!(runtime.block_on(watcher.exited()), Exit::default());
}

/// The id of the watchdog of a process.
fn watchdog_of(process: &Process) -> Pid {
    rustix::process::getpgid(Some(pid_of(process))).expect("a process group")
}

#[tokio::test]
async fn a_dropped_process_gets_sigterm_and_is_then_killed() {
    let script = "trap '' TERM; sh -c 'echo $$; while :; do sleep 1000; done' & wait; wait";
    for (script, signal) in [("sleep 1000 & echo $!; wait", 15), (script, 9)] {
        let (process, _stdin, grandchild) = with_grandchild(script).await;
        let (watchdog, watcher) = (watchdog_of(&process), process.watcher.clone());
        drop(process);
        assert_eq!(soon(watcher.exited()).await.signal, Some(signal), "{script}");
        until("the grandchild is gone", || !runs(grandchild));
        until("the watchdog is reaped", || test_kill_process(watchdog).is_err());
    }
}

#[tokio::test]
async fn the_watchdog_outlives_the_signals_to_its_group() {
    let (process, _stdin, grandchild) = with_grandchild("trap '' TERM; sleep 1000 & echo $!; wait").await;
    let watchdog = watchdog_of(&process);
    process.group.terminate();
    // As if this program had ended.
    drop(process);
    until("the watchdog has killed the group", || !runs(grandchild));
    until("the watchdog is gone", || !runs(watchdog));
}

#[tokio::test]
async fn the_watchdog_ends_with_the_program() {
    let (process, stdin, _stdout) = spawn(&sh("read line; exit 4")).expect("it starts");
    let watchdog = watchdog_of(&process);
    assert!(runs(watchdog));
    drop(stdin);
    assert_eq!(soon(process.watcher.exited()).await.code, Some(4));
    until("the watchdog is reaped", || test_kill_process(watchdog).is_err());
}

#[tokio::test]
async fn the_watchdog_inherits_no_secrets() {
    let (process, _stdin, _stdout) = spawn(&sh("read line")).expect("it starts");
    let environment = format!("/proc/{}/environ", watchdog_of(&process).as_raw_nonzero());
    if let Ok(environment) = fs::read_to_string(environment) {
        assert!(environment.split_terminator('\0').all(|line| line.starts_with("PATH=")), "{environment}");
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn other_processes_can_neither_read_nor_write_the_sockets() {
    let (process, _stdin, stdout) = spawn(&sh("echo started; read line")).expect("it starts");
    assert_eq!(line(&mut BufReader::new(stdout)).await, "started");
    for stream in [0, 1] {
        let path = format!("/proc/{}/fd/{stream}", process.watcher.id);
        assert!(fs::File::options().write(true).open(&path).is_err(), "{path} can be written");
        assert!(fs::File::open(&path).is_err(), "{path} can be read");
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_program_inherits_none_of_our_ends() {
    use std::os::fd::AsRawFd;
    let (process, stdin, stdout) = spawn(&sh("echo started; read line")).expect("it starts");
    let link =
        |process: &str, fd: i32| fs::read_link(format!("/proc/{process}/fd/{fd}")).expect("a descriptor");
    let watchdog = watchdog_of(&process).to_string();
    let Input::Free(stdin) = &stdin else { panic!("a socket that is full") };
    let ours = [link("self", stdin.as_raw_fd()), link("self", stdout.as_raw_fd()), link(&watchdog, 0)];
    assert_eq!(line(&mut BufReader::new(stdout)).await, "started");
    for entry in fs::read_dir(format!("/proc/{}/fd", process.watcher.id)).expect("its descriptors") {
        let theirs = fs::read_link(entry.expect("an entry").path()).expect("a descriptor");
        assert!(!ours.contains(&theirs), "the program holds {}", theirs.display());
    }
}

#[tokio::test]
async fn each_direction_ends_by_itself() {
    // Its output still arrives after its input has ended.
    let (_process, mut stdin, mut stdout) =
        spawn(&sh("cat; echo over; exec >&-; read line")).expect("it starts");
    stdin.write_all(b"one\n").await.expect("it reads");
    stdin.shutdown().await.expect("an end");
    let mut text = String::new();
    soon(stdout.read_to_string(&mut text)).await.expect("stdout ends while the program runs");
    assert_eq!(text, "one\nover\n");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_escaped_holder_of_stderr_does_not_delay_the_exit_for_long() {
    let script = "setsid sleep 1000 & echo $!; echo bye >&2; read line";
    let (process, stdin, escaped) = with_grandchild(script).await;
    // The exit must not come before the new session exists.
    until("it left the group", || rustix::process::getpgid(Some(escaped)) == Ok(escaped));
    drop(stdin);
    soon(process.watcher.exited()).await;
    assert_eq!(process.watcher.stderr.text(), "bye\n");
    assert!(runs(escaped));
    rustix::process::kill_process(escaped, rustix::process::Signal::KILL).expect("it is there");
}

#[tokio::test]
async fn environment_and_directory_reach_the_child() {
    let launch = Launch {
        env: vec![("ADDED".into(), Some("yes".into())), ("HOME".into(), None)],
        current_dir: Some("/".into()),
        ..sh("echo $ADDED ${HOME-none} ${NODE_DEBUG-none} $PWD")
    };
    let (_process, _stdin, stdout) = spawn(&launch).expect("it starts");
    assert_eq!(line(&mut BufReader::new(stdout)).await, "yes none none /");
}

#[test]
fn nodes_debugging_is_not_inherited_but_can_be_asked_for() {
    let program = Program { path: "/bin/node".into(), args: vec!["cli.js".into()] };
    let value_of = |launch: &Launch| {
        let command = command(&program, launch);
        command
            .get_envs()
            .find(|(name, _)| *name == "NODE_DEBUG")
            .map(|(_, value)| value.map(ToOwned::to_owned))
    };
    let mut launch = Launch { args: vec!["--headless".into()], ..Launch::default() };
    assert_eq!(value_of(&launch), Some(None));
    launch.env.push(("NODE_DEBUG".into(), Some("net".into())));
    assert_eq!(value_of(&launch), Some(Some("net".into())));
    assert!(command(&program, &launch).get_args().eq(["cli.js", "--headless"]));
}

#[tokio::test]
async fn a_failed_start_has_a_reason() {
    let message = |launch: Launch| spawn(&launch).err().expect("it does not start").to_string();
    let missing = Launch { program: Some("/nowhere/copilot".into()), ..Launch::default() };
    assert!(message(missing).contains("not found; tried: /nowhere/copilot; install it with `npm"));
    let nowhere = Launch { current_dir: Some("/nowhere".into()), ..sh("true") };
    assert_eq!(message(nowhere), "the Copilot CLI's working directory does not exist: /nowhere");
    let invalid = Launch { args: vec!["\0".into()], ..sh("true") };
    assert_eq!(message(invalid), "the Copilot CLI could not be started from /bin/sh");
}

#[test]
fn without_a_runtime_there_is_an_error() {
    assert!(matches!(spawn(&sh("true")), Err(SpawnError::NoRuntime)));
}

#[test]
fn lines_come_out_whole_from_any_chunks() {
    let text = "one\r\n\ntwo \u{20AC}\nrest";
    for size in 1..text.len() {
        assert_eq!(lines_of(text, size), ["one", "two \u{20AC}", "rest"]);
    }
}

/// A secret is not in two lines, of which each would be logged.
#[test]
fn a_secret_is_in_one_line() {
    let key = "-----BEGIN PRIVATE KEY-----\nSECRET\n-----END PRIVATE KEY-----";
    let long = format!("token={}", "SECRET".repeat(2000));
    let text = format!("{long}\n{key}\nlast {long}");
    for size in [1, 1000, text.len()] {
        assert_eq!(lines_of(&text, size), ["[a line of 12007 bytes]", key, "[a line of 12011 bytes]"]);
    }
    let body = "SECRET\n".repeat(2000);
    for start in [String::new(), "x".repeat(9000)] {
        let lines = lines_of(&format!("{start}-----BEGIN PRIVATE KEY-----\n{body}the end"), 1000);
        let (last, hidden) = lines.split_last().expect("lines");
        assert_eq!(last, "the end");
        assert!(hidden.iter().all(|line| line.starts_with("[a line of ")), "{hidden:?}");
    }
}

/// The lines of a text that arrives in chunks of this size.
fn lines_of(text: &str, size: usize) -> Vec<String> {
    let (mut lines, mut seen) = (Lines::default(), Vec::new());
    text.as_bytes().chunks(size).for_each(|chunk| lines.push(chunk, |line| seen.push(line.to_owned())));
    lines.finish(|line| seen.push(line.to_owned()));
    seen
}
