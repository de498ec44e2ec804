//! The questions to a person, and their answers.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use copilot_session::types::{
    ElicitationRequestedData, ExitPlanModeRequestParams, PermissionDetails, UiElicitationResponse,
    UiExitPlanModeAction, UiExitPlanModeResponse, UserInputRequestParams, UserInputResult,
};
use copilot_session::{Decision, PermissionRequest, printable, printable_lines};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::oneshot;

use crate::feed::Feed;
use crate::form::{self, Field};

/// The longest question, in bytes of its JSON. A longer one cannot be shown as a whole, so it gets no answer.
const MAX_ASK: usize = 1 << 20;

/// The most buttons, fields and options of a question, likewise.
const MAX_PARTS: usize = 1000;

/// The most open questions of a session, and the most bytes of all of them. A further one gets no answer.
const MAX_OPEN: usize = 100;
const MAX_OPEN_BYTES: usize = 4 << 20;

/// A question to a person, with texts that are safe to show.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Ask {
    /// The agent wants to do something.
    Permission {
        /// The action in a few words.
        what: String,
        /// The whole action: the command, the change of the file, or the arguments.
        whole: String,
        /// The purpose in the words of the model; may be empty.
        intention: String,
        /// A warning; may be empty.
        warning: String,
        /// All that an approval for the rest of the session would allow; empty if there is no such approval.
        always: String,
        /// The reason why there is none, if the person can change it; may be empty.
        once: String,
    },
    /// The agent asks something.
    Question {
        /// The question.
        question: String,
        /// The answers to choose from; may be empty.
        choices: Vec<String>,
        /// True if any other text is an answer, too.
        free: bool,
    },
    /// A form is to be filled in.
    Form {
        /// The purpose of the form.
        message: String,
        /// The MCP server that it comes from; empty if it is the agent.
        source: String,
        /// A page to visit in place of a form; may be empty.
        url: String,
        /// The fields to fill in.
        fields: Vec<Field>,
    },
    /// The agent has a plan.
    Plan {
        /// The plan.
        plan: String,
        /// The ways to go on, one of which an approval chooses; empty if there is no choice.
        ways: Vec<String>,
        /// The number of the way that the CLI suggests, from 0.
        suggested: Option<usize>,
    },
}

/// The answer of a person.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(tag = "answer", rename_all = "camelCase", deny_unknown_fields)]
pub enum Answer {
    /// Yes, this once.
    Approve,
    /// Yes, for the rest of the session.
    Always,
    /// No.
    Deny {
        /// The reason, which the model reads; may be empty.
        #[serde(default)]
        reason: String,
    },
    /// One of the choices, or one of the ways to go on.
    Choice {
        /// Its number, from 0.
        number: usize,
    },
    /// A text.
    Text {
        /// The text.
        text: String,
    },
    /// A form that was filled in.
    Fill {
        /// A value for each field in order; null for an empty one.
        values: Vec<Value>,
    },
}

/// The reason why commands are approved one at a time. With that option the CLI inspects them, and runs those that it
/// takes for harmless without asking.
const COMMANDS_ONCE: &str =
    "Commands can be approved for the rest of a session only if desk is started with --script-safety.";

/// The reasons why an answer is not taken.
#[derive(Debug, PartialEq, Eq)]
pub enum Refused {
    /// There is no such question, or it is settled.
    Gone,
    /// It is no answer to the question; the text says why.
    Unfit(String),
}

impl Ask {
    /// The question of a permission request, with or without `--script-safety`.
    pub fn permission(request: &PermissionRequest, script_safety: bool) -> Self {
        let (whole, intention) = match request.details() {
            PermissionDetails::Shell(shell) => (whole_lines(&shell.full_command_text), &*shell.intention),
            PermissionDetails::Write(write) => (whole_lines(&write.diff), &*write.intention),
            PermissionDetails::Read(read) => (whole_lines(&read.path), &*read.intention),
            PermissionDetails::Url(url) => (whole_lines(&url.url), &*url.intention),
            _ => (all_of(request), ""),
        };
        let what = match request.command() {
            // The whole command follows, in more than one line if it has them.
            Some(_) => "run a command".to_owned(),
            None => request.summary(),
        };
        let always = scope(request);
        let is_once = request.command().is_some() && always.is_empty() && !script_safety;
        Self::Permission {
            what,
            whole,
            intention: printable(intention).into_owned(),
            warning: warning(request.details()),
            always,
            once: if is_once { COMMANDS_ONCE.to_owned() } else { String::new() },
        }
    }

