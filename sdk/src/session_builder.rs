//! What a session is made with.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use crate::client::ClientInner;
use crate::error::{Error, RpcError};
use crate::event::SessionEvent;
use crate::events::Subscription;
use crate::handler::{self, HandlerContext};
use crate::permission::{Decide, Decision, PermissionRequest};
use crate::rpc::{Call, ClientMethod};
use crate::session::Session;
use crate::session_state::{Handlers, SessionState};
use crate::tool::Tool;
use crate::types::{
    OptionsUpdateToolFilterPrecedence, ProviderConfig, SessionConfig, SessionOpenOptionsEnvValueMode,
    SessionResumeResult,
};
use crate::wire;

/// How long the CLI is given to make or resume a session.
const OPEN: Duration = Duration::from_secs(120);

/// How long the CLI is given to let go of a session that is opened again.
const LEFT: Duration = Duration::from_secs(10);

type Observer = Box<dyn FnMut(&SessionEvent) + Send>;

/// The configuration and the handlers of a session; made by [`Client::session`](crate::Client::session).
///
/// One of [`on_permission`](Self::on_permission), [`approve_all`](Self::approve_all) and
/// [`deny_all`](Self::deny_all) must be chosen.
#[must_use = "a session is made by `create` or `resume`"]
pub struct SessionBuilder {
    client: Arc<ClientInner>,
    config: SessionConfig,
    tools: Vec<Tool>,
    handlers: Handlers,
    observers: Vec<Observer>,
}

