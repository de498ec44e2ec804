//! Requests to the user, such as questions, forms and logins, with their replies and refusals.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use crate::handlers::context::{HandlerContext, Scope};
use crate::handlers::event_request::{self, EventHandler, EventRequest, Request};
use crate::handlers::handler::{self, Handler};
use crate::handlers::reply::{Code, IntoReply, Replies, replies};
use crate::methods;
use crate::rpc::RpcError;
use crate::types::*;
use crate::wire::{self, peek::keys, quote};

replies!(
    UserInputResult,
    UiExitPlanModeResponse,
    AutoModeSwitchResult,
    UiElicitationResponse,
    McpOauthPendingRequestResponse,
    McpHeadersHandlePendingHeadersRefreshRequest,
    UiSessionLimitsExhaustedResponse,
    UiHandlePendingSamplingResponse,
    UiAutoModeSwitchResponse,
    ProviderTokenAcquireResult,
    GitHubTokenAcquireResult,
);

/// An answer as text, which is compared with the choices.
impl IntoReply<UserInputResult> for String {
    fn into_reply(self) -> Result<UserInputResult, String> {
        Ok(UserInputResult::default().answer(self))
    }
}

/// An answer as text, which is compared with the choices.
impl IntoReply<UserInputResult> for &str {
    fn into_reply(self) -> Result<UserInputResult, String> {
        self.to_owned().into_reply()
    }
}

/// `None` if the user does not answer.
impl<T: IntoReply<UserInputResult>> IntoReply<UserInputResult> for Option<T> {
    fn into_reply(self) -> Result<UserInputResult, String> {
        self.map_or_else(|| Err(NO_ANSWER.to_owned()), T::into_reply)
    }
}

impl IntoReply<ProviderTokenAcquireResult> for String {
    fn into_reply(self) -> Result<ProviderTokenAcquireResult, String> {
        Ok(ProviderTokenAcquireResult::new(self))
    }
}

impl IntoReply<ProviderTokenAcquireResult> for &str {
    fn into_reply(self) -> Result<ProviderTokenAcquireResult, String> {
        self.to_owned().into_reply()
    }
}

impl IntoReply<AutoModeSwitchResult> for AutoModeSwitchResponse {
    fn into_reply(self) -> Result<AutoModeSwitchResult, String> {
        Ok(AutoModeSwitchResult::new(self))
    }
}

/// Returns the handler of `userInput.request`. A failure becomes an error that says only that the user gave no
/// answer.
pub(crate) fn user_input(
    handle: impl Replies<UserInputRequestParams, UserInputResult>,
) -> Handler<HandlerContext> {
    let answer = move |request: UserInputRequestParams, context| {
        let choices = request.choices.clone().unwrap_or_default();
        let answering = handle(request, context);
        async move { answering.await.into_reply().map(|result| complete(result, &choices)) }
    };
    let handler = handler::replying::<methods::client::UserInputRequest>(answer);
    Arc::new(move |params, context| {
        let answering = handler(params, context);
        Box::pin(async move {
            answering.await.map_err(|error| {
                tracing::warn!(%error, "a question was not answered");
                RpcError::new(RpcError::INTERNAL_ERROR, NO_ANSWER)
            })
        })
    })
}

/// The error for a question without an answer, whatever the reason.
const NO_ANSWER: &str = "the user gave no answer";

fn complete(mut result: UserInputResult, choices: &[String]) -> UserInputResult {
    if let (Some(answer), None) = (&result.answer, result.was_freeform) {
        result.was_freeform = Some(!choices.contains(answer));
    }
    result
}

/// The result of `exitPlanMode.request` for a handler that failed; the model reads it.
pub(crate) fn plan_refused() -> String {
    let response = UiExitPlanModeResponse::new(false).feedback("the plan was neither approved nor rejected");
    wire::to_json(&response)
}

/// The result of `autoModeSwitch.request` for a handler that failed.
pub(crate) fn no_switch() -> String {
    wire::to_json(&AutoModeSwitchResult::new(AutoModeSwitchResponse::No))
}

impl UserInputResult {
    /// The answer is one of the choices.
    pub fn chosen(choice: impl Into<String>) -> Self {
        Self::default().answer(choice).was_freeform(false)
    }

    /// The answer is in the user's own words.
    pub fn in_words(text: impl Into<String>) -> Self {
        Self::default().answer(text).was_freeform(true)
    }
}

impl UiElicitationResponse {
    /// The user filled in the form.
    pub fn accept<K: Into<String>, V: Into<serde_json::Value>>(
        values: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let content = values.into_iter().map(|(key, value)| (key.into(), value.into()));
        let content = serde_json::Value::Object(content.collect());
        let mut response = Self::new(UiElicitationResponseAction::Accept);
        response.content = wire::from_json(&content.to_string()).ok();
        response
    }

    /// The user declined.
    pub fn decline() -> Self {
        Self::new(UiElicitationResponseAction::Decline)
    }

    /// The user closed the form.
    pub fn cancel() -> Self {
        Self::new(UiElicitationResponseAction::Cancel)
    }
}

/// Returns the handler of `auto_mode_switch.requested` for sessions that registered none.
pub(crate) fn no_auto_mode_switch() -> (&'static str, EventHandler) {
    static HANDLER: LazyLock<(&str, EventHandler)> = LazyLock::new(|| {
        let no = async |_: AutoModeSwitchRequestedData, _| UiAutoModeSwitchResponse::No;
        event_request::handler(Some(UiAutoModeSwitchResponse::No), no)
    });
    HANDLER.clone()
}

/// Returns the handler of `command.execute`.
pub(crate) fn commands(
    by_name: HashMap<String, Code<CommandExecuteData, ()>>,
) -> (&'static str, EventHandler) {
    const ERROR: &str = keys!(CommandsHandlePendingCommandRequest, ["error"])[0];
    let refusal = |_: &Scope, reason: &str| format!(r#""{ERROR}":{}"#, quote(reason));
    let by_name = Arc::new(by_name);
    let handler = move |context: &HandlerContext, request: &Request<'_>| {
        let (command, own) = (event_request::decode::<CommandExecuteData>(request.event), context.clone());
        let by_name = Arc::clone(&by_name);
        event_request::answer::<CommandExecuteData>(context, request, refusal, async move {
            let command = command?;
            match by_name.get(&command.command_name) {
                Some(run) => run(command, own).await.map(|()| Some(String::new())),
                None => Err(format!("Unknown command: {}", command.command_name)),
            }
        });
    };
    (CommandExecuteData::KIND, Arc::new(handler))
}
