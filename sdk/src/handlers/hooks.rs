//! Hooks: handlers that the CLI calls at certain points of a session (`hooks.invoke`).

use std::collections::HashMap;
use std::sync::Arc;

use crate::handlers::context::HandlerContext;
use crate::handlers::handler::{self, Handler, Handling};
use crate::handlers::reply::{IntoReply, Replies};
use crate::rpc::RpcError;
use crate::rpc::responder::OnFailure;
use crate::trace::spans;
use crate::types::*;
use crate::version::Feature;
use crate::wire::peek::{self, keys};
use crate::wire::{self, Document, Wire, redact};

/// The input of one type of hook. Inside a sub-agent its `agent_id` and `agent_type` identify the agent.
pub trait Hook: Wire + Send + 'static {
    /// The hook's type on the wire.
    const TYPE: &'static str;
    /// The hook's output; the default is no opinion.
    type Output: HookOutput;
}

/// The output of a hook.
pub trait HookOutput: Wire + Default + Send + 'static {}

impl<O: HookOutput> IntoReply<O> for O {
    fn into_reply(self) -> Result<O, String> {
        Ok(self)
    }
}

/// `()` is no opinion.
impl<O: HookOutput> IntoReply<O> for () {
    fn into_reply(self) -> Result<O, String> {
        Ok(O::default())
    }
}

/// `None` is no opinion.
impl<O: HookOutput> IntoReply<O> for Option<O> {
    fn into_reply(self) -> Result<O, String> {
        Ok(self.unwrap_or_default())
    }
}

impl PreToolUseHookOutput {
    /// Refuses the call; the model reads the reason.
    pub fn deny(reason: impl Into<String>) -> Self {
        Self::default()
            .permission_decision(PreToolUsePermissionDecision::Deny)
            .permission_decision_reason(reason)
    }

    /// Allows the call without a permission request. CLI 1.0.10 sends one nevertheless.
    pub fn allow() -> Self {
        Self::default().permission_decision(PreToolUsePermissionDecision::Allow)
    }

    /// Lets the permission handler decide; its request has this reason.
    pub fn ask(reason: impl Into<String>) -> Self {
        Self::default()
            .permission_decision(PreToolUsePermissionDecision::Ask)
            .permission_decision_reason(reason)
    }
}

impl PermissionRequestHookOutput {
    /// Refuses the request; the model reads the reason.
    pub fn deny(reason: impl Into<String>) -> Self {
        Self::default().behavior(PermissionRequestHookBehavior::Deny).message(reason)
    }
}

/// A call of a hook that has no handler of its own; the argument of [`SessionBuilder::on_other_hook`].
///
/// [`SessionBuilder::on_other_hook`]: crate::SessionBuilder::on_other_hook
#[derive(Clone)]
#[non_exhaustive]
pub struct OtherHook {
    /// The hook's type.
    pub hook_type: String,
    /// Its input.
    pub input: serde_json::Value,
}

impl std::fmt::Debug for OtherHook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let input = redact::json(&self.input.to_string());
        f.debug_struct("OtherHook").field("hook_type", &self.hook_type).field("input", &input).finish()
    }
}

/// A handler for hooks, from the type and the input's JSON to the result's.
type HookHandler = Arc<dyn Fn(&str, &str, HandlerContext) -> Handling + Send + Sync>;

/// The hooks of a session.
#[derive(Clone, Default)]
pub(crate) struct Hooks {
    by_type: HashMap<&'static str, HookHandler>,
    other: Option<HookHandler>,
}

impl Hooks {
    pub fn is_empty(&self) -> bool {
        self.by_type.is_empty() && self.other.is_none()
    }

    /// Sets the handler of one type of hook.
    pub fn add<H: Hook>(&mut self, handle: impl Replies<H, H::Output>) {
        let run = move |_: &str, input: &str, context: HandlerContext| -> Handling {
            let input = match context.scope.version().has(Feature::HookArgumentsAsObject) {
                true => wire::from_json(input),
                false => wire::from_json(&arguments_as_object(input)),
            };
            let handling = input.map(|input| handle.clone()(input, context));
            Box::pin(async move {
                let output = handling.map_err(|error| error.to_string())?.await.into_reply()?;
                Ok(result(&handler::encode(&output)?))
            })
        };
        self.by_type.insert(H::TYPE, Arc::new(run));
    }

    /// Sets the handler of the types that have none of their own.
    pub fn set_other(&mut self, handle: impl Replies<OtherHook, serde_json::Value>) {
        self.other = Some(Arc::new(move |kind, input, context| {
            let hook = wire::from_json(input).map(|input| OtherHook { hook_type: kind.to_owned(), input });
            let handling = hook.map(|hook| handle.clone()(hook, context));
            Box::pin(async move {
                let output = handling.map_err(|error| error.to_string())?.await.into_reply()?;
                Ok(if output.is_null() { NO_OPINION.to_owned() } else { result(&handler::encode(&output)?) })
            })
        }));
    }

