//! Hooks: handlers that the CLI calls at certain points of a session (`hooks.invoke`).

use std::collections::HashMap;
use std::sync::Arc;

use crate::generated::hooks::TYPES;
use crate::handlers::context::HandlerContext;
use crate::handlers::handler::{Handler, Handling};
use crate::handlers::reply::{self, IntoReply};
use crate::rpc::RpcError;
use crate::rpc::responder::OnFailure;
use crate::types::*;
use crate::version::Feature;
use crate::wire::peek::{self, keys};
use crate::wire::quote;
use crate::wire::{self, Wire, redact};

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
    #[inline]
    fn into_reply(self) -> Result<O, String> {
        Ok(self)
    }
}

/// `()` is no opinion.
impl<O: HookOutput> IntoReply<O> for () {
    #[inline]
    fn into_reply(self) -> Result<O, String> {
        Ok(O::default())
    }
}

/// `None` is no opinion.
impl<O: HookOutput> IntoReply<O> for Option<O> {
    #[inline]
    fn into_reply(self) -> Result<O, String> {
        Ok(self.unwrap_or_default())
    }
}

impl PreToolUseHookOutput {
    /// Refuses the call; the model reads the reason.
    #[inline]
    pub fn deny(reason: impl Into<String>) -> Self {
        Self::default()
            .permission_decision(PreToolUsePermissionDecision::Deny)
            .permission_decision_reason(reason)
    }

    /// Allows the call without a permission request. CLI 1.0.10 sends one nevertheless.
    #[inline]
    pub fn allow() -> Self {
        Self::default().permission_decision(PreToolUsePermissionDecision::Allow)
    }

    /// Lets the permission handler decide; its request has this reason.
    #[inline]
    pub fn ask(reason: impl Into<String>) -> Self {
        Self::default()
            .permission_decision(PreToolUsePermissionDecision::Ask)
            .permission_decision_reason(reason)
    }
}

impl PermissionRequestHookOutput {
    /// Refuses the request; the model reads the reason.
    #[inline]
    pub fn deny(reason: impl Into<String>) -> Self {
        Self::default().behavior(PermissionRequestHookBehavior::Deny).message(reason)
    }
}

/// A call of a hook that has no type in this crate; the argument of [`SessionBuilder::on_other_hook`].
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

/// A handler for one type of hook, from the input's JSON to the result's.
pub(crate) type HookHandler = Arc<dyn Fn(&str, HandlerContext) -> Handling + Send + Sync>;

/// The hooks of a session.
#[derive(Default)]
pub(crate) struct Hooks {
    by_type: HashMap<&'static str, HookHandler>,
    other: Option<Arc<dyn Fn(OtherHook, HandlerContext) -> Handling + Send + Sync>>,
}

impl Hooks {
    pub fn is_empty(&self) -> bool {
        self.by_type.is_empty() && self.other.is_none()
    }

