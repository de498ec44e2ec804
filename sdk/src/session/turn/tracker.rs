//! Decides which events of a session belong to a turn, and how the turn ends, by the rules of
//! [`turns`](crate::turns).

use std::borrow::Cow;
use std::sync::Arc;

use crate::error::{Error, turn::TurnCutOff};
use crate::events::{SessionEvent, answer::Answer, work::Work};
use crate::generated::{kind, session_event::SessionEventData};
use crate::handlers::hooks::Hook;
use crate::session::turn::{failure::FailureContext, prompts::Prompt, prompts::Prompts};
use crate::types::{AgentStopHookInput, AssistantMessageData, ErrorData, StopHookDecision};
use crate::version::{CliVersion, Feature};
use crate::wire::peek::{self, keys};
use crate::wire::{self, DecodeError};

/// The relation of an event to a turn.
pub(crate) enum Relation {
    /// It belongs to something else.
    Other,
    /// It belongs to the turn.
    Ours,
    /// A later event decides whether it belongs to the turn.
    Unclear,
    /// The last event of the turn.
    Last(Result<Answer, Error>),
    /// The first event after a turn that had no last event.
    After(Result<Answer, Error>),
}

/// Follows one prompt through the events of its session.
pub(crate) struct Tracker {
    prompt: Arc<Prompt>,
    /// All prompts of this client. Others are of other clients.
    prompts: Arc<Prompts>,
    /// True if the CLI's events carry the ids of prompts.
    ids_match: bool,
    /// True if an abort drops queued prompts.
    abort_drops_prompts: bool,
    phase: Phase,
    /// True between `assistant.turn_start` and `assistant.turn_end`.
    in_step: bool,
    /// True if a hook has kept the agent from stopping: the next prompt is the hook's.
    blocked: bool,
    /// The CLI's `interactionId` of the turn's last prompt.
    interaction: Option<String>,
    /// The last message, which can be read.
    message: Option<SessionEvent>,
    error: Option<Box<ErrorData>>,
    failure: FailureContext,
}

/// The progress of the prompt.
enum Phase {
    /// It is sent, and the agent has not started it.
    Waiting(Queue),
    /// The agent works on it.
    Running {
        /// True if an abort came just before the agent started the prompt. The next message shows that the abort was
        /// for earlier work.
        stopped: bool,
    },
    /// The agent has started a prompt with this id, which may be another client's, or may continue the turn.
    Doubtful(String),
    /// The work was aborted.
    Aborted,
}

/// The events since the prompt was sent, or since the last idle.
#[derive(Default)]
struct Queue {
    /// True if the agent has worked on an earlier prompt.
    busy: bool,
    /// True if the agent's work was aborted.
    aborted: bool,
    /// The number of changes of the CLI's queue.
    changes: u64,
}

impl Queue {
    /// Returns true if an idle event now means that the CLI dropped the prompt. The idle of an earlier prompt may
    /// arrive late, after at most one change of the queue.
    fn is_dropped(&self, idle_of_abort: bool, abort_drops_prompts: bool) -> bool {
        match self.aborted {
            true => abort_drops_prompts,
            false => self.changes > 1 && !idle_of_abort,
        }
    }
}

/// A prompt, from its `user.message` event.
struct NewPrompt<'e> {
    id: Option<Cow<'e, str>>,
    interaction: Option<Cow<'e, str>>,
    text: Option<Cow<'e, str>>,
    /// True if the CLI created it to continue its work.
    by_cli: bool,
}

impl<'e> NewPrompt<'e> {
    fn read(event: &'e SessionEvent) -> Self {
        let keys = keys!(
            UserMessageData,
            ["messageId", "interactionId", "content", "source", "isAutopilotContinuation"]
        );
        let picked = event.pick(keys);
        let autopilot = picked[4] == Some("true");
        let [id, interaction, text, source, _] = picked.map(|raw| raw.and_then(peek::string));
        let by_cli = autopilot || source.is_some_and(|source| source.starts_with("skill-"));
        Self { id, interaction, text, by_cli }
    }
}

