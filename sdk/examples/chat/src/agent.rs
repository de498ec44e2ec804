//! The agent: opens sessions, and passes what the agent asks to the screen.

use copilot_session::transcript::Transcript;
use copilot_session::types::{
    ElicitationRequestedData, ElicitationRequestedMode, ExitPlanModeRequestParams, ModeSetRequest,
    ModelListRequest, PermissionDetails, ProviderConfig, SessionMode, UiElicitationResponse,
    UiExitPlanModeAction, UiExitPlanModeResponse, UserInputRequestParams, UserInputResult,
};
use copilot_session::{
    Client, Decision, Error, Events, PermissionRequest, Session, SessionBuilder, printable_lines,
};
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

use crate::app::Todo;
use crate::calls::in_lines;
use crate::dialog::{Answer, Decide, Dialog, Question, Verdict};
use crate::form::{Field, Form};
use crate::input::Input;
use crate::screen::Item;
use crate::wrap::safe;
use crate::{KEY_VARIABLE, Options};

/// The memory for a conversation, in bytes. A longer one loses its first turns on the screen, not in the CLI.
const MAX_CONVERSATION: usize = 32 << 20;

/// The CLI, and the way of its questions to the screen.
#[derive(Clone)]
pub struct Agent {
    /// The connection to the CLI.
    pub client: Client,
    options: Options,
    asks: mpsc::Sender<Dialog>,
}

/// An open session.
pub struct Opened {
    /// The session.
    pub session: Session,
    /// Its events from now on.
    pub events: Events,
    /// The conversation until now.
    pub transcript: Transcript,
    /// The name of the model; empty if it is not known.
    pub model: String,
    /// True if the agent is to plan before it changes anything.
    pub is_planning: bool,
}

impl Agent {
    /// Starts the CLI.
    pub async fn start(options: Options, asks: mpsc::Sender<Dialog>) -> Result<Self, Error> {
        // The key is sent in a call. What the agent runs does not find it in the environment.
        let mut builder = Client::builder().env_remove(KEY_VARIABLE);
        if let Some(home) = &options.home {
            builder = builder.home_dir(home);
        }
        if options.provider_url.is_some() {
            builder = builder.no_login();
        }
        Ok(Self { client: builder.start().await?, options, asks })
    }

    /// Creates a session.
    pub async fn create(&self) -> Result<Opened, Error> {
        let session = self.builder()?.create().await?;
        self.opened(session, false).await
    }

    /// Opens a stored session: the one with this identifier, or the last one.
    pub async fn resume(&self, id: Option<String>) -> Result<Opened, Error> {
        let last = async || Ok::<_, Error>(self.client.rpc().session().get_last_id().await?.session_id);
        let id = match id {
            Some(id) => Some(id),
            None => last().await?,
        };
        let id = id.ok_or_else(|| Error::Invalid("there is no stored session".to_owned()))?;
        // Without it, a session from disk comes as whole messages.
        let builder = self.builder()?.configure(|config| config.streaming(true));
        let session = builder.resume(id).await?;
        self.opened(session, true).await
    }

    /// Lists the stored sessions, the last one first.
    pub async fn sessions(&self) -> Result<Vec<Item>, Error> {
        let mut sessions = self.client.rpc().session().list(&Default::default()).await?.sessions;
        sessions.sort_by(|one, other| other.modified_time.cmp(&one.modified_time));
        let stored = sessions.into_iter().map(|session| {
            // Up to the minute.
            let time = session.modified_time.chars().take(16).map(|c| if c == 'T' { ' ' } else { c });
            let summary = session.name.or(session.summary);
            let summary = summary.unwrap_or_else(|| "(no subject)".to_owned());
            Item { id: session.session_id, text: format!("{}  {summary}", time.collect::<String>()) }
        });
        Ok(stored.collect())
    }

    /// Lets the agent plan before it changes anything, or no longer.
    pub async fn plan(session: &Session, is_planning: bool) -> Result<(), Error> {
        let mode = if is_planning { SessionMode::Plan } else { SessionMode::Interactive };
        session.rpc().mode().set(&ModeSetRequest::new(mode)).await.map(drop)
    }

