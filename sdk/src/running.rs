//! The handlers that are at work, so that they can be ended.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::task::AbortHandle;

use crate::connection::lock;

/// By request; the task is not known before it is spawned.
#[derive(Default)]
pub(crate) struct Running(Mutex<HashMap<String, Option<AbortHandle>>>);

impl Running {
    /// A request has come. False when it has come before and is at work.
    pub fn begin(&self, request: &str) -> bool {
        match lock(&self.0).entry(request.to_owned()) {
            Entry::Occupied(_) => false,
            Entry::Vacant(entry) => {
                entry.insert(None);
                true
            }
        }
    }

    /// A request has come whose id may be that of another at work, as `null` may. Gives what it is known by.
    pub fn begin_as(&self, id: &str) -> String {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        if self.begin(id) {
            return id.to_owned();
        }
        let key = format!("{id} again {}", COUNT.fetch_add(1, Ordering::Relaxed));
        self.begin(&key);
        key
    }

    /// Its handler runs as this task.
    pub fn set(&self, request: &str, task: AbortHandle) {
        match lock(&self.0).get_mut(request) {
            Some(running) => *running = Some(task),
            // It is done, or was ended before its task was known.
            None => task.abort(),
        }
    }

    /// It is done with. False when it was before.
    pub fn end(&self, request: &str) -> bool {
        lock(&self.0).remove(request).is_some()
    }

    pub fn is_empty(&self) -> bool {
        lock(&self.0).is_empty()
    }

    /// Ends the handler of a request whose answer nobody wants any more.
    pub fn cancel(&self, request: &str) {
        let task = lock(&self.0).remove(request);
        if let Some(Some(task)) = task {
            task.abort();
        }
    }

    /// The same for all requests.
    pub fn cancel_all(&self) {
        let tasks = std::mem::take(&mut *lock(&self.0));
        for task in tasks.into_values().flatten() {
            task.abort();
        }
    }
}
