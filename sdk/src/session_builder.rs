//! What a session is made with.

use std::sync::Arc;
use std::time::Duration;

use crate::client::ClientInner;
use crate::connection::lock;
use crate::error::Error;
use crate::event::SessionEvent;
use crate::events::Subscription;
use crate::id;
use crate::json;
use crate::pending;
use crate::rpc;
use crate::session::Session;
use crate::session_handlers::Registered;
use crate::session_rpc::SessionRpc;
use crate::session_state::{Handlers, SessionState};
use crate::system_message;
use crate::tool::{self, Tool};
use crate::types::{
    CommandDeclaration, OptionsUpdateToolFilterPrecedence, ProtocolSystemMessageConfig,
    ProtocolSystemMessageReplaceConfig, ProviderConfig, RegisterEventInterestParams, SessionConfig,
    SessionOpenOptionsEnvValueMode, SessionResumeResult,
};
use crate::wire;

/// How long the CLI is given to make or resume a session, with all that belongs to it.
const OPEN: Duration = Duration::from_secs(120);

/// How long the CLI is given to let go of a session that is opened again.
const LEFT: Duration = Duration::from_secs(10);

type Observer = Box<dyn FnMut(&SessionEvent) + Send>;

/// The configuration and the handlers of a session; made by [`Client::session`](crate::Client::session).
///
/// One of [`policy`](Self::policy), [`on_permission`](Self::on_permission), [`approve_all`](Self::approve_all) and
/// [`deny_all`](Self::deny_all) must be chosen.
#[must_use = "a session is made by `create` or `resume`"]
pub struct SessionBuilder {
    client: Arc<ClientInner>,
    config: SessionConfig,
    tools: Vec<Tool>,
    pub(crate) registered: Registered,
    pub(crate) observers: Vec<Observer>,
}

impl SessionBuilder {
    #[inline]
    pub(crate) fn new(client: Arc<ClientInner>) -> Self {
        let config = SessionConfig::default();
        let registered = Registered::default();
        Self { client, config, tools: Vec::new(), registered, observers: Vec::new() }
    }

    /// The model to use. Default: the CLI's choice.
    #[inline]
    pub fn model(self, model: impl Into<String>) -> Self {
        self.configure(|config| config.model(model))
    }

    /// A model provider of your own, instead of GitHub's; no login is needed then.
    #[inline]
    pub fn provider(self, provider: ProviderConfig) -> Self {
        self.configure(|config| config.provider(provider))
    }

    /// The folder the agent works in, which must exist. Default: the CLI's own.
    #[inline]
    pub fn working_directory(self, directory: impl Into<String>) -> Self {
        self.configure(|config| config.working_directory(directory))
    }

    /// Text to be added to the system message, after what was added before.
    #[inline]
    pub fn append_system_message(mut self, text: impl Into<String>) -> Self {
        self.config.system_message = Some(system_message::appended(self.config.system_message, text.into()));
        self
    }

    /// A system message of your own, in place of all that the CLI would say. For changes to its sections see
    /// [`transform_section`](Self::transform_section), and `system_message` in
    /// [`configure`](Self::configure).
    #[inline]
    pub fn system_message(self, text: impl Into<String>) -> Self {
        let replace = ProtocolSystemMessageReplaceConfig::new(text);
        self.configure(|config| config.system_message(ProtocolSystemMessageConfig::Replace(replace)))
    }

    /// Sets anything else that `session.create` takes.
    ///
    /// What follows from the handlers is set from them: `requestPermission`, and unless they are set here
    /// the likes of `hooks` and `requestUserInput`. Their `tools` and `commands` are added to those set
    /// here. `streaming` is on unless it is set here.
    #[inline]
    pub fn configure(mut self, change: impl FnOnce(SessionConfig) -> SessionConfig) -> Self {
        self.config = change(self.config);
        self
    }

    /// Gives the model a tool of ours.
    #[inline]
    pub fn tool(mut self, tool: Tool) -> Self {
        self.tools.push(tool);
        self
    }

    /// Makes the session (`session.create`). Waits 2 minutes at most.
    ///
    /// # Errors
    /// [`Error::Invalid`] when nothing was said about permissions, or two tools have one name;
    /// else as any call.
    #[inline]
    pub fn create(self) -> impl Future<Output = Result<Session, Error>> + Send {
        let (opening, config) = self.prepare();
        opening.open("session.create", config)
    }

