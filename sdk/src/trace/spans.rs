//! The spans of the program's own tracing, with the names that OpenTelemetry has for agents (`gen_ai.…`). No field has
//! the text of a prompt, an answer, an argument or a result.

use tracing::field::Empty;
use tracing::{Span, debug_span, info_span};

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
        gen_ai.conversation.id = session_id,
        gen_ai.response.model = Empty,
        gen_ai.usage.input_tokens = Empty,
        gen_ai.usage.output_tokens = Empty,
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
    )
}

/// The decision on a permission.
pub(crate) fn permission(session_id: &str) -> Span {
    info_span!("decide_permission", gen_ai.conversation.id = session_id)
}

/// A call of a hook.
pub(crate) fn hook(session_id: &str, kind: &str) -> Span {
    info_span!("run_hook", gen_ai.conversation.id = session_id, copilot.hook.r#type = kind)
}
