//! What a session is made with.

use std::path::PathBuf;
use std::sync::Arc;

use crate::error::Error;
use crate::events::SessionEvent;
use crate::handlers::event_request::EventRequest;
use crate::handlers::system_message;
use crate::handlers::tool::Tool;
use crate::methods::client::*;
use crate::random;
use crate::rpc::ClientMethod;
use crate::session::Session;
use crate::session::builder_handlers::Registered;
use crate::session::host::Host;
use crate::session::opening::Opening;
use crate::session::table::WhenOpen;
use crate::types::{
    CommandDeclaration, ElicitationRequestedData, OptionsUpdateToolFilterPrecedence,
    ProtocolSystemMessageConfig, ProtocolSystemMessageReplaceConfig, ProviderConfig, SessionConfig,
    SessionOpenOptionsEnvValueMode,
};
use crate::wire;

pub(crate) type OnEvent = Box<dyn FnMut(&SessionEvent) + Send>;

/// The configuration and the handlers of a session; made by [`Client::session`](crate::Client::session).
///
/// One of [`policy`](Self::policy), [`on_permission`](Self::on_permission), [`approve_all`](Self::approve_all) and
/// [`deny_all`](Self::deny_all) must be chosen.
#[must_use = "a session is made by `create` or `resume`"]
pub struct SessionBuilder {
    host: Arc<Host>,
    config: SessionConfig,
    tools: Vec<Tool>,
    pub(crate) registered: Registered,
    pub(crate) subscriptions: Vec<OnEvent>,
    when_open: WhenOpen,
    /// Why the session cannot be opened.
    invalid: Option<Error>,
}

