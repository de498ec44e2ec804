//! Shell commands that run for the user, not for the agent.

pub(crate) mod routes;
pub(crate) mod source;

use std::future::IntoFuture;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use crate::error::Error;
use crate::runtime::timer::Sleep;
use crate::session::{shell::source::Progress, shell::source::Source, state::SessionState};
use crate::types::ShellOutputStream;
use crate::wire::redact;

/// The time from the kill of a command to the report of its end.
const KILL_TIMEOUT: Duration = Duration::from_secs(5);

/// A shell command to run in a session's working directory, returned by [`Session::shell`](crate::Session::shell).
/// Awaiting it runs it to its end. There is no timeout unless [`timeout`](Self::timeout) sets one.
///
/// It needs no permission. With CLIs from 1.0.90 on (`session.shell.executeUserRequested`), it is part of the
/// session's history, and its output arrives while it runs. With older ones (`session.shell.exec`), its output
/// arrives at the end, and is lost if the command is killed.
#[must_use = "a command runs when it is awaited or started"]
pub struct Shell {
    session: Arc<SessionState>,
    command: String,
    timeout: Option<Duration>,
}

impl Shell {
    pub(crate) fn new(session: Arc<SessionState>, command: String) -> Self {
        Self { session, command, timeout: None }
    }

    /// Kills the command after this time; the output so far is still returned, see [`ShellOutput::is_timed_out`]. If
    /// the CLI does not report the end of the command within another 5 s, the run fails with [`Error::Timeout`].
    /// Default: none.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Starts the command.
    ///
    /// # Errors
    /// As any [call](crate::Call), such as [`Error::SessionEnded`] once the session has ended.
    pub async fn start(self) -> Result<ShellRun, Error> {
        self.session.check()?;
        let start = source::start(&self.session, &self.command);
        let source = self.session.peer().within_call_timeout("the start of the shell command", start).await?;
        let deadline = self.timeout.map(|limit| (limit, self.session.sleep(limit)));
        let output = ShellOutput { chunks: Vec::new(), text: None, exit_code: None, timed_out: false };
        Ok(ShellRun { session: self.session, source, deadline, output, over: None })
    }
}

impl IntoFuture for Shell {
    type Output = Result<ShellOutput, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { self.start().await?.await })
    }
}

/// A running shell command: a stream of its output, and a future of its outcome.
///
/// Reading the output is optional; awaiting the run reads the rest. Dropping the run does not stop the command;
/// [`kill`](Self::kill) does, and so does the end of the session with newer CLIs.
#[must_use = "await the run for its output"]
pub struct ShellRun {
    session: Arc<SessionState>,
    source: Box<dyn Source>,
    deadline: Option<(Duration, Sleep)>,
    output: ShellOutput,
    over: Option<Result<(), Error>>,
}

/// A piece of output. Its `Debug` shows no known secrets.
#[derive(Clone)]
#[non_exhaustive]
pub struct ShellChunk {
    /// The stream it was written to; none if the CLI does not report that.
    pub stream: Option<ShellOutputStream>,
    /// The text, in which the CLI has replaced bytes that are not UTF-8.
    pub text: String,
}

/// The outcome of a shell command. Its `Debug` shows no known secrets.
#[derive(Clone)]
pub struct ShellOutput {
    chunks: Vec<ShellChunk>,
    /// The whole output, used if no pieces were reported.
    text: Option<String>,
    exit_code: Option<i64>,
    timed_out: bool,
}

impl ShellOutput {
    /// All output, in the order of arrival.
    pub fn output(&self) -> String {
        match &self.text {
            Some(text) if self.chunks.is_empty() => text.clone(),
            _ => self.chunks.iter().map(|chunk| &*chunk.text).collect(),
        }
    }

    /// The text that was written to standard output.
    pub fn stdout(&self) -> String {
        self.of(ShellOutputStream::Stdout)
    }