    /// Lists the models that a session may use.
    pub async fn models(session: &Session) -> Result<Vec<Item>, Error> {
        let models = session.rpc().model().list(&ModelListRequest::default()).await?.list;
        // The schema leaves open how a model looks.
        let items = models.iter().filter_map(|model| {
            let id = model["id"].as_str()?;
            let name = model["name"].as_str().filter(|name| *name != id);
            let text = name.map_or_else(|| id.to_owned(), |name| format!("{id}  {name}"));
            Some(Item { id: id.to_owned(), text })
        });
        Ok(items.collect())
    }

    /// The agent's list of what is to do.
    pub async fn todos(session: &Session) -> Result<Vec<Todo>, Error> {
        let rows = session.rpc().plan().read_sql_todos().await?.rows.into_iter();
        let todos = rows.map(|row| Todo {
            title: row.title.or(row.id).unwrap_or_default(),
            status: row.status.unwrap_or_default(),
        });
        Ok(todos.collect())
    }

    async fn opened(&self, session: Session, has_history: bool) -> Result<Opened, Error> {
        // Before the history is read, so that no event is missed; the transcript ignores repeated ones.
        let events = session.events();
        let mut transcript = Transcript::new().max_bytes(MAX_CONVERSATION);
        if has_history {
            transcript.extend(&session.messages().await?);
        }
        let model = session.opened().model_state.as_ref().and_then(|state| state.model_id.clone());
        let model = model.or_else(|| self.options.model.clone()).unwrap_or_default();
        let is_planning = session.opened().mode == Some(SessionMode::Plan);
        Ok(Opened { session, events, transcript, model, is_planning })
    }

    fn builder(&self) -> Result<SessionBuilder, Error> {
        let folder = std::env::current_dir()
            .map_err(|error| Error::Invalid(format!("the working directory cannot be read: {error}")))?;
        let [permissions, questions, forms, plans] = [(); 4].map(|()| self.asks.clone());
        let script_safety = self.options.script_safety;
        let mut builder = self
            .client
            .session()
            .current_dir(folder)
            .configure(|config| config.enable_script_safety(script_safety))
            .on_permission(move |request, _| decide(request, script_safety, permissions.clone()))
            .on_user_input(move |question, _| answer(question, questions.clone()))
            .on_elicitation(move |form, _| fill_in(form, forms.clone()))
            .on_exit_plan_mode(move |plan, _| judge(plan, plans.clone()));
        if let Some(url) = &self.options.provider_url {
            let mut provider = ProviderConfig::new(url);
            provider.api_key = std::env::var(KEY_VARIABLE).ok();
            builder = builder.provider(provider);
        }
        Ok(match &self.options.model {
            Some(model) => builder.model(model),
            None => builder,
        })
    }
}

/// Shows a dialog and waits for its reply; none if the user gave none.
async fn ask<T>(asks: mpsc::Sender<Dialog>, dialog: impl FnOnce(oneshot::Sender<T>) -> Dialog) -> Option<T> {
    let (reply, answer) = oneshot::channel();
    asks.send(dialog(reply)).await.ok()?;
    answer.await.ok()
}

async fn decide(request: PermissionRequest, script_safety: bool, asks: mpsc::Sender<Dialog>) -> Decision {
    let always = match request.summary_for_session() {
        Some(always) => Ok(always),
        // The CLI then inspects commands, and runs those that it takes for harmless without asking.
        None if request.command().is_some() && !script_safety => Err("only with --script-safety"),
        None => Err("not for requests of this kind"),
    };
    let dialog = |reply| {
        Dialog::Decide(Decide {
            summary: request.summary(),
            full: full(&request, &always),
            is_summary_all: is_summary_all(&request),
            always,
            reply: Some(reply),
        })
    };
    match ask(asks, dialog).await {
        Some(Verdict::Yes) => Decision::approve(),
        Some(Verdict::Always) => request.approve_for_session(),
        Some(Verdict::No) => Decision::deny("the user said no"),
        None => Decision::unavailable(),
    }
}

async fn answer(question: UserInputRequestParams, asks: mpsc::Sender<Dialog>) -> Option<UserInputResult> {
    let choices = question.choices.unwrap_or_default();
    // Without choices, only the user's own words are an answer.
    let has_words = question.allow_freeform != Some(false) || choices.is_empty();
    let words = has_words.then(Input::default);
    let text = question.question;
    let dialog = |reply| {
        let choices = choices.clone();
        Dialog::Question(Question { text, plan: None, choices, selected: 0, words, reply: Some(reply) })
    };
    match ask(asks, dialog).await.flatten()? {
        Answer::Choice(number) => choices.get(number).map(UserInputResult::chosen),
        Answer::Words(words) => Some(UserInputResult::in_words(words)),
    }
}

