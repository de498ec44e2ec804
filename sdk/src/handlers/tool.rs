//! Tools of ours that the model may call.

mod schema;

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;

use crate::error::Error;
use crate::events::SessionEvent;
use crate::handlers::context::HandlerContext;
use crate::handlers::event_request::{self, PendingReply};
use crate::handlers::reply;
use crate::session_rpc::SessionRpc;
use crate::trace_context::TraceContext;
use crate::types::{
    ExternalToolRequestedData, ExternalToolResult, ExternalToolTextResultForLlm, ToolDeclaration,
};
use crate::wire;
use crate::wire::peek::{self, keys};

/// A tool that the model may call, with the code that answers.
///
/// Its arguments come as any type with `Deserialize`; the schema the model sees comes from the same
/// type with `Tool::new` (feature `schemars`) or is given with [`Tool::with_schema`].
///
/// A call that is not wanted any more, since the turn was aborted or the session ended, is dropped at
/// the next `await` of its code.
#[derive(Clone)]
#[must_use = "a tool is called in a session that has it"]
pub struct Tool {
    pub(crate) declaration: ToolDeclaration,
    run: Arc<dyn Fn(serde_json::Value, ToolContext) -> Running + Send + Sync>,
}

type Running = Pin<Box<dyn Future<Output = ToolResult> + Send>>;