    /// Takes up a session that was left (`session.resume`), with this configuration and these handlers:
    /// the CLI keeps the conversation but none of these. Waits 2 minutes at most.
    ///
    /// With `continue_pending_work` set by [`configure`](Self::configure), the tool calls and permission
    /// requests that were open when the session was left are answered by the handlers, and the turn goes
    /// on; without it they are over.
    ///
    /// # Errors
    /// As [`create`](Self::create).
    #[inline]
    pub fn resume(mut self, id: impl Into<String>) -> impl Future<Output = Result<Session, Error>> + Send {
        self.config.session_id = Some(id.into());
        let (opening, config) = self.prepare();
        opening.open("session.resume", config)
    }

    /// The configuration as JSON, completed with what follows from the handlers and with what every
    /// client has to say.
    #[inline]
    fn prepare(self) -> (Opening, String) {
        let Self { client, mut config, tools, registered, observers } = self;
        let id = config.session_id.take().map_or_else(id::uuid, Ok);
        config.session_id = id.as_ref().ok().cloned();
        config.streaming.get_or_insert(true);
        // Without these the CLI lets an allow list win over a deny list, and takes `env` values for names.
        config.tool_filter_precedence.get_or_insert(OptionsUpdateToolFilterPrecedence::Excluded);
        config.env_value_mode.get_or_insert(SessionOpenOptionsEnvValueMode::Direct);
        if config.traceparent.is_none()
            && let Some(trace) = client.trace_context()
        {
            config.traceparent = Some(trace.traceparent().to_owned());
            config.tracestate = trace.tracestate().map(str::to_owned);
        }
        let leaves_auto_mode_switch = config.request_auto_mode_switch == Some(false);
        announce(&mut config, &registered);
        if !tools.is_empty() {
            let declarations = tools.iter().map(|tool| tool.declaration.clone());
            config.tools.get_or_insert_default().extend(declarations);
        }
        let continues = config.continue_pending_work == Some(true);
        let directory = config.working_directory.clone();
        let opening = Opening {
            client,
            id,
            tools,
            registered,
            observers,
            continues,
            leaves_auto_mode_switch,
            directory,
        };
        (opening, wire::to_json(&config))
    }
}

/// Says in the configuration what the handlers are there for. What was set is left as it is.
#[inline]
fn announce(config: &mut SessionConfig, registered: &Registered) {
    let answers = |method: &str| registered.answers(method).then_some(true);
    config.request_permission = Some(true);
    config.hooks = config.hooks.or(answers("hooks.invoke"));
    config.request_user_input = config.request_user_input.or(answers("userInput.request"));
    config.request_exit_plan_mode = config.request_exit_plan_mode.or(answers("exitPlanMode.request"));
    config.request_auto_mode_switch = config.request_auto_mode_switch.or(answers("autoModeSwitch.request"));
    config.request_elicitation = config.request_elicitation.or(answers("elicitation.requested"));
    config.has_skill_provider = config.has_skill_provider.or(answers("skillProvider.list"));
    if answers("gitHubToken.getToken").is_some() {
        config.git_hub_token_provider_registration_id =
            config.git_hub_token_provider_registration_id.take().or(config.session_id.clone());
    }
    if answers("providerToken.getToken").is_some()
        && let Some(provider) = &mut config.provider
    {
        provider.has_bearer_token_provider.get_or_insert(true);
    }
    let commands = registered.commands.iter();
    let commands = commands.map(|(name, (description, _))| CommandDeclaration::new(name, description));
    if !registered.commands.is_empty() {
        config.commands.get_or_insert_default().extend(commands);
    }
    if !registered.transforms.is_empty() {
        let sections = registered.transforms.keys();
        config.system_message = Some(system_message::transformed(config.system_message.take(), sections));
    }
}

/// A session about to be made. It does not know the type of the configuration, and the functions
/// that do are inline: its hundred keys are compiled in the crate that sets them, not in this one.
struct Opening {
    client: Arc<ClientInner>,
    /// The session's id, unless the system gave no random numbers for one.
    id: Result<String, Error>,
    tools: Vec<Tool>,
    registered: Registered,
    observers: Vec<Observer>,
    /// Whether what was open when the session was left is still to be answered.
    continues: bool,
    /// Whether another client says whether to switch models.
    leaves_auto_mode_switch: bool,
    /// The working directory that was configured.
    directory: Option<String>,
}

