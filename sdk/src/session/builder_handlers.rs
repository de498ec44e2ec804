//! Registers the handlers of a session, for every request that the CLI can make.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use crate::events::SessionEvent;
use crate::handlers::dialogs;
use crate::handlers::event_request::{self, EventHandler};
use crate::handlers::handler::{self, Handler, Handles};
use crate::handlers::hooks::{Hook, Hooks, OtherHook};
use crate::handlers::permission::{self, Decision, PermissionRequest, Policy};
use crate::handlers::reply::{self, Code, IntoReply};
use crate::handlers::system_message;
use crate::handlers::{context::HandlerContext, registry::ByName, registry::Handlers, tool::Tools};
use crate::methods::client::*;
use crate::providers::Provider;
use crate::rpc::ClientMethod;
use crate::session::builder::SessionBuilder;
use crate::types::*;

/// The handlers registered with a builder.
#[derive(Clone, Default)]
pub(crate) struct Registered {
    requests: ByName<Handler<HandlerContext>>,
    event_requests: ByName<EventHandler>,
    hooks: Hooks,
    pub transforms: HashMap<String, Code<String, String>>,
    /// Descriptions and code by name.
    pub commands: BTreeMap<String, (String, Code<CommandExecuteData, ()>)>,
    /// The timeout of each handler.
    timeout: Option<Duration>,
    /// True if another client decides on model switches.
    pub leaves_auto_mode_switch: bool,
}

impl Registered {
    /// Returns true if there is a handler for this method or this kind of event.
    pub fn answers(&self, name: &str) -> bool {
        self.requests.contains_key(name)
            || self.event_requests.contains_key(name)
            || (name == HooksInvoke::NAME && !self.hooks.is_empty())
    }

    /// Converts the handlers to the form in which they are looked up. It adds a handler of
    /// `auto_mode_switch.requested` if there is none, since the CLI sends that to all clients and waits for an
    /// answer.
    pub fn into_handlers(self, tools: Tools) -> Handlers {
        let Self { mut requests, mut event_requests, hooks, transforms, commands, timeout, .. } = self;
        if !hooks.is_empty() {
            requests.insert(HooksInvoke::NAME, hooks.into_handler());
        }
        if !transforms.is_empty() {
            requests.insert(SystemMessageTransform::NAME, system_message::handler(transforms));
        }
        if !commands.is_empty() {
            let commands = commands.into_iter().map(|(name, (_, command))| (name, command));
            event_requests.extend([dialogs::commands(commands.collect())]);
        }
        if !requests.contains_key(AutoModeSwitchRequest::NAME) && !self.leaves_auto_mode_switch {
            event_requests.extend([dialogs::no_auto_mode_switch()]);
        }
        Handlers { tools, requests, event_requests, timeout }
    }
}

/// Handlers. A handler is a closure of the request and its context. It is called once for each request, on a task of
/// its own. A later handler for the same request replaces the earlier one.
///
/// Each request calls a new clone of the closure, so an `async move` closure may capture what it needs. What the calls
/// share must be in an `Arc`: a counter that is captured by value starts anew in each call.
///
/// Handlers run on the runtime of the client, beside the client's own tasks. A handler that blocks its thread, by
/// reading standard input, by `std::thread::sleep` or by long computation, delays the other tasks of that thread. On
/// a single-threaded runtime that is the whole client, and no timeout elapses meanwhile. Do such work in
/// [`tokio::task::spawn_blocking`]. A warning is logged (`tracing`) for each call of a handler that blocks its thread
/// for more than a second.
///
/// The model and MCP servers do not see why a handler failed: its error, panic or timeout is only logged. They do see
/// the replies of your code: the `Err` of a [`Tool`](crate::Tool), the reason of a [`Decision::deny`] or of a hook's
/// refusal, the feedback on a plan.
impl SessionBuilder {
    /// Decides permission requests (`permission.requested`). The CLI sends one before each shell line, each file that
    /// is read or written, each URL, each call of a registered tool or of an MCP server's tool, and the other
    /// [`types::PermissionDetails`](crate::types::PermissionDetails). If the handler fails, panics or takes longer
    /// than its [timeout](Self::handler_timeout), the request is refused: the model reads that no user was available,
    /// and the reason is logged.
    ///
    /// The CLI sends no permission request for
    /// * tools of MCP servers that declare themselves read-only (CLI 1.0.102; 1.0.10 does send one),
    /// * shell lines that it considers read-only, with `enable_script_safety`; these include `cat .env` and
    ///   `printenv`,
    /// * actions covered by an approval for the session, for a location or for ever
    ///   ([`approve_for_session`](PermissionRequest::approve_for_session)), and everything after
    ///   `session.permissions.setApproveAll`,
    /// * actions that the rules of `session.permissions` or managed settings allow or forbid,
    /// * registered tools that are declared with `skip_permission`,
    /// * calls that a `preToolUse` hook allowed or refused, and the CLI's own tools that only affect the session,
    ///   such as its lists of shells, agents and tasks.
    ///
    /// A [`hook`](Self::hook) for [`PreToolUseHookInput`] is called before every call of a tool, these
    /// included, and can refuse it. A limit that is counted over all requests must be in an `Arc`, such as an
    /// `Arc<AtomicUsize>`, since each request calls a new clone of the closure.
    pub fn on_permission<F, Fut>(self, decide: F) -> Self
    where
        F: FnOnce(PermissionRequest, HandlerContext) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output: IntoReply<Decision>> + Send + 'static,
    {
        self.event_request(permission::handler(decide))
    }

