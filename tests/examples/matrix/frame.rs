//! One message of hundreds of megabytes: taken where the limit allows it, else passed over without being kept.

use std::time::{Duration, Instant};

use copilot_session::{Client, Error};
use serde_json::json;

use crate::report::{Outcome, Report, peak_bytes};

/// How long anything is waited for. It passes only when something hangs.
const PATIENCE: Duration = Duration::from_secs(240);

pub async fn run(megabytes: usize) -> Outcome<Report> {
    let mut report = Report::new();
    let bytes = megabytes << 20;
    let passed_over = turn(megabytes, bytes / 2).await?;
    report.check(passed_over.missed == 1, || format!("{} events were told as missed", passed_over.missed));
    report.check(passed_over.text == 0, || "there is a text that was passed over".to_owned());
    let peak_without = peak_bytes();
    let taken = turn(megabytes, bytes.saturating_mul(2)).await?;
    report.check(taken.text == bytes, || format!("the text has {} bytes, not {bytes}", taken.text));
    report.check(taken.missed == 0, || "an event was told as missed".to_owned());
    report.figures(json!({
        "megabytes": megabytes, "seconds": taken.seconds, "peak_bytes": peak_bytes(),
        "passed_over_bytes": peak_without,
    }));
    Ok(report)
}

/// What came of a turn.
struct Came {
    /// How long the answer is, in bytes.
    text: usize,
    missed: u64,
    seconds: f64,
}

async fn turn(megabytes: usize, max_message: usize) -> Result<Came, Error> {
    let program = std::env::current_exe().map_err(|error| Error::Invalid(error.to_string()))?;
    let client = Client::builder().program(program).no_login().message_limit(max_message).start().await?;
    let session = client.session().deny_all().create().await?;
    let mut events = session.events();
    let started = Instant::now();
    let answer = session.prompt(format!("frame {megabytes}")).await?.within(PATIENCE).await?;
    let seconds = started.elapsed().as_secs_f64();
    session.disconnect().await?;
    let mut missed = 0;
    while let Some(event) = events.next().await {
        missed += event.missed().unwrap_or_default();
    }
    client.stop().await?;
    Ok(Came { text: answer.text().len(), missed, seconds })
}
