//! The two ways to run a shell command and to receive its output. The CLI's version decides which one is used.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use serde_json::json;

use crate::call::Call;
use crate::error::Error;
use crate::events::{Events, SessionEvent, notifications::Notifications};
use crate::generated::kind;
use crate::methods::notification::{ShellExit, ShellOutput};
use crate::rpc::Notification;
use crate::runtime::random;
use crate::session::{shell::ShellChunk, state::SessionState};
use crate::session_rpc::SessionRpc;
use crate::types::{
    ShellExecRequest, ShellExecuteUserRequestedRequest, ShellOutputStream, UserRequestedShellCommandResult,
};
use crate::version::Feature;
use crate::wire::{self, peek, peek::keys};

/// The source of a command's output and end.
pub(crate) trait Source: Send + Sync {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<Progress, Error>>;

    /// Returns the method and the params of the call that kills the command.
    fn kill(&self) -> (&'static str, serde_json::Value);
}

/// A report about a running command.
pub(crate) enum Progress {
    Output(ShellChunk),
    /// Its end, with the whole output if the CLI reports that, and the exit code.
    End(Option<String>, Option<i64>),
}

/// Starts a command.
pub(crate) async fn start(session: &Arc<SessionState>, command: &str) -> Result<Box<dyn Source>, Error> {
    Ok(match session.version().has(Feature::ShellNotifications) {
        true => Box::new(Exec::start(session, command).await?),
        false => Box::new(UserRequested::start(session, command).await?),
    })
}

/// The call `session.shell.exec` with the notifications `shell.output` and `shell.exit`.
struct Exec {
    process: String,
    output: Notifications<ShellOutput>,
    exit: Notifications<ShellExit>,
    /// The exit code, once there is no more output.
    exit_code: Option<Result<i64, Error>>,
}

impl Exec {
    async fn start(session: &SessionState, command: &str) -> Result<Self, Error> {
        /// The longest timeout that the CLI supports; its default is 30 s.
        const LONGEST: i64 = i32::MAX as i64;
        let (output, exit) = (session.notifications.subscribe(), session.notifications.subscribe());
        let request = ShellExecRequest::new(command).timeout(LONGEST);
        let started = SessionRpc(session.caller()).shell().exec(&request).timeout(None).await?;
        Ok(Self { process: started.process_id, output, exit, exit_code: None })
    }
}

impl Source for Exec {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<Progress, Error>> {
        let process = &self.process;
        // Polled before the output: the exit comes after all output, so once it is here, no output is missed.
        if self.exit_code.is_none()
            && let Poll::Ready(exit) = poll_of(process, &mut self.exit, |exit| &exit.process_id, context)
        {
            self.exit_code = Some(exit.map(|exit| exit.exit_code));
        }
        match poll_of(process, &mut self.output, |output| &output.process_id, context)? {
            Poll::Ready(output) => {
                let chunk = ShellChunk { stream: Some(output.stream), text: output.data };
                Poll::Ready(Ok(Progress::Output(chunk)))
            }
            Poll::Pending => match self.exit_code.take() {
                Some(exit_code) => Poll::Ready(Ok(Progress::End(None, Some(exit_code?)))),
                None => Poll::Pending,
            },
        }
    }

