//! One turn with a flood of events, watched in every way.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use copilot_session::types::PingRequest;
use copilot_session::{Client, Decision, Delivery, Error, Session, Tool};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::report::{Outcome, Report, peak_bytes};
use crate::script::{self, BLOCK};
use crate::watch::{Pace, Seen, watch};

/// How long anything is waited for. It passes only when something hangs.
const PATIENCE: Duration = Duration::from_secs(240);

pub async fn run(events: u64) -> Outcome<Report> {
    if events == 0 || !events.is_multiple_of(BLOCK) {
        return Err(format!("a turn has whole blocks of {BLOCK} events").into());
    }
    let client = crate::start_peer().await?;
    let session = session(&client).await?;
    let watching = Watching::start(&session);
    let started = Instant::now();
    let turn = session.prompt(format!("burst {events}")).await?.within(PATIENCE).await;
    let seconds = started.elapsed().as_secs_f64();
    watching.over.store(true, Ordering::Relaxed);

    let mut report = Report::new();
    let text = script::text(events / BLOCK - 1);
    match turn {
        Ok(answer) => report.check(answer.text() == text, || "the turn's text is another".to_owned()),
        Err(error) => report.check(false, || format!("{error:#}")),
    }
    // What is answered twice is seen by now, as the peer reads in order.
    let account = client.rpc().ping(&PingRequest::default()).await?.message;
    let account = Account::read(&account);
    account.check(&mut report, events);
    let [lost, merged, missed] = watching.check(&mut report, account.sent, texts(events)).await?;
    client.stop().await?;
    report.figures(json!({
        "sent": account.sent, "lost": lost, "asked": account.asked, "answered": account.answered,
        "merged": merged, "missed": missed, "seconds": seconds, "peak_bytes": peak_bytes(),
    }));
    Ok(report)
}

/// A session that answers what the peer asks.
pub async fn session(client: &Client) -> Result<Session, Error> {
    let schema = json!({"type": "object", "properties": {"word": {"type": "string"}}});
    let echo = Tool::with_schema(script::TOOL, "Says it again", schema, async |arguments: Value, _| {
        // Something that a tool would wait for.
        tokio::time::sleep(Duration::from_millis(1)).await;
        script::heard(arguments["word"].as_str().unwrap_or_default())
    });
    let decide = async |_, _| {
        tokio::task::yield_now().await;
        Decision::approve()
    };
    client.session().tool(echo).on_permission(decide).create().await
}

/// What the peer says it did.
pub struct Account {
    pub sent: u64,
    pub asked: u64,
    /// Requests with one answer, and the right one.
    pub answered: u64,
    unanswered: u64,
}

impl Account {
    pub fn read(json: &str) -> Self {
        let account: Value = serde_json::from_str(json).unwrap_or_default();
        let count = |key: &str| account[key].as_u64().unwrap_or(u64::MAX);
        Self {
            sent: count("sent"),
            asked: count("asked"),
            answered: count("answered"),
            unanswered: count("unanswered"),
        }
    }

    pub fn check(&self, report: &mut Report, events: u64) {
        report.check(self.unanswered == 0, || format!("{} requests were not answered", self.unanswered));
        report.check(self.answered == self.asked, || "not each request has one right answer".to_owned());
        // The prompt and the end of the turn, and one for each answer.
        let all = events + 2 + self.asked;
        report.check(self.sent == all, || format!("{} events were sent, not {all}", self.sent));
    }
}

/// The observers of the session.
struct Watching {
    all: JoinHandle<Seen>,
    merging: [JoinHandle<Seen>; 2],
    dropping: [JoinHandle<Seen>; 2],
    /// Whether the turn is over.
    over: Arc<AtomicBool>,
}

impl Watching {
    fn start(session: &Session) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let observe = |delivery, pace| tokio::spawn(watch(session.events().delivery(delivery), pace));
        let slow = || Pace::Slow(Arc::clone(&over));
        let stalled = || Pace::Stalled(Arc::clone(&over));
        Self {
            all: observe(Delivery::Unbounded, Pace::Fast),
            merging: [observe(Delivery::default(), Pace::Fast), observe(Delivery::default(), slow())],
            dropping: [
                observe(Delivery::DropOldest(256), slow()),
                observe(Delivery::DropOldest(256), stalled()),
            ],
            over,
        }
    }

    /// How many events were lost without a word, how many went into others, and how many observers were
    /// told that they missed.
    async fn check(
        self,
        report: &mut Report,
        sent: u64,
        texts: BTreeMap<String, String>,
    ) -> Outcome<[u64; 3]> {
        let all = end_of(self.all).await?;
        let expected = Expected { sent, kept: all.kept.clone(), texts };
        let mut lost = expected.check_all(report, &all);
        let (mut merged, mut missed) = (0, 0);
        for observer in self.merging {
            let seen = end_of(observer).await?;
            lost += expected.check_merging(report, &seen);
            merged += sent.saturating_sub(seen.all.len() as u64);
        }
        for observer in self.dropping {
            let seen = end_of(observer).await?;
            lost += expected.check_dropping(report, &seen);
            missed += seen.missed;
        }
        report.check(lost == 0, || format!("{lost} events were lost without a word"));
        Ok([lost, merged, missed])
    }
}

async fn end_of(observer: JoinHandle<Seen>) -> Outcome<Seen> {
    let seen = tokio::time::timeout(PATIENCE, observer).await;
    Ok(seen.map_err(|_| "an observer does not come to the end")??)
}

/// The text of each message.
fn texts(events: u64) -> BTreeMap<String, String> {
    (0..events / BLOCK).map(|block| (script::message_id(block), script::text(block))).collect()
}

/// What there was to be seen.
struct Expected {
    sent: u64,
    kept: Vec<u64>,
    texts: BTreeMap<String, String>,
}

/// Each check gives the number of events that were lost without a word.
impl Expected {
    fn check_all(&self, report: &mut Report, seen: &Seen) -> u64 {
        let in_order = seen.all.iter().copied().eq(0..self.sent);
        report.check(in_order, || "the unbounded observer did not see each event once, in order".to_owned());
        report.check(seen.texts == self.texts, || "the unbounded observer's text is another".to_owned());
        report.check(seen.missed == 0, || "the unbounded observer was told that it missed some".to_owned());
        let numbers: std::collections::BTreeSet<_> = seen.all.iter().collect();
        self.sent.saturating_sub(numbers.len() as u64)
    }

    fn check_merging(&self, report: &mut Report, seen: &Seen) -> u64 {
        let kept = seen.kept == self.kept;
        report.check(kept, || "a merging observer did not see all that is kept, in order".to_owned());
        let whole = seen.texts == self.texts;
        report.check(whole, || "a merging observer's text is another".to_owned());
        report.check(seen.missed == 0, || "a merging observer was told that it missed some".to_owned());
        (self.kept.len().saturating_sub(seen.kept.len())) as u64 + u64::from(!whole)
    }

    fn check_dropping(&self, report: &mut Report, seen: &Seen) -> u64 {
        let kept = seen.kept == self.kept;
        report.check(kept, || "a dropping observer did not see all that is kept, in order".to_owned());
        let told = seen.all.len() as u64 + seen.missed;
        report.check(told <= self.sent, || {
            format!("a dropping observer saw {} and missed {}, of {}", seen.all.len(), seen.missed, self.sent)
        });
        self.sent.saturating_sub(told)
    }
}