impl SessionBuilder {
    #[inline]
    pub(crate) fn new(client: Arc<ClientInner>) -> Self {
        let config = SessionConfig::default();
        Self { client, config, tools: Vec::new(), handlers: Handlers::default(), observers: Vec::new() }
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

    /// Sets anything else that `session.create` takes.
    ///
    /// What follows from the handlers is set from them: `tools`, `requestPermission`, and the likes of
    /// `hooks` and `requestUserInput` when [`handle`](Self::handle) answers what they announce.
    /// `streaming` is on unless it is set here.
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

    /// Asks this closure about everything the agent wants to do. If it panics, the answer is no.
    ///
    /// A closure that captures something clones it for each call:
    /// `move |request| { let log = log.clone(); async move { … } }`.
    pub fn on_permission<F, Fut>(mut self, decide: F) -> Self
    where
        F: Fn(PermissionRequest) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Decision> + Send + 'static,
    {
        let decide: Decide = Arc::new(move |request| Box::pin(decide(request)));
        self.handlers.permission = Some(decide);
        self
    }

    /// Lets the agent do everything it wants: run any command, write any file. For sandboxes.
    #[inline]
    pub fn approve_all(self) -> Self {
        self.on_permission(|_| std::future::ready(Decision::approve()))
    }

    /// Lets the agent do nothing that needs leave.
    #[inline]
    pub fn deny_all(self) -> Self {
        self.on_permission(|_| {
            std::future::ready(Decision::deny("this session allows nothing that needs leave"))
        })
    }

    /// Answers a method that the CLI calls on us for this session. The last handler for a method counts.
    pub fn handle<M, F, Fut>(mut self, handle: F) -> Self
    where
        M: ClientMethod,
        F: Fn(M::Params, HandlerContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<M::Result, RpcError>> + Send + 'static,
    {
        self.handlers.requests.insert(M::NAME, handler::typed::<M, F, Fut>(handle));
        self
    }

    /// Calls the closure for every event from the very first, on a task of its own as [`Session::on`].
    #[inline]
    pub fn on_event(mut self, handle: impl FnMut(&SessionEvent) + Send + 'static) -> Self {
        self.observers.push(Box::new(handle));
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
        let Self { client, mut config, tools, handlers, observers } = self;
        let id = config.session_id.get_or_insert_with(new_id).clone();
        config.streaming.get_or_insert(true);
        config.request_permission = Some(true);
        // Without these the CLI lets an allow list win over a deny list, and takes `env` values for names.
        config.tool_filter_precedence.get_or_insert(OptionsUpdateToolFilterPrecedence::Excluded);
        config.env_value_mode.get_or_insert(SessionOpenOptionsEnvValueMode::Direct);
        let answers = |method: &str| handlers.requests.contains_key(method).then_some(true);
        config.hooks = config.hooks.or(answers("hooks.invoke"));
        config.request_user_input = config.request_user_input.or(answers("userInput.request"));
        config.request_exit_plan_mode = config.request_exit_plan_mode.or(answers("exitPlanMode.request"));
        config.request_auto_mode_switch =
            config.request_auto_mode_switch.or(answers("autoModeSwitch.request"));
        config.has_skill_provider = config.has_skill_provider.or(answers("skillProvider.list"));
        if !tools.is_empty() {
            config.tools = Some(tools.iter().map(|tool| tool.declaration.clone()).collect());
        }
        (Opening { client, id, tools, handlers, observers }, wire::to_json(&config))
    }
}

/// A session about to be made. It does not know the type of the configuration, and the functions
/// that do are inline: its hundred keys are compiled in the crate that sets them, not in this one.
struct Opening {
    client: Arc<ClientInner>,
    id: String,
    tools: Vec<Tool>,
    handlers: Handlers,
    observers: Vec<Observer>,
}

impl Opening {
    async fn open(self, method: &'static str, config: String) -> Result<Session, Error> {
        let Self { client, id, tools, mut handlers, observers } = self;
        check(&tools, &handlers)?;
        handlers.tools = tools.into_iter().map(|tool| (tool.name().to_owned(), tool)).collect();

        let connection = Arc::clone(client.connection());
        // The CLI has let go of it by then, or will not answer what follows either.
        drop(tokio::time::timeout(LEFT, connection.left(&id)).await);
        let state = SessionState::new(id.clone(), connection, client.version().clone(), handlers);
        if !client.connection().register(Arc::clone(&state)) {
            return Err(Error::Invalid(format!("session {id} is open already on this client")));
        }
        let mut registered = Registered { client: &client, state: &state, outcome: Outcome::Unknown };
        for observer in observers {
            drop(Subscription::start(state.subscribe(), observer));
        }
        // The answer to resume has every key of the answer to create.
        let call: Call<SessionResumeResult> = client.caller().call_json(method, config);
        let opened = call.within(OPEN).await.inspect_err(|error| registered.failed(error))?;
        if let Some(other) = opened.session_id.as_ref().filter(|other| **other != id) {
            return Err(Error::Invalid(format!("the CLI opened session {other}, not {id}")));
        }
        registered.outcome = Outcome::Open;
        drop(registered);
        Ok(Session::new(client, state, opened))
    }
}

/// Takes the session off the connection again, unless it came to be, and leaves it if it may have.
struct Registered<'a> {
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

impl Registered<'_> {
    fn failed(&mut self, error: &Error) {
        if error.code().is_some() {
            self.outcome = Outcome::Refused;
        }
    }
}

impl Drop for Registered<'_> {
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

/// A UUID (version 4) from the standard library's source of randomness: it must be unique, not secret,
/// and that is no reason for another three crates.
fn new_id() -> String {
    let random = || RandomState::new().build_hasher().finish();
    let (high, low) = (random(), random());
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xfff,
        ((low >> 48) & 0x3fff) | 0x8000,
        low & 0xffff_ffff_ffff
    )
}

/// What makes no sense to send.
fn check(tools: &[Tool], handlers: &Handlers) -> Result<(), Error> {
    if handlers.permission.is_none() {
        let text = "say what the agent may do: on_permission, approve_all or deny_all";
        return Err(Error::Invalid(text.to_owned()));
    }
    for (index, tool) in tools.iter().enumerate() {
        let name = tool.name();
        let plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-';
        if name.is_empty() || !name.chars().all(plain) {
            return Err(Error::Invalid(format!(
                "tool name {name:?}: only letters, digits, _ and - are allowed"
            )));
        }
        if tools[..index].iter().any(|other| other.name() == name) {
            return Err(Error::Invalid(format!("two tools are named {name}")));
        }
    }
    Ok(())
}

impl std::fmt::Debug for SessionBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SessionBuilder").field("tools", &self.tools).finish_non_exhaustive()
    }
}
