//! Long answers of the real CLI, with a scripted model.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use copilot_session::types::ProviderConfig;
use copilot_session::{Client, Events, SessionEvent, SessionEventData};
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
    let (mut deltas, mut whole, mut repeated) = (0, 0, 0);
    for run in 0..runs {
        let seen = turn(run, chunks).await?;
        deltas += seen.deltas;
        repeated += seen.repeated;
        whole += usize::from(seen.differences.is_empty());
        for difference in seen.differences {
            report.check(false, || format!("run {run}: {difference}"));
        }
    }
    report.figures(json!({
        "runs": runs, "chunks": runs * chunks, "deltas": deltas, "whole": whole, "repeated": repeated,
        "seconds": started.elapsed().as_secs_f64(), "peak_bytes": peak_bytes(),
    }));
    Ok(report)
}

struct Seen {
    deltas: usize,
    /// How many events the CLI sent twice.
    repeated: usize,
    /// Where the text is not whole: for the turn, in its events, and for an observer beside it.
    differences: Vec<String>,
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
    let mut told = Told::default();
    while let Some(event) = tokio::time::timeout(PATIENCE, turn.next()).await? {
        told.take(&event);
    }
    let answer = turn.await?;
    let observed = tokio::time::timeout(PATIENCE, observer).await??;
    client.stop().await?;
    let texts =
        [("the answer", answer.text()), ("the turn's", &told.text), ("an observer's", &observed.text)];
    let differences = texts.into_iter().filter_map(|(what, other)| difference(what, &text, other));
    Ok(Seen { deltas: told.deltas, repeated: told.repeated, differences: differences.collect() })
}

/// What the deltas come to. A busy CLI 1.0.102 sends some events twice, the later ones of the same id after
/// the end of the text.
#[derive(Default)]
struct Told {
    ids: HashSet<String>,
    deltas: usize,
    repeated: usize,
    text: String,
}

impl Told {
    fn take(&mut self, event: &SessionEvent) {
        if !self.ids.insert(event.id().to_owned()) {
            self.repeated += 1;
        } else if let SessionEventData::AssistantMessageDelta(delta) = event.data() {
            self.deltas += 1;
            self.text += &delta.delta_content;
        }
    }
}

/// Where a text is another than it should be.
fn difference(what: &str, text: &str, other: &str) -> Option<String> {
    if text == other {
        return None;
    }
    let at = text.bytes().zip(other.bytes()).take_while(|(byte, another)| byte == another).count();
    // The texts are all ASCII.
    let around = |text: &str| text.get(at.saturating_sub(20)..(at + 20).min(text.len())).map(str::to_owned);
    Some(format!("{what} differ at {at} of {}: {:?}, not {:?}", text.len(), around(other), around(text)))
}

/// What is told until the session is idle.
async fn read(mut events: Events) -> Told {
    let mut told = Told::default();
    while let Some(event) = events.next().await {
        told.take(&event);
        if event.kind() == "session.idle" {
            break;
        }
    }
    told
}