    /// A question of the agent.
    pub fn question(question: &UserInputRequestParams) -> Self {
        let choices = question.choices.iter().flatten().map(|choice| printable_lines(choice).into_owned());
        Self::Question {
            question: printable_lines(&question.question).into_owned(),
            choices: choices.collect(),
            free: question.allow_freeform != Some(false),
        }
    }

    /// The form that is to be filled in.
    pub fn form(form: &ElicitationRequestedData) -> Self {
        let shown = |text: &Option<String>| printable(text.as_deref().unwrap_or_default()).into_owned();
        Self::Form {
            message: printable_lines(&form.message).into_owned(),
            source: shown(&form.elicitation_source),
            url: shown(&form.url),
            fields: form::fields(form.requested_schema.as_ref()),
        }
    }

    /// The plan that the agent has.
    pub fn plan(plan: &ExitPlanModeRequestParams) -> Self {
        // Without a file of the plan, it is empty.
        let whole = plan.plan_content.as_deref().filter(|whole| !whole.trim().is_empty());
        let whole = whole.unwrap_or(&plan.summary);
        Self::Plan {
            plan: printable_lines(whole).into_owned(),
            ways: plan.actions.iter().map(way).collect(),
            suggested: plan.actions.iter().position(|action| *action == plan.recommended_action),
        }
    }

    /// The number of its buttons, fields and options.
    fn parts(&self) -> usize {
        match self {
            Self::Permission { .. } => 0,
            Self::Question { choices, .. } => choices.len(),
            Self::Form { fields, .. } => fields.iter().map(|field| 1 + field.input.options().len()).sum(),
            Self::Plan { ways, .. } => ways.len(),
        }
    }

    /// Checks that this is an answer to the question.
    fn check(&self, answer: &Answer) -> Result<(), Refused> {
        let unfit = |why: &str| Err(Refused::Unfit(why.to_owned()));
        match (self, answer) {
            (Self::Form { fields, .. }, Answer::Fill { values }) => {
                form::content(fields, values).map(drop).map_err(Refused::Unfit)
            }
            (Self::Question { choices, .. }, Answer::Choice { number }) if *number >= choices.len() => {
                unfit("there is no such choice")
            }
            (Self::Question { free: false, .. }, Answer::Text { .. }) => unfit("choose one of the answers"),
            (Self::Permission { always, .. }, Answer::Always) if always.is_empty() => {
                unfit("this can be approved once only")
            }
            (Self::Plan { ways, .. }, Answer::Choice { number }) if *number >= ways.len() => {
                unfit("there is no such way to go on")
            }
            (Self::Plan { ways, .. }, Answer::Approve) if !ways.is_empty() => unfit("choose a way to go on"),
            (Self::Permission { .. }, Answer::Approve | Answer::Always)
            | (Self::Plan { .. }, Answer::Approve | Answer::Choice { .. })
            | (Self::Question { .. }, Answer::Choice { .. } | Answer::Text { .. })
            | (_, Answer::Deny { .. }) => Ok(()),
            _ => unfit("that is no answer to the question"),
        }
    }
}

/// Escapes each line. A tab or a carriage return is shown as such, since it may be part of a trick.
fn whole_lines(text: &str) -> String {
    text.split('\n').map(printable).collect::<Vec<_>>().join("\n")
}

