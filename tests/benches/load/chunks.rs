//! Long answers of the real CLI, with a scripted model.

use std::collections::HashSet;
use std::path::Path;
use std::time::Instant;

use copilot_session::types::ProviderConfig;
use copilot_session::{Client, Events, SessionEvent, SessionEventData, WireLog};
use copilot_session_model::{MODEL_NAME, ModelServer, Reply, Script};
use copilot_session_tests::cli::cli_path;
use serde_json::Value;

use crate::LIMIT;
use crate::report::{Outcome, Report};

/// Runs turns one after the other, each on a CLI of its own, with an answer in so many chunks.
pub async fn run(runs: usize, chunks: usize) -> Outcome<Report> {
    let started = Instant::now();
    let mut report = Report::default();
    let (mut deltas, mut whole, mut twice, mut mixed_up) = (0, 0, 0, 0);
    for run in 0..runs {
        let seen = turn(run, chunks).await?;
        deltas += seen.deltas;
        twice += seen.wire.twice;
        mixed_up += usize::from(seen.mixed_up);
        whole += usize::from(seen.differences.is_empty());
        for difference in seen.differences {
            report.check(false, || format!("run {run}: {difference}"));
        }
    }
    report.figure("chunks", runs * chunks);
    report.figure("deltas", deltas);
    report.figure("complete", format_args!("{whole}/{runs}"));
    report.figure("repeated by the CLI", twice);
    report.figure("reordered by the CLI", mixed_up);
    report.figure("turns", format_args!("{:.2} s", started.elapsed().as_secs_f64()));
    Ok(report)
}

struct Seen {
    deltas: usize,
    /// The events as the CLI wrote them.
    wire: Wire,
    /// True if the CLI wrote the chunks in another order than the model.
    mixed_up: bool,
    /// Differences from the text that the CLI wrote: of the answer, of the turn's events, and of a subscriber's.
    differences: Vec<String>,
}

async fn turn(run: usize, chunks: usize) -> Outcome<Seen> {
    let pieces: Vec<String> = (0..chunks).map(|chunk| format!("{run}.{chunk} ")).collect();
    let text = pieces.concat();
    let model = ModelServer::start(Script::replies([Reply::chunks(pieces)])).await?;
    let folder = tempfile::tempdir()?;
    let builder = Client::builder().program(cli_path()).current_dir(folder.path());
    let log = folder.path().join("wire.jsonl");
    let builder = builder.wire_log(WireLog::new(std::io::BufWriter::new(std::fs::File::create(&log)?)));
    let builder = builder.home_dir(folder.path().join("home")).no_login().handshake_timeout(LIMIT);
    let client = builder.start().await?;
    let provider = ProviderConfig::new(model.base_url()).api_key("scripted");
    let session = client.session().deny_all().provider(provider).model(MODEL_NAME).create().await?;

    let subscriber = tokio::spawn(read(session.events()));
    let mut turn = session.prompt("Tell a long story.").await?;
    let mut deltas = Deltas::default();
    while let Some(event) = tokio::time::timeout(LIMIT, turn.next()).await? {
        deltas.take(&event);
    }
    let answer = turn.await?;
    let subscribed = tokio::time::timeout(LIMIT, subscriber).await??;
    client.stop().await;
    let wire = Wire::read(&log)?;
    let mixed_up = wire.text != text;
    let expected = if mixed_up { &wire.text } else { &text };
    let texts = [
        ("the answer", difference(&text, answer.text())),
        ("the turn's", difference(expected, &deltas.text)),
        ("a subscriber's", difference(expected, &subscribed.text)),
    ];
    let differences = texts.into_iter().filter_map(|(what, other)| Some(format!("{what} {}", other?)));
    Ok(Seen { deltas: deltas.count, wire, mixed_up, differences: differences.collect() })
}

/// The number and the text of deltas.
#[derive(Default)]
struct Deltas {
    count: usize,
    text: String,
}

impl Deltas {
    fn take(&mut self, event: &SessionEvent) {
        if let SessionEventData::AssistantMessageDelta(delta) = event.data() {
            self.count += 1;
            self.text += &delta.delta_content;
        }
    }
}

/// The CLI's output, read without the SDK. Under load CLI 1.0.102 writes some events twice, and sometimes one too
/// early.
#[derive(Default)]
struct Wire {
    /// The number of repeated events.
    twice: usize,
    text: String,
}

impl Wire {
    fn read(log: &Path) -> Outcome<Self> {
        let (mut wire, mut ids) = (Self::default(), HashSet::new());
        for line in std::fs::read_to_string(log)?.lines() {
            let line: Value = serde_json::from_str(line)?;
            let event = &line["msg"]["params"]["event"];
            let Some(id) = event["id"].as_str() else { continue };
            if !ids.insert(id.to_owned()) {
                wire.twice += 1;
            } else if event["type"] == "assistant.message_delta" {
                wire.text += event["data"]["deltaContent"].as_str().unwrap_or_default();
            }
        }
        Ok(wire)
    }
}

/// The first difference between two texts.
fn difference(text: &str, other: &str) -> Option<String> {
    if text == other {
        return None;
    }
    let at = text.bytes().zip(other.bytes()).take_while(|(byte, another)| byte == another).count();
    // The texts are all ASCII.
    let around = |text: &str| text.get(at.saturating_sub(20)..(at + 20).min(text.len())).map(str::to_owned);
    Some(format!("differs at {at} of {}: {:?}, not {:?}", text.len(), around(other), around(text)))
}

/// The deltas until the session is idle.
async fn read(mut events: Events) -> Deltas {
    let mut deltas = Deltas::default();
    while let Some(event) = events.next().await {
        deltas.take(&event);
        if event.kind() == "session.idle" {
            break;
        }
    }
    deltas
}
