//! The spans of the program's own tracing, with the names that OpenTelemetry has for agents (`gen_ai.…`). No field has
//! the text of a prompt, an answer, an argument or a result.

use tracing::field::{Empty, display};
use tracing::{Instrument as _, Span, debug_span, info_span};

use crate::runtime::on_drop::OnDrop;

/// The start of a client, until the handshake is done.
pub(crate) fn start() -> Span {
    info_span!("start_client", copilot.version = Empty, error.r#type = Empty)
}

/// A call of the CLI, from its request to its response.
pub(crate) fn call(method: &str, session_id: Option<&str>) -> Span {
    debug_span!(
        "call",
        rpc.system = "jsonrpc",
        rpc.method = method,
        gen_ai.conversation.id = session_id,
        error.r#type = Empty,
    )
}

/// A turn, from its prompt to its end.
pub(crate) fn turn(session_id: &str) -> Span {
    info_span!(
        "invoke_agent",
        gen_ai.operation.name = "invoke_agent",
        // As in the spans of the CLI itself.
        gen_ai.provider.name = "github",
        gen_ai.conversation.id = session_id,
        gen_ai.response.model = Empty,
        gen_ai.usage.input_tokens = Empty,
        gen_ai.usage.output_tokens = Empty,
        gen_ai.usage.cache_read.input_tokens = Empty,
        gen_ai.usage.cache_creation.input_tokens = Empty,
        error.r#type = Empty,
    )
}

/// A call of a tool.
pub(crate) fn tool(session_id: &str, name: &str, call_id: &str) -> Span {
    info_span!(
        "execute_tool",
        gen_ai.operation.name = "execute_tool",
        gen_ai.conversation.id = session_id,
        gen_ai.tool.name = name,
        gen_ai.tool.call.id = call_id,
        error.r#type = Empty,
    )
}

/// The decision on a permission.
pub(crate) fn permission(session_id: &str) -> Span {
    info_span!("decide_permission", gen_ai.conversation.id = session_id, error.r#type = Empty)
}

/// A call of a hook.
pub(crate) fn hook(session_id: &str, kind: &str) -> Span {
    info_span!(
        "run_hook",
        gen_ai.conversation.id = session_id,
        copilot.hook.r#type = kind,
        error.r#type = Empty
    )
}

/// Records the kind of an error in a span.
pub(crate) fn failed(span: &Span, kind: impl std::fmt::Display) {
    span.record("error.type", display(kind));
}

/// Runs work in its span, and records the type of its failure, which `failure` returns. Work that panics, or is dropped
/// before it ends, has failed, too.
pub(crate) async fn run<F: Future>(
    span: Span,
    work: F,
    failure: impl FnOnce(&F::Output) -> Option<&str>,
) -> F::Output {
    let unfinished = OnDrop(|| {
        let reason = if std::thread::panicking() { "panic" } else { "cancelled" };
        span.record("error.type", reason);
    });
    let output = work.instrument(span.clone()).await;
    std::mem::forget(unfinished);
    if let Some(reason) = failure(&output) {
        span.record("error.type", reason);
    }
    output
}