/// Asks how to go on with a plan. Without an answer it is refused.
async fn judge(plan: ExitPlanModeRequestParams, asks: mpsc::Sender<Dialog>) -> UiExitPlanModeResponse {
    let whole = plan.plan_content.filter(|whole| !whole.trim().is_empty());
    let (text, whole) = match whole {
        Some(whole) => (plan.summary, whole),
        None => (String::new(), plan.summary),
    };
    let mut choices: Vec<String> = plan.actions.iter().map(|action| way(action).to_owned()).collect();
    if choices.is_empty() {
        choices.push("go on".to_owned());
    }
    let selected = plan.actions.iter().position(|action| *action == plan.recommended_action);
    let (selected, words) = (selected.unwrap_or_default(), Some(Input::default()));
    let dialog = |reply| {
        Dialog::Question(Question { text, plan: Some(whole), choices, selected, words, reply: Some(reply) })
    };
    match ask(asks, dialog).await.flatten() {
        Some(Answer::Choice(number)) => match plan.actions.get(number) {
            Some(action) => UiExitPlanModeResponse::new(true).selected_action(action.clone()),
            None => UiExitPlanModeResponse::new(true),
        },
        Some(Answer::Words(words)) => UiExitPlanModeResponse::new(false).feedback(words),
        None => UiExitPlanModeResponse::new(false),
    }
}

/// A way to go on with a plan.
fn way(action: &UiExitPlanModeAction) -> &str {
    match action {
        UiExitPlanModeAction::ExitOnly => "end the planning, do nothing yet",
        UiExitPlanModeAction::Interactive => "go on, and ask me",
        UiExitPlanModeAction::Autopilot => "go on by itself",
        UiExitPlanModeAction::AutopilotFleet => "go on by itself, with more agents",
        other => other.as_str(),
    }
}

async fn fill_in(form: ElicitationRequestedData, asks: mpsc::Sender<Dialog>) -> UiElicitationResponse {
    let source = form.elicitation_source.map(|source| format!(" ({source})")).unwrap_or_default();
    let message = format!("{}{source}", form.message);
    if let Some(ElicitationRequestedMode::Url) = form.mode {
        let url = form.url.unwrap_or_default();
        let summary = format!("send you to {}, to go on there: {}", safe(&url), safe(&message));
        let full = format!("{}\n{}", safe(&url), printable_lines(&message));
        let dialog = |reply| {
            let always = Err("not for requests of this kind");
            Dialog::Decide(Decide { summary, full, is_summary_all: true, always, reply: Some(reply) })
        };
        return match ask(asks, dialog).await {
            Some(Verdict::Yes | Verdict::Always) => UiElicitationResponse::accept([("", ""); 0]),
            Some(Verdict::No) => UiElicitationResponse::decline(),
            None => UiElicitationResponse::cancel(),
        };
    }
    let schema = form.requested_schema;
    let required = schema.as_ref().and_then(|schema| schema.required.clone()).unwrap_or_default();
    let fields = schema.iter().flat_map(|schema| &schema.properties);
    let fields = fields.map(|(name, field)| Field::new(name, field, required.contains(name))).collect();
    let dialog = |reply| Dialog::Form(Form { message, fields, selected: 0, error: None, reply: Some(reply) });
    match ask(asks, dialog).await.flatten() {
        Some(values) => UiElicitationResponse::accept(values),
        None => UiElicitationResponse::cancel(),
    }
}

/// Returns true if the summary says what is allowed. That of a write has no diff, that of a tool no arguments, and none
/// says that something is to run outside the sandbox.
fn is_summary_all(request: &PermissionRequest) -> bool {
    use PermissionDetails::{Read, Shell, Url};
    matches!(request.details(), Shell(_) | Read(_) | Url(_)) && !request.is_for_a_person()
}

/// Everything that is known of a request, in lines that are safe for the terminal.
fn full(request: &PermissionRequest, always: &Result<String, &str>) -> String {
    let data: Value = serde_json::from_str(request.event().raw_data()).unwrap_or_default();
    let mut text = format!("The agent wants to {}\n", request.summary());
    let always = always.as_deref().unwrap_or_else(|why| why);
    text.push_str(&format!("always: {always}\n"));
    text.push_str(&format!("\n{}", in_lines(&data["permissionRequest"])));
    printable_lines(&text).into_owned()
}
