//! Tasks, timers and locks that hold whatever a user's values and executor do.

pub(crate) mod aside;
pub(crate) mod timer;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// A lock whose holder cannot leave the data half-changed, so one that panicked is passed over.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
