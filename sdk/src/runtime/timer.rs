//! Waiting for a time, whichever executor polls.

use std::panic::catch_unwind;
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
        // The runtime that is here, if there is one: it is the one that runs for sure. One that does not count
        // time panics here, before anything is waited for.
        let here = Handle::try_current().ok();
        let sleep = here.and_then(|_| catch_unwind(|| tokio::time::sleep_until(end)).ok());
        if let Some(sleep) = sleep {
            sleep.await;
            return TimeUp::Elapsed;
        }
        // Else the client's runtime. A timer panics without its runtime; waiting for a task there does not.
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
