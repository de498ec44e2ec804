//! Registering what a session's client answers: every request the CLI can make of it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use crate::events::SessionEvent;
use crate::generated::kind;
use crate::handlers::context::HandlerContext;
use crate::handlers::dialogs::{self, Command};
use crate::handlers::event_request::{self, EventHandler};
use crate::handlers::handler::{self, Handler, Handles};
use crate::handlers::hooks::{Hook, Hooks, OtherHook};
use crate::handlers::permission::{self, Decision, PermissionRequest, Policy};
use crate::handlers::registry::Handlers;
use crate::handlers::reply::{self, IntoReply};
use crate::handlers::system_message::{self, Transform};
use crate::handlers::tool::Tool;
use crate::methods::client::*;
use crate::providers::Provider;
use crate::rpc::ClientMethod;
use crate::session::builder::SessionBuilder;
use crate::types::*;

/// Answered by a handler for each type of hook, or by one for all.
const HOOKS: &str = HooksInvoke::NAME;

/// Answered by a handler for each section, or by one for all.
const TRANSFORM: &str = SystemMessageTransform::NAME;

/// What was registered for a session.
#[derive(Default)]
pub(crate) struct Registered {
    requests: HashMap<&'static str, Handler<HandlerContext>>,
    event_requests: HashMap<&'static str, EventHandler>,
    hooks: Hooks,
    pub transforms: HashMap<String, Transform>,
    /// Description and code by name.
    pub commands: BTreeMap<String, (String, Command)>,
    /// The time that each handler may take.
    timeout: Option<Duration>,
}

impl Registered {
    /// Whether a request of this method, or an event of this kind, is answered.
    pub fn answers(&self, name: &str) -> bool {
        self.requests.contains_key(name)
            || self.event_requests.contains_key(name)
            || (name == HOOKS && !self.hooks.is_empty())
    }

    /// The events that the CLI sends only to those who ask for them.
    pub fn interests(&self) -> Vec<&'static str> {
        const ON_REQUEST: [&str; 3] =
            [kind::MCP_OAUTH_REQUIRED, kind::SAMPLING_REQUESTED, kind::SESSION_LIMITS_EXHAUSTED_REQUESTED];
        ON_REQUEST.into_iter().filter(|event| self.event_requests.contains_key(event)).collect()
    }

    /// In the form in which they are looked up. The CLI asks everybody whether to switch models, and waits for
    /// an answer even when nobody has a handler.
    pub fn into_handlers(self, tools: HashMap<String, Tool>, leaves_auto_mode_switch: bool) -> Handlers {
        let Self { mut requests, mut event_requests, hooks, transforms, commands, timeout } = self;
        if !hooks.is_empty() {
            requests.insert(HOOKS, hooks.into_handler());
        }
        if !transforms.is_empty() {
            requests.insert(TRANSFORM, system_message::handler(transforms));
        }
        if !commands.is_empty() {
            let commands = commands.into_iter().map(|(name, (_, command))| (name, command));
            event_requests.extend([dialogs::commands(commands.collect())]);
        }
        if !requests.contains_key(AutoModeSwitchRequest::NAME) && !leaves_auto_mode_switch {
            event_requests.extend([dialogs::no_auto_mode_switch()]);
        }
        Handlers { tools, requests, event_requests, timeout }
    }
}