/// The warnings about a request; empty for one that is shown as JSON, which has them.
fn warning(details: &PermissionDetails) -> String {
    let mut lines = Vec::new();
    let mut place = "outside the sandbox";
    let (bypass, reason) = match details {
        PermissionDetails::Shell(shell) => {
            lines.extend(shell.warning.as_deref().map(|text| printable_lines(text).into_owned()));
            if shell.request_sandbox_permissive == Some(true) {
                place = "in the sandbox, but free to use any file and process";
            }
            (shell.request_sandbox_bypass, &shell.request_sandbox_bypass_reason)
        }
        PermissionDetails::Write(write) => {
            (write.request_sandbox_bypass, &write.request_sandbox_bypass_reason)
        }
        PermissionDetails::Read(read) => (read.request_sandbox_bypass, &read.request_sandbox_bypass_reason),
        PermissionDetails::Url(url) => {
            let from = url.redirected_from.as_deref();
            lines.extend(from.map(|from| format!("It was redirected from {}", printable(from))));
            (url.request_sandbox_bypass, &url.request_sandbox_bypass_reason)
        }
        _ => return String::new(),
    };
    if bypass == Some(true) {
        lines.push(match reason {
            Some(reason) => format!("It is to run {place}: {}", printable(reason)),
            None => format!("It is to run {place}"),
        });
    }
    lines.join("\n")
}

/// The extent of [`PermissionRequest::approve_for_session`]; empty if it allows this request only.
fn scope(request: &PermissionRequest) -> String {
    let shown = |text: &str| printable(text).into_owned();
    match request.details() {
        _ if !request.can_approve_for_session() => String::new(),
        PermissionDetails::Shell(shell) => {
            let commands = shell.commands.iter().map(|command| shown(&command.identifier));
            format!("{} with any arguments", commands.collect::<Vec<_>>().join(", "))
        }
        PermissionDetails::Write(_) => "writing any file".to_owned(),
        PermissionDetails::Read(_) => "reading any file".to_owned(),
        PermissionDetails::Mcp(mcp) => {
            format!("calls of {} of MCP server {}", shown(&mcp.tool_name), shown(&mcp.server_name))
        }
        PermissionDetails::CustomTool(tool) => format!("calls of {}", shown(&tool.tool_name)),
        _ => "all requests like this one".to_owned(),
    }
}

/// A way to go on with a plan.
fn way(action: &UiExitPlanModeAction) -> String {
    match action {
        UiExitPlanModeAction::ExitOnly => "Approve, and do nothing yet".to_owned(),
        UiExitPlanModeAction::Interactive => "Approve, and start".to_owned(),
        UiExitPlanModeAction::Autopilot => "Approve, and start on autopilot".to_owned(),
        UiExitPlanModeAction::AutopilotFleet => "Approve, and start parallel agents on autopilot".to_owned(),
        other => format!("Approve: {}", printable(other.as_str())),
    }
}

/// The whole request as JSON, for the kinds that have no text of their own.
fn all_of(request: &PermissionRequest) -> String {
    let data: Value = serde_json::from_str(request.event().raw_data()).unwrap_or_default();
    let pretty = serde_json::to_string_pretty(&data["permissionRequest"]).unwrap_or_default();
    whole_lines(&pretty)
}

/// The questions of one session. They are numbered over all sessions, so that an answer never reaches another question
/// than the one that was seen.
pub struct Asks {
    feed: Arc<Feed>,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    open: BTreeMap<u64, Open>,
    /// True once questions get no answer any more.
    closed: bool,
}

struct Open {
    ask: Ask,
    bytes: usize,
    answer: oneshot::Sender<Answer>,
}

static NEXT: AtomicU64 = AtomicU64::new(1);

impl Asks {
    /// Creates the questions of the session with this feed.
    pub fn new(feed: Arc<Feed>) -> Arc<Self> {
        Arc::new(Self { feed, waiting: Mutex::default() })
    }

