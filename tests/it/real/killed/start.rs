//! The CLI is killed before there is a client.

use std::path::Path;

use copilot_session::{Client, ClientBuilder, Error};

use super::{alive_tasks, failed_at_once, tasks_end};
use crate::real::lifeline::{self, Loose};
use crate::real::rig::builder;

/// Kills this program as soon as its lifeline is taken, while a client starts it.
async fn killed(
    phase: &str,
    program: impl Fn(&Path) -> (std::path::PathBuf, Loose),
    start: impl AsyncFn(ClientBuilder) -> Result<Client, Error>,
) {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("work")).expect("a folder to work in");
    let (program, loose) = program(folder.path());
    let tasks = alive_tasks();
    let mut starting = Box::pin(start(builder(folder.path()).program(program)));
    let lifeline = tokio::select! {
        biased;
        started = &mut starting => panic!("it ended: {started:?}"),
        lifeline = loose.taken() => lifeline,
    };
    lifeline.kill();
    failed_at_once(phase, lifeline, starting).await;
    tasks_end(tasks).await;
}

/// The CLI while it starts.
#[tokio::test]
async fn while_it_starts() {
    killed("start", lifeline::program, ClientBuilder::start).await;
    killed("start on TCP", lifeline::program, async |new| new.start_tcp(0).await).await;
}

/// The CLI during the greeting, of which the program has read the first line.
#[tokio::test]
async fn in_the_handshake() {
    let greeted = |folder: &Path| lifeline::program_after(folder, "read -r length");
    killed("handshake", greeted, ClientBuilder::start).await;
}

/// A program in place of the CLI with another process, which holds its streams and ends with it.
#[tokio::test]
async fn with_a_process_of_its_own() {
    let helped = |folder: &Path| {
        let (take, loose) = lifeline::lifeline(folder, "cli.lifeline");
        let program = folder.join("copilot");
        lifeline::script(&program, &format!("sleep 100000 & {take}; read -r length; sleep 100000"));
        (program, loose)
    };
    killed("start with a helper", helped, ClientBuilder::start).await;
}
