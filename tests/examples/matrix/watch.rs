//! Observers that note what they see, at different paces.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use copilot_session::{Events, SessionEventData};

/// How a slow observer dawdles: after so many events, for so long.
const DAWDLE: (usize, Duration) = (16, Duration::from_millis(5));

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

/// Watches until the session is idle. A slow observer takes its time until the flag is set.
pub async fn watch(mut events: Events, slow_until: Option<Arc<AtomicBool>>) -> Seen {
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
        if let Some(over) = &slow_until
            && seen.all.len().is_multiple_of(DAWDLE.0)
            && !over.load(Ordering::Relaxed)
        {
            tokio::time::sleep(DAWDLE.1).await;
        }
    }
    seen
}