impl SessionBuilder {
    #[inline]
    pub(crate) fn new(host: Arc<Host>) -> Self {
        let config = SessionConfig::default();
        let registered = Registered::default();
        let when_open = WhenOpen::default();
        let (tools, subscriptions) = (Vec::new(), Vec::new());
        Self { host, config, tools, registered, subscriptions, when_open, invalid: None }
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

    /// The folder the agent works in, which must exist. Default: the CLI's own. With a path that is not UTF-8 the
    /// session is not made ([`Error::Invalid`]).
    #[inline]
    pub fn current_dir(mut self, path: impl Into<PathBuf>) -> Self {
        match path.into().into_os_string().into_string() {
            Ok(path) => (self.config.working_directory, self.invalid) = (Some(path), None),
            Err(path) => {
                let text = format!("the working directory is not UTF-8: {}", path.display());
                self.invalid = Some(Error::Invalid(text));
            }
        }
        self
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
    /// here. `streaming` is on in a session that is made, unless it is set here; see
    /// [`resume`](Self::resume) for one that is taken up.
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

    /// Says what [`resume`](Self::resume) does when the session is open on this client already. Default:
    /// [`WhenOpen::Refuse`].
    pub fn when_open(mut self, when_open: WhenOpen) -> Self {
        self.when_open = when_open;
        self
    }

    /// Makes the session (`session.create`).
    ///
    /// # Errors
    /// [`Error::Invalid`] when nothing was said about permissions, when a path is not UTF-8, when two tools have one name, or when a tool's name
    /// or schema is refused (see [`Tool::with_schema`]);
    /// [`Error::AlreadyOpen`] when the id was set and is that of an open session; else as any [call](crate::Call).
    #[inline]
    pub fn create(mut self) -> impl Future<Output = Result<Session, Error>> + Send {
        self.config.streaming.get_or_insert(true);
        set_filter_precedence(&mut self.config);
        set_env_value_mode(&mut self.config);
        self.when_open = WhenOpen::Refuse;
        let (opening, config) = self.prepare();
        opening.open("session.create", config)
    }

    /// Takes up a session (`session.resume`), with this configuration and these handlers: the CLI keeps the
    /// conversation but none of these.
    ///
    /// The session may be one that was disconnected, one of another client, or one that is open on this client, for
    /// which [`when_open`](Self::when_open) says what happens to its handles. The handlers are in place before the
    /// request is sent. A disconnect of the same session that the CLI has not answered yet is waited for, for 10 s at
    /// most. So is another `resume` of it that is under way, except with [`WhenOpen::Refuse`], which fails at once.
    ///
    /// `streaming` is sent only when [`configure`](Self::configure) set it: a session from disk has no deltas
    /// without it, and one that is open, here or on another client, keeps what it has. A CLI before 1.0.92
    /// turns it off then, for all clients of the session.
    ///
    /// With `continue_pending_work` set by [`configure`](Self::configure), the tool calls and permission
    /// requests that were open when the session was disconnected are answered by the handlers, and the turn goes
    /// on; without it they are over.
    ///
    /// # Errors
    /// [`Error::AlreadyOpen`] when the session is open on this client, or is being opened, and nothing else was
    /// chosen by [`when_open`](Self::when_open). An error of kind
    /// [`SessionGone`](crate::ErrorKind::SessionGone) when the CLI does not have the session: it keeps one only
    /// from the first prompt on. [`Error::SessionEnded`] when the session is deleted meanwhile. Else as
    /// [`create`](Self::create).
    ///
    /// When this fails, or its future is dropped, the id is free again, and the session is disconnected if the CLI may
    /// have opened it. With [`WhenOpen::Replace`] the session that was open is over all the same; with
    /// [`WhenOpen::Join`] it goes on as it was.
    #[inline]
    pub fn resume(mut self, id: impl Into<String>) -> impl Future<Output = Result<Session, Error>> + Send {
        self.config.session_id = Some(id.into());
        // Only with what they are about: the session may be another client's, too, and what that has set stays.
        if self.config.available_tools.is_some() || self.config.excluded_tools.is_some() {
            set_filter_precedence(&mut self.config);
        }
        if self.config.mcp_servers.is_some() || self.config.custom_agents.is_some() {
            set_env_value_mode(&mut self.config);
        }
        let (opening, config) = self.prepare();
        opening.open("session.resume", config)
    }

    /// The configuration as JSON, completed with what follows from the handlers and with what every
    /// client has to say.
    #[inline]
    fn prepare(self) -> (Opening, String) {
        let Self { host, mut config, tools, registered, subscriptions, when_open, invalid } = self;
        let id = match (invalid, config.session_id.take()) {
            (Some(error), _) => Err(error),
            (None, Some(id)) => Ok(id),
            (None, None) => random::uuid().map_err(Error::no_random),
        };
        config.session_id = id.as_ref().ok().cloned();
        if config.traceparent.is_none()
            && let Some(trace) = host.trace_context()
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
            host,
            id,
            tools,
            registered,
            subscriptions,
            when_open,
            continues,
            leaves_auto_mode_switch,
            directory,
        };
        (opening, wire::to_json(&config))
    }
}

/// Has a deny list win over an allow list, unless it is set otherwise. The CLI's own default is the reverse.
#[inline]
fn set_filter_precedence(config: &mut SessionConfig) {
    config.tool_filter_precedence.get_or_insert(OptionsUpdateToolFilterPrecedence::Excluded);
}

/// Has `env` values taken as they are, unless it is set otherwise. The CLI's own default takes them for names.
#[inline]
fn set_env_value_mode(config: &mut SessionConfig) {
    config.env_value_mode.get_or_insert(SessionOpenOptionsEnvValueMode::Direct);
}

/// Says in the configuration what the handlers are there for. What was set is left as it is.
#[inline]
fn announce(config: &mut SessionConfig, registered: &Registered) {
    let answers = |method: &str| registered.answers(method).then_some(true);
    config.request_permission = Some(true);
    config.hooks = config.hooks.or(answers(HooksInvoke::NAME));
    config.request_user_input = config.request_user_input.or(answers(UserInputRequest::NAME));
    config.request_exit_plan_mode = config.request_exit_plan_mode.or(answers(ExitPlanModeRequest::NAME));
    config.request_auto_mode_switch =
        config.request_auto_mode_switch.or(answers(AutoModeSwitchRequest::NAME));
    config.request_elicitation = config.request_elicitation.or(answers(ElicitationRequestedData::KIND));
    config.has_skill_provider = config.has_skill_provider.or(answers(SkillProviderList::NAME));
    if answers(GitHubTokenGetToken::NAME).is_some() {
        config.git_hub_token_provider_registration_id =
            config.git_hub_token_provider_registration_id.take().or(config.session_id.clone());
    }
    if answers(ProviderTokenGetToken::NAME).is_some()
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

impl std::fmt::Debug for SessionBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SessionBuilder").field("tools", &self.tools).finish_non_exhaustive()
    }
}
