//! One turn with a flood of events, and a crowd of observers that come and go meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use copilot_session::types::PingRequest;
use copilot_session::{Delivery, Session};
use serde_json::json;
use tokio::task::JoinSet;

use crate::burst::{self, Account};
use crate::report::{Outcome, Report, peak_bytes};
use crate::script::{self, BLOCK};

/// How many observers there are at a time under each policy.
const CROWD: usize = 20;

/// How many events wait under a policy that has a limit.
const LIMIT: usize = 64;

/// How long anything is waited for. It passes only when something hangs.
const PATIENCE: Duration = Duration::from_secs(240);

pub async fn run(events: u64) -> Outcome<Report> {
    let client = crate::start_peer().await?;
    let session = burst::session(&client).await?;
    let over = Arc::new(AtomicBool::new(false));
    let mut crowd = JoinSet::new();
    for policy in policies() {
        for place in 0..CROWD {
            crowd.spawn(come_and_go(session.clone(), policy, place, Arc::clone(&over)));
        }
    }
    let started = Instant::now();
    let turn = session.prompt(format!("burst {events}")).await?.within(PATIENCE).await;
    let seconds = started.elapsed().as_secs_f64();
    over.store(true, Ordering::Relaxed);

    let mut report = Report::new();
    let text = script::text(events / BLOCK - 1);
    match turn {
        Ok(answer) => report.check(answer.text() == text, || "the turn's text is another".to_owned()),
        Err(error) => report.check(false, || format!("the turn failed: {error}")),
    }
    let account = Account::read(&client.rpc().ping(&PingRequest::default()).await?.message);
    account.check(&mut report, events);
    // The end of the session ends those that still watch.
    session.disconnect().await?;
    let mut all = Visits::default();
    while let Some(visits) = tokio::time::timeout(PATIENCE, crowd.join_next()).await? {
        all.add(&visits?);
    }
    report.check(all.disordered == 0, || format!("{} observers saw events out of order", all.disordered));
    report.check(all.gaps == 0, || format!("{} observers missed events without a word", all.gaps));
    report.check(all.count > 0, || "nobody came".to_owned());
    client.stop().await?;
    report.figures(json!({
        "sent": account.sent, "asked": account.asked, "answered": account.answered, "observers": all.count,
        "seen": all.seen, "missed": all.missed, "seconds": seconds, "peak_bytes": peak_bytes(),
    }));
    Ok(report)
}

fn policies() -> [Delivery; 4] {
    [Delivery::Unbounded, Delivery::Merge(LIMIT), Delivery::DropOldest(LIMIT), Delivery::Close(LIMIT)]
}

/// What observers saw that came one after the other.
#[derive(Default)]
struct Visits {
    count: u64,
    seen: u64,
    missed: u64,
    disordered: u64,
    /// Observers that left out events although their policy has them tell of each.
    gaps: u64,
}

impl Visits {
    fn add(&mut self, other: &Self) {
        self.count += other.count;
        self.seen += other.seen;
        self.missed += other.missed;
        self.disordered += other.disordered;
        self.gaps += other.gaps;
    }
}

/// Watches for a while, goes, and comes again, until the turn is over.
async fn come_and_go(session: Session, policy: Delivery, place: usize, over: Arc<AtomicBool>) -> Visits {
    let mut visits = Visits::default();
    while !over.load(Ordering::Relaxed) {
        visits.count += 1;
        let mut events = session.events().delivery(policy);
        let (mut last, mut disordered, mut gaps) = (None, false, false);
        for _ in 0..50 * (place + 1) {
            let Some(event) = events.next().await else { break };
            if let Some(missed) = event.missed() {
                visits.missed += missed;
                continue;
            }
            let number = event.id().split('-').next().and_then(|number| number.parse::<u64>().ok());
            let Some(number) = number else { continue };
            visits.seen += 1;
            disordered |= last.is_some_and(|last| number <= last);
            gaps |= last.is_some_and(|last| number != last + 1);
            last = Some(number);
        }
        // One that merges has the newest of what it replaces in the place of the oldest.
        let in_order = !matches!(policy, Delivery::Merge(_));
        visits.disordered += u64::from(disordered && in_order);
        // Those that merge or drop leave events out by their policy.
        let shows_all = matches!(policy, Delivery::Unbounded | Delivery::Close(_));
        visits.gaps += u64::from(gaps && shows_all);
    }
    visits
}