impl Tracker {
    pub fn new(prompt: Arc<Prompt>, prompts: Arc<Prompts>, version: &CliVersion) -> Self {
        Self {
            prompt,
            prompts,
            ids_match: version.has(Feature::MessageIds),
            abort_drops_prompts: version.has(Feature::AbortDropsPrompts),
            phase: Phase::Waiting(Queue::default()),
            in_step: false,
            blocked: false,
            interaction: None,
            message: None,
            error: None,
            failure: FailureContext::default(),
        }
    }

    pub fn message_id(&self) -> &str {
        self.prompt.id()
    }

    /// Returns the turn's answer so far.
    pub fn answer(&mut self, aborted: bool) -> Answer {
        let (message_id, message) = (self.message_id().to_owned(), self.message.take());
        Answer { message_id, message, aborted, work: Work::default() }
    }

    /// Returns the error of a turn during which its session or the connection ended.
    pub fn cut_off(&mut self, cause: Error) -> Error {
        let (answer, unfinished) = (self.answer(false), String::new());
        Error::TurnCutOff(Box::new(TurnCutOff { cause, answer, unfinished }))
    }

    /// Handles the next event of the session. Most events do not affect the turn and are not decoded.
    pub fn follow(&mut self, event: &SessionEvent) -> Relation {
        let kind = event.kind();
        if kind == kind::SESSION_SHUTDOWN {
            let end = Err(self.cut_off(Error::SessionEnded));
            // What is in doubt is not counted as work of the turn.
            let is_doubtful = matches!(self.phase, Phase::Doubtful(_));
            return if is_doubtful { Relation::After(end) } else { Relation::Last(end) };
        }
        // The events of a sub-agent belong to the same session.
        if event.agent_id().is_some() {
            return self.belongs();
        }
        if let Phase::Waiting(queue) = &mut self.phase {
            queue.busy |= kind.starts_with("assistant.");
            queue.changes += u64::from(kind == kind::PENDING_MESSAGES_MODIFIED);
        }
        match kind {
            kind::USER_MESSAGE => return self.user_message(event),
            kind::ASSISTANT_MESSAGE => return self.assistant_message(event),
            kind::SESSION_ERROR => return self.session_error(event),
            kind::SESSION_IDLE => return self.idle(event),
            kind::ABORT => return self.abort(),
            kind::HOOK_END => return self.hook_ended(event),
            kind::ASSISTANT_TURN_START => self.in_step = true,
            kind::ASSISTANT_TURN_END => self.in_step = false,
            kind::MODEL_CALL_FAILURE if self.runs() => self.failure.model_call_failed(event),
            kind::AUTO_MODE_SWITCH_REQUESTED if self.runs() => self.failure.switch_offered(event),
            _ => {}
        }
        self.belongs()
    }

    /// Returns the relation of an event that changes nothing.
    fn belongs(&self) -> Relation {
        match self.phase {
            Phase::Waiting(_) => Relation::Other,
            Phase::Doubtful(_) => Relation::Unclear,
            Phase::Running { .. } | Phase::Aborted => Relation::Ours,
        }
    }

    fn runs(&self) -> bool {
        matches!(self.phase, Phase::Running { .. })
    }

    /// Returns the outcome of the turn.
    fn outcome(&mut self, aborted: bool) -> Result<Answer, Error> {
        let answer = self.answer(aborted);
        match self.error.take() {
            Some(error) => Err(Error::Turn(Box::new(self.failure.take_error(*error, answer)))),
            None => Ok(answer),
        }
    }

    fn after(&mut self) -> Relation {
        let aborted = match self.phase {
            Phase::Waiting(_) | Phase::Aborted => true,
            Phase::Running { stopped } => stopped,
            Phase::Doubtful(_) => false,
        };
        Relation::After(self.outcome(aborted))
    }

