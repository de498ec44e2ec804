//! A CLI that ignores the end of its input and SIGTERM, and a program that ends without stopping it.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use copilot_session::Client;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::real::lifeline::{self, Lifeline, Loose};

/// A CLI with another process, both of which ignore every request to end.
struct Stubborn {
    program: PathBuf,
    script: PathBuf,
    cli: Loose,
    helper: Loose,
}

fn stubborn(folder: &Path) -> Stubborn {
    let (take_cli, cli) = lifeline::lifeline(folder, "cli.lifeline");
    let (take_helper, helper) = lifeline::lifeline(folder, "helper.lifeline");
    let ignore = "trap '' TERM HUP INT";
    let stay = "while :; do sleep 100000; done";
    lifeline::script(&folder.join("helper"), &format!("{ignore}; {take_helper}; {stay}"));
    // The shell around the fake, which answers the greeting, stays when the fake ends.
    let fake = env!("CARGO_BIN_EXE_fake_cli");
    let start_helper = format!("'{}' < /dev/null > /dev/null 2>&1 &", folder.join("helper").display());
    let (program, script) = (folder.join("copilot"), folder.join("script"));
    lifeline::script(&program, &format!("{ignore}; {start_helper} {take_cli}; '{fake}'; {stay}"));
    std::fs::write(&script, "").expect("the script of the fake");
    Stubborn { program, script, cli, helper }
}

/// A program with such a CLI.
struct Quitter {
    program: Child,
    lifelines: Vec<(&'static str, Lifeline)>,
    _folder: TempDir,
}

/// Starts the program and waits for its CLI.
async fn quitter(way: &str) -> Quitter {
    let folder = tempfile::tempdir().expect("a folder");
    let Stubborn { program, script, cli, helper } = stubborn(folder.path());
    let mut quitter = Command::new(env!("CARGO_BIN_EXE_quitter"));
    quitter.arg(program).arg(way).env("FAKE_CLI_SCRIPT", script);
    quitter.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut program = quitter.spawn().expect("the program");
    let mut line = String::new();
    let stdout = program.stdout.take().expect("a pipe");
    BufReader::new(stdout).read_line(&mut line).expect("a line");
    assert_eq!(line.trim(), "started", "the program did not start its CLI");
    let lifelines = vec![("CLI", cli.taken().await), ("helper", helper.taken().await)];
    Quitter { program, lifelines, _folder: folder }
}

/// However the program ends, no process of its CLI remains.
#[tokio::test]
async fn no_process_remains() {
    for way in ["drop", "exit", "abort", "stay"] {
        let mut quitter = quitter(way).await;
        if way == "stay" {
            quitter.program.kill().expect("a kill");
        }
        quitter.program.wait().expect("the end");
        let ended = Instant::now();
        for (name, lifeline) in quitter.lifelines {
            let after = lifeline.cut(name).await.saturating_duration_since(ended);
            println!("{way}: {name} ended {after:?} after the program");
        }
    }
}

/// A client whose runtime is gone can still stop its CLI.
#[test]
fn a_stop_after_the_runtime() {
    let (first, second) = (Runtime::new().expect("a runtime"), Runtime::new().expect("another"));
    let folder = tempfile::tempdir().expect("a folder");
    let Stubborn { program, script, cli, helper } = stubborn(folder.path());
    let start = Client::builder().program(program).env("FAKE_CLI_SCRIPT", script).start();
    let client = first.block_on(start).expect("the CLI");
    second.block_on(async {
        let lifelines = [("CLI", cli.taken().await), ("helper", helper.taken().await)];
        drop(tokio::task::spawn_blocking(move || drop(first)).await);
        client.stop().await;
        for (name, lifeline) in lifelines {
            lifeline.cut(name).await;
        }
    });
}
