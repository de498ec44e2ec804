//! One message of many megabytes: read where the limit allows it, and skipped without being kept where it does not.

use std::time::Instant;

use copilot_session::{Client, Error};

use crate::report::{Outcome, Report};
use crate::{LIMIT, heap};

pub async fn run(megabytes: usize) -> Outcome<Report> {
    let mut report = Report::default();
    let bytes = megabytes << 20;
    let skipped = turn(megabytes, bytes / 2).await?;
    let peak = heap::peak();
    report.check(skipped.missed == 1, || format!("{} events were reported as missed, not 1", skipped.missed));
    report.check(skipped.text == 0, || "a message above the limit has a text".to_owned());
    report.check(peak < bytes / 4, || format!("a message above the limit took {peak} bytes of memory"));
    let read = turn(megabytes, bytes.saturating_mul(2)).await?;
    report.check(read.text == bytes, || format!("the text has {} bytes, not {bytes}", read.text));
    report.check(read.missed == 0, || "an event was reported as missed".to_owned());
    report.figure("skipping it took a heap of", format_args!("{:.1} MB", peak as f64 / 1e6));
    report.figure("reading it took", format_args!("{:.2} s", read.seconds));
    Ok(report)
}

/// The result of a turn.
struct Received {
    /// The length of the answer in bytes.
    text: usize,
    missed: u64,
    seconds: f64,
}

async fn turn(megabytes: usize, limit: usize) -> Result<Received, Error> {
    let program = std::env::current_exe().map_err(|error| Error::Invalid(error.to_string()))?;
    let client = Client::builder().program(program).no_login().max_message_size(limit).start().await?;
    let session = client.session().deny_all().create().await?;
    let mut events = session.events();
    let started = Instant::now();
    let answer = session.prompt(format!("frame {megabytes}")).await?.timeout(LIMIT).await?;
    let seconds = started.elapsed().as_secs_f64();
    session.disconnect().await?;
    let mut missed = 0;
    while let Some(event) = events.next().await {
        missed += event.missed().unwrap_or_default();
    }
    client.stop().await;
    Ok(Received { text: answer.text().len(), missed, seconds })
}
