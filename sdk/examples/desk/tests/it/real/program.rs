//! The program itself: it starts, prints its address, serves, and ends with everything that it started.

use std::process::Stdio;
use std::time::{Duration, Instant};

use copilot_session_model::{MODEL_NAME, ModelServer, Reply, Script, Stall};
use copilot_session_tests::cli::cli_path;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use super::browser::Browser;
use crate::rig::soon;

/// The pieces of a long answer.
const PIECES: usize = 2000;

/// The memory of a process, in MiB.
#[cfg(target_os = "linux")]
fn memory(process: &Child) -> usize {
    let path = format!("/proc/{}/status", process.id().expect("a running process"));
    let status = std::fs::read_to_string(path).expect("the status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("the memory");
    line.trim().trim_end_matches(" kB").parse::<usize>().expect("a number") >> 10
}

/// It shows a long answer without keeping more than its limits, and a signal ends it, its CLI and the browser's stream, in
/// the middle of a turn.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn it_runs_and_ends() {
    let stall = Stall::new();
    let pieces = (0..PIECES).map(|number| format!("piece {number} of a long answer, ").repeat(10));
    let script = Script::replies([Reply::chunks(pieces), Reply::text("Never").stall(&stall)]);
    let model = ModelServer::start(script).await.expect("a model");
    let folder = tempfile::tempdir().expect("a folder");
    let browser = Browser::start().await;
    let started = Instant::now();
    let mut desk = Command::new(env!("CARGO_BIN_EXE_desk"))
        .args(["--provider-url", &model.base_url(), "--model", MODEL_NAME])
        .arg("--home")
        .arg(folder.path().join("home"))
        .arg("--folder")
        .arg(folder.path())
        .env("COPILOT_CLI_PATH", cli_path())
        .env("COPILOT_DEMO_API_KEY", "scripted")
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("the desk");
    let mut lines = BufReader::new(desk.stdout.take().expect("its output")).lines();
    let first = soon("the address", lines.next_line()).await.expect("a line").expect("a line");
    let url = first.strip_prefix("desk is at ").expect("the address");
    let listening = started.elapsed();
    let page = browser.open(url).await;
    page.until("document.querySelector('#connection').textContent === 'connected'").await;
    println!("the address after {listening:?}, the page after {:?}", started.elapsed());

    page.click("#create button").await;
    page.until("document.querySelector('#composer').checkVisibility()").await;
    let before = memory(&desk);
    page.enter("#prompt", "Write a long text.").await;
    page.click("#send").await;
    page.until("document.querySelector('.node.turn.done')").await;
    let grown = memory(&desk).saturating_sub(before);
    println!("{PIECES} pieces: {before} MiB before, {grown} MiB more after");
    assert!(grown < 64, "{grown} MiB more");
    assert!(page.text(".node.model .more").await.contains("more bytes"), "the text has a limit");

    page.enter("#prompt", "Again.").await;
    page.click("#send").await;
    page.until("document.querySelectorAll('.node.model.running').length === 1").await;
    let id = desk.id().expect("a process").to_string();
    let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).expect("its children");
    assert!(!children.trim().is_empty(), "it has no CLI");
    let killed = Command::new("kill").args(["-TERM", &id]).status().await.expect("kill");
    assert!(killed.success());
    assert!(soon("the end", desk.wait()).await.expect("its status").success());
    page.until("document.querySelector('#connection').textContent !== 'connected'").await;
    for child in children.split_whitespace() {
        let path = format!("/proc/{child}/stat");
        let is_gone = || std::fs::read_to_string(&path).map_or(true, |stat| stat.contains(") Z "));
        soon("the CLI to end", async {
            while !is_gone() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await;
    }
}
