//! Values of users, kept off the tasks that serve the connection.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tokio::runtime::Handle;

/// Drops a value on a task of its own: what a closure has captured may block or panic when it is dropped, and
/// that must not stop whoever lets go of it. Without a runtime it is dropped here.
pub(crate) fn drop_aside<T: Send + 'static>(value: T) {
    let value = Contained(Some(value));
    match Handle::try_current() {
        // A runtime that is ending drops the task at once, which `Contained` provides for.
        Ok(runtime) => drop(runtime.spawn(async move { drop(value) })),
        Err(_) => drop(value),
    }
}

/// Lets go of a share of a value; the last share of all is dropped aside.
pub(crate) fn release<T: Send + Sync + 'static>(shared: Arc<T>) {
    if let Some(last) = Arc::into_inner(shared) {
        drop_aside(last);
    }
}

/// Calls code of the user; none when it panics, whatever it panics with.
pub(crate) fn caught<T>(call: impl FnOnce() -> T) -> Option<T> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(value) => Some(value),
        Err(payload) => {
            drop(Contained(Some(payload)));
            None
        }
    }
}

/// Keeps a panic in the value's `Drop` from going on.
struct Contained<T>(Option<T>);

impl<T> Drop for Contained<T> {
    fn drop(&mut self) {
        let value = self.0.take();
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(value))) {
            // It may panic in its turn, and its turn would never end.
            std::mem::forget(payload);
            tracing::error!("a value of a handler panicked when it was dropped");
        }
    }
}
