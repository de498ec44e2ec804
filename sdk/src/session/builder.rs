//! The builder that configures, creates and resumes sessions.

use std::path::PathBuf;
use std::sync::Arc;

use crate::error::Error;
use crate::events::stream::Events;
use crate::handlers::{event_request::EventRequest, system_message, tool, tool::Tool};
use crate::methods::client::*;
use crate::rpc::ClientMethod;
use crate::runtime::random;
use crate::session::{
    Session, builder_handlers::Registered, host::Host, opening::Opening, prompt::check_extra, table::WhenOpen,
};
use crate::types::{
    CommandDeclaration, ElicitationRequestedData, McpSerializableServerConfig,
    OptionsUpdateToolFilterPrecedence, ProtocolSystemMessageConfig, ProtocolSystemMessageReplaceConfig,
    ProviderConfig, SessionConfig, SessionOpenOptionsEnvValueMode,
};
use crate::wire::{self, peek::keys};

/// Code that subscribes a closure to the events of a session.
pub(crate) type OnEvents = Arc<dyn Fn(Events) + Send + Sync>;

/// The configuration and the handlers of a session; returned by [`Client::session`](crate::Client::session).
///
/// A clone has the same configuration and shares the handlers. So a program can set its options once, and then create
/// and resume any number of sessions: `options.clone().create()`, `options.clone().resume(id)`. All of these sessions
/// share what handlers and providers hold in an `Arc`, so give each a `MemoryFiles` of its own. Like a session, a
/// builder keeps the CLI of its client running; [`on_client`](Self::on_client) changes the client.
///
/// One of [`policy`](Self::policy), [`on_permission`](Self::on_permission), [`approve_all`](Self::approve_all) and
/// [`deny_all`](Self::deny_all) must be chosen.
#[derive(Clone)]
#[must_use = "a session is opened by `create` or `resume`"]
pub struct SessionBuilder {
    pub(crate) host: Arc<Host>,
    /// On the heap, since it is large and the builder is moved by each of its methods.
    config: Box<SessionConfig>,
    pub(crate) opening: Opening,
    /// The error for which the session cannot be opened.
    invalid: Option<Error>,
}

impl SessionBuilder {
    pub(crate) fn new(host: Arc<Host>) -> Self {
        Self { host, config: Box::default(), opening: Opening::default(), invalid: None }
    }

    /// The model to use. Default: the CLI's choice. With an unknown one [`create`](Self::create) fails, and
    /// [`resume`](Self::resume) does not: the CLI runs the next prompt on another model.
    pub fn model(mut self, model: impl Into<String>) -> Self {
        self.config.model = Some(model.into());
        self
    }

    /// A model provider of your own in place of GitHub's, for which no login is needed.
    pub fn provider(mut self, provider: ProviderConfig) -> Self {
        self.config.provider = Some(provider);
        self
    }

    /// Adds an MCP server, whose tools the agent may then call (`mcpServers`). One with the same name is replaced. Each
    /// call of its tools needs a permission, and a [`Policy`](crate::Policy) gives none.
    ///
    /// The server is a program that the CLI starts, or has an address:
    ///
    /// ```
    /// # use copilot_session::SessionBuilder;
    /// use copilot_session::types::{McpServerConfigHttp, McpServerConfigStdio};
    ///
    /// # fn example(session: SessionBuilder) -> SessionBuilder {
    /// let files = McpServerConfigStdio::new("file-server").args(vec!["--read-only".to_owned()]);
    /// session.mcp_server("files", files).mcp_server("docs", McpServerConfigHttp::new("https://docs.example/mcp"))
    /// # }
    /// ```
    pub fn mcp_server(
        mut self,
        name: impl Into<String>,
        server: impl Into<McpSerializableServerConfig>,
    ) -> Self {
        self.config.mcp_servers.get_or_insert_default().insert(name.into(), server.into());
        self
    }

    /// The working directory of the agent, which must exist. Default: that of the CLI. With a path that is not UTF-8,
    /// `create` and `resume` fail with [`Error::Invalid`].
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

    /// Appends text to the system message, after earlier additions.
    pub fn append_system_message(mut self, text: impl Into<String>) -> Self {
        self.config.system_message = Some(system_message::appended(self.config.system_message, text.into()));
        self
    }

