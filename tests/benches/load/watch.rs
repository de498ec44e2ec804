//! Subscribers that record the events they see, at different speeds.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use copilot_session::{Events, SessionEventData};

/// The speed of a subscriber until the flag marks the end of the turn.
pub enum Pace {
    Fast,
    /// Far slower than the events arrive.
    Slow(Arc<AtomicBool>),
    /// Reads some events and then pauses for long.
    Stalled(Arc<AtomicBool>),
}

/// The number of events between two rests of a subscriber that is not fast.
const STRETCH: usize = 16;

impl Pace {
    /// The time to rest now.
    fn rest(&self) -> Option<Duration> {
        let (over, rest) = match self {
            Self::Fast => return None,
            Self::Slow(over) => (over, Duration::from_millis(5)),
            Self::Stalled(over) => (over, Duration::from_secs(1)),
        };
        (!over.load(Ordering::Relaxed)).then_some(rest)
    }
}

/// The events of a turn that a subscriber saw.
#[derive(Default)]
pub struct Seen {
    /// The numbers of all events.
    pub all: Vec<u64>,
    /// The numbers of those that are not ephemeral.
    pub kept: Vec<u64>,
    /// The text of each message, joined from its deltas.
    pub texts: BTreeMap<String, String>,
    /// The number of events that were reported as missed.
    pub missed: u64,
    /// True once the turn has ended.
    pub ended: bool,
}

/// Reads events at this speed until the session is idle.
pub async fn watch(mut events: Events, pace: Pace) -> Seen {
    let mut seen = Seen::default();
    while !seen.ended
        && let Some(event) = events.next().await
    {
        if let Some(missed) = event.missed() {
            seen.missed += missed;
            continue;
        }
        // The first events of a session have no number, and only its first subscriber sees them.
        let number = event.id().split('-').next().and_then(|number| number.parse().ok());
        let Some(number) = number else { continue };
        seen.all.push(number);
        seen.ended = event.kind() == "session.idle";
        if seen.ended || !event.is_ephemeral() {
            seen.kept.push(number);
        }
        if let SessionEventData::AssistantMessageDelta(delta) = event.data() {
            *seen.texts.entry(delta.message_id.clone()).or_default() += &delta.delta_content;
        }
        if seen.all.len().is_multiple_of(STRETCH)
            && let Some(rest) = pace.rest()
        {
            tokio::time::sleep(rest).await;
        }
    }
    seen
}
