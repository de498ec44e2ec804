//! The state of a session, and its latest changes for any number of browsers.
//!
//! The changes are kept once, in a list with limits, and each browser has only a place in it. So a browser that does
//! not read costs nothing: when its place is gone from the list, it gets the whole state instead.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, watch};

use crate::random;
use crate::state::{Head, State, Status};

/// The most changes that are kept.
const MAX_CHANGES: usize = 4096;

/// The most bytes of their JSON.
pub const MAX_BYTES: usize = 1 << 20;

/// The most bytes of changes in one message, apart from one that is longer.
const MAX_MESSAGE: usize = 64 << 10;

/// A message for a browser.
#[derive(Debug, PartialEq, Eq)]
pub struct Message {
    /// The place after this message, with which a browser asks for the next.
    pub id: String,
    /// `state` or `changes`.
    pub kind: &'static str,
    /// The state, or a list of changes, as JSON.
    pub json: String,
}

/// The state of a session, and its latest changes.
pub struct Feed {
    inner: Mutex<Inner>,
    /// The number of the next change. Its receivers wait for more.
    next: watch::Sender<u64>,
    /// Tells this feed from any other, also from one of the same session that was opened earlier.
    name: String,
    /// Wakes who shows a list of sessions, when what it shows of this one changes.
    list_changed: Arc<Notify>,
}

#[derive(Default)]
struct Inner {
    state: State,
    changes: VecDeque<String>,
    bytes: usize,
    /// The number of the first change that is kept.
    first: u64,
    ended: bool,
}

impl Feed {
    /// Creates the feed of a session. It wakes `list_changed` when what a list of sessions shows has changed.
    ///
    /// # Errors
    /// If the system has no randomness.
    pub fn new(list_changed: Arc<Notify>) -> std::io::Result<Arc<Self>> {
        let name = random::hex::<8>()?;
        Ok(Arc::new(Self { inner: Mutex::default(), next: watch::Sender::new(0), name, list_changed }))
    }

    /// Changes the state.
    pub fn change(&self, change: impl FnOnce(&mut State)) {
        let mut inner = self.lock();
        let before = listed(&inner.state);
        change(&mut inner.state);
        if before != listed(&inner.state) {
            self.list_changed.notify_one();
        }
        for change in inner.state.changes() {
            inner.bytes += change.len();
            inner.changes.push_back(change);
        }
        while inner.changes.len() > MAX_CHANGES || inner.bytes > MAX_BYTES {
            let Some(oldest) = inner.changes.pop_front() else { break };
            inner.bytes -= oldest.len();
            inner.first += 1;
        }
        let next = inner.first + inner.changes.len() as u64;
        // While locked, so that the numbers only grow.
        self.next.send_if_modified(|known| std::mem::replace(known, next) != next);
    }

    /// Nothing will change any more.
    pub fn end(&self) {
        self.lock().ended = true;
        self.next.send_modify(|_| {});
    }

    /// The head of the state, and the number of open questions.
    pub fn summary(&self) -> (Head, usize) {
        let inner = self.lock();
        (inner.state.head().clone(), inner.state.asks().len())
    }

    /// The memory of the texts of the state and of the changes, in bytes.
    pub fn size(&self) -> usize {
        let inner = self.lock();
        inner.state.tree().size() + inner.bytes
    }

    /// Looks at the state.
    pub fn look<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.lock().state)
    }

    /// A reader that begins after the message with this id, or else with the whole state.
    pub fn reader(self: &Arc<Self>, last: Option<&str>) -> Reader {
        let place = last.and_then(|last| last.strip_prefix(&self.name)?.strip_prefix('-')?.parse().ok());
        Reader { next: place, changed: self.next.subscribe(), feed: Arc::clone(self) }
    }

    /// The message at this place; none if it is not there yet.
    fn message(&self, place: Option<u64>) -> Option<(u64, Message)> {
        let inner = self.lock();
        let end = inner.first + inner.changes.len() as u64;
        let message = |next, kind, json| (next, Message { id: format!("{}-{next}", self.name), kind, json });
        match place.filter(|place| (inner.first..=end).contains(place)) {
            None => {
                let json = serde_json::to_string(&inner.state.snapshot()).unwrap_or_default();
                Some(message(end, "state", json))
            }
            Some(place) if place == end => None,
            Some(place) => {
                let mut json = String::from("[");
                let mut next = place;
                for change in inner.changes.range((place - inner.first) as usize..) {
                    if next > place && json.len() + change.len() > MAX_MESSAGE {
                        break;
                    }
                    let comma = if next > place { "," } else { "" };
                    json.extend([comma, change]);
                    next += 1;
                }
                json.push(']');
                Some(message(next, "changes", json))
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The part of a state that a list of sessions shows.
fn listed(state: &State) -> (String, String, Status, usize) {
    let head = state.head();
    (head.title.clone(), head.folder.clone(), head.status, state.asks().len())
}

/// The place of one browser in a feed.
pub struct Reader {
    feed: Arc<Feed>,
    /// The number of the next change; none before the first state.
    next: Option<u64>,
    changed: watch::Receiver<u64>,
}

impl Reader {
    /// Waits for the next message; none once the feed has ended and all was read. Cancel-safe.
    pub async fn next(&mut self) -> Option<Message> {
        loop {
            // Before looking, so that no change in between is missed.
            self.changed.borrow_and_update();
            if let Some((next, message)) = self.feed.message(self.next) {
                self.next = Some(next);
                return Some(message);
            }
            if self.feed.lock().ended || self.changed.changed().await.is_err() {
                return None;
            }
        }
    }

    /// Returns true if this is a place in that feed.
    pub fn is_of(&self, feed: &Arc<Feed>) -> bool {
        Arc::ptr_eq(&self.feed, feed)
    }
}