    /// Replaces the CLI's whole system message. To change its sections, see
    /// [`transform_section`](Self::transform_section), and `system_message` in [`configure`](Self::configure).
    pub fn system_message(mut self, text: impl Into<String>) -> Self {
        let replace = ProtocolSystemMessageReplaceConfig::new(text);
        self.config.system_message = Some(ProtocolSystemMessageConfig::Replace(replace));
        self
    }

    /// Sets any other param of `session.create`.
    ///
    /// Some params follow from the registered handlers: `requestPermission` always, and others, such as `hooks` and
    /// `requestUserInput`, unless they are set here. Registered `tools` and `commands` are added to those set here.
    /// `streaming` is true in a session that is created, unless it is set here; for one that is resumed, see
    /// [`resume`](Self::resume).
    pub fn configure(mut self, change: impl FnOnce(SessionConfig) -> SessionConfig) -> Self {
        *self.config = change(*self.config);
        self
    }

    /// Sets a param of `session.create` and `session.resume` as JSON, such as one of a newer CLI that this version of
    /// the crate does not know, or the whole `provider` with a key that [`ProviderConfig`] lacks. The CLI ignores a
    /// param that it does not know. With one that is set otherwise, too, or that this crate uses itself (the id, the
    /// working directory, `continuePendingWork`, `requestAutoModeSwitch`), `create` and `resume` fail with
    /// [`Error::Invalid`].
    pub fn extra(mut self, key: impl Into<String>, value: impl Into<serde_json::Value>) -> Self {
        self.config.rest.insert(key.into(), value.into());
        self
    }

    /// Registers a tool that the model may call. For a list: `tools.into_iter().fold(session, SessionBuilder::tool)`.
    pub fn tool(mut self, tool: Tool) -> Self {
        self.opening.tools.push(tool);
        self
    }

    /// Sets the behaviour of [`resume`](Self::resume) for a session that is already open on this client. Default:
    /// [`WhenOpen::Refuse`].
    pub fn when_open(mut self, when_open: WhenOpen) -> Self {
        self.opening.when_open = when_open;
        self
    }

    /// Creates the session (`session.create`).
    ///
    /// # Errors
    /// [`Error::Invalid`] if no permission handler is chosen, a path is not UTF-8, two tools have the same name, or a
    /// tool has an invalid name or schema (see [`Tool::with_schema`]); [`Error::AlreadyOpen`] if the configured id is
    /// that of an open session; an error of kind [`ModelUnavailable`](crate::ErrorKind::ModelUnavailable) if GitHub has
    /// no such model for the user; otherwise as any [call](crate::Call). A [`provider`](Self::provider) of your own is
    /// not asked before the first prompt.
    pub fn create(mut self) -> impl Future<Output = Result<Session, Error>> + Send {
        self.opening.when_open = WhenOpen::Refuse;
        self.open("session.create", true)
    }

    /// Resumes a session (`session.resume`) with this configuration and these handlers. The CLI keeps the
    /// conversation, but not the configuration.
    ///
    /// The session may be disconnected, open on another client, or open on this client; for the last case,
    /// [`when_open`](Self::when_open) sets what happens to its handles. The handlers are registered before the
    /// request is sent. If a disconnect of the same session is pending, this first waits for it, for at most 10 s. It
    /// also waits for another pending `resume` of the session, except with [`WhenOpen::Refuse`], which fails at once.
    ///
    /// `streaming` is sent only if [`configure`](Self::configure) sets it. Without it, a session from disk has no
    /// deltas, and one that is open, here or on another client, keeps its setting; a CLI before 1.0.92 disables it
    /// then, for all clients of the session.
    ///
    /// If [`configure`](Self::configure) sets `continue_pending_work`, the handlers answer the tool calls and
    /// permission requests that were pending when the session was disconnected, or when its CLI ended, and the turn
    /// continues. Otherwise these are discarded. A CLI that was killed may not have written the last ones to disk.
    ///
    /// # Errors
    /// [`Error::AlreadyOpen`] if the session is open or being opened on this client, unless
    /// [`when_open`](Self::when_open) sets another behaviour. An error of kind
    /// [`SessionGone`](crate::ErrorKind::SessionGone) if the CLI does not have the session, which it stores only from
    /// the first prompt on. [`Error::SessionEnded`] if the session is deleted meanwhile. An error of kind
    /// [`Other`](crate::ErrorKind::Other) if the CLI cannot read what it stored of the session. Otherwise as
    /// [`create`](Self::create), except that an unknown model is no error: compare it with
    /// [`Client::models`](crate::Client::models) first.
    ///
    /// If this fails, or its future is dropped, the id is free again, and the session is disconnected if the CLI may
    /// have opened it. With [`WhenOpen::Replace`] the earlier session has ended nevertheless; with [`WhenOpen::Join`]
    /// it continues as before.
    pub fn resume(mut self, id: impl Into<String>) -> impl Future<Output = Result<Session, Error>> + Send {
        self.config.session_id = Some(id.into());
        self.open("session.resume", false)
    }

