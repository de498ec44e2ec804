//! Waiting for a time on the client's own runtime, whichever executor polls.

use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// A wait that is kept in a value.
pub(crate) type Sleep = Pin<Box<dyn Future<Output = TimeUp> + Send + Sync>>;

/// Why a future was not waited for to its end.
pub(crate) enum TimeUp {
    /// The time is over.
    Elapsed,
    /// The runtime that counts the time is gone.
    NoRuntime,
}

/// Waits for a future for this time. It does not panic, within a runtime or without one.
pub(crate) async fn timeout<F: Future>(
    runtime: &Handle,
    limit: Duration,
    future: F,
) -> Result<F::Output, TimeUp> {
    let (mut future, mut sleep) = (pin!(future), pin!(sleep(runtime.clone(), limit)));
    std::future::poll_fn(|context| {
        // First what is waited for: it may have come, and the time may be up since.
        if let Poll::Ready(output) = future.as_mut().poll(context) {
            return Poll::Ready(Ok(output));
        }
        sleep.as_mut().poll(context).map(Err)
    })
    .await
}

/// Waits until this time has come, counted from the call. Says whether it has, or the runtime is gone.
pub(crate) fn sleep(runtime: Handle, limit: Duration) -> impl Future<Output = TimeUp> + Send + Sync {
    let start = Instant::now();
    async move {
        let Some(end) = start.checked_add(limit) else { return std::future::pending().await };
        if Handle::try_current().is_ok_and(|current| current.id() == runtime.id()) {
            tokio::time::sleep_until(end).await;
            return TimeUp::Elapsed;
        }
        // A timer panics when its runtime is gone, and without one. Waiting for a task does neither.
        let mut task = Task(runtime.spawn(async move { tokio::time::sleep_until(end).await }));
        match (&mut task.0).await {
            Ok(()) => TimeUp::Elapsed,
            Err(_) => TimeUp::NoRuntime,
        }
    }
}

/// Ends with whoever waits for it.
struct Task(JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}
