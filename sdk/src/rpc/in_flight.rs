//! The handlers that are at work, so that they can be ended.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::runtime::Handle;
use tokio::task::AbortHandle;

use crate::events::SessionEvent;
use crate::runtime::lock;

tokio::task_local! {
    /// The number of the handler that runs in this task.
    static CURRENT: u64;
}

/// Runs the code of the handler with this number.
pub(crate) fn spawn(
    runtime: &Handle,
    number: u64,
    handling: impl Future<Output = ()> + Send + 'static,
) -> AbortHandle {
    runtime.spawn(CURRENT.scope(number, handling)).abort_handle()
}

/// A number that no other handler has.
pub(crate) fn number() -> u64 {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    COUNT.fetch_add(1, Ordering::Relaxed)
}

/// The handlers at work, by the key of their request.
#[derive(Default)]
pub(crate) struct Running(Mutex<HashMap<String, AtWork>>);

struct AtWork {
    number: u64,
    /// The event that asked, if it was one.
    event: Option<SessionEvent>,
    /// Not known before it is spawned.
    task: Option<AbortHandle>,
    /// Whether it goes on when its request ends.
    is_spared: bool,
}

impl Running {
    /// A request has come, for the handler with this number. False when it has come before and is at work.
    pub fn begin(&self, request: &str, number: u64) -> bool {
        self.insert(request, number, None)
    }

    fn insert(&self, request: &str, number: u64, event: Option<SessionEvent>) -> bool {
        match lock(&self.0).entry(request.to_owned()) {
            Entry::Occupied(_) => false,
            Entry::Vacant(entry) => {
                entry.insert(AtWork { number, event, task: None, is_spared: false });
                true
            }
        }
    }

    /// A request has come whose id may be that of another at work, as `null` may. Returns its key.
    pub fn begin_as(&self, id: &str, number: u64) -> String {
        if self.begin(id, number) {
            return id.to_owned();
        }
        let key = format!("{id} again {number}");
        self.begin(&key, number);
        key
    }

    /// Its handler runs as this task.
    pub fn set(&self, request: &str, task: AbortHandle) {
        match lock(&self.0).get_mut(request) {
            Some(at_work) => at_work.task = Some(task).filter(|_| !at_work.is_spared),
            // It is done, or was ended before its task was known.
            None => task.abort(),
        }
    }

    /// It is done with. False when it was before.
    pub fn end(&self, request: &str) -> bool {
        lock(&self.0).remove(request).is_some()
    }

    /// Ends the handler of a request whose answer nobody wants any more.
    pub fn cancel(&self, request: &str) {
        drop(self.take(request));
    }

    /// The same. Returns the event that asked, when it was one that was at work.
    fn take(&self, request: &str) -> Option<SessionEvent> {
        let AtWork { task, event, .. } = lock(&self.0).remove(request)?;
        if let Some(task) = task {
            task.abort();
        }
        event
    }

    /// The same for all requests.
    pub fn cancel_all(&self) {
        let all = std::mem::take(&mut *lock(&self.0));
        for task in all.into_values().filter_map(|at_work| at_work.task) {
            task.abort();
        }
    }

    /// Lets the handler that calls this go on when its request ends: what it waits for may be what ends the
    /// request, and with the handler the rest of that would be lost.
    pub fn spare_current(&self) {
        if let Ok(current) = CURRENT.try_with(|number| *number)
            && let Some(at_work) = lock(&self.0).values_mut().find(|at_work| at_work.number == current)
        {
            at_work.is_spared = true;
            at_work.task = None;
        }
    }

    fn keys(&self) -> Vec<String> {
        lock(&self.0).keys().cloned().collect()
    }
}

/// How many requests are remembered that are over.
const REMEMBERED: usize = 1024;

/// The requests of a session that came as events: each is handled once, however often it comes.
#[derive(Default)]
pub(crate) struct EventRequests {
    running: Running,
    over: Mutex<Over>,
}

#[derive(Default)]
struct Over {
    keys: HashSet<String>,
    /// The same, the oldest first.
    order: VecDeque<String>,
}

impl EventRequests {
    /// The key of a request, or of a tool that runs: ids of one kind say nothing about those of another. `kind` is
    /// that of the event with which it begins, or of the one with which it is over.
    pub fn key(kind: &str, id: &str) -> String {
        const ENDINGS: [&str; 7] =
            [".requested", "_required", ".execute", ".completed", "_completed", "_start", "_complete"];
        let about = ENDINGS.iter().find_map(|ending| kind.strip_suffix(ending)).unwrap_or(kind);
        format!("{about} {id}")
    }

    /// A request has come. False when it has come before, whether it is at work or over: it may come once as
    /// an event and once from the list of what waits.
    pub fn begin(&self, key: &str, number: u64, event: &SessionEvent) -> bool {
        if !self.running.insert(key, number, Some(event.clone())) {
            return false;
        }
        // Afterwards, since it may have come to its end in between: that is remembered before it is taken off.
        let is_over = lock(&self.over).keys.contains(key);
        if is_over {
            self.running.end(key);
        }
        !is_over
    }

    /// Its handler runs as this task.
    pub fn set(&self, key: &str, task: AbortHandle) {
        self.running.set(key, task);
    }

    /// It is answered. False when it was over before.
    pub fn end(&self, key: &str) -> bool {
        self.remember(key);
        self.running.end(key)
    }

    /// It is over, by whoever answered it: the handler that is at work on it ends.
    pub fn cancel(&self, key: &str) {
        self.remember(key);
        self.running.cancel(key);
    }

    /// Ends all handlers. Returns the events that asked what they worked on.
    pub fn cancel_all(&self) -> Vec<SessionEvent> {
        let take = |key: String| {
            self.remember(&key);
            self.running.take(&key)
        };
        self.running.keys().into_iter().filter_map(take).collect()
    }

    /// As [`Running::spare_current`].
    pub fn spare_current(&self) {
        self.running.spare_current();
    }

    fn remember(&self, key: &str) {
        let mut over = lock(&self.over);
        if !over.keys.insert(key.to_owned()) {
            return;
        }
        over.order.push_back(key.to_owned());
        if over.order.len() > REMEMBERED
            && let Some(oldest) = over.order.pop_front()
        {
            over.keys.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_handled_once() {
        let requests = EventRequests::default();
        let key = EventRequests::key("permission.requested", "1");
        let event = SessionEvent::from_json(r#"{"type": "any"}"#).expect("an event");
        assert!(requests.begin(&key, 0, &event) && !requests.begin(&key, 1, &event), "it is at work");
        assert!(requests.end(&key) && !requests.end(&key));
        assert!(!requests.begin(&key, 2, &event), "it is over");
        assert!(
            requests.begin(&EventRequests::key("external_tool.requested", "1"), 3, &event),
            "another kind"
        );
    }

    #[test]
    fn what_came_to_an_end_before_it_began_does_not_begin() {
        let requests = EventRequests::default();
        let event = SessionEvent::from_json(r#"{"type": "any"}"#).expect("an event");
        requests.cancel(&EventRequests::key("mcp.oauth_completed", "1"));
        assert!(!requests.begin(&EventRequests::key("mcp.oauth_required", "1"), 0, &event));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let requests = EventRequests::default();
        for id in 0..3 * REMEMBERED {
            requests.end(&id.to_string());
        }
        let over = lock(&requests.over);
        assert_eq!((over.keys.len(), over.order.len()), (REMEMBERED, REMEMBERED));
    }
}
