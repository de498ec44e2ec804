//! Tasks, timers, guards and locks that are robust against the behaviour of user values and executors, random
//! identifiers, and dates.

pub(crate) mod aside;
#[cfg(any(feature = "memory-files", feature = "transcript"))]
pub(crate) mod date;
pub(crate) mod hash;
pub(crate) mod on_drop;
pub(crate) mod random;
pub(crate) mod timer;

use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::runtime::Handle;
use tokio::task::JoinHandle;

/// A future of any type. What is generic over futures is compiled once for all of them, and in this crate.
pub(crate) type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Spawns a task. Tasks are boxed, because tokio's code for a task is large and is compiled again for each type.
pub(crate) fn spawn<T: Send + 'static>(
    runtime: &Handle,
    task: impl Future<Output = T> + Send + 'static,
) -> JoinHandle<T> {
    let task: BoxFuture<T> = Box::pin(task);
    runtime.spawn(task)
}

/// Locks a mutex and ignores poisoning, since no holder leaves the data half changed.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