impl Tool {
    /// A tool whose arguments' schema is derived from their type. Needs the feature `schemars`.
    ///
    /// The model reads the closure's answer: text, a [`ToolResult`], a `serde_json::Value`, or a `Result` of one of
    /// these. It reads the text of an error too, so return none with secrets in its text. Of a panic, or of a call
    /// that took too long, it reads only that there is no result.
    ///
    /// A tool with the name of one of the CLI's own, such as `bash`, fails the first turn unless it is
    /// [declared](Self::declare) with `overrides_built_in_tool(true)`. A closure that captures something
    /// clones it for each call: `move |arguments, _| { let db = db.clone(); async move { … } }`.
    ///
    /// The arguments are an object, so their type is a struct, a map, an enum whose variants are all objects, an
    /// `Option` of one of these, `()`, or any JSON (`serde_json::Value`). With a tool of another type, such as a
    /// `String` or a list, making the session fails with [`Error::Invalid`](crate::Error::Invalid), and so does
    /// [`Session::set_tools`](crate::Session::set_tools): the CLI would leave the tool out without a word. Take a
    /// struct with one field instead.
    #[cfg(feature = "schemars")]
    pub fn new<A, F, Fut>(name: impl Into<String>, description: impl Into<String>, run: F) -> Self
    where
        A: serde_core::de::DeserializeOwned + schemars::JsonSchema,
        F: Fn(A, ToolContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: IntoToolResult> + Send + 'static,
    {
        Self::with_schema(name, description, schema_of::<A>(), run)
    }

    /// A tool whose arguments have this JSON schema, an object's. The CLI does not check calls against it.
    ///
    /// The schema says `"type": "object"`, or can only be met by objects. One that says nothing, `{}` or `true`, takes
    /// any object; the model then sees a tool without named arguments. A tool with another schema is refused as with
    /// `Tool::new`.
    pub fn with_schema<A, F, Fut>(
        name: impl Into<String>,
        description: impl Into<String>,
        schema: serde_json::Value,
        run: F,
    ) -> Self
    where
        A: serde_core::de::DeserializeOwned,
        F: Fn(A, ToolContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: IntoToolResult> + Send + 'static,
    {
        let mut declaration = ToolDeclaration::new(name, description);
        declaration.parameters = schema::of_arguments(schema);
        let run = move |arguments: serde_json::Value, context: ToolContext| -> Running {
            match read(arguments) {
                Ok(arguments) => {
                    let running = run(arguments, context);
                    Box::pin(async move { running.await.into_tool_result() })
                }
                Err(error) => {
                    Box::pin(async move { ToolResult::failure(format!("invalid arguments: {error}")) })
                }
            }
        };
        Self { declaration, run: Arc::new(run) }
    }

    /// Changes what is declared of the tool, such as `skip_permission` or `overrides_built_in_tool`.
    pub fn declare(mut self, change: impl FnOnce(ToolDeclaration) -> ToolDeclaration) -> Self {
        self.declaration = change(self.declaration);
        self
    }

    /// The name the model calls it by.
    pub fn name(&self) -> &str {
        &self.declaration.name
    }
}

/// The JSON schema of a type, in one piece, without what it says of itself: that is of no use to the model.
#[cfg(feature = "schemars")]
pub(crate) fn schema_of<A: schemars::JsonSchema>() -> serde_json::Value {
    let mut schema = schemars::generate::SchemaSettings::draft07()
        .with(|settings| {
            settings.inline_subschemas = true;
            settings.meta_schema = None;
        })
        .into_generator()
        .into_root_schema_for::<A>();
    schema.remove("title");
    schema.to_value()
}

/// The params of `session.tools.set`.
pub(crate) fn declarations<'a>(tools: impl Iterator<Item = &'a Tool>) -> String {
    let tools: Vec<_> = tools.map(|tool| wire::to_json(&tool.declaration)).collect();
    format!(r#"{{"tools":[{}]}}"#, tools.join(","))
}

/// Reads the arguments. No arguments come as an empty object, also where `()` is asked for.
fn read<A: serde_core::de::DeserializeOwned>(arguments: serde_json::Value) -> Result<A, serde_json::Error> {
    let none = arguments.as_object().is_some_and(serde_json::Map::is_empty);
    serde_json::from_value(arguments).or_else(|error| match none {
        true => serde_json::from_value(serde_json::Value::Null).map_err(|_| error),
        false => Err(error),
    })
}

/// Tools by their names.
///
/// # Errors
/// [`Error::Invalid`] when a name is not one, two tools have the same, or the model would never see one.
pub(crate) fn by_name(tools: Vec<Tool>) -> Result<HashMap<String, Tool>, Error> {
    let mut by_name = HashMap::new();
    for tool in tools {
        let name = tool.name().to_owned();
        let plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-';
        if name.is_empty() || !name.chars().all(plain) {
            return Err(Error::Invalid(format!(
                "tool name {name:?}: only letters, digits, _ and - are allowed"
            )));
        }
        schema::check(&tool.declaration)?;
        if by_name.insert(name.clone(), tool).is_some() {
            return Err(Error::Invalid(format!("two tools are named {name}")));
        }
    }
    Ok(by_name)
}

impl std::fmt::Debug for Tool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Tool").field(&self.declaration).finish()
    }
}

/// The call a tool answers.
#[derive(Debug, Clone)]
pub struct ToolContext {
    handler: HandlerContext,
    request: Arc<ExternalToolRequestedData>,
}

impl ToolContext {
    /// The session's id.
    pub fn session_id(&self) -> &str {
        self.handler.session_id()
    }

    /// Calls on the session. A handler runs beside the reader, so it may wait for them.
    pub fn rpc(&self) -> SessionRpc<'_> {
        self.handler.rpc()
    }

    /// The model's id of this call.
    pub fn tool_call_id(&self) -> &str {
        &self.request.tool_call_id
    }

    /// The whole request, as `external_tool.requested` brought it.
    pub fn request(&self) -> &ExternalToolRequestedData {
        &self.request
    }

    /// The span the call belongs to, for work that is traced. The CLI gives one when its own
    /// OpenTelemetry is on.
    pub fn trace_context(&self) -> Option<TraceContext> {
        let context = TraceContext::new(self.request.traceparent.clone()?);
        Some(match &self.request.tracestate {
            Some(state) => context.state(state),
            None => context,
        })
    }
}

/// The outcome of a tool call.
#[derive(Debug, Clone)]
#[must_use]
pub struct ToolResult(ExternalToolTextResultForLlm);

