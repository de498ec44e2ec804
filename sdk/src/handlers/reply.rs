//! The replies of handlers: conversions, panics, and timeouts.

use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::time::Instant;

use crate::handlers::context::HandlerContext;
use crate::runtime::{BoxFuture, aside};

/// A value that a handler may return as its reply `R`: an `R`, a shorter form of one, or a `Result` of these, whose
/// error counts as a failure of the handler.
pub trait IntoReply<R> {
    /// Returns the reply, or the reason of a failure.
    ///
    /// # Errors
    /// The text of the handler's own error, as `{:#}` prints it: that of an [`Error`](crate::Error) with its causes.
    fn into_reply(self) -> Result<R, String>;
}

impl<R, T: IntoReply<R>, E: std::fmt::Display> IntoReply<R> for Result<T, E> {
    fn into_reply(self) -> Result<R, String> {
        match self {
            Ok(reply) => reply.into_reply(),
            Err(error) => Err(format!("{error:#}")),
        }
    }
}

/// Implements `IntoReply` for types that are replies themselves.
macro_rules! replies {
    ($($reply:ty),* $(,)?) => {
        $(impl $crate::handlers::reply::IntoReply<$reply> for $reply {
            fn into_reply(self) -> Result<$reply, String> {
                Ok(self)
            }
        })*
    };
}
pub(crate) use replies;

replies!(String, serde_json::Value, ());

impl IntoReply<String> for &str {
    fn into_reply(self) -> Result<String, String> {
        Ok(self.to_owned())
    }
}

/// A closure that handles requests of the type `A`, and returns any [`IntoReply`] of the reply `R`. Each request calls
/// a new clone of it, so that the future owns what the closure captured: a future that borrows it could not be required
/// to be `Send`.
pub(crate) trait Replies<A, R>:
    FnOnce(A, HandlerContext) -> <Self as Replies<A, R>>::Future + Clone + Send + Sync + 'static
{
    /// The future that the closure returns.
    type Future: Future<Output: IntoReply<R>> + Send + 'static;
}

impl<A, R, F, Fut> Replies<A, R> for F
where
    F: FnOnce(A, HandlerContext) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output: IntoReply<R>> + Send + 'static,
{
    type Future = Fut;
}

/// Such a closure without its type. It returns the reply, or the reason of a failure.
pub(crate) type Code<A, R> = Arc<dyn Fn(A, HandlerContext) -> BoxFuture<Result<R, String>> + Send + Sync>;

/// Removes the type of a closure.
pub(crate) fn code<A, R>(handle: impl Replies<A, R>) -> Code<A, R> {
    Arc::new(move |request, context| {
        let handling = handle.clone()(request, context);
        Box::pin(async move { handling.await.into_reply() })
    })
}

/// The longest time that a handler may hold its thread without a warning.
const LONG: Duration = Duration::from_secs(1);

/// Runs a handler until it returns, panics or exceeds its timeout. A reply after the timeout is too late, even if the
/// handler blocked its thread, so that the timer could not fire before.
pub(crate) async fn caught<F>(limit: Option<Duration>, handling: F) -> Result<F::Output, String>
where
    F: Future + Send,
{
    let mut handling = pin!(handling);
    let mut warned = false;
    let running = std::future::poll_fn(|context| {
        let started = std::time::Instant::now();
        let polled = aside::caught(|| handling.as_mut().poll(context));
        let held = started.elapsed();
        if held > LONG && !std::mem::replace(&mut warned, true) {
            tracing::warn!(?held, "a handler blocked its thread; use spawn_blocking for blocking work");
        }
        match polled {
            Some(polled) => polled.map(Ok),
            None => Poll::Ready(Err("the handler panicked".to_owned())),
        }
    });
    let Some(limit) = limit else { return running.await };
    let started = Instant::now();
    match tokio::time::timeout(limit, running).await {
        Ok(result) if started.elapsed() < limit => result,
        _ => Err(format!("the handler took longer than {limit:?}")),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tracing::{Event, Metadata, Subscriber, span};

    use super::*;

    /// Counts warnings.
    struct Warnings(&'static AtomicUsize);

    impl Subscriber for Warnings {
        fn enabled(&self, metadata: &Metadata<'_>) -> bool {
            *metadata.level() == tracing::Level::WARN
        }
        fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
            span::Id::from_u64(1)
        }
        fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
        fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
        fn event(&self, _: &Event<'_>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
        fn enter(&self, _: &span::Id) {}
        fn exit(&self, _: &span::Id) {}
    }

    /// A handler that blocks is reported once, however often it does; one that waits is not.
    #[test]
    fn a_handler_that_blocks() {
        static WARNED: AtomicUsize = AtomicUsize::new(0);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        let block = || std::thread::sleep(LONG + Duration::from_millis(10));
        tracing::subscriber::with_default(Warnings(&WARNED), || {
            runtime.block_on(async {
                let waits = || tokio::time::sleep(LONG + Duration::from_millis(10));
                caught(None, waits()).await.expect("it ends");
                assert_eq!(WARNED.load(Ordering::Relaxed), 0);
                let blocks = || async {
                    block();
                    tokio::task::yield_now().await;
                    block();
                };
                caught(None, blocks()).await.expect("it ends");
                assert_eq!(WARNED.load(Ordering::Relaxed), 1);
                let blocks_at_once = async || block();
                caught(None, blocks_at_once()).await.expect("it ends");
                assert_eq!(WARNED.load(Ordering::Relaxed), 2);
            });
        });
    }
}
