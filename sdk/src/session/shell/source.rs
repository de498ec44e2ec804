//! The two ways to run a shell command, of which the CLI's version has one, and to receive its output.

use std::future::IntoFuture;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use serde_json::json;

use crate::call::{Call, Caller};
use crate::error::Error;
use crate::events::Events;
use crate::events::SessionEvent;
use crate::events::notifications::Notifications;
use crate::generated::kind;
use crate::methods;
use crate::session::shell::{Progress, ShellChunk};
use crate::session::state::SessionState;
use crate::session_rpc::SessionRpc;
use crate::types::{
    ShellCancelUserRequestedRequest, ShellExecRequest, ShellExecuteUserRequestedRequest, ShellKillRequest,
    ShellOutputStream, UserRequestedShellCommandResult,
};
use crate::version::Feature;
use crate::wire::peek::{self, keys};
use crate::{random, wire};

/// The source of a command's output and end.
pub(crate) enum Source {
    Exec(Exec),
    UserRequested(UserRequested),
}

/// The call `session.shell.exec` with the notifications `shell.output` and `shell.exit`.
pub(crate) struct Exec {
    process: String,
    output: Notifications<methods::notification::ShellOutput>,
    exit: Notifications<methods::notification::ShellExit>,
    exit_code: Option<i64>,
}

/// The call `session.shell.executeUserRequested` with the session's events.
pub(crate) struct UserRequested {
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

impl Source {
    /// Starts the command.
    pub async fn start(session: &Arc<SessionState>, command: &str) -> Result<Self, Error> {
        let version = session.version();
        if version.has(Feature::ShellNotifications) || !version.has(Feature::UserRequestedShell) {
            Exec::start(session, command).await.map(Self::Exec)
        } else {
            UserRequested::start(session, command).await.map(Self::UserRequested)
        }
    }

    pub fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<Progress, Error>> {
        match self {
            Self::Exec(exec) => exec.poll(context),
            Self::UserRequested(requested) => requested.poll(context),
        }
    }

    /// Kills the command.
    pub async fn kill(&self, rpc: SessionRpc<'_>) -> Result<(), Error> {
        match self {
            Self::Exec(exec) => {
                let request = ShellKillRequest::new(&*exec.process);
                rpc.shell().kill(&request).timeout(None).await.map(drop)
            }
            Self::UserRequested(requested) => {
                let request = ShellCancelUserRequestedRequest::new(&*requested.request);
                rpc.shell().cancel_user_requested(&request).timeout(None).await.map(drop)
            }
        }
    }