    /// The text that was written to standard error.
    pub fn stderr(&self) -> String {
        self.of(ShellOutputStream::Stderr)
    }

    /// The exit code. For a command that was killed it is none with CLIs from 1.0.90 on, and 1 with older ones.
    pub fn exit_code(&self) -> Option<i64> {
        self.exit_code
    }

    /// Returns true if the command was killed because of its timeout.
    pub fn is_timed_out(&self) -> bool {
        self.timed_out
    }

    /// Returns true if the exit code is 0.
    pub fn is_success(&self) -> bool {
        self.exit_code == Some(0)
    }

    fn of(&self, stream: ShellOutputStream) -> String {
        let chunks = self.chunks.iter().filter(|chunk| chunk.stream.as_ref() == Some(&stream));
        chunks.map(|chunk| &*chunk.text).collect()
    }
}

impl ShellRun {
    /// Returns the next piece of output; none once the command has ended. There is no timeout but [`Shell::timeout`].
    ///
    /// Cancel-safe.
    pub async fn next(&mut self) -> Option<ShellChunk> {
        std::future::poll_fn(|context| self.poll_chunk(context)).await
    }

    /// Kills the command. Its output so far and its end are still reported.
    ///
    /// # Errors
    /// As any [call](crate::Call). It is no error if the command has ended.
    pub async fn kill(&self) -> Result<(), Error> {
        let (method, params) = self.source.kill();
        let kill = self.session.caller().call::<()>(method, &params).timeout(None).json();
        self.session.peer().within_call_timeout("the end of the shell command", kill).await.map(drop)
    }

    fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<Option<ShellChunk>> {
        if self.over.is_some() {
            return Poll::Ready(None);
        }
        if let Poll::Ready(progress) = self.source.poll(context) {
            match progress {
                Ok(Progress::Output(chunk)) => {
                    self.output.chunks.push(chunk.clone());
                    return Poll::Ready(Some(chunk));
                }
                Ok(Progress::End(text, exit_code)) => {
                    (self.output.text, self.output.exit_code) = (text, exit_code);
                    self.over = Some(Ok(()));
                }
                Err(error) => self.over = Some(Err(error)),
            }
            return Poll::Ready(None);
        }
        let Some((limit, deadline)) = &mut self.deadline else { return Poll::Pending };
        ready!(deadline.as_mut().poll(context));
        if self.output.timed_out {
            self.over = Some(Err(self.session.peer().timed_out("the shell command", *limit)));
            return Poll::Ready(None);
        }
        self.output.timed_out = true;
        let (method, params) = self.source.kill();
        // It fails only if the session has ended, and the command with it.
        drop(self.session.caller().call_now(method, &params, None));
        // The CLI still reports its end, at a time of its own choice.
        *deadline = self.session.sleep(KILL_TIMEOUT);
        self.poll_chunk(context)
    }
}

impl IntoFuture for ShellRun {
    type Output = Result<ShellOutput, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(mut self) -> Self::IntoFuture {
        Box::pin(async move {
            loop {
                if let Some(over) = self.over.take() {
                    return over.map(|()| self.output);
                }
                self.next().await;
            }
        })
    }
}

impl futures_core::Stream for ShellRun {
    type Item = ShellChunk;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<ShellChunk>> {
        self.poll_chunk(context)
    }
}

impl std::fmt::Debug for Shell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shell").field("command", &redact::text(&self.command)).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for ShellChunk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = redact::text(&self.text);
        f.debug_struct("ShellChunk").field("stream", &self.stream).field("text", &text).finish()
    }
}

impl std::fmt::Debug for ShellOutput {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // As a whole, since a secret may come in two pieces.
        f.debug_struct("ShellOutput")
            .field("output", &redact::text(&self.output()))
            .field("exit_code", &self.exit_code)
            .field("timed_out", &self.timed_out)
            .finish()
    }
}

impl std::fmt::Debug for ShellRun {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ShellRun").field("output", &self.output).finish_non_exhaustive()
    }
}
