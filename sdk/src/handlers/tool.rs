//! Tools: handlers that the model may call.

mod schema;

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use crate::error::Error;
use crate::events::SessionEvent;
use crate::generated::session_event::SessionEventData;
use crate::handlers::context::{HandlerContext, Scope};
use crate::handlers::event_request::{self, Request};
use crate::runtime::{BoxFuture, hash::QuickHash};
use crate::session_rpc::SessionRpc;
use crate::trace::context::TraceContext;
use crate::trace::spans;
use crate::types::{
    ExternalToolRequestedData, ExternalToolResult, ExternalToolTextResultForLlm,
    ExternalToolTextResultForLlmBinaryResultsForLlm, ExternalToolTextResultForLlmBinaryResultsForLlmType,
    ToolDeclaration,
};
use crate::wire::{self, Wire, encode, peek::keys};

/// A tool that the model may call, with its handler.
///
/// Its arguments are decoded into any type with `Deserialize`. `Tool::new` (feature `schemars`) derives the schema
/// that the model sees from the same type; [`Tool::with_schema`] accepts one.
///
/// When the turn is aborted or the session ends, a running call is dropped at its next `await`.
#[derive(Clone)]
#[must_use = "a tool is called in a session that has it"]
pub struct Tool {
    /// Shared by the clones of the tool.
    pub(crate) declaration: Arc<ToolDeclaration>,
    run: Run,
}

/// The code of a tool.
type Run = Arc<dyn Fn(ToolContext) -> BoxFuture<ToolResult> + Send + Sync>;

/// The code of tools by their names. The CLI has the declarations, whose schemas are large.
pub(crate) type Tools = HashMap<String, Run, QuickHash>;

impl Tool {
    /// Creates a tool whose schema is derived from the type of its arguments. Requires the feature `schemars`.
    ///
    /// The model reads the value that the closure returns: a text, a [`ToolResult`], a `serde_json::Value`, or a
    /// `Result` of one of these. It also reads the text of an error, which must therefore contain no secrets. After a
    /// panic or a timeout it reads only that there is no result.
    ///
    /// A tool with the name of a built-in tool of the CLI, such as `bash`, makes the first turn fail unless it is
    /// [declared](Self::declare) with `overrides_built_in_tool(true)`.
    ///
    /// Each call of the tool calls a new clone of the closure, so an `async move` closure may capture what it needs.
    /// A value that the calls share must be in an `Arc`: a counter that is captured by value starts anew in each call.
    ///
    /// The arguments must be an object, so their type is a struct, a map, an enum whose variants are all objects, an
    /// `Option` of one of these, `()`, or any JSON (`serde_json::Value`). For a tool of another type, such as a
    /// `String` or a list, opening the session and [`Session::set_tools`](crate::Session::set_tools) fail with
    /// [`Error::Invalid`](crate::Error::Invalid), because the CLI would silently omit the tool. Use a struct with one
    /// field instead.
    #[cfg(feature = "schemars")]
    pub fn new<A, F, Fut>(name: impl Into<String>, description: impl Into<String>, run: F) -> Self
    where
        A: serde_core::de::DeserializeOwned + schemars::JsonSchema,
        F: FnOnce(A, ToolContext) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output: IntoToolResult> + Send + 'static,
    {
        Self::with_schema(name, description, schema_of::<A>(), run)
    }

    /// Creates a tool whose arguments have this JSON schema, which must be that of an object. The CLI does not check
    /// calls against it.
    ///
    /// The schema contains `"type": "object"`, or only objects can match it. An empty one, `{}` or `true`, accepts
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
        F: FnOnce(A, ToolContext) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output: IntoToolResult> + Send + 'static,
    {
        let mut declaration = ToolDeclaration::new(name, description);
        declaration.parameters = schema::of_arguments(schema);
        let run = move |context: ToolContext| -> BoxFuture<ToolResult> {
            let running = read(context.arguments()).map(|arguments| run.clone()(arguments, context));
            Box::pin(async move {
                match running {
                    Ok(running) => running.await.into_tool_result(),
                    Err(error) => ToolResult::failure(format!("invalid arguments: {error}")),
                }
            })
        };
        Self { declaration: Arc::new(declaration), run: Arc::new(run) }
    }