    fn open(
        mut self,
        method: &'static str,
        is_new: bool,
    ) -> impl Future<Output = Result<Session, Error>> + Send {
        set_defaults(&mut self.config, is_new);
        let config = self.prepare();
        self.opening.open(self.host, method, config)
    }

    /// Returns the configuration as JSON, completed from the handlers and the client.
    fn prepare(&mut self) -> Result<String, Error> {
        let Self { host, config, opening, invalid } = self;
        invalid.take().map_or(Ok(()), Err)?;
        opening.id = match config.session_id.take() {
            Some(id) => id,
            None => random::uuid().map_err(Error::no_random)?,
        };
        config.session_id = Some(opening.id.clone());
        host.trace(&mut config.traceparent, &mut config.tracestate);
        opening.registered.leaves_auto_mode_switch = config.request_auto_mode_switch == Some(false);
        announce(config, &opening.registered);
        opening.continues = config.continue_pending_work == Some(true);
        opening.directory = config.working_directory.clone();
        let extra = std::mem::take(&mut config.rest);
        let mut json = with_tools(config, &opening.tools)?;
        const OURS: [&str; 4] = keys!(
            SessionConfig,
            ["sessionId", "workingDirectory", "continuePendingWork", "requestAutoModeSwitch"]
        );
        check_extra(&extra, &json, &OURS)?;
        if !extra.is_empty() {
            append(&mut json, &wire::to_json(&extra)[1..]);
        }
        Ok(json)
    }
}

/// Appends members, with the end of the object after them, to an object that has some.
fn append(object: &mut String, members: &str) {
    object.pop();
    object.extend([",", members]);
}

/// Sets the defaults of this crate that are not the CLI's. Some say how a list of the configuration is read. A resume
/// sets them only together with the list, since another client of the session may have set both.
fn set_defaults(config: &mut SessionConfig, is_new: bool) {
    if is_new {
        config.streaming.get_or_insert(true);
    }
    let extra = |key: &str| config.rest.contains_key(key);
    let [available, excluded, servers, agents] =
        keys!(SessionConfig, ["availableTools", "excludedTools", "mcpServers", "customAgents"]).map(extra);
    // A deny list of tools overrides an allow list. The CLI's default is the reverse.
    if is_new || available || excluded || config.available_tools.is_some() || config.excluded_tools.is_some()
    {
        config.tool_filter_precedence.get_or_insert(OptionsUpdateToolFilterPrecedence::Excluded);
    }
    // Values of `env` are literal. The CLI's default treats them as names of variables.
    if is_new || servers || agents || config.mcp_servers.is_some() || config.custom_agents.is_some() {
        config.env_value_mode.get_or_insert(SessionOpenOptionsEnvValueMode::Direct);
    }
}

/// Declares the registered handlers in the configuration. It does not change what is set there.
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
        config.github_token_provider_registration_id =
            config.github_token_provider_registration_id.take().or(config.session_id.clone());
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

/// Returns the configuration as JSON. The declarations of the registered tools follow those that it has.
fn with_tools(config: &mut SessionConfig, registered: &[Tool]) -> Result<String, Error> {
    let configured = config.tools.take();
    let mut json = wire::to_unique_json(config)?;
    if configured.is_some() || !registered.is_empty() {
        let registered = registered.iter().map(|tool| &*tool.declaration);
        let tools = tool::declarations(configured.iter().flatten().chain(registered));
        append(&mut json, &format!("{tools}}}"));
    }
    Ok(json)
}

impl std::fmt::Debug for SessionBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SessionBuilder").field("tools", &self.opening.tools).finish_non_exhaustive()
    }
}
