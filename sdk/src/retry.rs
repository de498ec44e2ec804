//! Repeats an operation after a temporary failure.

use std::time::Duration;

use tokio::time::Instant;

use crate::error::Error;

/// Repeated attempts of an operation: their number, and the pauses between them.
///
/// ```no_run
/// # use copilot_session::{Error, Retry, Session};
/// # use std::time::Duration;
/// # async fn run(session: Session) -> Result<(), Error> {
/// let ask = async || {
///     let answer = session.prompt("What is in this folder?").await?.timeout(Duration::from_secs(60)).await;
///     if let Err(Error::TurnTimeout(_)) = answer {
///         // The agent still works on this attempt.
///         session.abort().await?;
///     }
///     answer
/// };
/// println!("{}", Retry::new(4).run(ask).await?.text());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use = "`run` attempts the operation"]
pub struct Retry {
    attempts: u32,
    first_pause: Duration,
    max_pause: Duration,
    deadline: Option<Instant>,
}

impl Retry {
    /// Allows this many attempts, the first one included. There is always one.
    pub fn new(attempts: u32) -> Self {
        let (first_pause, max_pause) = (Duration::from_secs(1), Duration::from_secs(60));
        Self { attempts, first_pause, max_pause, deadline: None }
    }

    /// The pause before the second attempt. Each later one is twice as long as the one before. Default: 1 s.
    pub fn first_pause(mut self, pause: Duration) -> Self {
        self.first_pause = pause;
        self
    }

    /// The longest pause. If the CLI demands a longer one, there is no other attempt. Default: 60 s.
    pub fn max_pause(mut self, pause: Duration) -> Self {
        self.max_pause = pause;
        self
    }

    /// The time from which on no attempt begins; a pause that would end later is not made, either. An attempt is not
    /// cut short by it: give its turn the same time, by [`Turn::timeout_at`](crate::Turn::timeout_at). Default: none.
    pub fn deadline(mut self, deadline: impl Into<Instant>) -> Self {
        self.deadline = Some(deadline.into());
        self
    }

    /// Runs the operation until it succeeds, fails for good, or has had its attempts.
    ///
    /// An error is followed by another attempt if it [is retryable](Error::is_retryable). The pause is at least as long
    /// as the CLI demands ([`Error::retry_after`]); if that exceeds the longest pause, there is no other attempt. The
    /// pauses are logged (`tracing`).
    ///
    /// An attempt that failed may have had an effect: after a timeout the agent still works on its turn, so
    /// [abort](crate::Session::abort) it before the prompt is sent again. If this future is dropped, the attempt that
    /// is under way is dropped, and no other follows.
    ///
    /// # Errors
    /// The error of the last attempt. Those of earlier ones are only logged, so add up their usage
    /// ([`Error::answer`]) in the operation itself.
    pub async fn run<T, F>(&self, mut operation: impl FnMut() -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let mut made = 0;
        loop {
            made += 1;
            let error = match operation().await {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            let Some(pause) = self.pause_after(made, &error) else { return Err(error) };
            tokio::time::sleep(pause).await;
        }
    }

    /// The pause after this many attempts, the last of which failed with this error; none if it is final.
    //
    // A function of its own, so that a program compiles little for each operation.
    fn pause_after(&self, made: u32, error: &Error) -> Option<Duration> {
        if made >= self.attempts || !error.is_retryable() {
            return None;
        }
        let doubled = 1_u32.checked_shl(made - 1).unwrap_or(u32::MAX);
        let pause = self.first_pause.saturating_mul(doubled).min(self.max_pause);
        let pause = error.retry_after().unwrap_or_default().max(pause);
        let is_late = self.deadline.is_some_and(|at| at.saturating_duration_since(Instant::now()) <= pause);
        if pause > self.max_pause || is_late {
            return None;
        }
        tracing::info!(%error, ?pause, made, "an operation is to be attempted again");
        Some(pause)
    }
}