    /// Changes the declaration of the tool, such as `skip_permission` or `overrides_built_in_tool`.
    pub fn declare(mut self, change: impl FnOnce(ToolDeclaration) -> ToolDeclaration) -> Self {
        self.declaration = Arc::new(change(Arc::unwrap_or_clone(self.declaration)));
        self
    }

    /// The name by which the model calls it.
    pub fn name(&self) -> &str {
        &self.declaration.name
    }
}

/// Returns the JSON schema of a type, without references and without the title and `$schema`, which do not help the
/// model.
#[cfg(feature = "schemars")]
pub(crate) fn schema_of<A: schemars::JsonSchema>() -> serde_json::Value {
    use schemars::transform::RecursiveTransform;

    let mut schema = schemars::generate::SchemaSettings::draft07()
        .with(|settings| {
            settings.inline_subschemas = true;
            settings.meta_schema = None;
        })
        .with_transform(RecursiveTransform(schema::without_format_of_numbers))
        .into_generator()
        .into_root_schema_for::<A>();
    schema.remove("title");
    schema.to_value()
}

/// Returns declarations of tools as a member of params.
pub(crate) fn declarations<'a>(tools: impl Iterator<Item = &'a ToolDeclaration>) -> String {
    const TOOLS: &str = keys!(SessionConfig, ["tools"])[0];
    ["\"", TOOLS, "\":", &wire::list_to_json(tools)].concat()
}

/// Decodes the arguments. An empty object, which the CLI sends for no arguments, also decodes into `()`.
fn read<A: serde_core::de::DeserializeOwned>(arguments: &serde_json::Value) -> Result<A, serde_json::Error> {
    if has_reserved_key(arguments) {
        return Err(serde_core::de::Error::custom("a key is reserved"));
    }
    let none = arguments.as_object().is_some_and(serde_json::Map::is_empty);
    A::deserialize(arguments).or_else(|error| match none {
        true => A::deserialize(&serde_json::Value::Null).map_err(|_| error),
        false => Err(error),
    })
}

/// Returns true if an object has a key by which serde_json marks its own types: it would decode the text below it, so
/// that a tool saw other arguments than a policy.
fn has_reserved_key(value: &serde_json::Value) -> bool {
    match value {
        serde_json::Value::Array(items) => items.iter().any(has_reserved_key),
        serde_json::Value::Object(members) => members
            .iter()
            .any(|(key, value)| key.starts_with("$serde_json::private::") || has_reserved_key(value)),
        _ => false,
    }
}

/// Returns the code of tools by name.
///
/// # Errors
/// [`Error::Invalid`] if a name is invalid or used twice, or the model would never see a tool.
pub(crate) fn by_name(tools: &[Tool]) -> Result<Tools, Error> {
    let mut by_name = Tools::with_capacity_and_hasher(tools.len(), Default::default());
    for tool in tools {
        let name = tool.name();
        let plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-';
        if name.is_empty() || !name.chars().all(plain) {
            return Err(Error::Invalid(format!(
                "tool name {name:?}: only letters, digits, _ and - are allowed"
            )));
        }
        schema::check(&tool.declaration)?;
        if by_name.insert(name.to_owned(), Arc::clone(&tool.run)).is_some() {
            return Err(Error::Invalid(format!("two tools are named {name}")));
        }
    }
    Ok(by_name)
}

impl std::fmt::Debug for Tool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Tool").field(&*self.declaration).finish()
    }
}

/// The call that a tool handles.
#[derive(Clone)]
pub struct ToolContext {
    handler: HandlerContext,
    /// The event of the request, which can be read.
    event: SessionEvent,
}

impl ToolContext {
    /// The session's id.
    pub fn session_id(&self) -> &str {
        self.handler.session_id()
    }

    /// The typed methods of the session. A handler may wait for them, since it does not block the connection.
    pub fn rpc(&self) -> SessionRpc<'_> {
        self.handler.rpc()
    }

    /// The model's id of this call.
    pub fn tool_call_id(&self) -> &str {
        &self.request().tool_call_id
    }

    /// The whole request (`external_tool.requested`).
    pub fn request(&self) -> &ExternalToolRequestedData {
        static NONE: LazyLock<ExternalToolRequestedData> = LazyLock::new(Wire::empty);
        match self.event.data() {
            SessionEventData::ExternalToolRequested(request) => request,
            _ => &NONE,
        }
    }

    /// The arguments of the call; an empty object if it has none.
    fn arguments(&self) -> &serde_json::Value {
        static NONE: LazyLock<serde_json::Value> = LazyLock::new(|| serde_json::json!({}));
        self.request().arguments.as_ref().unwrap_or(&NONE)
    }

    /// The trace context of the call; none unless OpenTelemetry is enabled in the CLI.
    pub fn trace_context(&self) -> Option<TraceContext> {
        let request = self.request();
        let context = TraceContext::new(request.traceparent.clone()?);
        Some(match &request.tracestate {
            Some(state) => context.state(state),
            None => context,
        })
    }
}

