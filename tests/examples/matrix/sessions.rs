//! Many sessions on one client: what an idle one costs, and that a stalled one holds up nobody.

use std::sync::Arc;
use std::time::{Duration, Instant};

use copilot_session::types::PingRequest;
use copilot_session::{Client, Delivery, Error, Events, Session, SessionEventData, Tool};
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::heap;
use crate::report::{Outcome, Report, peak_bytes};
use crate::script::{self, BLOCK};

/// How long anything is waited for. It passes only when something hangs.
const PATIENCE: Duration = Duration::from_secs(240);

/// How many events the stalled session gets, which nobody reads.
const FLOOD: u64 = 20 * BLOCK;

pub async fn run(count: usize) -> Outcome<Report> {
    let client = crate::start_peer().await?;
    // What is made once, by the first sessions, is no part of what each costs.
    idle_bytes(&client, 10, |_| ()).await?;
    let idle = idle_bytes(&client, count, |_| ()).await?;
    let watched = idle_bytes(&client, count, Session::events).await?;

    let started = Instant::now();
    let mut report = Report::new();
    let stalled = Stalled::start(&client).await?;
    let turns = join_all((1..count).map(|number| turn(&client, number))).await;
    for failure in turns.iter().filter_map(|turn| turn.as_ref().err()) {
        report.check(false, || failure.clone());
    }
    let completed = turns.iter().filter(|turn| turn.is_ok()).count();
    let seconds = started.elapsed().as_secs_f64();
    stalled.finish(&mut report).await;
    client.stop().await?;
    report.figures(json!({
        "sessions": count, "turns": turns.len(), "completed": completed, "idle_bytes": idle,
        "watched_bytes": watched, "seconds": seconds, "peak_bytes": peak_bytes(),
    }));
    Ok(report)
}

/// The bytes of heap that each of so many sessions holds, with what is made of it.
async fn idle_bytes<T>(client: &Client, count: usize, make: impl Fn(&Session) -> T) -> Result<u64, Error> {
    let mut sessions = Vec::with_capacity(count);
    let before = heap::live();
    for _ in 0..count {
        let session = client.session().approve_all().create().await?;
        let made = make(&session);
        sessions.push((session, made));
    }
    // What the peer tells of them has come, too, when this is answered.
    client.rpc().ping(&PingRequest::default()).await?;
    let bytes = heap::live().saturating_sub(before) / count;
    for (session, _) in sessions {
        session.disconnect().await?;
    }
    Ok(bytes as u64)
}

/// A session that does one turn with a tool call, and gets the right answer.
async fn turn(client: &Client, number: usize) -> Result<(), String> {
    let word = format!("word of {number}");
    let turn = async {
        let session = client.session().tool(echo()).approve_all().create().await?;
        session.prompt(format!("echo {word}")).await?.within(PATIENCE).await
    };
    match turn.await {
        Ok(answer) if answer.text() == script::heard(&word) => Ok(()),
        Ok(answer) => Err(format!("session {number} answered `{}`", answer.text())),
        Err(error) => Err(format!("session {number} failed: {error:#}")),
    }
}

fn echo() -> Tool {
    Tool::with_schema(script::TOOL, "Says it again", json!({"type": "object"}), async |word: Value, _| {
        script::heard(word["word"].as_str().unwrap_or_default())
    })
}

/// A session whose tool never answers and whose events nobody reads, however many come.
struct Stalled {
    session: Session,
    events: Events,
}

impl Stalled {
    async fn start(client: &Client) -> Outcome<Self> {
        let called = Arc::new(Notify::new());
        let tell = Arc::clone(&called);
        let hang = Tool::with_schema(
            script::TOOL,
            "Never answers",
            json!({"type": "object"}),
            move |_: Value, _| {
                tell.notify_one();
                std::future::pending::<String>()
            },
        );
        let session = client.session().tool(hang).approve_all().create().await?;
        let events = session.events().delivery(Delivery::Merge(256));
        session.send(format!("flood {FLOOD}")).await?;
        let in_time = tokio::time::timeout(PATIENCE, called.notified()).await;
        in_time.map_err(|_| "the tool that hangs was not called")?;
        Ok(Self { session, events })
    }

    /// Reads at last what nobody read: nothing of it is missing.
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
        let in_time = tokio::time::timeout(PATIENCE, reading).await.is_ok();
        report.check(in_time && text == expected, || "the stalled session's text is another".to_owned());
        let left = self.session.disconnect().await;
        report.check(left.is_ok(), || format!("the stalled session could not be left: {left:?}"));
    }
}
