//! Tools that the model called.

use std::sync::Arc;

use copilot_session::{IntoToolResult, Tool, ToolResult};
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::sent::{Sent, create, leave, prompt, tool_result};
use super::stage::Stage;

/// A tool declared as the recorded client declared its own.
fn declared(name: &str, tool: impl FnOnce(&str, Value) -> Tool) -> Tool {
    let schema = json!({"type": "object", "properties": {"key": {"type": "string"}}, "required": ["key"]});
    tool(name, schema).declare(|tool| tool.skip_permission(true))
}

/// A tool that returns the same result for every key.
pub fn fixed<R: IntoToolResult + Clone + Send + Sync + 'static>(name: &str, result: R) -> Tool {
    let run = move |_: Value, _| std::future::ready(result.clone());
    declared(name, |name, schema| Tool::with_schema(name, "Look something up", schema, run))
}

/// The tool `lookup` of most recordings.
pub fn lookup<R: IntoToolResult + Clone + Send + Sync + 'static>(result: R) -> Tool {
    fixed("lookup", result)
}

fn text(text: &str) -> Value {
    json!({"textResultForLlm": text, "resultType": "success"})
}

/// A prompt with one tool call.
async fn one_call(stage: &Stage, tool: Tool, text: &str, answer: &str, result: Value) -> Vec<Sent> {
    let session = stage.session().approve_all().tool(tool).create().await.expect("the session");
    assert_eq!(session.send_and_wait(text).await.expect("an answer").text(), answer);
    session.disconnect().await.expect("the end");
    vec![create(), prompt(text), tool_result(1, result), leave(stage)]
}

/// The arguments arrive as the model wrote them, and the complete result is sent.
pub async fn success(stage: &Stage) -> Vec<Sent> {
    let run = async |arguments: Value, _| {
        let key = arguments["key"].as_str().unwrap_or_default();
        let result = ToolResult::success(format!("value of {key} is 42"));
        result.with(|result| result.session_log(format!("looked up {key}")))
    };
    let tool = declared("lookup", |name, schema| Tool::with_schema(name, "Look something up", schema, run));
    let result = json!({
        "textResultForLlm": "value of alpha is 42",
        "resultType": "success",
        "sessionLog": "looked up alpha",
    });
    one_call(stage, tool, "Use the tool", "Done.", result).await
}

/// A failure is part of the result.
pub async fn failure(stage: &Stage) -> Vec<Sent> {
    let failure =
        ToolResult::failure("The key does not exist").with(|result| result.error("KeyError: alpha"));
    let result = json!({
        "textResultForLlm": "The key does not exist",
        "resultType": "failure",
        "error": "KeyError: alpha",
    });
    one_call(stage, lookup(failure), "Use the tool", "Done.", result).await
}

/// The same holds for a tool that returns an error: the text of a top-level `error`, which the recorded
/// client sent, never reaches the model.
pub async fn error(stage: &Stage) -> Vec<Sent> {
    let text = "boom: handler raised";
    let result = json!({"textResultForLlm": text, "resultType": "failure", "error": text});
    one_call(stage, lookup(Err::<String, _>(text)), "Use the tool", "Done.", result).await
}

/// Concurrent calls are answered when each returns, the later one first.
pub async fn parallel(stage: &Stage) -> Vec<Sent> {
    let done = Arc::new(Notify::new());
    let (looked_up, waited) = (Arc::clone(&done), done);
    let lookup = move |_: Value, _| {
        let looked_up = Arc::clone(&looked_up);
        async move {
            looked_up.notify_one();
            "r-lookup"
        }
    };
    let slow = move |_: Value, _| {
        let waited = Arc::clone(&waited);
        async move {
            waited.notified().await;
            "r-slow"
        }
    };
    let about = "Look something up";
    let lookup = declared("lookup", |name, schema| Tool::with_schema(name, about, schema, lookup));
    let slow = declared("slow", |name, schema| Tool::with_schema(name, about, schema, slow));
    let session = stage.session().approve_all().tool(lookup).tool(slow).create().await.expect("the session");
    assert_eq!(session.send_and_wait("Use both").await.expect("an answer").text(), "Done.");
    session.disconnect().await.expect("the end");
    let (slow, lookup) = (tool_result(1, text("r-slow")), tool_result(2, text("r-lookup")));
    vec![create(), prompt("Use both"), lookup, slow, leave(stage)]
}

pub async fn responses_api(stage: &Stage) -> Vec<Sent> {
    one_call(stage, lookup("42"), "go", "The answer.", text("42")).await
}