impl std::fmt::Debug for ToolContext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut out = f.debug_struct("ToolContext");
        out.field("handler", &self.handler).field("request", self.request()).finish()
    }
}

/// The outcome of a tool call.
#[derive(Debug, Clone)]
#[must_use]
pub struct ToolResult(ExternalToolTextResultForLlm);

impl ToolResult {
    /// A successful result; the model reads `text`.
    pub fn success(text: impl Into<String>) -> Self {
        Self(ExternalToolTextResultForLlm::new(text).result_type("success"))
    }

    /// A failure; the model reads `text` and may try something else.
    pub fn failure(text: impl Into<String>) -> Self {
        let text = text.into();
        Self(ExternalToolTextResultForLlm::new(text.clone()).result_type("failure").error(text))
    }

    /// A refusal, which ends the turn without another model call.
    pub fn rejected(text: impl Into<String>) -> Self {
        Self(ExternalToolTextResultForLlm::new(text).result_type("rejected"))
    }

    /// A successful result; the model reads the value as JSON. A value that cannot be written is a failure.
    pub fn json(value: &(impl serde_core::Serialize + ?Sized)) -> Self {
        match serde_json::to_string(value) {
            Ok(json) => Self::success(json),
            Err(error) => Self::failure(format!("the result cannot be written as JSON: {error}")),
        }
    }

    /// Its type, unless it is a success.
    fn failed(&self) -> Option<&str> {
        self.0.result_type.as_deref().filter(|kind| *kind != "success")
    }

    /// Adds an image to the result: its bytes, and their type, such as `image/png`. The model also reads the text.
    pub fn image(mut self, bytes: impl AsRef<[u8]>, mime_type: impl Into<String>) -> Self {
        let kind = ExternalToolTextResultForLlmBinaryResultsForLlmType::Image;
        let image = ExternalToolTextResultForLlmBinaryResultsForLlm::new(
            kind,
            encode::base64(bytes.as_ref()),
            mime_type,
        );
        self.0.binary_results_for_llm.get_or_insert_default().push(image);
        self
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

/// A value that a tool's closure may return.
pub trait IntoToolResult {
    /// Converts the value to the result of the call.
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

/// `None` is a failure, so that the model does not mistake it for success.
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

/// Runs the tool of a live `external_tool.requested`, if it is registered here.
pub(crate) fn requested(context: &HandlerContext, tools: &Tools, request: &Request<'_>) {
    // Another client handles the other tools.
    let Some(run) = request.tool.as_ref().and_then(|name| tools.get(&**name)) else { return };
    let run = Arc::clone(run);
    let call = ToolContext { handler: context.clone(), event: request.event.clone() };
    // An unreadable call is answered too: no other client does, and the agent waits.
    event_request::answer::<ExternalToolRequestedData>(context, request, failed, async move {
        if let SessionEventData::Malformed(request) = call.event.data() {
            return Err(format!("the request could not be read: {}", request.error));
        }
        let span = spans::tool(call.session_id(), &call.request().tool_name, call.tool_call_id());
        // Within its span, which also records a panic before there is a future.
        let running = async move { run(call).await };
        Ok(Some(fields(spans::run(span, running, ToolResult::failed).await)?))
    });
}

/// Returns the fields of the answer. A failure is a result too, since the text of a top-level error never reaches the
/// model.
fn fields(result: ToolResult) -> Result<String, String> {
    event_request::fields::<ExternalToolRequestedData>(&ExternalToolResult::TextResultForLlm(result.0))
}

/// Returns the answer for a tool that failed. The reason is only logged.
fn failed(_: &Scope, _: &str) -> String {
    // It has no key twice.
    fields(ToolResult::failure("The tool ended without a result.")).unwrap_or_default()
}