    /// Decides permission requests by this policy, which refuses everything it does not allow.
    /// [`on_permission`](Self::on_permission) lists what the CLI does without a permission request. It sets
    /// `enable_script_safety` to false, since with it the CLI runs shell lines without a request.
    pub fn policy(self, policy: Policy) -> Self {
        let policy = Arc::new(policy);
        self.configure(|config| config.enable_script_safety(false)).on_permission(move |request, _| {
            let policy = Arc::clone(&policy);
            // It reads the file system, which may block.
            tokio::task::spawn_blocking(move || policy.decide(&request))
        })
    }

    /// Approves every permission request, including those that this crate cannot read: the agent may run any command
    /// and write any file. Use it in sandboxes.
    pub fn approve_all(self) -> Self {
        self.on_permission(|_, _| std::future::ready(Decision::approve()))
    }

    /// Refuses every permission request. [`on_permission`](Self::on_permission) lists what the CLI does without a
    /// request.
    pub fn deny_all(self) -> Self {
        self.on_permission(|_, _| {
            std::future::ready(Decision::deny("this session denies all permission requests"))
        })
    }

    /// Answers the agent's questions to the user (`userInput.request`). The reply is a text, a [`UserInputResult`],
    /// or `None` if the user does not answer. It enables the model's tool `ask_user`.
    pub fn on_user_input<F, Fut>(self, answer: F) -> Self
    where
        F: FnOnce(UserInputRequestParams, HandlerContext) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output: IntoReply<UserInputResult>> + Send + 'static,
    {
        self.request(UserInputRequest::NAME, dialogs::user_input(answer))
    }

    /// Fills in forms for the agent and for MCP servers (`elicitation.requested`). If the handler fails, the form is
    /// cancelled.
    pub fn on_elicitation<F, Fut>(self, fill_in: F) -> Self
    where
        F: FnOnce(ElicitationRequestedData, HandlerContext) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output: IntoReply<UiElicitationResponse>> + Send + 'static,
    {
        self.event_request(event_request::handler(Some(UiElicitationResponse::cancel()), fill_in))
    }

    /// Approves or refuses the agent's plan (`exitPlanMode.request`). It enables the model's tool `exit_plan_mode`.
    /// If the handler fails, the plan is refused.
    pub fn on_exit_plan_mode<F, Fut>(self, decide: F) -> Self
    where
        F: FnOnce(ExitPlanModeRequestParams, HandlerContext) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output: IntoReply<UiExitPlanModeResponse>> + Send + 'static,
    {
        self.request(ExitPlanModeRequest::NAME, handler::replying::<ExitPlanModeRequest>(decide))
    }

