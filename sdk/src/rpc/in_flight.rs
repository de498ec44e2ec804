//! The in-flight requests of a connection: requests of the peer that a handler works on.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::runtime::Handle;
use tokio::task::AbortHandle;

use crate::runtime::{hash::QuickHash, lock, spawn};

tokio::task_local! {
    /// The number of the request whose handler runs in this task.
    static CURRENT: u64;
}

/// Returns a number that is unique among all requests and sessions.
pub(crate) fn number() -> u64 {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    COUNT.fetch_add(1, Ordering::Relaxed)
}

/// The in-flight requests by number, since the peer's ids may repeat.
#[derive(Default)]
pub(crate) struct InFlight(Mutex<HashMap<u64, Entry, QuickHash>>);

#[derive(Default)]
struct Entry {
    /// The id as JSON; none for an event request.
    id: Option<Box<str>>,
    /// The number of the session whose handler works on it.
    owner: Option<u64>,
    /// None until the handler is spawned.
    task: Option<AbortHandle>,
    /// True if the handler continues when its request ends.
    is_spared: bool,
}

impl InFlight {
    /// Registers a request and returns its number. `id` is none for an event request.
    pub fn begin(&self, id: Option<&str>) -> u64 {
        let number = number();
        let entry = Entry { id: id.map(Into::into), ..Entry::default() };
        lock(&self.0).insert(number, entry);
        number
    }

    /// Spawns the handler of a request. `owner` is the number of its session, if it has one.
    pub fn spawn(
        &self,
        number: u64,
        owner: Option<u64>,
        runtime: &Handle,
        handler: impl Future<Output = ()> + Send + 'static,
    ) {
        if owner.is_some()
            && let Some(entry) = lock(&self.0).get_mut(&number)
        {
            entry.owner = owner;
        }
        let task = spawn(runtime, CURRENT.scope(number, handler)).abort_handle();
        match lock(&self.0).get_mut(&number) {
            Some(entry) if entry.is_spared => return,
            Some(entry) => return entry.task = Some(task),
            None => {}
        }
        // Its request has ended meanwhile.
        task.abort();
    }

    /// Removes a request whose response is ready. Returns false if it was already removed.
    pub fn end(&self, number: u64) -> bool {
        lock(&self.0).remove(&number).is_some()
    }

    /// Aborts the handler of a request that no longer needs a response.
    pub fn cancel(&self, number: u64) {
        self.cancel_where(|candidate, _| candidate == number);
    }

    /// Aborts the handler of the request with this id (`$/cancelRequest`).
    pub fn cancel_id(&self, id: &str) {
        self.cancel_where(|_, entry| entry.id.as_deref() == Some(id));
    }

    /// Aborts the handlers of a session that has ended. Their requests are answered with an error.
    pub fn end_owner(&self, owner: u64) {
        let mut tasks = Vec::new();
        lock(&self.0).retain(|_, entry| {
            let is_owned = entry.owner == Some(owner);
            let task = entry.task.take_if(|_| is_owned);
            let keep = !is_owned || task.is_some();
            tasks.extend(task);
            // Without a task it is spared, or it is being spawned, which then aborts it.
            keep
        });
        tasks.iter().for_each(AbortHandle::abort);
    }

    /// Aborts the handlers of all requests.
    pub fn cancel_all(&self) {
        self.cancel_where(|_, _| true);
    }

    fn cancel_where(&self, matches: impl Fn(u64, &Entry) -> bool) {
        let tasks: Vec<AbortHandle> = lock(&self.0)
            .extract_if(|number, entry| matches(*number, entry))
            .filter_map(|(_, entry)| entry.task)
            .collect();
        tasks.iter().for_each(AbortHandle::abort);
    }

    /// Lets the handler that calls this continue when its request ends. It may wait for the cause of that
    /// end, and the rest of its work would be lost.
    pub fn spare_current(&self) {
        if let Ok(current) = CURRENT.try_with(|number| *number)
            && let Some(entry) = lock(&self.0).get_mut(&current)
        {
            entry.is_spared = true;
            entry.task = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::InFlight;

    #[test]
    fn an_id_may_repeat() {
        let requests = InFlight::default();
        let (first, second, other) =
            (requests.begin(Some("null")), requests.begin(Some("null")), requests.begin(Some("1")));
        requests.cancel_id("null");
        assert!(!requests.end(first) && !requests.end(second));
        assert!(requests.end(other) && !requests.end(other));
    }

    #[tokio::test]
    async fn a_spared_handler_goes_on() {
        let requests = std::sync::Arc::new(InFlight::default());
        let (goes_on, ends) = (requests.begin(None), requests.begin(None));
        let (done, finished) = tokio::sync::oneshot::channel();
        let table = std::sync::Arc::clone(&requests);
        let runtime = tokio::runtime::Handle::current();
        requests.spawn(goes_on, Some(7), &runtime, async move {
            table.spare_current();
            table.end_owner(7);
            tokio::task::yield_now().await;
            assert!(done.send(()).is_ok());
        });
        let (held, dropped) = tokio::sync::oneshot::channel::<()>();
        requests.spawn(ends, Some(7), &runtime, async move {
            std::future::pending::<()>().await;
            drop(held);
        });
        finished.await.expect("the spared handler ends by itself");
        dropped.await.expect_err("the other handler is dropped");
        assert!(!requests.end(goes_on) && requests.end(ends));
    }
}