    /// Asks, and waits for the answer; none if the questions are closed, or if this one cannot be shown. If the future
    /// is dropped, the question is settled.
    pub async fn ask(self: &Arc<Self>, ask: Ask) -> Option<Answer> {
        let bytes = serde_json::to_string(&ask).ok()?.len();
        if bytes > MAX_ASK || ask.parts() > MAX_PARTS {
            return None;
        }
        let (sender, answer) = oneshot::channel();
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        // Settles it on every way out.
        let _settle = Settle { asks: Arc::clone(self), id };
        {
            let mut waiting = self.lock();
            let before: usize = waiting.open.values().map(|open| open.bytes).sum();
            if waiting.closed || waiting.open.len() >= MAX_OPEN || before + bytes > MAX_OPEN_BYTES {
                return None;
            }
            waiting.open.insert(id, Open { ask: ask.clone(), bytes, answer: sender });
        }
        self.feed.change(|state| state.set_ask(id, Some(ask)));
        answer.await.ok()
    }

    /// Answers a question. The first answer counts.
    ///
    /// # Errors
    /// If the question is settled, or if this is no answer to it; then it stays open.
    pub fn answer(&self, id: u64, answer: Answer) -> Result<(), Refused> {
        let mut waiting = self.lock();
        waiting.open.get(&id).ok_or(Refused::Gone)?.ask.check(&answer)?;
        let open = waiting.open.remove(&id).ok_or(Refused::Gone)?;
        open.answer.send(answer).map_err(|_| Refused::Gone)
    }

    /// Settles all questions without an answer, and those that are asked later.
    pub fn close(&self) {
        let open = {
            let mut waiting = self.lock();
            waiting.closed = true;
            std::mem::take(&mut waiting.open)
        };
        drop(open);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Settle {
    asks: Arc<Asks>,
    id: u64,
}

impl Drop for Settle {
    fn drop(&mut self) {
        drop(self.asks.lock().open.remove(&self.id));
        self.asks.feed.change(|state| state.set_ask(self.id, None));
    }
}

/// The decision on a permission request. Without an answer it is refused.
pub async fn decide(asks: Arc<Asks>, request: PermissionRequest, script_safety: bool) -> Decision {
    match asks.ask(Ask::permission(&request, script_safety)).await {
        Some(Answer::Approve) => Decision::approve(),
        Some(Answer::Always) => request.approve_for_session(),
        Some(Answer::Deny { reason }) if !reason.is_empty() => Decision::deny(reason),
        Some(Answer::Deny { .. }) => Decision::deny("the user said no"),
        _ => Decision::unavailable(),
    }
}

/// The answer to a question of the agent; none if the person gives none.
pub async fn reply(asks: Arc<Asks>, question: UserInputRequestParams) -> Option<UserInputResult> {
    match asks.ask(Ask::question(&question)).await? {
        // The choice as it was sent, not as it was shown.
        Answer::Choice { number } => Some(UserInputResult::chosen(question.choices?.get(number)?)),
        Answer::Text { text } => Some(UserInputResult::in_words(text)),
        _ => None,
    }
}

/// The answer to a form.
pub async fn fill_in(asks: Arc<Asks>, form: ElicitationRequestedData) -> UiElicitationResponse {
    let fields = form::fields(form.requested_schema.as_ref());
    match asks.ask(Ask::form(&form)).await {
        Some(Answer::Fill { values }) => match form::content(&fields, &values) {
            Ok(content) => UiElicitationResponse::accept(content),
            Err(_) => UiElicitationResponse::cancel(),
        },
        Some(_) => UiElicitationResponse::decline(),
        None => UiElicitationResponse::cancel(),
    }
}

/// The decision on a plan. Without an answer it is refused.
pub async fn judge(asks: Arc<Asks>, plan: ExitPlanModeRequestParams) -> UiExitPlanModeResponse {
    match asks.ask(Ask::plan(&plan)).await {
        Some(Answer::Approve) => UiExitPlanModeResponse::new(true),
        Some(Answer::Choice { number }) => match plan.actions.get(number) {
            Some(action) => UiExitPlanModeResponse::new(true).selected_action(action.clone()),
            None => UiExitPlanModeResponse::new(false),
        },
        Some(Answer::Deny { reason }) if !reason.is_empty() => {
            UiExitPlanModeResponse::new(false).feedback(reason)
        }
        _ => UiExitPlanModeResponse::new(false),
    }
}
