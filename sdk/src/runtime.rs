//! Tasks, timers and locks that hold whatever a user's values and executor do.

pub(crate) mod aside;
pub(crate) mod timer;
