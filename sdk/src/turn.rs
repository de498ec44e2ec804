//! One prompt and everything that follows from it, until the agent rests.

use std::future::IntoFuture;
use std::pin::Pin;
use std::sync::Weak;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::Instant;

use crate::answer::Answer;
use crate::client::ClientInner;
use crate::error::Error;
use crate::event::SessionEvent;
use crate::events::Events;
use crate::json;
use crate::process::stderr_tail;
use crate::turn_error::Circumstances;
use crate::turn_limits::{Limits, Watch};
use crate::types::{AssistantMessageData, ErrorData, IdleData};
use crate::versions::{CliVersion, Feature};
use crate::wire::{self, DecodeError};

/// A turn of the agent: the events as they come, then the answer.
///
/// Reading the events is optional; awaiting the turn reads what is left and gives the answer. It ends
/// when the session is idle after the prompt, when the session ends, or when the connection does,
/// and there is no other time limit but [`within`](Self::within). Dropping it does not stop the
/// agent; `session.abort` does.
#[must_use = "await the turn for its answer"]
pub struct Turn {
    events: Events,
    tracker: Tracker,
    outcome: Option<Result<Answer, Error>>,
    started: Instant,
    watch: Option<Watch>,
    /// Asked only when the time is up, and not kept alive for that.
    client: Weak<ClientInner>,
}

impl Turn {
    pub(crate) fn new(
        events: Events,
        message_id: String,
        version: &CliVersion,
        started: Instant,
        client: Weak<ClientInner>,
    ) -> Self {
        let tracker = Tracker {
            message_id,
            ids_match: version.has(Feature::MessageIds),
            abort_drops_prompts: version.has(Feature::AbortDropsPrompts),
            begun: false,
            dropped: false,
            stopped: false,
            message: None,
            answered: false,
            interaction: None,
            error: None,
            circumstances: Circumstances::default(),
        };
        Self { events, tracker, outcome: None, started, watch: None, client }
    }

    /// The id of the prompt, as `session.send` answered.
    pub fn message_id(&self) -> &str {
        &self.tracker.message_id
    }

    /// The next event of the session; none once the turn is over. There is no time limit but
    /// [`limits`](Self::limits).
    ///
    /// Cancel-safe.
    pub async fn next(&mut self) -> Option<SessionEvent> {
        std::future::poll_fn(|context| self.poll_event(context)).await
    }

    /// Sets how long the turn is waited for, counted from the prompt. The agent goes on all the same when
    /// the turn ends here, with [`Error::TurnTimeout`].
    pub fn limits(mut self, limits: Limits) -> Self {
        self.watch = Some(Watch::new(limits, self.started));
        self
    }

    /// The answer, if it comes in this time from the prompt on: a limit on the whole turn.
    ///
    /// # Errors
    /// [`Error::TurnTimeout`] after that time, else as the turn itself.
    pub async fn within(self, limit: Duration) -> Result<Answer, Error> {
        self.limits(Limits::default().total(limit)).await
    }

    fn poll_event(&mut self, context: &mut Context<'_>) -> Poll<Option<SessionEvent>> {
        if self.outcome.is_some() {
            return Poll::Ready(None);
        }
        match self.events.poll_event(context) {
            Poll::Ready(Ok(event)) => {
                if let Some(watch) = &mut self.watch {
                    watch.see(&event);
                }
                self.outcome = self.tracker.see(&event);
                if self.outcome.is_none() {
                    // A turn that never stops telling something has its limit, too.
                    let _ = self.poll_time(context);
                }
                Poll::Ready(Some(event))
            }
            Poll::Ready(Err(ended)) => {
                self.outcome = Some(Err(ended.into()));
                Poll::Ready(None)
            }
            Poll::Pending => self.poll_time(context),
        }
    }

    /// Ends the turn when its time is up.
    fn poll_time(&mut self, context: &mut Context<'_>) -> Poll<Option<SessionEvent>> {
        let Some(watch) = &mut self.watch else { return Poll::Pending };
        let mut timeout = ready!(watch.poll(context, || self.tracker.answer(false)));
        let client = self.client.upgrade();
        timeout.stderr = stderr_tail(client.as_ref().and_then(|client| client.connection().process()));
        self.outcome = Some(Err(Error::TurnTimeout(Box::new(timeout))));
        Poll::Ready(None)
    }
}

impl IntoFuture for Turn {
    type Output = Result<Answer, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(mut self) -> Self::IntoFuture {
        Box::pin(async move {
            loop {
                if let Some(outcome) = self.outcome.take() {
                    return outcome;
                }
                self.next().await;
            }
        })
    }
}

impl futures_core::Stream for Turn {
    type Item = SessionEvent;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<SessionEvent>> {
        self.poll_event(context)
    }
}

impl std::fmt::Debug for Turn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Turn").field("message_id", &self.message_id()).finish_non_exhaustive()
    }
}

