//! User values and user code, isolated from the tasks that serve the connection.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tokio::runtime::Handle;

/// Drops a value in its own task: a captured value may block or panic in its `Drop`, which must not affect
/// the caller. Without a runtime it is dropped here.
pub(crate) fn drop_aside<T: Send + 'static>(value: T) {
    let value = Contained(Some(value));
    match Handle::try_current() {
        // A runtime that is shutting down drops the task immediately; `Contained` catches a panic.
        Ok(runtime) => drop(super::spawn(&runtime, async move { drop(value) })),
        Err(_) => drop(value),
    }
}

/// Drops one reference to a shared value; the last one is dropped in its own task.
pub(crate) fn release<T: Send + Sync + 'static>(shared: Arc<T>) {
    if let Some(last) = Arc::into_inner(shared) {
        drop_aside(last);
    }
}

/// Calls user code. Returns none if it panics.
pub(crate) fn caught<T>(call: impl FnOnce() -> T) -> Option<T> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(value) => Some(value),
        Err(payload) => {
            drop(Contained(Some(payload)));
            None
        }
    }
}

/// Catches a panic in the `Drop` of the value.
struct Contained<T>(Option<T>);

impl<T> Drop for Contained<T> {
    fn drop(&mut self) {
        let value = self.0.take();
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(value))) {
            // The payload's own `Drop` may panic again, without end.
            std::mem::forget(payload);
            tracing::error!("a value of a handler panicked in its drop");
        }
    }
}