    /// Decides whether to continue with another model at a rate limit (`autoModeSwitch.request`). If the handler
    /// fails, the answer is no. A session without a handler also answers no, since the turn would wait for ever. With
    /// `request_auto_mode_switch(false)` in [`configure`](Self::configure), another client of the session decides.
    pub fn on_auto_mode_switch<F, Fut>(self, decide: F) -> Self
    where
        F: FnOnce(AutoModeSwitchRequestParams, HandlerContext) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output: IntoReply<AutoModeSwitchResult>> + Send + 'static,
    {
        self.request(AutoModeSwitchRequest::NAME, handler::replying::<AutoModeSwitchRequest>(decide))
    }

    /// Decides how to continue when the session's limit is used up (`session_limits_exhausted.requested`). If the
    /// handler fails, the answer is `cancel`. Without a handler the turn ends without an answer.
    pub fn on_session_limits<F, Fut>(self, decide: F) -> Self
    where
        F: FnOnce(SessionLimitsExhaustedRequestedData, HandlerContext) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output: IntoReply<UiSessionLimitsExhaustedResponse>> + Send + 'static,
    {
        let cancel = UiSessionLimitsExhaustedResponse::new(UiSessionLimitsExhaustedResponseAction::Cancel);
        self.event_request(event_request::handler(Some(cancel), decide))
    }

    /// Logs in to MCP servers (`mcp.oauth_required`). If the handler fails, the login is cancelled.
    pub fn on_mcp_oauth<F, Fut>(self, log_in: F) -> Self
    where
        F: FnOnce(McpOauthRequiredData, HandlerContext) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output: IntoReply<McpOauthPendingRequestResponse>> + Send + 'static,
    {
        let cancelled = McpOauthPendingRequestResponse::Cancelled(Default::default());
        self.event_request(event_request::handler(Some(cancelled), log_in))
    }

    /// Supplies the headers of requests to MCP servers (`mcp.headers_refresh_required`). If the handler fails, the
    /// answer is an error without its reason; to report a reason, return
    /// [`McpHeadersHandlePendingHeadersRefreshRequest::Error`].
    pub fn on_mcp_headers<F, Fut>(self, refresh: F) -> Self
    where
        F: FnOnce(McpHeadersRefreshRequiredData, HandlerContext) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output: IntoReply<McpHeadersHandlePendingHeadersRefreshRequest>> + Send + 'static,
    {
        let error = McpHeadersHandlePendingHeadersRefreshRequestError::new("the headers are not available");
        let error = McpHeadersHandlePendingHeadersRefreshRequest::Error(error);
        self.event_request(event_request::handler(Some(error), refresh))
    }

    /// Calls a model on behalf of an MCP server (`sampling.requested`). If the handler fails, the request is
    /// rejected.
    pub fn on_sampling<F, Fut>(self, sample: F) -> Self
    where
        F: FnOnce(SamplingRequestedData, HandlerContext) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output: IntoReply<UiHandlePendingSamplingResponse>> + Send + 'static,
    {
        self.event_request(event_request::handler(None, sample))
    }

    /// Adds a slash command (`command.execute`), which clients run with `session.commands.execute`. An error is
    /// reported to the client that ran it.
    pub fn command<F, Fut>(mut self, name: impl Into<String>, description: impl Into<String>, run: F) -> Self
    where
        F: FnOnce(CommandExecuteData, HandlerContext) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output: IntoReply<()>> + Send + 'static,
    {
        self.opening.registered.commands.insert(name.into(), (description.into(), reply::code(run)));
        self
    }

    /// Handles one type of hook (`hooks.invoke`), that of the closure's input, such as [`PreToolUseHookInput`];
    /// the trait [`Hook`] lists them. If the handler fails, it has no opinion, except for hooks that can refuse
    /// (`preToolUse`, `permissionRequest`, `userPromptSubmitted`, and types newer than this crate): these refuse.
    pub fn hook<H, F, Fut>(mut self, hook: F) -> Self
    where
        H: Hook,
        F: FnOnce(H, HandlerContext) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output: IntoReply<H::Output>> + Send + 'static,
    {
        self.opening.registered.hooks.add(hook);
        self
    }

    /// Handles every hook without a handler of its own (`hooks.invoke`), including types that are not in the schema.
    /// The output is JSON; `null` is no opinion. A failure counts as with [`hook`](Self::hook).
    pub fn on_other_hook<F, Fut>(mut self, hook: F) -> Self
    where
        F: FnOnce(OtherHook, HandlerContext) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output: IntoReply<serde_json::Value>> + Send + 'static,
    {
        self.opening.registered.hooks.set_other(hook);
        self
    }

