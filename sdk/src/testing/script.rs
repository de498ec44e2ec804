//! A fake CLI as a program that runs a script.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

use super::FakeCli;

/// The exit status if the client did something unexpected, as for a test that panicked.
const FAILURE_STATUS: i32 = 101;

/// The reason why a text is not a valid script.
#[derive(Debug)]
pub struct ScriptError {
    line: usize,
    problem: String,
}

impl fmt::Display for ScriptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} of the script: {}", self.line, self.problem)
    }
}

impl std::error::Error for ScriptError {}

impl FakeCli {
    /// Runs a script. Each line is one of
    ///
    /// * `{"answer": "Hello"}` for [`answer`](Self::answer), `{"turn": [{"type": …, "data": …}, …]}` for
    ///   [`turn`](Self::turn), in the order of the prompts. `{"exit": 3}` in place of an event [dies](Self::die) at
    ///   this point of the turn;
    /// * `{"on": "session.model.getCurrent", "result": {…}}` for [`on`](Self::on), or with
    ///   `"error": {"code": -32000, "message": "…"}`, or with `"exit": 3` to [`die`](Self::die) at that call;
    /// * `{"hold": "session.send"}` for [`hold`](Self::hold).
    ///
    /// Empty lines and lines that begin with `#` are ignored.
    ///
    /// # Errors
    /// If a line is none of these. The lines before it have taken effect.
    pub fn script(&self, script: &str) -> Result<(), ScriptError> {
        for (index, line) in script.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let problem = |problem: String| ScriptError { line: index + 1, problem };
            let step: Value = serde_json::from_str(line).map_err(|error| problem(error.to_string()))?;
            self.step(&step).ok_or_else(|| problem(format!("not a step of a script: {step}")))?;
        }
        Ok(())
    }

    fn step(&self, step: &Value) -> Option<()> {
        if let Some(text) = step.get("answer") {
            self.answer(text.as_str()?);
        } else if let Some(events) = step.get("turn") {
            let events = events.as_array()?;
            if events.iter().any(|event| !event["type"].is_string() && exit_status(event).is_none()) {
                return None;
            }
            self.turn(events.clone());
        } else if let Some(method) = step.get("hold") {
            self.hold(method.as_str()?);
        } else {
            let method = step.get("on")?.as_str()?;
            if step.get("exit").is_some() {
                let status = exit_status(step)?;
                let fake = Arc::downgrade(&self.0);
                self.respond_with(method, move |_| {
                    fake.upgrade()?.state().die(status);
                    None
                });
            } else {
                let answer = match (step.get("result"), step.get("error")) {
                    (Some(result), None) => Ok(result.clone()),
                    (None, Some(error)) => Err(error.clone()),
                    _ => return None,
                };
                self.on_raw(method, move |_| answer.clone());
            }
        }
        Some(())
    }

    /// Serves a client over these streams until the connection ends. Returns the exit status: that of
    /// [`die`](Self::die), or 0 if the client closed the connection.
    ///
    /// # Panics
    /// If the fake already has a client.
    pub async fn serve<R, W>(&self, mut from: R, mut to: W) -> i32
    where
        R: AsyncRead + Send + Unpin + 'static,
        W: AsyncWrite + Unpin,
    {
        self.0.set_timeout(None);
        let (mut from_fake, mut to_fake) = self.streams();
        let forwarding = tokio::spawn(async move {
            // The client may have closed its stream, or the fake may have died.
            drop(tokio::io::copy(&mut from, &mut to_fake).await);
            drop(to_fake.shutdown().await);
        });
        drop(tokio::io::copy(&mut from_fake, &mut to).await);
        drop(to.shutdown().await);
        forwarding.abort();
        self.0.state().died.unwrap_or(0)
    }
}

/// The status of a step of a script, or of a turn, at which the fake dies; none for any other step.
pub(super) fn exit_status(step: &Value) -> Option<i32> {
    i32::try_from(step.get("exit")?.as_i64()?).ok()
}

/// Runs a fake CLI on standard input and output: the whole of a program for `COPILOT_CLI_PATH` or
/// [`ClientBuilder::program`](crate::ClientBuilder::program). The text is a [script](FakeCli::script) or a
/// recording for [`replay`](FakeCli::replay).
///
/// The program exits with the status of the script, or with 0 when the client closes the connection. It
/// exits with 101 and a text on standard error if the script is invalid or the client did something
/// unexpected.
pub fn run(script: &str) -> ! {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let status = match &runtime {
        Ok(runtime) => runtime.block_on(serve_stdio(script)),
        Err(error) => Err(error.to_string()),
    };
    // While the runtime exists, because its end would wait for the thread that reads standard input.
    std::process::exit(status.unwrap_or_else(|failure| {
        eprintln!("the fake CLI failed: {failure}");
        FAILURE_STATUS
    }))
}

async fn serve_stdio(script: &str) -> Result<i32, String> {
    let first: Value = serde_json::from_str(script.lines().next().unwrap_or_default()).unwrap_or_default();
    let fake = if first["dir"].is_string() {
        FakeCli::replay(script)
    } else {
        let fake = FakeCli::start();
        fake.script(script).map_err(|error| error.to_string())?;
        fake
    };
    let status = fake.serve(tokio::io::stdin(), tokio::io::stdout()).await;
    let failures = fake.take_failures();
    if failures.is_empty() { Ok(status) } else { Err(failures.join("; ")) }
}
