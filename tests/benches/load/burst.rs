//! One turn with a flood of events, and subscribers of several overflow policies and speeds.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use copilot_session::types::PingRequest;
use copilot_session::{Client, Decision, Error, Overflow, Session, Tool};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::LIMIT;
use crate::report::{Outcome, Report};
use crate::script::{self, BLOCK};
use crate::watch::{Pace, Seen, watch};

pub async fn run(events: u64) -> Outcome<Report> {
    if events == 0 || !events.is_multiple_of(BLOCK) {
        return Err(format!("a turn has whole blocks of {BLOCK} events").into());
    }
    let client = crate::start_peer().await?;
    let session = session(&client).await?;
    let watching = Watching::start(&session);
    let mut report = Report::default();
    let sent = turn(&client, &session, events, &watching.over, &mut report).await?;
    watching.check(&mut report, sent, texts(events)).await?;
    client.stop().await;
    Ok(report)
}

/// Runs a turn with so many events, checks its text and its answers, and returns the number of events sent.
pub async fn turn(
    client: &Client,
    session: &Session,
    events: u64,
    over: &AtomicBool,
    report: &mut Report,
) -> Outcome<u64> {
    let started = Instant::now();
    let turn = session.prompt(format!("burst {events}")).await?.timeout(LIMIT).await;
    report.figure("turn", format_args!("{:.2} s", started.elapsed().as_secs_f64()));
    over.store(true, Ordering::Relaxed);
    let text = script::text(events / BLOCK - 1);
    match turn {
        Ok(answer) => report.check(answer.text() == text, || "the turn has another text".to_owned()),
        Err(error) => report.check(false, || format!("the turn failed: {error:#}")),
    }
    // The peer reads in order, so it has seen any second answer by now.
    let account = client.rpc().ping(&PingRequest::default()).await?.message;
    let account = Account::read(&account);
    account.check(report, events);
    Ok(account.sent)
}

/// A session that answers the tool calls and permission requests of the peer.
pub async fn session(client: &Client) -> Result<Session, Error> {
    let schema = json!({"type": "object", "properties": {"word": {"type": "string"}}});
    let echo = Tool::with_schema(script::TOOL, "Repeats a word", schema, async |arguments: Value, _| {
        // Stands for the work of a tool.
        tokio::time::sleep(Duration::from_millis(1)).await;
        script::heard(arguments["word"].as_str().unwrap_or_default())
    });
    let decide = async |_, _| {
        tokio::task::yield_now().await;
        Decision::approve()
    };
    client.session().tool(echo).on_permission(decide).create().await
}

/// The peer's own account of a turn.
struct Account {
    sent: u64,
    asked: u64,
    /// Requests with one answer, and the right one.
    answered: u64,
    unanswered: u64,
}

impl Account {
    fn read(json: &str) -> Self {
        let account: Value = serde_json::from_str(json).unwrap_or_default();
        let count = |key: &str| account[key].as_u64().unwrap_or(u64::MAX);
        Self {
            sent: count("sent"),
            asked: count("asked"),
            answered: count("answered"),
            unanswered: count("unanswered"),
        }
    }

    fn check(&self, report: &mut Report, events: u64) {
        report.check(self.unanswered == 0, || format!("{} requests were not answered", self.unanswered));
        report.check(self.answered == self.asked, || {
            "a request has no or more than one right answer".to_owned()
        });
        // The prompt, the end of the turn, and one event for each answer.
        let all = events + 2 + self.asked;
        report.check(self.sent == all, || format!("{} events were sent, not {all}", self.sent));
        report.figure("sent", self.sent);
        report.figure("answered", format_args!("{}/{}", self.answered, self.asked));
    }
}

/// The subscribers of the session.
struct Watching {
    all: JoinHandle<Seen>,
    merging: [JoinHandle<Seen>; 2],
    dropping: [JoinHandle<Seen>; 2],
    /// True once the turn is over.
    over: Arc<AtomicBool>,
}