impl ToolResult {
    /// The call worked; the model reads `text`.
    pub fn success(text: impl Into<String>) -> Self {
        Self(ExternalToolTextResultForLlm::new(text).result_type("success"))
    }

    /// The call failed; the model reads `text` and may try something else.
    pub fn failure(text: impl Into<String>) -> Self {
        let text = text.into();
        Self(ExternalToolTextResultForLlm::new(text.clone()).result_type("failure").error(text))
    }

    /// The call was refused and the turn ends: there is no further model call.
    pub fn rejected(text: impl Into<String>) -> Self {
        Self(ExternalToolTextResultForLlm::new(text).result_type("rejected"))
    }

    /// Changes details of the result, such as its `session_log` or binary parts.
    pub fn with(
        mut self,
        change: impl FnOnce(ExternalToolTextResultForLlm) -> ExternalToolTextResultForLlm,
    ) -> Self {
        self.0 = change(self.0);
        self
    }
}

/// An answer that a tool's code may give.
pub trait IntoToolResult {
    /// The answer in the form the CLI takes.
    fn into_tool_result(self) -> ToolResult;
}

impl IntoToolResult for ToolResult {
    fn into_tool_result(self) -> ToolResult {
        self
    }
}

impl IntoToolResult for String {
    fn into_tool_result(self) -> ToolResult {
        ToolResult::success(self)
    }
}

impl IntoToolResult for &str {
    fn into_tool_result(self) -> ToolResult {
        ToolResult::success(self)
    }
}

impl IntoToolResult for serde_json::Value {
    fn into_tool_result(self) -> ToolResult {
        ToolResult::success(self.to_string())
    }
}

/// `None` is a failure that says so: the model must not take silence for success.
impl<T: IntoToolResult> IntoToolResult for Option<T> {
    fn into_tool_result(self) -> ToolResult {
        self.map_or_else(|| ToolResult::failure("Tool returned no result."), T::into_tool_result)
    }
}

impl<T: IntoToolResult, E: std::fmt::Display> IntoToolResult for Result<T, E> {
    fn into_tool_result(self) -> ToolResult {
        self.map_or_else(|error| ToolResult::failure(format!("{error:#}")), T::into_tool_result)
    }
}

/// Runs the tool that a live `external_tool.requested` asks for, if it is one of ours.
pub(crate) fn requested(context: &HandlerContext, tools: &HashMap<String, Tool>, event: &SessionEvent) {
    let [name] = event.pick(keys!(ExternalToolRequestedData, ["toolName"]));
    // Another client answers for a tool that is not ours.
    let Some(tool) = name.and_then(peek::string).and_then(|name| tools.get(&*name)) else { return };
    let Some(reply) = PendingReply::new::<ExternalToolRequestedData>(context.scope(), event, failed) else {
        return;
    };
    let request = match event.decode::<ExternalToolRequestedData>() {
        Ok(request) => Arc::new(request),
        // Nobody else answers it, and the agent waits.
        Err(error) => return reply.fail(&format!("the tool call could not be read: {error}")),
    };
    let (tool, handler) = (tool.clone(), context.clone());
    reply.run(async move |reply| {
        let arguments = request.arguments.clone().unwrap_or_else(|| serde_json::json!({}));
        let timeout = handler.timeout();
        let context = ToolContext { handler, request };
        match reply::caught(timeout, || (tool.run)(arguments, context)).await {
            Ok(result) => reply.respond(&fields(result)),
            Err(failure) => reply.fail(&failure),
        }
    });
}

/// The answer's fields. A failure goes in the result too: the text of a top-level error never reaches
/// the model.
fn fields(result: ToolResult) -> String {
    event_request::fields::<ExternalToolRequestedData>(&ExternalToolResult::TextResultForLlm(result.0))
}

/// The answer for a tool that gave none. The model need not know why, and the log does.
fn failed(_: &str) -> String {
    fields(ToolResult::failure("The tool ended without a result."))
}
