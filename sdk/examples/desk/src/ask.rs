//! What a person is asked, and the answers to it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use copilot_session::types::{
    ElicitationRequestedData, ExitPlanModeRequestParams, PermissionDetails, UiElicitationResponse,
    UiExitPlanModeResponse, UserInputRequestParams, UserInputResult,
};
use copilot_session::{Decision, PermissionRequest, printable, printable_lines};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::oneshot;

use crate::feed::Feed;
use crate::form::{self, Field};

/// The longest question, in bytes of its JSON. A longer one cannot be shown as a whole, so it gets no answer.
const MAX_ASK: usize = 1 << 20;

/// The most open questions of a session. A further one gets no answer.
const MAX_OPEN: usize = 100;

/// A question to a person, with texts that are safe to show.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Ask {
    /// The agent wants to do something.
    Permission {
        /// What it wants, in a few words.
        what: String,
        /// All of it: the command, the change of the file, or the arguments.
        whole: String,
        /// Why, in the words of the model.
        intention: String,
        /// What the CLI warns of; may be empty.
        warning: String,
        /// True if an approval can hold for the rest of the session.
        can_always: bool,
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
        /// What it is about.
        message: String,
        /// The MCP server that it comes from; empty if it is the agent.
        source: String,
        /// A page to visit in place of a form; may be empty.
        url: String,
        /// What is to be filled in.
        fields: Vec<Field>,
    },
    /// The agent has a plan.
    Plan {
        /// The plan.
        plan: String,
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
        /// Why, for the model to read; may be empty.
        #[serde(default)]
        reason: String,
    },
    /// One of the choices.
    Choice {
        /// Its number, from 0.
        number: usize,
    },
    /// A text.
    Text {
        /// The text.
        text: String,
    },
    /// What was filled in.
    Fill {
        /// A value for each field in order; null for an empty one.
        values: Vec<Value>,
    },
}

/// The reasons why an answer is not taken.
#[derive(Debug, PartialEq, Eq)]
pub enum Refused {
    /// Nobody asks, or no longer.
    Gone,
    /// It is no answer to the question; the text says why.
    Unfit(String),
}

impl Ask {
    /// What a permission request asks.
    pub fn permission(request: &PermissionRequest) -> Self {
        let (whole, intention, warning) = match request.details() {
            PermissionDetails::Shell(shell) => {
                (whole_lines(&shell.full_command_text), &*shell.intention, shell.warning.as_deref())
            }
            PermissionDetails::Write(write) => (whole_lines(&write.diff), &*write.intention, None),
            PermissionDetails::Read(read) => (whole_lines(&read.path), &*read.intention, None),
            PermissionDetails::Url(url) => (whole_lines(&url.url), &*url.intention, None),
            _ => (all_of(request), "", None),
        };
        let what = match request.command() {
            // The whole command follows, in more than one line if it has them.
            Some(_) => "run a command".to_owned(),
            None => request.summary(),
        };
        Self::Permission {
            what,
            whole,
            intention: printable(intention).into_owned(),
            warning: printable_lines(warning.unwrap_or_default()).into_owned(),
            can_always: request.can_approve_for_session(),
        }
    }

    /// What the agent asks.
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
        let whole = plan.plan_content.as_deref().unwrap_or(&plan.summary);
        Self::Plan { plan: printable_lines(whole).into_owned() }
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
            (Self::Permission { can_always: false, .. }, Answer::Always) => {
                unfit("this can be approved once only")
            }
            (Self::Permission { .. }, Answer::Approve | Answer::Always)
            | (Self::Plan { .. }, Answer::Approve)
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
    open: BTreeMap<u64, (Ask, oneshot::Sender<Answer>)>,
    /// True once nobody will answer any more.
    closed: bool,
}

static NEXT: AtomicU64 = AtomicU64::new(1);

impl Asks {
    /// Creates the questions of the session with this feed.
    pub fn new(feed: Arc<Feed>) -> Arc<Self> {
        Arc::new(Self { feed, waiting: Mutex::default() })
    }

    /// Asks, and waits for the answer; none if nobody will answer, or if the question cannot be shown. If the future is dropped, the question is settled.
    pub async fn ask(self: &Arc<Self>, ask: Ask) -> Option<Answer> {
        if serde_json::to_string(&ask).map_or(usize::MAX, |json| json.len()) > MAX_ASK {
            return None;
        }
        let (sender, answer) = oneshot::channel();
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        // Settles it on every way out.
        let _settle = Settle { asks: Arc::clone(self), id };
        {
            let mut waiting = self.lock();
            if waiting.closed || waiting.open.len() >= MAX_OPEN {
                return None;
            }
            waiting.open.insert(id, (ask.clone(), sender));
        }
        self.feed.change(|state| state.set_ask(id, Some(ask)));
        answer.await.ok()
    }

    /// Answers a question. The first answer counts.
    ///
    /// # Errors
    /// If nobody asks any more, or if it is no answer to the question, which then stays open.
    pub fn answer(&self, id: u64, answer: Answer) -> Result<(), Refused> {
        let mut waiting = self.lock();
        let (ask, _) = waiting.open.get(&id).ok_or(Refused::Gone)?;
        ask.check(&answer)?;
        let (_, sender) = waiting.open.remove(&id).ok_or(Refused::Gone)?;
        sender.send(answer).map_err(|_| Refused::Gone)
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
pub async fn decide(asks: Arc<Asks>, request: PermissionRequest) -> Decision {
    match asks.ask(Ask::permission(&request)).await {
        Some(Answer::Approve) => Decision::approve(),
        Some(Answer::Always) => request.approve_for_session(),
        Some(Answer::Deny { reason }) if !reason.is_empty() => Decision::deny(reason),
        Some(Answer::Deny { .. }) => Decision::deny("the user said no"),
        _ => Decision::unavailable(),
    }
}

/// The answer to a question of the agent; none if nobody answers.
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
        Some(Answer::Approve) => UiExitPlanModeResponse::new(true).selected_action(plan.recommended_action),
        Some(Answer::Deny { reason }) if !reason.is_empty() => {
            UiExitPlanModeResponse::new(false).feedback(reason)
        }
        _ => UiExitPlanModeResponse::new(false),
    }
}