    /// Sets the handler of one type of hook.
    #[inline]
    pub fn add<H, F, Fut>(&mut self, handle: F)
    where
        H: Hook,
        F: Fn(H, HandlerContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: IntoReply<H::Output>> + Send + 'static,
    {
        let handle = Arc::new(handle);
        let run: HookHandler = Arc::new(move |input, context| {
            let (input, handle) = (wire::from_json::<H>(input), Arc::clone(&handle));
            Box::pin(async move {
                let output = match input {
                    Ok(input) => reply::replied(context.timeout(), || handle(input, context)).await,
                    Err(error) => Err(error.to_string()),
                };
                answer(output.map(|output| Some(wire::to_json(&output))))
            })
        });
        self.by_type.insert(H::TYPE, run);
    }

    /// Sets the handler of the types that have none of their own.
    pub fn set_other<F, Fut>(&mut self, handle: F)
    where
        F: Fn(OtherHook, HandlerContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: IntoReply<serde_json::Value>> + Send + 'static,
    {
        let handle = Arc::new(handle);
        self.other = Some(Arc::new(move |hook, context| {
            let handle = Arc::clone(&handle);
            Box::pin(async move {
                let output = reply::replied(context.timeout(), || handle(hook, context)).await;
                answer(output.map(|output| (!output.is_null()).then(|| output.to_string())))
            })
        }));
    }

    /// Returns the handler of `hooks.invoke`. For a type without a handler it returns no opinion.
    pub fn into_handler(self) -> Handler<HandlerContext> {
        Arc::new(move |params, context| {
            self.answer(&params, context).unwrap_or_else(|error| Box::pin(async { Err(error) }))
        })
    }

    fn answer(&self, params: &str, context: HandlerContext) -> Result<Handling, RpcError> {
        let invalid = |text: &str| RpcError::new(RpcError::INVALID_PARAMS, text);
        let keys = keys!(HookInvokeRequest, ["hookType", "input"]);
        let [kind, input] = peek::pick(params, keys).unwrap_or_default();
        let kind = kind.and_then(peek::string).ok_or_else(|| invalid("a hook without a type"))?;
        let input = input.unwrap_or("null");
        if let Some(hook) = self.by_type.get(&*kind) {
            return Ok(match context.scope().version().has(Feature::HookArgumentsAsObject) {
                true => hook(input, context),
                false => hook(&arguments_as_object(input), context),
            });
        }
        let Some(other) = &self.other else { return Ok(Box::pin(async { Ok("{}".to_owned()) })) };
        match wire::from_json(input) {
            Ok(input) => Ok(other(OtherHook { hook_type: kind.into_owned(), input }, context)),
            Err(error) => {
                let failed = answer(Err(error.to_string()));
                Ok(Box::pin(async { failed }))
            }
        }
    }
}

/// Returns the result of `hooks.invoke` for the output of a hook.
fn answer(output: Result<Option<String>, String>) -> Result<String, RpcError> {
    let result = output.map(|output| match output {
        Some(output) => format!(r#"{{"output":{output}}}"#),
        None => "{}".to_owned(),
    });
    result.map_err(|failure| RpcError::new(RpcError::INTERNAL_ERROR, failure))
}

/// Returns the refusal to send if a hook with these params of `hooks.invoke` fails; none if its type cannot refuse.
/// The CLI treats an error as no opinion, so the tool would run.
pub(crate) fn on_failure(params: &str) -> Option<OnFailure> {
    let [kind] = peek::pick(params, keys!(HookInvokeRequest, ["hookType"])).unwrap_or_default();
    match kind.and_then(peek::string) {
        Some(kind) => on_failure_of(&kind),
        // Its type may be one that has to refuse.
        None => Some(tool_refused),
    }
}

/// The same for a message of which only the start can be read.
pub(crate) fn on_failure_by_start(start: &str) -> Option<OnFailure> {
    match TYPES.iter().find(|kind| start.contains(&quote(kind))) {
        Some(kind) => on_failure_of(kind),
        None => Some(tool_refused),
    }
}

fn on_failure_of(kind: &str) -> Option<OnFailure> {
    match kind {
        PreToolUseHookInput::TYPE => Some(tool_refused),
        PermissionRequestHookInput::TYPE => Some(permission_refused),
        UserPromptSubmittedHookInput::TYPE => Some(prompt_refused),
        kind if TYPES.contains(&kind) => None,
        // A type that is newer than this crate may be able to refuse; this is the known form of a refusal.
        _ => Some(tool_refused),
    }
}

/// The reason that the model reads; the hook's error is only logged.
const FAILED: &str = "the hook that decides on it failed";

fn tool_refused(_: RpcError) -> Result<String, RpcError> {
    let output = PreToolUseHookOutput::deny(FAILED);
    answer(Ok(Some(wire::to_json(&output))))
}

fn prompt_refused(_: RpcError) -> Result<String, RpcError> {
    let output = UserPromptSubmittedHookOutput::default();
    let output = output.decision(UserPromptHookDecision::Block).reason(FAILED);
    answer(Ok(Some(wire::to_json(&output))))
}

fn permission_refused(_: RpcError) -> Result<String, RpcError> {
    let output = PermissionRequestHookOutput::deny(FAILED);
    answer(Ok(Some(wire::to_json(&output))))
}

/// Replaces the tool's arguments, which old CLIs send as a string of JSON, by the object. The rest of the input is
/// unchanged.
fn arguments_as_object(input: &str) -> String {
    let keys = keys!(PreToolUseHookInput, ["toolArgs"]);
    let arguments = peek::pick(input, keys).ok().and_then(|[arguments]| arguments);
    let Some(raw) = arguments else { return input.to_owned() };
    let text = peek::string(raw).filter(|text| peek::pick(text, [""]).is_ok());
    let Some(object) = text else { return input.to_owned() };
    // `raw` is a part of `input`.
    let at = raw.as_ptr() as usize - input.as_ptr() as usize;
    format!("{}{object}{}", &input[..at], &input[at + raw.len()..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_of_old_versions() {
        let arguments = quote(r#"{"command":"ls \"x\""}"#);
        let input = format!(r#"{{"toolName":"bash","toolArgs":{arguments},"cwd":"/"}}"#);
        let changed = arguments_as_object(&input);
        assert_eq!(changed, r#"{"toolName":"bash","toolArgs":{"command":"ls \"x\""},"cwd":"/"}"#);
        assert_eq!(arguments_as_object(&changed), changed);
        assert_eq!(arguments_as_object(r#"{"toolArgs":"plain"}"#), r#"{"toolArgs":"plain"}"#);
    }
}
