//! A CLI that ignores the end of its input and SIGTERM, and a program that ends without ending it.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use tempfile::TempDir;

use crate::real::lifeline::{self, Lifeline};

/// A program with a CLI that has a process of its own, and neither does what it is asked.
struct Quitter {
    program: Child,
    lifelines: Vec<(&'static str, Lifeline)>,
    _folder: TempDir,
}

/// Starts it and waits for the CLI to be there.
async fn quitter(way: &str) -> Quitter {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let (take_cli, cli) = lifeline::lifeline(folder.path(), "cli.lifeline");
    let (take_helper, helper) = lifeline::lifeline(folder.path(), "helper.lifeline");
    let ignore = "trap '' TERM HUP INT";
    let stay = "while :; do sleep 100000; done";
    lifeline::script(&path("helper"), &format!("{ignore}; {take_helper}; {stay}"));
    // A fake that answers the greeting, and a shell around it that stays when the fake ends.
    let fake = env!("CARGO_BIN_EXE_fake_cli");
    let start_helper = format!("'{}' < /dev/null > /dev/null 2>&1 &", path("helper").display());
    lifeline::script(&path("copilot"), &format!("{ignore}; {start_helper} {take_cli}; '{fake}'; {stay}"));
    std::fs::write(path("script"), "").expect("the script of the fake");

    let mut program = Command::new(env!("CARGO_BIN_EXE_quitter"));
    program.arg(path("copilot")).arg(way).env("FAKE_CLI_SCRIPT", path("script"));
    program.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut program = program.spawn().expect("the program");
    let mut line = String::new();
    let stdout = program.stdout.take().expect("a pipe");
    BufReader::new(stdout).read_line(&mut line).expect("a line");
    assert_eq!(line.trim(), "started", "the program did not start its CLI");
    let lifelines = vec![("CLI", cli.taken().await), ("helper", helper.taken().await)];
    Quitter { program, lifelines, _folder: folder }
}

/// Whatever ends the program, nothing of its CLI is left.
#[tokio::test]
async fn nothing_is_left() {
    for way in ["drop", "exit", "abort", "stay"] {
        let mut quitter = quitter(way).await;
        if way == "stay" {
            quitter.program.kill().expect("it can be killed");
        }
        quitter.program.wait().expect("its end");
        let ended = Instant::now();
        for (name, lifeline) in quitter.lifelines {
            let after = lifeline.cut(name).await.saturating_duration_since(ended);
            println!("{way}: {name} ended {after:?} after the program");
        }
    }
}