    /// Returns the handler of `hooks.invoke`. For a type without a handler it returns no opinion.
    pub fn into_handler(self) -> Handler<HandlerContext> {
        handler::untyped(move |params, context: HandlerContext| {
            let [kind, input] =
                peek::pick(&params, keys!(HookInvokeRequest, ["hookType", "input"])).unwrap_or_default();
            let kind = kind.and_then(peek::string).map(|kind| kind.into_owned());
            let handler = kind.as_deref().and_then(|kind| self.by_type.get(kind).or(self.other.as_ref()));
            let (handler, input) = (handler.cloned(), input.unwrap_or("null").to_owned());
            async move {
                let no_type = || RpcError::new(RpcError::INVALID_PARAMS, "a hook without a type");
                let kind = kind.ok_or_else(no_type)?;
                let Some(handler) = handler else { return Ok(NO_OPINION.to_owned()) };
                let span = spans::hook(context.session_id(), &kind);
                // Within its span, which also records a panic before there is a future.
                let running = async { handler(&kind, &input, context).await };
                spans::run(span, running, |output| output.is_err().then_some("failure")).await
            }
        })
    }
}

/// The result of `hooks.invoke` without an output.
const NO_OPINION: &str = "{}";

/// Returns the result of `hooks.invoke` with this output as JSON.
fn result(output: &str) -> String {
    format!(r#"{{"output":{output}}}"#)
}

/// The types that cannot refuse. One that a later CLI adds refuses until it stands here.
const CANNOT_REFUSE: [&str; 14] = [
    PreMcpToolCallHookInput::TYPE,
    PostToolUseHookInput::TYPE,
    PostToolUseFailureHookInput::TYPE,
    UserPromptTransformedHookInput::TYPE,
    SessionStartHookInput::TYPE,
    SessionEndHookInput::TYPE,
    PostResultHookInput::TYPE,
    PrePrDescriptionHookInput::TYPE,
    ErrorOccurredHookInput::TYPE,
    AgentStopHookInput::TYPE,
    SubagentStartHookInput::TYPE,
    SubagentStopHookInput::TYPE,
    PreCompactHookInput::TYPE,
    NotificationHookInput::TYPE,
];

/// Returns the refusal to send if a hook with these params of `hooks.invoke` fails; none if its type cannot refuse.
/// The CLI treats an error as no opinion, so the tool would run.
pub(crate) fn on_failure(params: &str) -> Option<OnFailure> {
    on_failure_of(peek::text(params, keys!(HookInvokeRequest, ["hookType"])[0]).as_deref())
}

/// The same for params of which only the start can be read.
pub(crate) fn on_failure_by_start(params: &str) -> Option<OnFailure> {
    let [kind] = peek::pick_start(params, keys!(HookInvokeRequest, ["hookType"]));
    on_failure_of(kind.and_then(peek::string).as_deref())
}

fn on_failure_of(kind: Option<&str>) -> Option<OnFailure> {
    match kind {
        Some(PermissionRequestHookInput::TYPE) => Some(permission_refused),
        Some(UserPromptSubmittedHookInput::TYPE) => Some(prompt_refused),
        Some(kind) if CANNOT_REFUSE.contains(&kind) => None,
        // An unknown type may be able to refuse, too; this is the usual form of it.
        _ => Some(tool_refused),
    }
}

/// The reason that the model reads; the hook's error is only logged.
const FAILED: &str = "the hook that decides on it failed";

fn tool_refused() -> String {
    result(&wire::to_json(&PreToolUseHookOutput::deny(FAILED)))
}

fn prompt_refused() -> String {
    let output = UserPromptSubmittedHookOutput::default();
    result(&wire::to_json(&output.decision(UserPromptHookDecision::Block).reason(FAILED)))
}

fn permission_refused() -> String {
    result(&wire::to_json(&PermissionRequestHookOutput::deny(FAILED)))
}

/// Replaces the tool's arguments, which old CLIs send as a string of JSON, by the object. The rest of the input is
/// unchanged.
fn arguments_as_object(input: &str) -> String {
    let keys = keys!(PreToolUseHookInput, ["toolArgs"]);
    let arguments = peek::pick(input, keys).ok().and_then(|[arguments]| arguments);
    let Some(raw) = arguments else { return input.to_owned() };
    let is_object = |text: &str| Document::parse(text).is_ok_and(|document| document.root().is_object());
    let text = peek::string(raw).filter(|text| is_object(text));
    let Some(object) = text else { return input.to_owned() };
    // `raw` is a part of `input`.
    let at = raw.as_ptr() as usize - input.as_ptr() as usize;
    format!("{}{object}{}", &input[..at], &input[at + raw.len()..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::quote;

    #[test]
    fn arguments_of_old_versions() {
        let arguments = quote(r#"{"command":"ls \"x\""}"#);
        let input = format!(r#"{{"toolName":"bash","toolArgs":{arguments},"cwd":"/"}}"#);
        let changed = arguments_as_object(&input);
        assert_eq!(changed, r#"{"toolName":"bash","toolArgs":{"command":"ls \"x\""},"cwd":"/"}"#);
        assert_eq!(arguments_as_object(&changed), changed);
        for text in ["plain", "[]", r#"{},"toolName":"view""#] {
            let input = format!(r#"{{"toolArgs":{}}}"#, quote(text));
            assert_eq!(arguments_as_object(&input), input);
        }
    }
}
