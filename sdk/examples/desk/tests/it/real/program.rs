//! The program itself: it starts, prints its address, serves, and ends with everything that it started.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;
use std::time::{Duration, Instant};

use copilot_session_model::{MODEL_NAME, ModelServer, Reply, Script, Stall};
use copilot_session_tests::browser::Browser;
use copilot_session_tests::cli::cli_path;
use serde_json::json;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use super::pictures::keep;
use crate::rig::soon;

/// The pieces of a long answer.
const PIECES: usize = 2000;

/// The variables with secrets of the desk.
const SECRETS: [&str; 2] = ["COPILOT_DEMO_API_KEY", "COPILOT_CONNECTION_TOKEN"];

/// The memory of a process, in MiB.
fn memory(process: &Child) -> usize {
    let path = format!("/proc/{}/status", process.id().expect("a running process"));
    let status = std::fs::read_to_string(path).expect("the status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("the memory");
    line.trim().trim_end_matches(" kB").parse::<usize>().expect("a number") >> 10
}

/// Starts the desk, and returns it with the lines that it prints.
fn spawn(model: &ModelServer, folder: &TempDir) -> (Child, Lines<BufReader<ChildStdout>>) {
    spawn_as(Command::new(env!("CARGO_BIN_EXE_desk")), model, folder)
}

/// Starts the desk by this command, to which arguments are added.
fn spawn_as(
    mut desk: Command,
    model: &ModelServer,
    folder: &TempDir,
) -> (Child, Lines<BufReader<ChildStdout>>) {
    let mut desk = desk
        .args(["--provider-url", &model.base_url(), "--model", MODEL_NAME])
        .arg("--home")
        .arg(folder.path().join("home"))
        .arg("--folder")
        .arg(folder.path())
        .env("COPILOT_CLI_PATH", cli_path())
        .envs(SECRETS.map(|secret| (secret, "scripted")))
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("the desk");
    let lines = BufReader::new(desk.stdout.take().expect("its output")).lines();
    (desk, lines)
}

async fn line(lines: &mut Lines<BufReader<ChildStdout>>) -> String {
    soon("a line of the desk", lines.next_line()).await.expect("a line").expect("a line")
}

fn id(process: &Child) -> String {
    process.id().expect("a running process").to_string()
}

/// The processes that the desk has started: the CLI.
fn children(desk: &Child) -> Vec<String> {
    // Each thread has its own.
    let threads = std::fs::read_dir(format!("/proc/{}/task", id(desk))).expect("its threads");
    let children: Vec<String> = threads
        .filter_map(|thread| std::fs::read_to_string(thread.ok()?.path().join("children")).ok())
        .flat_map(|children| children.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
        .collect();
    assert!(!children.is_empty(), "it has no CLI");
    children
}

async fn kill(signal: &str, id: &str) {
    let killed = Command::new("kill").args([&format!("-{signal}"), id]).status().await.expect("kill");
    assert!(killed.success(), "{signal} to {id}");
}

/// Waits until a process has ended.
async fn ends(id: &str) {
    let path = format!("/proc/{id}/stat");
    let is_gone = || std::fs::read_to_string(&path).map_or(true, |stat| stat.contains(") Z "));
    soon("the CLI to end", async {
        while !is_gone() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}

/// It shows a long answer without keeping more than its limits, and a signal ends it, its CLI and the browser's stream, in
/// the middle of a turn.
#[tokio::test]
async fn it_runs_and_ends() {
    let stall = Stall::new();
    let pieces = (0..PIECES).map(|number| format!("piece {number} of a long answer, ").repeat(10));
    let script = Script::replies([Reply::chunks(pieces), Reply::text("Never").stall(&stall)]);
    let model = ModelServer::start(script).await.expect("a model");
    let folder = tempfile::tempdir().expect("a folder");
    let browser = Browser::start().await;
    let started = Instant::now();
    let (mut desk, mut lines) = spawn(&model, &folder);
    let first = line(&mut lines).await;
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
    let children = children(&desk);
    kill("TERM", &id(&desk)).await;
    assert!(soon("the end", desk.wait()).await.expect("its status").success());
    page.until("document.querySelector('#connection').textContent !== 'connected'").await;
    for child in children {
        ends(&child).await;
    }
}

/// A CLI that dies while a browser has a question open ends the desk. The page says so, and nothing on it goes on.
#[tokio::test]
async fn a_page_outlives_the_desk() {
    let question = json!({ "question": "Which one?", "choices": ["this", "that"] });
    let script = Script::replies([Reply::tool_call("ask_user", question)]);
    let model = ModelServer::start(script).await.expect("a model");
    let folder = tempfile::tempdir().expect("a folder");
    let (mut desk, mut lines) = spawn(&model, &folder);
    let first = line(&mut lines).await;
    let browser = Browser::start().await;
    let page = browser.open(first.strip_prefix("desk is at ").expect("the address")).await;
    page.click("#create button").await;
    page.enter("#prompt", "Choose one. ".repeat(20).trim()).await;
    page.click("#send").await;
    page.until("document.querySelector('.ask .choice:enabled')").await;
    for child in children(&desk) {
        kill("KILL", &child).await;
    }
    assert!(!soon("the end", desk.wait()).await.expect("its status").success());
    let lost = "connecting … (desk does not answer; it may have ended)";
    page.until(&format!("document.querySelector('#connection').textContent === '{lost}'")).await;
    let time = "document.querySelector('.node.turn .time').textContent";
    let then = page.eval(time).await;
    // A narrow window folds the list of sessions, and the button with it.
    page.resize((1200, 800), "light").await;
    page.click("#create button").await;
    page.until("document.querySelector('#problem').textContent.startsWith('desk does not answer')").await;
    assert_eq!(page.eval(time).await, then, "the turn goes on");
    for (window, scheme) in [((390, 844), "light"), ((1200, 800), "dark")] {
        page.resize(window, scheme).await;
        keep(&page, &format!("lost-{}-{scheme}", window.0)).await;
        assert_eq!(page.eval("document.documentElement.scrollWidth > innerWidth").await, false);
    }
}

/// `--open` gives the browser a file that leads to the page, and deletes it once the page is there. The arguments of the
/// opener do not have the secret.
#[tokio::test]
async fn it_opens_the_page() {
    let model = ModelServer::start(Script::replies([])).await.expect("a model");
    let folder = tempfile::tempdir().expect("a folder");
    let opener = folder.path().join("xdg-open");
    // Written beside its place and moved there, so that the test reads all of it.
    let script =
        format!("#!/bin/sh\necho \"$@\" > {0}/new && mv {0}/new {0}/opened\n", folder.path().display());
    std::fs::write(&opener, script).expect("an opener");
    std::fs::set_permissions(&opener, std::fs::Permissions::from_mode(0o700)).expect("an opener");
    let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap_or_default());
    let mut desk = Command::new(env!("CARGO_BIN_EXE_desk"));
    desk.arg("--open").env("PATH", path);
    let (_desk, mut lines) = spawn_as(desk, &model, &folder);
    let first = line(&mut lines).await;
    let token = first.split_once("token=").expect("the address").1;
    assert_eq!(line(&mut lines).await, "if no page appears, open the address above");
    let opened = soon("the opener", async {
        loop {
            match std::fs::read_to_string(folder.path().join("opened")) {
                Ok(opened) => return opened,
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    })
    .await;
    assert!(!opened.contains(token), "{opened}");
    let mode = std::fs::metadata(opened.trim()).expect("the file").permissions().mode();
    assert_eq!(mode & 0o077, 0, "others can read it");
    let browser = Browser::start().await;
    let page = browser.open(&format!("file://{}", opened.trim())).await;
    page.until("document.querySelector('#connection')?.textContent === 'connected'").await;
    soon("the file to go", async {
        while std::path::Path::new(opened.trim()).exists() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}

/// The commands of the agent do not get the secrets of the desk.
#[tokio::test]
async fn commands_do_not_see_its_secrets() {
    let command = json!({ "command": "env > seen.txt", "description": "Look" });
    let script = Script::replies([Reply::tool_call("bash", command), Reply::text("Done.")]);
    let model = ModelServer::start(script).await.expect("a model");
    let folder = tempfile::tempdir().expect("a folder");
    let (_desk, mut lines) = spawn(&model, &folder);
    let first = line(&mut lines).await;
    let browser = Browser::start().await;
    let page = browser.open(first.strip_prefix("desk is at ").expect("the address")).await;
    page.click("#create button").await;
    page.enter("#prompt", "Look around.").await;
    page.click("#send").await;
    page.click(".ask .approve").await;
    page.until("document.querySelector('.node.turn.done')").await;
    let seen = std::fs::read_to_string(folder.path().join("seen.txt")).expect("its environment");
    let names: Vec<&str> = seen.lines().filter_map(|line| Some(line.split_once('=')?.0)).collect();
    assert!(names.contains(&"PATH"), "{names:?}");
    for secret in SECRETS {
        assert!(!names.contains(&secret), "the command has {secret}");
    }
}

/// While the desk waits for a CLI that hangs, a second signal ends both.
#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let model = ModelServer::start(Script::replies([])).await.expect("a model");
    let folder = tempfile::tempdir().expect("a folder");
    let (mut desk, mut lines) = spawn(&model, &folder);
    line(&mut lines).await;
    let children = children(&desk);
    for child in &children {
        kill("STOP", child).await;
    }
    kill("TERM", &id(&desk)).await;
    assert_eq!(line(&mut lines).await, "desk stops");
    kill("TERM", &id(&desk)).await;
    // Far less than it takes to give up on the CLI.
    let ended = tokio::time::timeout(Duration::from_secs(5), desk.wait()).await.expect("it does not end");
    assert!(!ended.expect("its status").success());
    for child in children {
        ends(&child).await;
    }
}
