//! Many sessions on one client: the memory of an idle one, and a stalled one that must not delay the others.

use std::sync::Arc;
use std::time::Instant;

use copilot_session::types::PingRequest;
use copilot_session::{Client, Error, Events, Overflow, Session, SessionEventData, Tool};
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::report::{Outcome, Report};
use crate::script::{self, BLOCK};
use crate::{LIMIT, heap};

/// The number of events of the stalled session, which no subscriber reads.
const FLOOD: u64 = 20 * BLOCK;

pub async fn run(count: usize) -> Outcome<Report> {
    let client = crate::start_peer().await?;
    // The first sessions allocate what all have in common.
    idle_bytes(&client, 10, |_| ()).await?;
    let idle = idle_bytes(&client, count, |_| ()).await?;
    let watched = idle_bytes(&client, count, Session::events).await?;

    let started = Instant::now();
    let mut report = Report::default();
    let stalled = Stalled::start(&client).await?;
    let turns = join_all((1..count).map(|number| turn(&client, number))).await;
    for failure in turns.iter().filter_map(|turn| turn.as_ref().err()) {
        report.check(false, || failure.clone());
    }
    let completed = turns.iter().filter(|turn| turn.is_ok()).count();
    let seconds = started.elapsed().as_secs_f64();
    stalled.finish(&mut report).await;
    client.stop().await;
    report.figure("turns completed", format_args!("{completed}/{}", turns.len()));
    report.figure("bytes of an idle session", idle);
    report.figure("with a subscriber", watched);
    report.figure("turns", format_args!("{seconds:.2} s"));
    Ok(report)
}

/// The bytes on the heap of each of so many sessions, with what `make` makes of it.
async fn idle_bytes<T>(client: &Client, count: usize, make: impl Fn(&Session) -> T) -> Result<u64, Error> {
    let mut sessions = Vec::with_capacity(count);
    let before = heap::live();
    for _ in 0..count {
        let session = client.session().approve_all().create().await?;
        let made = make(&session);
        sessions.push((session, made));
    }
    // The events of the new sessions arrive before this response.
    client.rpc().ping(&PingRequest::default()).await?;
    let bytes = heap::live().saturating_sub(before) / count;
    for (session, _) in sessions {
        session.disconnect().await?;
    }
    Ok(bytes as u64)
}

/// Runs one turn with a tool call on a session of its own, and checks its answer.
async fn turn(client: &Client, number: usize) -> Result<(), String> {
    let word = format!("word of {number}");
    let turn = async {
        let session = client.session().tool(echo()).approve_all().create().await?;
        session.prompt(format!("echo {word}")).await?.timeout(LIMIT).await
    };
    match turn.await {
        Ok(answer) if answer.text() == script::heard(&word) => Ok(()),
        Ok(answer) => Err(format!("session {number} answered `{}`", answer.text())),
        Err(error) => Err(format!("session {number} failed: {error:#}")),
    }
}

fn echo() -> Tool {
    Tool::with_schema(script::TOOL, "Repeats a word", json!({"type": "object"}), async |word: Value, _| {
        script::heard(word["word"].as_str().unwrap_or_default())
    })
}

/// A session whose tool never returns and whose subscriber reads no events.
struct Stalled {
    session: Session,
    events: Events,
}

impl Stalled {
    async fn start(client: &Client) -> Outcome<Self> {
        let called = Arc::new(Notify::new());
        let call = Arc::clone(&called);
        let hang = Tool::with_schema(
            script::TOOL,
            "Never returns",
            json!({"type": "object"}),
            move |_: Value, _| {
                call.notify_one();
                std::future::pending::<String>()
            },
        );
        let session = client.session().tool(hang).approve_all().create().await?;
        let events = session.events().overflow(Overflow::Merge(256));
        session.send(format!("flood {FLOOD}")).await?;
        let in_time = tokio::time::timeout(LIMIT, called.notified()).await;
        in_time.map_err(|_| "the tool that hangs was not called")?;
        Ok(Self { session, events })
    }

    /// Reads the events and checks that none is missing.
    async fn finish(mut self, report: &mut Report) {
        let last = FLOOD / BLOCK - 1;
        let expected: String = (0..=last).map(script::text).collect();
        let mut text = String::new();
        let reading = async {
            while let Some(event) = self.events.next().await {
                match event.data() {
                    SessionEventData::AssistantMessageDelta(delta) => text += &delta.delta_content,
                    SessionEventData::AssistantTurnEnd(end) if end.turn_id == last.to_string() => break,
                    _ => {}
                }
            }
        };
        let in_time = tokio::time::timeout(LIMIT, reading).await.is_ok();
        report.check(in_time && text == expected, || "the stalled session has another text".to_owned());
        let result = self.session.disconnect().await;
        report.check(result.is_ok(), || format!("the stalled session cannot be disconnected: {result:?}"));
    }
}
