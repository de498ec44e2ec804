//! Shell commands run for the user, not by the agent.

pub(crate) mod routes;
pub(crate) mod source;

use std::future::IntoFuture;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::error::Error;
use crate::runtime::timer::Sleep;
use crate::session::shell::source::Source;
use crate::session::state::SessionState;
use crate::session_rpc::SessionRpc;
use crate::types::ShellOutputStream;

/// How long the end of a command that was killed is waited for.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// A shell command to be run in a session's working directory, made by
/// [`Session::shell`](crate::Session::shell). Awaiting it runs it to its end, without a time limit but
/// [`timeout`](Self::timeout).
///
/// It needs no permission. On CLIs from 1.0.90 on it is part of the session's history
/// (`session.shell.executeUserRequested`) and its output comes while it runs; on older ones
/// (`session.shell.exec`) it comes at the end, and that of a command that was killed is lost.
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

    /// Kills the command after this time; its output so far comes all the same, see
    /// [`ShellOutput::is_timed_out`]. A CLI that does not tell of its end 5 s later is not waited for any
    /// longer ([`Error::Timeout`]). Default: none.
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
        let start = Source::start(&self.session, &self.command);
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

/// A running shell command: its output as it comes, then its end.
///
/// Reading the output is optional; awaiting the run reads what is left. Dropping it lets the command
/// run on; [`kill`](Self::kill) ends it, and so does the end of the session on new CLIs.
#[must_use = "await the run for its output"]
pub struct ShellRun {
    session: Arc<SessionState>,
    source: Source,
    deadline: Option<(Duration, Sleep)>,
    output: ShellOutput,
    over: Option<Result<(), Error>>,
}

/// A piece of output.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ShellChunk {
    /// The stream it comes from; none when the CLI does not tell them apart.
    pub stream: Option<ShellOutputStream>,
    /// The text. What is not UTF-8 was replaced by the CLI.
    pub text: String,
}

/// The outcome of a shell command.
#[derive(Debug, Clone)]
pub struct ShellOutput {
    chunks: Vec<ShellChunk>,
    /// The output where it was not told in pieces.
    text: Option<String>,
    exit_code: Option<i64>,
    timed_out: bool,
}

impl ShellOutput {
    /// All output, in the order it came.
    pub fn output(&self) -> String {
        match &self.text {
            Some(text) if self.chunks.is_empty() => text.clone(),
            _ => self.chunks.iter().map(|chunk| &*chunk.text).collect(),
        }
    }

    /// The text that was written to standard output.
    pub fn stdout(&self) -> String {
        self.of(|stream| matches!(stream, ShellOutputStream::Stdout))
    }

    /// The text that was written to standard error.
    pub fn stderr(&self) -> String {
        self.of(|stream| matches!(stream, ShellOutputStream::Stderr))
    }

    /// The exit code; none for a command that was killed on CLIs from 1.0.90 on, 1 on older ones.
    pub fn exit_code(&self) -> Option<i64> {
        self.exit_code
    }

    /// Tells whether the command was killed since it took longer than its time limit.
    pub fn is_timed_out(&self) -> bool {
        self.timed_out
    }

    /// Tells whether the exit code is 0.
    pub fn is_success(&self) -> bool {
        self.exit_code == Some(0)
    }

    fn of(&self, wanted: impl Fn(&ShellOutputStream) -> bool) -> String {
        let of_stream = |chunk: &&ShellChunk| chunk.stream.as_ref().is_some_and(&wanted);
        self.chunks.iter().filter(of_stream).map(|chunk| &*chunk.text).collect()
    }
}

/// What comes of a running command.
pub(crate) enum Progress {
    Output(ShellChunk),
    /// Its end: the output if it was not told before, and the exit code.
    End(Option<String>, Option<i64>),
}

impl ShellRun {
    /// The next piece of output; none once the command has ended. There is no time limit but
    /// [`Shell::timeout`].
    ///
    /// Cancel-safe.
    pub async fn next(&mut self) -> Option<ShellChunk> {
        std::future::poll_fn(|context| self.poll_chunk(context)).await
    }

    /// Ends the command. Its output so far and its end still come.
    ///
    /// # Errors
    /// As any [call](crate::Call). A command that has ended is no error.
    pub async fn kill(&self) -> Result<(), Error> {
        let kill = self.source.kill(SessionRpc(self.session.caller()));
        self.session.peer().within_call_timeout("the end of the shell command", kill).await
    }

    fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<Option<ShellChunk>> {
        if self.over.is_some() {
            return Poll::Ready(None);
        }
        match self.source.poll(context) {
            Poll::Ready(Ok(Progress::Output(chunk))) => {
                self.output.chunks.push(chunk.clone());
                return Poll::Ready(Some(chunk));
            }
            Poll::Ready(Ok(Progress::End(text, exit_code))) => {
                (self.output.text, self.output.exit_code) = (text, exit_code);
                self.over = Some(Ok(()));
                return Poll::Ready(None);
            }
            Poll::Ready(Err(error)) => {
                self.over = Some(Err(error));
                return Poll::Ready(None);
            }
            Poll::Pending => {}
        }
        let Some((limit, deadline)) = &mut self.deadline else { return Poll::Pending };
        if deadline.as_mut().poll(context).is_pending() {
            return Poll::Pending;
        }
        if self.output.timed_out {
            self.over = Some(Err(self.session.peer().timed_out("the shell command", *limit)));
            return Poll::Ready(None);
        }
        self.output.timed_out = true;
        self.source.kill_unanswered(self.session.caller());
        // Its end is still to come; how soon, is up to the CLI.
        *deadline = self.session.sleep(LAST_WORDS);
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
        f.debug_struct("Shell").field("command", &self.command).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for ShellRun {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ShellRun").field("output", &self.output).finish_non_exhaustive()
    }
}
