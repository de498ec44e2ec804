//! Timeouts that work on any executor.

use std::panic::catch_unwind;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::Instant;

use crate::runtime::on_drop::OnDrop;

/// A sleep that can be stored.
pub(crate) type Sleep = Pin<Box<dyn Future<Output = TimeUp> + Send + Sync>>;

/// The longest wait. Clocks reach that far.
const LONGEST: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);

/// Returns the end of a wait; none if it is longer than 30 years.
pub(crate) fn end(start: Instant, limit: Duration) -> Option<Instant> {
    start.checked_add(limit).filter(|_| limit <= LONGEST)
}

/// The reason why a wait ended early.
pub(crate) enum TimeUp {
    /// The time has elapsed.
    Elapsed,
    /// The runtime of the timer has ended.
    NoRuntime,
}

/// Awaits a future for at most this time. Does not panic, inside or outside of a runtime.
pub(crate) async fn timeout<F: Future>(
    runtime: &Handle,
    limit: Duration,
    future: F,
) -> Result<F::Output, TimeUp> {
    let (mut future, mut sleep) = (pin!(future), pin!(sleep(runtime.clone(), limit)));
    std::future::poll_fn(|context| {
        // The future is polled first, since it may be ready even if the time has elapsed.
        if let Poll::Ready(output) = future.as_mut().poll(context) {
            return Poll::Ready(Ok(output));
        }
        sleep.as_mut().poll(context).map(Err)
    })
    .await
}

/// Waits for this time, counted from the call. The result is the reason why the wait ended.
pub(crate) fn sleep(runtime: Handle, limit: Duration) -> impl Future<Output = TimeUp> + Send + Sync {
    let start = Instant::now();
    async move {
        let Some(end) = end(start, limit) else { return std::future::pending().await };
        // The current runtime, if any, is certainly running. If its timer is disabled, the call panics
        // here, before any wait.
        let here = Handle::try_current().ok();
        let sleep = here.and_then(|_| catch_unwind(|| tokio::time::sleep_until(end)).ok());
        if let Some(sleep) = sleep {
            sleep.await;
            return TimeUp::Elapsed;
        }
        // Otherwise the client's runtime. A timer panics when its runtime has ended; awaiting a task does
        // not. The timer is made inside of the task, since it also panics where there is no runtime.
        let task = super::spawn(&runtime, async move { tokio::time::sleep_until(end).await });
        let handle = task.abort_handle();
        let _abort = OnDrop(|| handle.abort());
        match task.await {
            Ok(()) => TimeUp::Elapsed,
            Err(_) => TimeUp::NoRuntime,
        }
    }
}