    /// Changes a section of the system message each time the CLI composes it (`systemMessage.transform`). If the
    /// transform fails, the section is unchanged. It has no effect on a system message that is replaced as a whole.
    ///
    /// Sections of CLI 1.0.102: `preamble`, `identity`, `tone`, `tool_efficiency`, `environment_context`,
    /// `code_change_rules`, `guidelines`, `safety`, `tool_instructions`, `custom_instructions`,
    /// `runtime_instructions`, `last_instructions`; the CLI ignores others. Some sections contain others: `identity`
    /// contains `tone`, already transformed.
    pub fn transform_section<F, Fut>(mut self, section: impl Into<String>, transform: F) -> Self
    where
        F: FnOnce(String, HandlerContext) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output: IntoReply<String>> + Send + 'static,
    {
        self.opening.registered.transforms.insert(section.into(), reply::code(transform));
        self
    }

    /// Supplies the bearer token for requests to a model provider of your own. The CLI requests it before each of
    /// them (`providerToken.getToken`). The provider of this session is marked accordingly; named providers must set
    /// `hasBearerTokenProvider` themselves.
    pub fn on_provider_token<F, Fut>(self, token: F) -> Self
    where
        F: FnOnce(ProviderTokenAcquireRequest, HandlerContext) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output: IntoReply<ProviderTokenAcquireResult>> + Send + 'static,
    {
        self.request(ProviderTokenGetToken::NAME, handler::replying::<ProviderTokenGetToken>(token))
    }

    /// Supplies the GitHub token of this session each time the CLI needs one (`gitHubToken.getToken`), in place of
    /// the user's login.
    pub fn on_github_token<F, Fut>(self, token: F) -> Self
    where
        F: FnOnce(GitHubTokenAcquireRequest, HandlerContext) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output: IntoReply<GitHubTokenAcquireResult>> + Send + 'static,
    {
        self.request(GitHubTokenGetToken::NAME, handler::replying::<GitHubTokenGetToken>(token))
    }

    /// Handles any method of [`methods::client`](crate::methods::client) that the CLI calls for this session, with
    /// its whole params and result. The params that declare it to the CLI, such as `requestUserInput`, are set as for
    /// the `on_…` methods.
    pub fn handle<M: ClientMethod>(self, handle: impl Handles<M, HandlerContext>) -> Self {
        self.request(M::NAME, handler::typed::<M, _>(handle))
    }

    /// Handles a namespace of the methods that the CLI calls for this session with one type, such as the session's
    /// file system; see [`providers`](crate::providers).
    pub fn provide(self, provider: Provider<HandlerContext>) -> Self {
        let handlers = provider.handlers.into_iter();
        handlers.fold(self, |builder, (method, handler)| builder.request(method, handler))
    }

    /// The timeout of each call of a handler, including tools and permission requests. A handler that takes longer is
    /// dropped and counts as failed; a permission is then refused. Default: none, since tools and people may take
    /// long.
    pub fn handler_timeout(mut self, timeout: Duration) -> Self {
        self.opening.registered.timeout = Some(timeout);
        self
    }

    /// Calls the closure for every event from the first one on, on a task of its own, as
    /// [`Session::on`](crate::Session::on) does. Each session that is opened has one clone of the closure, which is
    /// called for all of its events.
    pub fn on_event(mut self, handle: impl FnMut(&SessionEvent) + Clone + Send + Sync + 'static) -> Self {
        self.opening.subscriptions.push(Arc::new(move |events| drop(events.on(handle.clone()))));
        self
    }

    fn request(mut self, method: &'static str, handler: Handler<HandlerContext>) -> Self {
        let registered = &mut self.opening.registered;
        // Otherwise those that were registered one by one would take its place.
        match method {
            HooksInvoke::NAME => registered.hooks = Hooks::default(),
            SystemMessageTransform::NAME => registered.transforms.clear(),
            _ => {}
        }
        registered.requests.insert(method, handler);
        self
    }

    fn event_request(mut self, (kind, handler): (&'static str, EventHandler)) -> Self {
        self.opening.registered.event_requests.insert(kind, handler);
        self
    }
}