    /// Handles the start of a prompt, which may be one of the CLI's own.
    fn user_message(&mut self, event: &SessionEvent) -> Relation {
        let new = NewPrompt::read(event);
        let known = new.id.as_deref().is_some_and(|id| self.prompts.has(id, new.text.as_deref()));
        // With CLIs without prompt ids, a prompt that joins the running work has an `interactionId` of its own.
        let same_work =
            new.interaction.is_some() && new.interaction.as_deref() == self.interaction.as_deref();
        let joins = same_work || self.in_step && !self.ids_match;
        let by_cli = new.by_cli || !joins && !known && std::mem::take(&mut self.blocked);
        match &self.phase {
            Phase::Waiting(queue) => {
                let stopped = queue.aborted && self.abort_drops_prompts;
                match self.is_own(&new, by_cli) {
                    true => self.begin(&new, stopped),
                    // Prompts sent before the abort are no longer in the queue.
                    false if stopped && !by_cli => self.after(),
                    false => Relation::Other,
                }
            }
            Phase::Aborted => self.after(),
            _ if joins => self.belongs(),
            Phase::Doubtful(_) if by_cli => Relation::Unclear,
            Phase::Running { stopped } if by_cli => self.begin(&new, *stopped),
            Phase::Running { stopped: true } => self.after(),
            Phase::Running { .. } | Phase::Doubtful(_) => match new.id {
                Some(id) if self.ids_match && !known => {
                    self.phase = Phase::Doubtful(id.into_owned());
                    Relation::Unclear
                }
                _ => self.after(),
            },
        }
    }

    /// Returns true if this is the turn's own prompt. With CLIs without prompt ids that is the first with its text,
    /// or the first that is not known to be another's, since hooks may change the text.
    fn is_own(&self, new: &NewPrompt, by_cli: bool) -> bool {
        let id = new.id.as_deref();
        if self.ids_match || id == Some(self.message_id()) {
            return id == Some(self.message_id());
        }
        let text = new.text.as_deref();
        let is_others = id.is_some_and(|id| self.prompts.has(id, text))
            || text.is_some_and(|text| self.prompts.has_text(text));
        text.is_some_and(|text| self.prompt.has_text(text)) || !is_others && !by_cli
    }

    /// Begins or continues the turn with this prompt.
    fn begin(&mut self, new: &NewPrompt, stopped: bool) -> Relation {
        if matches!(self.phase, Phase::Waiting(_)) {
            self.error = None;
        }
        self.interaction = new.interaction.as_deref().map(str::to_owned);
        self.phase = Phase::Running { stopped };
        Relation::Ours
    }

    /// Resolves a doubt by the prompt that the event names. Returns true if the event belongs to the turn.
    fn resolve_doubt(&mut self, event: &SessionEvent) -> bool {
        if let Phase::Doubtful(other) = &self.phase {
            let [of] = event.pick(keys!(AssistantMessageData, ["originatingMessageId"]));
            if of.and_then(peek::string).as_deref() == Some(other) {
                return false;
            }
            self.phase = Phase::Running { stopped: false };
        }
        true
    }

    fn assistant_message(&mut self, event: &SessionEvent) -> Relation {
        if !self.resolve_doubt(event) {
            return self.after();
        }
        if self.runs() {
            // It is decoded once for the answer and for the subscribers. One that cannot be read is none.
            if let SessionEventData::AssistantMessage(message) = event.data() {
                self.answered(event, message);
            }
        }
        self.belongs()
    }

    fn answered(&mut self, event: &SessionEvent, message: &AssistantMessageData) {
        // CLIs without ids for sub-agents mark their messages in this way.
        #[allow(deprecated)]
        let from_sub_agent = message.parent_tool_call_id.is_some();
        if from_sub_agent {
            return;
        }
        // An error that names another prompt does not belong to this turn if the agent continues.
        if self.error.as_ref().is_some_and(|error| self.is_others(error)) {
            self.error = None;
        }
        self.message = Some(event.clone());
        self.phase = Phase::Running { stopped: false };
    }