impl Watching {
    fn start(session: &Session) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let subscribe = |delivery, pace| tokio::spawn(watch(session.events().overflow(delivery), pace));
        let slow = || Pace::Slow(Arc::clone(&over));
        let stalled = || Pace::Stalled(Arc::clone(&over));
        Self {
            all: subscribe(Overflow::Unbounded, Pace::Fast),
            merging: [subscribe(Overflow::default(), Pace::Fast), subscribe(Overflow::default(), slow())],
            dropping: [
                subscribe(Overflow::DropOldest(256), slow()),
                subscribe(Overflow::DropOldest(256), stalled()),
            ],
            over,
        }
    }

    /// Checks the events of each subscriber, and reports those that were lost silently, merged or missed.
    async fn check(self, report: &mut Report, sent: u64, texts: BTreeMap<String, String>) -> Outcome<()> {
        let all = end_of(self.all).await?;
        let expected = Expected { sent, kept: all.kept.clone(), texts };
        let mut lost = expected.check_all(report, &all);
        let (mut merged, mut missed) = (0, 0);
        for subscriber in self.merging {
            let seen = end_of(subscriber).await?;
            lost += expected.check_merging(report, &seen);
            merged += sent.saturating_sub(seen.all.len() as u64);
        }
        for subscriber in self.dropping {
            let seen = end_of(subscriber).await?;
            lost += expected.check_dropping(report, &seen);
            missed += seen.missed;
        }
        report.check(lost == 0, || format!("{lost} events were lost silently"));
        report.figure("merged", merged);
        report.figure("missed", missed);
        Ok(())
    }
}

async fn end_of(subscriber: JoinHandle<Seen>) -> Outcome<Seen> {
    let seen = tokio::time::timeout(LIMIT, subscriber).await;
    Ok(seen.map_err(|_| "a subscriber never sees the end of the turn")??)
}

/// The text of each message, by its id.
fn texts(events: u64) -> BTreeMap<String, String> {
    (0..events / BLOCK).map(|block| (script::message_id(block), script::text(block))).collect()
}

/// The events and texts of the turn.
struct Expected {
    sent: u64,
    kept: Vec<u64>,
    texts: BTreeMap<String, String>,
}

/// Each check returns the number of events that were lost silently.
impl Expected {
    fn check_all(&self, report: &mut Report, seen: &Seen) -> u64 {
        let in_order = seen.all.iter().copied().eq(0..self.sent);
        report
            .check(in_order, || "the unbounded subscriber did not see each event once, in order".to_owned());
        report.check(seen.texts == self.texts, || "the unbounded subscriber has another text".to_owned());
        report.check(seen.missed == 0, || "the unbounded subscriber missed events".to_owned());
        let numbers: BTreeSet<_> = seen.all.iter().collect();
        self.sent.saturating_sub(numbers.len() as u64)
    }

    fn check_merging(&self, report: &mut Report, seen: &Seen) -> u64 {
        let kept = seen.kept == self.kept;
        report.check(kept, || "a merging subscriber did not see each persistent event in order".to_owned());
        let whole = seen.texts == self.texts;
        report.check(whole, || "a merging subscriber has another text".to_owned());
        report.check(seen.missed == 0, || "a merging subscriber missed events".to_owned());
        (self.kept.len().saturating_sub(seen.kept.len())) as u64 + u64::from(!whole)
    }

    fn check_dropping(&self, report: &mut Report, seen: &Seen) -> u64 {
        let kept = seen.kept == self.kept;
        report.check(kept, || "a dropping subscriber did not see each persistent event in order".to_owned());
        let reported = seen.all.len() as u64 + seen.missed;
        report.check(reported <= self.sent, || {
            format!(
                "a dropping subscriber saw {} and missed {} of {}",
                seen.all.len(),
                seen.missed,
                self.sent
            )
        });
        self.sent.saturating_sub(reported)
    }
}
