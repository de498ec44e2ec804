//! The result of a step, as a line of JSON: `{"step": …, "outcome": …, "reason": …, "seconds": …}`, with
//! `ok`, `cannot` or `failed` for the outcome.

use std::fmt;
use std::time::{Duration, Instant};

use copilot_session::{CliVersion, Error, ErrorKind};
use serde_json::json;

/// The time limit of a step. It passes only if something hangs.
pub const STEP: Duration = Duration::from_secs(180);

pub type Outcome<T = ()> = Result<T, Fault>;

/// The reason for a failure of a step.
#[derive(Debug)]
pub enum Fault {
    /// The version of the CLI does not support the step, and the error has the version.
    Cannot(String),
    Failed(String),
}

impl Fault {
    /// The fault for an error of the SDK, which must have the version if that lacks a feature.
    pub fn of(error: &Error, version: Option<&CliVersion>) -> Self {
        let text = error.to_string();
        let named = version.is_some_and(|version| text.contains(version.as_str()));
        match error.kind() {
            ErrorKind::VersionSkew if named => Self::Cannot(text),
            ErrorKind::VersionSkew => Self::Failed(format!("the error does not have the version: {text}")),
            _ => Self::Failed(text),
        }
    }
}

impl<T: fmt::Display> From<T> for Fault {
    fn from(text: T) -> Self {
        Self::Failed(text.to_string())
    }
}

/// Fails a step unless the condition holds.
pub fn check(holds: bool, otherwise: impl FnOnce() -> String) -> Outcome {
    if holds { Ok(()) } else { Err(Fault::Failed(otherwise())) }
}

/// Runs a step to its end or to its time limit, and prints its result.
pub async fn run(step: &str, limit: Duration, work: impl Future<Output = Outcome> + Send + 'static) {
    let started = Instant::now();
    let task = tokio::spawn(work);
    let abort = task.abort_handle();
    let outcome = match tokio::time::timeout(limit, task).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(broken)) => Err(Fault::Failed(format!("the step panicked: {broken}"))),
        Err(_) => {
            abort.abort();
            Err(Fault::Failed(format!("it took longer than {limit:?}")))
        }
    };
    let (outcome, reason) = match outcome {
        Ok(()) => ("ok", None),
        Err(Fault::Cannot(reason)) => ("cannot", Some(reason)),
        Err(Fault::Failed(reason)) => ("failed", Some(reason)),
    };
    let seconds = started.elapsed().as_secs_f64();
    println!("{}", json!({"step": step, "outcome": outcome, "reason": reason, "seconds": seconds}));
}
