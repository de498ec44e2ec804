//! Long answers of the real CLI, with a scripted model.

use std::time::{Duration, Instant};

use copilot_session::types::ProviderConfig;
use copilot_session::{Client, Events, SessionEventData};
use copilot_session_tests::cli::cli_path;
use copilot_session_tests::model::{MODEL_NAME, ModelServer, Reply, Script};
use serde_json::json;

use crate::report::{Outcome, Report, peak_bytes};

/// How long anything is waited for. It passes only when something hangs.
const PATIENCE: Duration = Duration::from_secs(120);

/// Runs so many turns one after the other, each on a CLI of its own.
pub async fn run(runs: usize, chunks: usize) -> Outcome<Report> {
    let started = Instant::now();
    let mut report = Report::new();
    let (mut deltas, mut whole) = (0, 0);
    for run in 0..runs {
        let seen = turn(run, chunks).await?;
        deltas += seen.deltas;
        whole += usize::from(seen.whole);
        report.check(seen.whole, || format!("in run {run} the deltas joined are not the text"));
    }
    report.figures(json!({
        "runs": runs, "chunks": runs * chunks, "deltas": deltas, "whole": whole,
        "seconds": started.elapsed().as_secs_f64(), "peak_bytes": peak_bytes(),
    }));
    Ok(report)
}

struct Seen {
    deltas: usize,
    /// Whether the text is whole: for the turn, in its events, and for an observer beside it.
    whole: bool,
}

async fn turn(run: usize, chunks: usize) -> Outcome<Seen> {
    let pieces: Vec<String> = (0..chunks).map(|chunk| format!("{run}.{chunk} ")).collect();
    let text = pieces.concat();
    let model = ModelServer::start(Script::replies([Reply::chunks(pieces)])).await?;
    let folder = tempfile::tempdir()?;
    let builder = Client::builder().program(cli_path()).directory(folder.path());
    let builder = builder.home(folder.path().join("home")).no_login().handshake_limit(PATIENCE);
    let client = builder.start().await?;
    let provider = ProviderConfig::new(model.base_url()).api_key("scripted");
    let session = client.session().deny_all().provider(provider).model(MODEL_NAME).create().await?;

    let observer = tokio::spawn(read(session.events()));
    let mut turn = session.prompt("Tell a long story.").await?;
    let (mut deltas, mut told) = (0, String::new());
    while let Some(event) = tokio::time::timeout(PATIENCE, turn.next()).await? {
        if let SessionEventData::AssistantMessageDelta(delta) = event.data() {
            deltas += 1;
            told += &delta.delta_content;
        }
    }
    let answer = turn.await?;
    let observed = tokio::time::timeout(PATIENCE, observer).await??;
    client.stop().await?;
    Ok(Seen { deltas, whole: told == text && observed == text && answer.text() == text })
}

/// The deltas joined, until the session is idle.
async fn read(mut events: Events) -> String {
    let mut text = String::new();
    while let Some(event) = events.next().await {
        match event.data() {
            SessionEventData::AssistantMessageDelta(delta) => text += &delta.delta_content,
            SessionEventData::SessionIdle(_) => break,
            _ => {}
        }
    }
    text
}