    /// Kills the command without waiting for the response.
    pub fn kill_unanswered(&self, caller: &Caller) {
        let (method, params) = match self {
            Self::Exec(exec) => ("session.shell.kill", json!({ "processId": exec.process })),
            Self::UserRequested(requested) => {
                ("session.shell.cancelUserRequested", json!({ "requestId": requested.request }))
            }
        };
        // The params are not nested, so this fails only if the session has ended, and the command with it.
        drop(caller.notify(method, &params));
    }
}

/// The key under which a notification names its process.
const PROCESS: &str = keys!(ShellExitNotification, ["processId"])[0];

impl Exec {
    async fn start(session: &SessionState, command: &str) -> Result<Self, Error> {
        /// The longest timeout that the CLI supports; its default is 30 s.
        const LONGEST: i64 = i32::MAX as i64;
        let output = session.notifications().subscribe::<methods::notification::ShellOutput>();
        let exit = session.notifications().subscribe::<methods::notification::ShellExit>();
        let request = ShellExecRequest::new(command).timeout(LONGEST);
        let started = SessionRpc(session.caller()).shell().exec(&request).timeout(None).await?;
        Ok(Self { process: started.process_id, output, exit, exit_code: None })
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<Progress, Error>> {
        loop {
            match self.output.poll(context) {
                Poll::Ready(Ok(Ok(output))) if output.process_id == self.process => {
                    let chunk = ShellChunk { stream: Some(output.stream), text: output.data };
                    return Poll::Ready(Ok(Progress::Output(chunk)));
                }
                Poll::Ready(Ok(Err(malformed))) if malformed.has(PROCESS, &self.process) => {
                    return Poll::Ready(Err(Error::decode(malformed.kind, malformed.error, None)));
                }
                Poll::Ready(Ok(_)) => continue,
                Poll::Ready(Err(ended)) => return Poll::Ready(Err(ended.into())),
                // The exit follows all output, so there is no more.
                Poll::Pending if self.exit_code.is_some() => {
                    return Poll::Ready(Ok(Progress::End(None, self.exit_code)));
                }
                Poll::Pending => {}
            }
            match self.exit.poll(context) {
                Poll::Ready(Ok(Ok(exit))) if exit.process_id == self.process => {
                    self.exit_code = Some(exit.exit_code);
                }
                Poll::Ready(Ok(Err(malformed))) if malformed.has(PROCESS, &self.process) => {
                    return Poll::Ready(Err(Error::decode(malformed.kind, malformed.error, None)));
                }
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(ended)) => return Poll::Ready(Err(ended.into())),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

impl UserRequested {
    async fn start(session: &Arc<SessionState>, command: &str) -> Result<Self, Error> {
        // The event that names the call does not say which request it is for, so one is started at a time.
        let turn = session.shell_start().lock().await;
        let events = session.subscribe_without_backlog();
        let request = random::uuid().map_err(Error::no_random)?;
        let params = ShellExecuteUserRequestedRequest::new(&*request, command);
        let call = SessionRpc(session.caller()).shell().execute_user_requested(&params);
        let live = session.version().has(Feature::LiveShellOutput);
        let call = Box::pin(call.into_future());
        let mut run = Self { request, call, result: None, events, tool_call: None, received: 0, live };
        std::future::poll_fn(|context| run.poll_name(command, context)).await?;
        drop(turn);
        Ok(run)
    }

    /// Waits for the event that names the call, or for its result.
    fn poll_name(&mut self, command: &str, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.poll_result(context)?;
        while self.tool_call.is_none() {
            match self.events.poll_event(context) {
                Poll::Ready(Ok(event)) => self.name(&event, command),
                Poll::Ready(Err(ended)) => return Poll::Ready(Err(ended.into())),
                Poll::Pending if self.result.is_some() => break,
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(Ok(()))
    }

    fn name(&mut self, event: &SessionEvent, command: &str) {
        if event.kind() != kind::TOOL_USER_REQUESTED {
            return;
        }
        let [id, arguments] = event.pick(keys!(ToolUserRequestedData, ["toolCallId", "arguments"]));
        let [event_command] = peek::pick(arguments.unwrap_or("{}"), ["command"]).unwrap_or_default();
        if event_command.and_then(peek::string).is_some_and(|event_command| event_command == command) {
            self.tool_call = id.and_then(peek::string).map(|id| id.into_owned());
        }
    }

    fn poll_result(&mut self, context: &mut Context<'_>) -> Result<(), Error> {
        if self.result.is_none()
            && let Poll::Ready(result) = pin!(&mut self.call).poll(context)
        {
            self.result = Some(result?);
        }
        Ok(())
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<Progress, Error>> {
        // Polled before the events, which precede the result: then all of them are read when it is used.
        self.poll_result(context)?;
        loop {
            match self.events.poll_event(context) {
                Poll::Ready(Ok(event)) => {
                    if let Some(chunk) = self.chunk(&event) {
                        return Poll::Ready(Ok(Progress::Output(chunk)));
                    }
                }
                Poll::Ready(Err(ended)) if self.result.is_none() => {
                    return Poll::Ready(Err(ended.into()));
                }
                _ => break,
            }
        }
        Poll::Ready(match self.result.take() {
            Some(result) => Ok(Progress::End(Some(result.output), result.exit_code)),
            None => return Poll::Pending,
        })
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
