//! Observers that note what they see, at different paces.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use copilot_session::{Events, SessionEventData};

/// How fast an observer is, until the flag says that the turn is over.
pub enum Pace {
    Fast,
    /// Far slower than the events come.
    Slow(Arc<AtomicBool>),
    /// It sees some, and then nothing for long.
    Stalled(Arc<AtomicBool>),
}

/// After how many events one that is not fast rests.
const STRETCH: usize = 16;

impl Pace {
    /// How long it rests now.
    fn rest(&self) -> Option<Duration> {
        let (over, rest) = match self {
            Self::Fast => return None,
            Self::Slow(over) => (over, Duration::from_millis(5)),
            Self::Stalled(over) => (over, Duration::from_secs(1)),
        };
        (!over.load(Ordering::Relaxed)).then_some(rest)
    }
}

/// What an observer saw of a turn.
#[derive(Default)]
pub struct Seen {
    /// The numbers of all events.
    pub all: Vec<u64>,
    /// The numbers of those that are not merely passing.
    pub kept: Vec<u64>,
    /// The text of each message, put together from its deltas.
    pub texts: BTreeMap<String, String>,
    /// How many it was told that it missed.
    pub missed: u64,
    /// Whether the turn's end was among them.
    pub ended: bool,
}

/// Watches at this pace until the session is idle.
pub async fn watch(mut events: Events, pace: Pace) -> Seen {
    let mut seen = Seen::default();
    while !seen.ended
        && let Some(event) = events.next().await
    {
        if let Some(missed) = event.missed() {
            seen.missed += missed;
            continue;
        }
        // What is told of a new session has no number, and only the first observer sees it.
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