    fn kill(&self) -> (&'static str, serde_json::Value) {
        ("session.shell.kill", json!({ "processId": self.process }))
    }
}

/// Returns the next notification of a process.
fn poll_of<N: Notification>(
    process: &str,
    notifications: &mut Notifications<N>,
    process_of: impl Fn(&N::Params) -> &String,
    context: &mut Context<'_>,
) -> Poll<Result<N::Params, Error>> {
    const PROCESS: &str = keys!(ShellExitNotification, ["processId"])[0];
    loop {
        match ready!(notifications.poll(context))? {
            Ok(params) if process_of(&params) == process => return Poll::Ready(Ok(params)),
            Err(malformed) if malformed.has(PROCESS, process) => {
                return Poll::Ready(Err(Error::decode(malformed.kind, malformed.error, None)));
            }
            _ => {}
        }
    }
}

/// The call `session.shell.executeUserRequested` with the session's events.
struct UserRequested {
    request: String,
    call: Pin<Box<Call<UserRequestedShellCommandResult>>>,
    result: Option<UserRequestedShellCommandResult>,
    events: Events,
    /// The id of the call in events, once it is known.
    tool_call: Option<String>,
    /// The size of the output received so far, which each event repeats from its start.
    received: usize,
    live: bool,
}

impl UserRequested {
    async fn start(session: &Arc<SessionState>, command: &str) -> Result<Self, Error> {
        // The event that names the call does not say which request it is for, so one is started at a time.
        let _turn = session.shell_start.lock().await;
        let events = session.subscribers.subscribe_without_backlog();
        let request = random::uuid().map_err(Error::no_random)?;
        let params = ShellExecuteUserRequestedRequest::new(&*request, command);
        let call = Box::pin(SessionRpc(session.caller()).shell().execute_user_requested(&params));
        let live = session.version().has(Feature::LiveShellOutput);
        let mut run = Self { request, call, result: None, events, tool_call: None, received: 0, live };
        while run.tool_call.is_none()
            && let Some(event) = std::future::poll_fn(|context| run.poll_event(context)).await?
        {
            run.name(&event, command);
        }
        Ok(run)
    }

    /// Returns the next event of the session; none once the result and all events before it are here.
    fn poll_event(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<SessionEvent>, Error>> {
        // Polled before the events: the result comes after all of them, so once it is here, none is missed.
        if self.result.is_none()
            && let Poll::Ready(result) = self.call.as_mut().poll(context)?
        {
            self.result = Some(result);
        }
        match self.events.poll_event(context) {
            Poll::Ready(Ok(event)) => Poll::Ready(Ok(Some(event))),
            _ if self.result.is_some() => Poll::Ready(Ok(None)),
            Poll::Ready(Err(ended)) => Poll::Ready(Err(ended.into())),
            Poll::Pending => Poll::Pending,
        }
    }

    /// Learns the id of the call from the event that names it.
    fn name(&mut self, event: &SessionEvent, command: &str) {
        if event.kind() != kind::TOOL_USER_REQUESTED {
            return;
        }
        let [id, arguments] = event.pick(keys!(ToolUserRequestedData, ["toolCallId", "arguments"]));
        if arguments.and_then(|object| peek::text(object, "command")).is_some_and(|found| found == command) {
            self.tool_call = id.and_then(peek::string).map(|id| id.into_owned());
        }
    }

    /// Returns the output that an event reports, if any.
    fn chunk(&mut self, event: &SessionEvent) -> Option<ShellChunk> {
        let keys = match event.kind() {
            kind::TOOL_SHELL_OUTPUT if self.live => {
                keys!(ToolShellOutputData, ["toolCallId", "text", "stream"])
            }
            kind::TOOL_EXECUTION_PARTIAL_RESULT if !self.live => {
                keys!(ToolExecutionPartialData, ["toolCallId", "partialOutput", ""])
            }
            _ => return None,
        };
        let [id, text, stream] = event.pick(keys);
        if peek::string(id?).as_deref() != self.tool_call.as_deref() {
            return None;
        }
        if self.live {
            let stream = stream.and_then(|stream| wire::from_json::<ShellOutputStream>(stream).ok());
            return Some(ShellChunk { stream, text: peek::string(text?)?.into_owned() });
        }
        let so_far = peek::string(text?)?;
        let text = so_far.get(self.received..).filter(|text| !text.is_empty())?.to_owned();
        self.received = so_far.len();
        Some(ShellChunk { stream: None, text })
    }
}

impl Source for UserRequested {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<Progress, Error>> {
        while let Some(event) = ready!(self.poll_event(context))? {
            if let Some(chunk) = self.chunk(&event) {
                return Poll::Ready(Ok(Progress::Output(chunk)));
            }
        }
        let end = self.result.take().map(|result| (result.output, result.exit_code));
        let (output, exit_code) = end.unzip();
        Poll::Ready(Ok(Progress::End(output, exit_code.flatten())))
    }

    fn kill(&self) -> (&'static str, serde_json::Value) {
        ("session.shell.cancelUserRequested", json!({ "requestId": self.request }))
    }
}
