//! Tasks, timers, guards and locks that are robust against the behaviour of user values and executors.

pub(crate) mod aside;
pub(crate) mod on_drop;
pub(crate) mod timer;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks a mutex and ignores poisoning, since no holder leaves the data half changed.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
