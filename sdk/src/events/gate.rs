//! Holding up the reader for observers that want it: [`Delivery::Pause`](crate::Delivery::Pause).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::sync::Notify;

/// What the reader passes before each message.
#[derive(Default)]
pub(crate) struct Gate {
    /// How many observers hold it closed.
    holds: AtomicUsize,
    /// Whether nothing may hold it any more.
    lifted: AtomicBool,
    changed: Notify,
}

/// Holds a gate closed until it is dropped.
pub(crate) struct Hold(Arc<Gate>);

impl Gate {
    pub fn hold(self: &Arc<Self>) -> Hold {
        self.holds.fetch_add(1, Ordering::SeqCst);
        Hold(Arc::clone(self))
    }

    /// Opens it for good: what is still to be read is not much.
    pub fn lift(&self) {
        self.lifted.store(true, Ordering::SeqCst);
        self.stir();
    }

    /// Has the reader look again whether it may go on.
    pub fn stir(&self) {
        self.changed.notify_one();
    }

    /// Waits while it is held closed and nothing is `urgent`. For one reader only.
    pub(crate) async fn pass(&self, urgent: impl Fn() -> bool) {
        while self.holds.load(Ordering::SeqCst) > 0 && !self.lifted.load(Ordering::SeqCst) && !urgent() {
            self.changed.notified().await;
        }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.0.holds.fetch_sub(1, Ordering::SeqCst);
        self.0.stir();
    }
}