    fn is_others(&self, error: &ErrorData) -> bool {
        let of = error.originating_message_id.as_deref();
        self.ids_match && of.is_some_and(|of| of != self.message_id())
    }

    fn session_error(&mut self, event: &SessionEvent) -> Relation {
        let Ok(error) = event.decode::<ErrorData>().or_else(unreadable_error) else { return self.belongs() };
        // Lines of the session's log also arrive as errors.
        if error.error_type == "notification" {
            return self.belongs();
        }
        if let Phase::Waiting(queue) = &self.phase {
            let named = self.ids_match && error.originating_message_id.is_some();
            let ours = if named { !self.is_others(&error) } else { !queue.busy };
            if !ours {
                return Relation::Other;
            }
        } else if !self.resolve_doubt(event) {
            return self.after();
        }
        if !matches!(self.phase, Phase::Aborted) {
            self.error = Some(Box::new(error));
        }
        Relation::Ours
    }

    fn abort(&mut self) -> Relation {
        self.in_step = false;
        match &mut self.phase {
            Phase::Waiting(queue) => queue.aborted = true,
            // The abort is of the other prompt's work.
            Phase::Doubtful(_) => return self.after(),
            phase => *phase = Phase::Aborted,
        }
        self.belongs()
    }

    /// Handles the end of a hook. An `agentStop` hook may keep the agent from stopping; its reason then becomes a
    /// prompt before the queued ones. If that happens after an abort, no later event reports the abort.
    fn hook_ended(&mut self, event: &SessionEvent) -> Relation {
        let [hook, output] = event.pick(keys!(HookEndData, ["hookType", "output"]));
        if hook.and_then(peek::string).as_deref() != Some(AgentStopHookInput::TYPE) {
            return self.belongs();
        }
        let [decision] = peek::pick_any(output, keys!(AgentStopHookOutput, ["decision"]));
        let decision = decision.and_then(|raw| wire::from_json::<StopHookDecision>(raw).ok());
        self.blocked = decision == Some(StopHookDecision::Block);
        if self.blocked && matches!(self.phase, Phase::Aborted) {
            return Relation::Last(self.outcome(true));
        }
        self.belongs()
    }

    /// Handles an idle of the agent. Before the prompt has started it is the end of earlier work, unless an error,
    /// such as a missing login, kept the prompt from starting, or the CLI dropped the prompt.
    fn idle(&mut self, event: &SessionEvent) -> Relation {
        self.in_step = false;
        // An idle whose data cannot be read is still an idle.
        let of_abort = event.pick(keys!(IdleData, ["aborted"])) == [Some("true")];
        let aborted = match &mut self.phase {
            Phase::Waiting(_) if self.error.is_some() => false,
            Phase::Waiting(queue) if queue.is_dropped(of_abort, self.abort_drops_prompts) => true,
            Phase::Waiting(queue) => {
                *queue = Queue::default();
                return Relation::Other;
            }
            Phase::Doubtful(_) => return self.after(),
            // The idle of an earlier abort may arrive after the prompt has started.
            Phase::Running { .. } if of_abort && self.prompt.follows_abort => return Relation::Other,
            Phase::Running { stopped } => of_abort || *stopped,
            Phase::Aborted => true,
        };
        Relation::Last(self.outcome(aborted))
    }
}

/// Returns a substitute for an error that cannot be read, since the turn has failed nevertheless.
pub(crate) fn unreadable_error(error: DecodeError) -> Result<ErrorData, DecodeError> {
    tracing::warn!(%error, "a session error cannot be read");
    wire::from_json(r#"{"errorType":"unreadable","message":"the CLI reported an error that cannot be read"}"#)
}