/// Handlers. Each is a closure of the request and its context, runs on a task of its own, and is called
/// once for each request; a later registration for the same request replaces the earlier one.
///
/// A closure that captures something clones it for each call:
/// `move |request, _| { let log = log.clone(); async move { … } }`.
///
/// A handler runs on the runtime of its client, beside the client's own tasks. One that blocks its thread, by
/// reading standard input, by `std::thread::sleep` or by long computing, holds up what else runs on that
/// thread: on a runtime of one thread the whole client, and no time limit passes meanwhile. Do such work in
/// [`tokio::task::spawn_blocking`]. The log (`tracing`) has a warning for each call of a handler that
/// holds its thread for more than a second.
///
/// The model and the MCP servers read nothing of why a handler failed: its error, its panic and its time
/// limit go to the log. They do read the answers of your own code: the `Err` of a
/// [`Tool`](crate::Tool), the reason of a [`Decision::deny`] or of a hook's refusal, a plan's feedback.
impl SessionBuilder {
    /// Asks this closure what the agent may do (`permission.requested`): before each shell line, each file
    /// that is read or written, each URL, each call of a tool of ours or of an MCP server, and the rest of
    /// [`types::PermissionDetails`](crate::types::PermissionDetails). A handler that fails, panics or takes
    /// longer than its [timeout](Self::handler_timeout) has not allowed it; the model reads that nobody could be
    /// asked, and the log says why.
    ///
    /// The CLI decides by itself, and does not ask, about
    /// * tools of MCP servers that say of themselves that they only read (CLI 1.0.102; 1.0.10 asks),
    /// * shell lines that it takes for reading, with `enable_script_safety`: `cat .env` and `printenv` too,
    /// * what an approval for the session, for a location or for ever covers
    ///   ([`approve_for_session`](PermissionRequest::approve_for_session)), and everything after
    ///   `session.permissions.setApproveAll`,
    /// * what the rules of `session.permissions` and managed settings allow or forbid,
    /// * our tools that are declared with `skip_permission`,
    /// * what a `preToolUse` hook allowed or refused, and its own tools that only touch the session, such as
    ///   its lists of shells, agents and tasks.
    ///
    /// A [`hook`](Self::hook) for [`PreToolUseHookInput`] is called before every call of a tool, these
    /// included, and can refuse it.
    #[inline]
    pub fn on_permission<F, Fut>(self, decide: F) -> Self
    where
        F: Fn(PermissionRequest, HandlerContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: IntoReply<Decision>> + Send + 'static,
    {
        self.event_request(permission::handler(decide))
    }

    /// Lets the agent do what this policy allows, and nothing else that needs permission; for what the CLI
    /// does without asking see [`on_permission`](Self::on_permission). It sets `enable_script_safety` to
    /// false, since with it the CLI runs shell lines that the policy never sees.
    pub fn policy(self, policy: Policy) -> Self {
        let policy = Arc::new(policy);
        self.configure(|config| config.enable_script_safety(false)).on_permission(move |request, _| {
            let policy = Arc::clone(&policy);
            // It asks the file system, which may take its time.
            tokio::task::spawn_blocking(move || policy.decide(&request))
        })
    }

    /// Lets the agent do everything it wants: run any command, write any file, also where a request says
    /// something that this crate cannot read. For sandboxes.
    #[inline]
    pub fn approve_all(self) -> Self {
        self.on_permission(|_, _| std::future::ready(Decision::approve()))
    }

    /// Refuses everything that the CLI asks about. What it does without asking is listed at
    /// [`on_permission`](Self::on_permission).
    #[inline]
    pub fn deny_all(self) -> Self {
        self.on_permission(|_, _| {
            std::future::ready(Decision::deny("this session allows nothing that needs permission"))
        })
    }

    /// Answers the agent's questions to the user (`userInput.request`), in text or with a
    /// [`UserInputResult`]; `None` when the user does not answer. Gives the model its tool `ask_user`.
    #[inline]
    pub fn on_user_input<F, Fut>(self, answer: F) -> Self
    where
        F: Fn(UserInputRequestParams, HandlerContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: IntoReply<UserInputResult>> + Send + 'static,
    {
        self.request(UserInputRequest::NAME, dialogs::user_input(answer))
    }

    /// Fills in forms for the agent and for MCP servers (`elicitation.requested`). A handler that fails
    /// cancels the form.
    #[inline]
    pub fn on_elicitation<F, Fut>(self, fill_in: F) -> Self
    where
        F: Fn(ElicitationRequestedData, HandlerContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: IntoReply<UiElicitationResponse>> + Send + 'static,
    {
        self.event_request(event_request::handler(dialogs::form_cancelled, fill_in))
    }

    /// Decides whether the agent's plan is good (`exitPlanMode.request`). Gives the model its tool
    /// `exit_plan_mode`. A handler that fails refuses the plan.
    #[inline]
    pub fn on_exit_plan_mode<F, Fut>(self, decide: F) -> Self
    where
        F: Fn(ExitPlanModeRequestParams, HandlerContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: IntoReply<UiExitPlanModeResponse>> + Send + 'static,
    {
        self.request(ExitPlanModeRequest::NAME, handler::replying::<ExitPlanModeRequest, _, _>(decide))
    }

    /// Decides whether to go on with another model at a rate limit (`autoModeSwitch.request`). A handler
    /// that fails says no, and so does a session without one, since the turn would wait for ever; with
    /// `request_auto_mode_switch(false)` in [`configure`](Self::configure) the answer is left to another
    /// client of the session.
    #[inline]
    pub fn on_auto_mode_switch<F, Fut>(self, decide: F) -> Self
    where
        F: Fn(AutoModeSwitchRequestParams, HandlerContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: IntoReply<AutoModeSwitchResult>> + Send + 'static,
    {
        self.request(AutoModeSwitchRequest::NAME, handler::replying::<AutoModeSwitchRequest, _, _>(decide))
    }

    /// Decides how to go on when the session's limit is used up (`session_limits_exhausted.requested`). A
    /// handler that fails cancels.
    #[inline]
    pub fn on_session_limits<F, Fut>(self, decide: F) -> Self
    where
        F: Fn(SessionLimitsExhaustedRequestedData, HandlerContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: IntoReply<UiSessionLimitsExhaustedResponse>> + Send + 'static,
    {
        self.event_request(event_request::handler(dialogs::limits_kept, decide))
    }

    /// Logs in to MCP servers (`mcp.oauth_required`). A handler that fails cancels the login.
    #[inline]
    pub fn on_mcp_oauth<F, Fut>(self, log_in: F) -> Self
    where
        F: Fn(McpOauthRequiredData, HandlerContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: IntoReply<McpOauthPendingRequestResponse>> + Send + 'static,
    {
        self.event_request(event_request::handler(dialogs::login_cancelled, log_in))
    }

    /// Gives the headers of requests to MCP servers (`mcp.headers_refresh_required`). A handler that fails
    /// reports that there are none; to report a reason it answers with
    /// [`McpHeadersHandlePendingHeadersRefreshRequest::Error`].
    #[inline]
    pub fn on_mcp_headers<F, Fut>(self, refresh: F) -> Self
    where
        F: Fn(McpHeadersRefreshRequiredData, HandlerContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: IntoReply<McpHeadersHandlePendingHeadersRefreshRequest>> + Send + 'static,
    {
        self.event_request(event_request::handler(dialogs::no_headers, refresh))
    }

    /// Asks a model for an MCP server (`sampling.requested`). A handler that fails rejects the request.
    #[inline]
    pub fn on_sampling<F, Fut>(self, sample: F) -> Self
    where
        F: Fn(SamplingRequestedData, HandlerContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: IntoReply<UiHandlePendingSamplingResponse>> + Send + 'static,
    {
        self.event_request(event_request::handler(dialogs::no_sample, sample))
    }

    /// Adds a slash command, which the CLI runs by `session.commands.execute` (`command.execute`). An
    /// error goes to whoever ran it.
    #[inline]
    pub fn command<F, Fut>(mut self, name: impl Into<String>, description: impl Into<String>, run: F) -> Self
    where
        F: Fn(CommandExecuteData, HandlerContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: IntoReply<()>> + Send + 'static,
    {
        let run = Arc::new(run);
        let command: Command = Arc::new(move |request, context| {
            let run = Arc::clone(&run);
            Box::pin(reply::replied(None, move || run(request, context)))
        });
        self.registered.commands.insert(name.into(), (description.into(), command));
        self
    }

    /// Has one type of hook called (`hooks.invoke`): the type is that of the closure's input, such as
    /// [`PreToolUseHookInput`]. A hook that fails has no opinion, but where its opinion may be a refusal
    /// (`preToolUse`, `permissionRequest`, `userPromptSubmitted`, a type that is newer than this crate) it refuses.
    #[inline]
    pub fn hook<H, F, Fut>(mut self, hook: F) -> Self
    where
        H: Hook,
        F: Fn(H, HandlerContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: IntoReply<H::Output>> + Send + 'static,
    {
        self.registered.requests.remove(HOOKS);
        self.registered.hooks.add(hook);
        self
    }

    /// Has every hook called that has no handler of its own, of types that are not in the schema, too. Its
    /// output is JSON; `null` is no opinion. One that fails counts as with [`hook`](Self::hook).
    pub fn on_other_hook<F, Fut>(mut self, hook: F) -> Self
    where
        F: Fn(OtherHook, HandlerContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: IntoReply<serde_json::Value>> + Send + 'static,
    {
        self.registered.requests.remove(HOOKS);
        self.registered.hooks.set_other(hook);
        self
    }

    /// Changes a section of the system message whenever the CLI makes it (`systemMessage.transform`). A
    /// transform that fails leaves its section as it is. It has no effect on a system message that is
    /// replaced as a whole.
    ///
    /// Sections of CLI 1.0.102: `preamble`, `identity`, `tone`, `tool_efficiency`, `environment_context`,
    /// `code_change_rules`, `guidelines`, `safety`, `tool_instructions`, `custom_instructions`,
    /// `runtime_instructions`, `last_instructions`; another is never asked for. Some hold others: `identity`
    /// comes with `tone` in it, already transformed.
    #[inline]
    pub fn transform_section<F, Fut>(mut self, section: impl Into<String>, transform: F) -> Self
    where
        F: Fn(String, HandlerContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: IntoReply<String>> + Send + 'static,
    {
        let change = Arc::new(transform);
        let transform: Transform = Arc::new(move |text, context| {
            let change = Arc::clone(&change);
            let limit = context.timeout();
            Box::pin(reply::replied(limit, move || change(text, context)))
        });
        self.registered.requests.remove(TRANSFORM);
        self.registered.transforms.insert(section.into(), transform);
        self
    }

    /// Gives the bearer token for requests to a model provider of your own, asked for before each
    /// (`providerToken.getToken`). It is announced on the provider of this session; named providers set
    /// `hasBearerTokenProvider` themselves.
    #[inline]
    pub fn on_provider_token<F, Fut>(self, token: F) -> Self
    where
        F: Fn(ProviderTokenAcquireRequest, HandlerContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: IntoReply<ProviderTokenAcquireResult>> + Send + 'static,
    {
        self.request(ProviderTokenGetToken::NAME, handler::replying::<ProviderTokenGetToken, _, _>(token))
    }

    /// Gives the GitHub token of this session whenever the CLI needs one (`gitHubToken.getToken`), instead
    /// of the user's login.
    #[inline]
    pub fn on_github_token<F, Fut>(self, token: F) -> Self
    where
        F: Fn(GitHubTokenAcquireRequest, HandlerContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: IntoReply<GitHubTokenAcquireResult>> + Send + 'static,
    {
        self.request(GitHubTokenGetToken::NAME, handler::replying::<GitHubTokenGetToken, _, _>(token))
    }

    /// Answers any method that the CLI calls on us for this session, with its whole params and result: those
    /// of [`methods::client`](crate::methods::client). What the CLI has to know of it, such as
    /// `requestUserInput`, is set as for the `on_…` methods.
    #[inline]
    pub fn handle<M: ClientMethod>(self, handle: impl Handles<M, HandlerContext>) -> Self {
        self.request(M::NAME, handler::typed::<M, _>(handle))
    }

    /// Answers a namespace of the methods that the CLI calls on us for this session by one type, such as the session's
    /// file system; see [`providers`](crate::providers).
    pub fn provide(self, provider: Provider<HandlerContext>) -> Self {
        let handlers = provider.handlers.into_iter();
        handlers.fold(self, |builder, (method, handler)| builder.request(method, handler))
    }

    /// The time that each call of a handler may take, those of tools and of permission requests included; then it is
    /// dropped and counts as failed: a permission is refused then. Default: any time, since tools run for long and
    /// people are asked.
    pub fn handler_timeout(mut self, timeout: Duration) -> Self {
        self.registered.timeout = Some(timeout);
        self
    }

    /// Calls the closure for every event from the very first, on a task of its own as
    /// [`Session::on`](crate::Session::on).
    #[inline]
    pub fn on_event(mut self, handle: impl FnMut(&SessionEvent) + Send + 'static) -> Self {
        self.subscriptions.push(Box::new(handle));
        self
    }

    fn request(mut self, method: &'static str, handler: Handler<HandlerContext>) -> Self {
        let registered = &mut self.registered;
        match method {
            HOOKS => registered.hooks = Hooks::default(),
            TRANSFORM => registered.transforms.clear(),
            _ => {}
        }
        registered.requests.insert(method, handler);
        self
    }

    fn event_request(mut self, (kind, handler): (&'static str, EventHandler)) -> Self {
        self.registered.event_requests.insert(kind, handler);
        self
    }
}
