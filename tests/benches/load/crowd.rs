//! One turn with a flood of events, and subscribers of every overflow policy that come and go.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use copilot_session::{Overflow, Session};
use tokio::task::JoinSet;

use crate::LIMIT;
use crate::burst;
use crate::report::{Outcome, Report};

/// The number of subscribers of each policy at a time.
const CROWD: usize = 20;

/// The queue length of a policy with a limit.
const QUEUE: usize = 64;

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
    let mut report = Report::default();
    burst::turn(&client, &session, events, &over, &mut report).await?;
    // The end of the session ends the remaining subscriptions.
    session.disconnect().await?;
    let mut all = Visits::default();
    while let Some(visits) = tokio::time::timeout(LIMIT, crowd.join_next()).await? {
        all.add(&visits?);
    }
    report.check(all.disordered == 0, || format!("{} subscribers saw events out of order", all.disordered));
    report.check(all.gaps == 0, || format!("{} subscribers lost events silently", all.gaps));
    report.check(all.count > 0, || "there was no subscriber".to_owned());
    client.stop().await;
    report.figure("subscribers", all.count);
    report.figure("seen", all.seen);
    report.figure("missed", all.missed);
    Ok(report)
}

fn policies() -> [Overflow; 4] {
    [Overflow::Unbounded, Overflow::Merge(QUEUE), Overflow::DropOldest(QUEUE), Overflow::Close(QUEUE)]
}

/// The sums of several subscriptions, one after the other.
#[derive(Default)]
struct Visits {
    count: u64,
    seen: u64,
    missed: u64,
    disordered: u64,
    /// Subscriptions without some events, under a policy that delivers each.
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

/// Subscribes for some events, unsubscribes, and subscribes again, until the turn is over.
async fn come_and_go(session: Session, policy: Overflow, place: usize, over: Arc<AtomicBool>) -> Visits {
    let mut visits = Visits::default();
    while !over.load(Ordering::Relaxed) {
        visits.count += 1;
        let mut events = session.events().overflow(policy);
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
        // Merging puts the newest of several events in the place of the oldest.
        let in_order = !matches!(policy, Overflow::Merge(_));
        visits.disordered += u64::from(disordered && in_order);
        // Merging and dropping omit events.
        let shows_all = matches!(policy, Overflow::Unbounded | Overflow::Close(_));
        visits.gaps += u64::from(gaps && shows_all);
    }
    visits
}