impl Opening {
    async fn open(self, method: &'static str, config: String) -> Result<Session, Error> {
        let client = Arc::clone(&self.client);
        let process = client.connection().process();
        rpc::within(method, OPEN, process, self.open_unhurried(method, config)).await
    }

    async fn open_unhurried(self, method: &'static str, config: String) -> Result<Session, Error> {
        let Self { client, id, tools, registered, observers, continues, leaves_auto_mode_switch, directory } =
            self;
        let id = id?;
        if !registered.answers("permission.requested") {
            let text = "say what the agent may do: policy, on_permission, approve_all or deny_all";
            return Err(Error::Invalid(text.to_owned()));
        }
        let tools = tool::by_name(tools)?;
        let interests = registered.interests();
        let handlers: Handlers = registered.into_handlers(tools, leaves_auto_mode_switch);
        let connection = Arc::clone(client.connection());
        // The CLI has let go of it by then, or will not answer what follows either.
        drop(tokio::time::timeout(LEFT, connection.left(&id)).await);
        let state = SessionState::new(id.clone(), connection, client.version().clone(), handlers);
        if let Some(directory) = directory {
            state.set_working_directory(&directory);
        }
        if !client.connection().register(Arc::clone(&state)) {
            return Err(Error::Invalid(format!("session {id} is open already on this client")));
        }
        let mut opening = Unopened { client: &client, state: &state, outcome: Outcome::Unknown };
        for observer in observers {
            drop(Subscription::start(state.subscribe(), observer));
        }
        let config = client.caller().with_login(config);
        let opened = client.caller().call_json::<()>(method, config).json().await;
        let opened = opened.inspect_err(|error| opening.failed(error))?;
        let [capabilities] = json::pick(&opened, ["capabilities"]).unwrap_or_default();
        lock(state.capabilities()).begin(capabilities.unwrap_or("{}"));
        // The answer to resume has every key of the answer to create.
        let opened: SessionResumeResult =
            wire::from_json(&opened).map_err(|error| Error::decode(method, error, Some(client.version())))?;
        if let Some(other) = opened.session_id.as_ref().filter(|other| **other != id) {
            return Err(Error::Invalid(format!("the CLI opened session {other}, not {id}")));
        }
        begin(&state, interests, continues).await?;
        opening.outcome = Outcome::Open;
        drop(opening);
        Ok(Session::new(client, state, opened))
    }
}

/// What a session that was opened still needs.
async fn begin(
    state: &Arc<SessionState>,
    interests: Vec<&'static str>,
    continues: bool,
) -> Result<(), Error> {
    for event in interests {
        let request = RegisterEventInterestParams::new(event);
        match SessionRpc(state.caller()).event_log().register_interest(&request).await {
            // An old CLI sends what it has to everybody.
            Err(error) if !error.is_method_not_found() => return Err(error),
            _ => {}
        }
    }
    if continues {
        pending::answer(state).await;
    }
    Ok(())
}

/// Takes the session off the connection again, unless it came to be, and leaves it if it may have.
struct Unopened<'a> {
    client: &'a ClientInner,
    state: &'a SessionState,
    outcome: Outcome,
}

/// What is known of a session that was asked for.
#[derive(PartialEq, Eq)]
enum Outcome {
    /// The CLI may have opened it, as when nobody waited for its answer.
    Unknown,
    Refused,
    Open,
}

impl Unopened<'_> {
    fn failed(&mut self, error: &Error) {
        if error.code().is_some() {
            self.outcome = Outcome::Refused;
        }
    }
}

impl Drop for Unopened<'_> {
    fn drop(&mut self) {
        if self.outcome == Outcome::Unknown {
            self.state.caller().leave(self.client.version().leave());
        }
        if self.outcome != Outcome::Open {
            self.client.connection().unregister(self.state.id());
            self.state.end(None);
        }
    }
}

impl std::fmt::Debug for SessionBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SessionBuilder").field("tools", &self.tools).finish_non_exhaustive()
    }
}