/// Tells from the events when the turn is over, and how it ended.
struct Tracker {
    message_id: String,
    /// Whether the CLI gives events the prompt's id, so that those of other prompts can be told.
    ids_match: bool,
    /// Whether an abort drops a prompt that has not been taken up.
    abort_drops_prompts: bool,
    /// Whether the prompt has been taken up. An idle before that is the end of something earlier.
    begun: bool,
    /// Whether the prompt was dropped, so that it will not be taken up.
    dropped: bool,
    /// Whether it was aborted and has said nothing since. Old versions do not say so at the end.
    stopped: bool,
    message: Option<(SessionEvent, AssistantMessageData)>,
    /// Whether that message is not known to be another prompt's.
    answered: bool,
    /// What the prompt is part of. One that went ahead of others shares it with the prompt before it.
    interaction: Option<String>,
    error: Option<ErrorData>,
    circumstances: Circumstances,
}

impl Tracker {
    fn see(&mut self, event: &SessionEvent) -> Option<Result<Answer, Error>> {
        // Most events are of no interest here, and need not be decoded for it.
        match event.kind() {
            "user.message"
            | "assistant.message"
            | "session.error"
            | "session.idle"
            | "model.call_failure"
            | "auto_mode_switch.requested" => self.look(event),
            "abort" => {
                self.dropped = self.abort_drops_prompts && !self.begun;
                self.stopped = self.begun;
                None
            }
            "session.shutdown" => Some(Err(Error::SessionEnded)),
            _ => None,
        }
    }

    fn look(&mut self, event: &SessionEvent) -> Option<Result<Answer, Error>> {
        // A sub-agent's events travel under the same session.
        if event.agent_id().is_some() {
            return None;
        }
        let outcome = match event.kind() {
            "user.message" => json::pick(event.raw_data(), ["messageId", "interactionId"])
                .map(|[id, interaction]| self.user_message(id, interaction)),
            "assistant.message" => event.decode().map(|message| self.assistant_message(event, message)),
            "session.error" => {
                event.decode().or_else(unreadable_error).map(|error| self.session_error(error))
            }
            "model.call_failure" => {
                self.circumstances.model_call_failed(event);
                return None;
            }
            "auto_mode_switch.requested" => {
                self.circumstances.switch_offered(event);
                return None;
            }
            _ => return self.idle(event),
        };
        if let Err(error) = outcome {
            tracing::warn!(kind = event.kind(), %error, "an event of the turn that cannot be read");
        }
        None
    }

    fn user_message(&mut self, id: Option<&str>, interaction: Option<&str>) {
        let ours = id.and_then(json::string).is_some_and(|id| id == self.message_id);
        if ours {
            self.interaction = interaction.and_then(json::string).map(|id| id.into_owned());
        }
        self.begun |= ours || !self.ids_match;
    }

    fn assistant_message(&mut self, event: &SessionEvent, message: AssistantMessageData) {
        // CLIs before sub-agents had ids mark their messages in this way.
        #[allow(deprecated)]
        let from_sub_agent = message.parent_tool_call_id.is_some();
        if !self.begun || from_sub_agent {
            return;
        }
        self.stopped = false;
        // Prompts that waited come to an end together, so this may be the answer to another one.
        let others = self.interaction.is_some()
            && message.interaction_id.is_some()
            && self.interaction != message.interaction_id;
        if !others || !self.answered {
            self.answered = !others;
            self.message = Some((event.clone(), message));
        }
    }

    fn session_error(&mut self, error: ErrorData) {
        let others = error.originating_message_id.as_ref().is_some_and(|id| *id != self.message_id);
        // Lines of the session's log come as errors too, and so do the failures of other prompts.
        if error.error_type != "notification" && !(self.ids_match && others) {
            self.error = Some(error);
        }
    }

    /// The end of the turn, if it is this turn's: an idle before the prompt was taken up ends something
    /// earlier, unless an error, such as a missing login, kept the prompt from being taken up.
    fn idle(&mut self, event: &SessionEvent) -> Option<Result<Answer, Error>> {
        if let Some(error) = self.error.take() {
            let answer = self.answer(false);
            return Some(Err(Error::Turn(Box::new(self.circumstances.of(error, answer)))));
        }
        // An idle that cannot be read is an idle still.
        let told = event.decode::<IdleData>().is_ok_and(|idle| idle.aborted == Some(true));
        let aborted = told || self.stopped;
        (self.begun || self.dropped && aborted).then(|| Ok(self.answer(aborted)))
    }

    /// What the turn has come to.
    fn answer(&mut self, aborted: bool) -> Answer {
        Answer { message_id: self.message_id.clone(), message: self.message.take(), aborted }
    }
}

/// What stands for an error that cannot be read: the turn has failed, whatever the reason.
pub(crate) fn unreadable_error(error: DecodeError) -> Result<ErrorData, DecodeError> {
    tracing::warn!(%error, "a session error that cannot be read");
    wire::from_json(r#"{"errorType":"unreadable","message":"the CLI reported an error that cannot be read"}"#)
}
