//! Tools of a session that the model calls.

pub mod schemas;

use std::sync::Arc;

use copilot_session::testing::events as say;
use copilot_session::types::LogRequest;
use copilot_session::{IntoToolResult, Tool, ToolContext, ToolResult};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::rig::{Rig, assert_alive, new_request_id};

const ANSWER: &str = "session.tools.handlePendingToolCall";

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Key {
    key: String,
}

/// A session with these tools.
async fn with(tools: impl IntoIterator<Item = Tool>) -> Rig {
    Rig::with(|session| tools.into_iter().fold(session.approve_all(), |session, tool| session.tool(tool)))
        .await
}

/// A tool of this name that returns the same result for every key.
fn fixed<R: IntoToolResult + Clone + Send + Sync + 'static>(name: &str, result: R) -> Tool {
    Tool::new(name, "A tool", move |_: Key, _| std::future::ready(result.clone()))
}

impl Rig {
    /// Emits a call of a tool by the model.
    fn call(&self, request_id: &str, tool: &str, arguments: Value) {
        self.emit(say::tool_call(self.session.id(), request_id, tool, arguments));
    }

    /// The request id and the result of the next tool call.
    async fn answer(&self) -> (String, Value) {
        let params = self.fake.received_raw(ANSWER).await;
        let (request_id, result) = (params["requestId"].clone(), params["result"].clone());
        // There are no other keys.
        assert_eq!(
            params,
            json!({"sessionId": self.session.id(), "requestId": request_id, "result": result})
        );
        (request_id.as_str().expect("an id").to_owned(), result)
    }

    /// The result of this call of a tool.
    async fn call_tool(&self, tool: &str, arguments: Value) -> Value {
        let id = new_request_id();
        self.call(&id, tool, arguments);
        let (request_id, result) = self.answer().await;
        assert_eq!(request_id, id);
        result
    }
}

/// A value is read as JSON, and an image beside its text.
#[tokio::test(start_paused = true)]
async fn json_and_images() {
    let unwritable = std::collections::BTreeMap::from([([1], 1)]);
    let rig = with([
        fixed("json", ToolResult::json(&("a", 1))),
        fixed("unwritable", ToolResult::json(&unwritable)),
        fixed("image", ToolResult::success("A dot").image([0xff, 0xd8], "image/jpeg")),
    ])
    .await;
    assert_eq!(rig.call_tool("json", json!({"key": "k"})).await, success("[\"a\",1]"));
    assert_eq!(rig.call_tool("unwritable", json!({"key": "k"})).await["resultType"], "failure");
    let mut image = success("A dot");
    image["binaryResultsForLlm"] = json!([{"type": "image", "data": "/9g=", "mimeType": "image/jpeg"}]);
    assert_eq!(rig.call_tool("image", json!({"key": "k"})).await, image);
}

fn success(text: &str) -> Value {
    json!({"textResultForLlm": text, "resultType": "success"})
}

fn failure(text: &str) -> Value {
    json!({"textResultForLlm": text, "resultType": "failure", "error": text})
}

/// The value that a tool returns is sent in the form of the CLI. The text of a failure is in the result,
/// since a top-level error never reaches the model.
#[tokio::test(start_paused = true)]
async fn answers() {
    let detailed = ToolResult::success("short").with(|result| result.session_log("long"));
    let rig = with([
        fixed("text", "plain"),
        fixed("string", "owned \"text\"".to_owned()),
        fixed("json", json!({"n": [1, null]})),
        fixed("some", Some("there")),
        fixed("none", None::<String>),
        fixed("ok", Ok::<_, String>("fine")),
        fixed("err", Err::<String, _>("broken")),
        fixed("failure", ToolResult::failure("failed")),
        fixed("rejected", ToolResult::rejected("no")),
        fixed("detailed", detailed),
        fixed("nested", Ok::<_, String>(Some(json!(5)))),
    ])
    .await;
    let expected = [
        ("text", success("plain")),
        ("string", success("owned \"text\"")),
        ("json", success(r#"{"n":[1,null]}"#)),
        ("some", success("there")),
        ("none", failure("Tool returned no result.")),
        ("ok", success("fine")),
        ("err", failure("broken")),
        ("failure", failure("failed")),
        ("rejected", json!({"textResultForLlm": "no", "resultType": "rejected"})),
        ("detailed", json!({"textResultForLlm": "short", "resultType": "success", "sessionLog": "long"})),
        ("nested", success("5")),
    ];
    for (tool, result) in expected {
        assert_eq!(rig.call_tool(tool, json!({"key": "k"})).await, result, "{tool}");
    }
}

/// A tool receives typed arguments and the ids of its call.
#[tokio::test(start_paused = true)]
async fn arguments_and_context() {
    let rig = with([Tool::new("lookup", "Looks up", async |key: Key, call: ToolContext| {
        let directory = call.request().working_directory.clone().unwrap_or_default();
        format!("{} {} {} {directory}", key.key, call.tool_call_id(), call.session_id())
    })])
    .await;
    let text = format!("a \"b\" call-request {} /workspace", rig.session.id());
    rig.call("request", "lookup", json!({"key": "a \"b\""}));
    assert_eq!(rig.answer().await.1, success(&text));
}

/// Arguments that do not fit their type are reported to the model, and the tool does not run.
#[tokio::test(start_paused = true)]
async fn invalid_arguments() {
    let rig =
        with([Tool::new("lookup", "Looks up", async |_: Key, _| -> String { panic!("the tool runs") })])
            .await;
    for (arguments, found) in [
        (json!({}), "key"),
        (json!({"key": 5}), "expected a string"),
        (json!("text"), "text"),
        (Value::Null, "null"),
    ] {
        let result = rig.call_tool("lookup", arguments.clone()).await;
        let text = result["textResultForLlm"].as_str().expect("a text");
        assert!(text.starts_with("invalid arguments") && text.contains(found), "{arguments}: {text}");
        assert_eq!(result, failure(text));
    }
}

/// A tool without arguments accepts a call without any.
#[tokio::test(start_paused = true)]
async fn no_arguments() {
    #[derive(serde::Deserialize, schemars::JsonSchema)]
    struct Nothing {}
    let rig = with([Tool::new("now", "The time", async |_: Nothing, _| "noon")]).await;
    let mut event = say::tool_call(rig.session.id(), "request", "now", Value::Null);
    event["data"].as_object_mut().expect("an object").remove("arguments");
    rig.emit(event);
    assert_eq!(rig.answer().await.1, success("noon"));
    assert_eq!(rig.call_tool("now", json!({})).await, success("noon"));
}

/// A tool that panics fails its own call only.
#[tokio::test(start_paused = true)]
async fn a_panicking_tool() {
    let panics = Tool::new("panics", "Panics", async |key: Key, _| -> String {
        tokio::task::yield_now().await;
        panic!("a tool panics in a test: {}", key.key)
    });
    let rig = with([panics, fixed("works", "fine")]).await;
    let result = rig.call_tool("panics", json!({"key": "secret"})).await;
    assert_eq!(result, failure("The tool ended without a result."));
    assert_eq!(rig.call_tool("works", json!({"key": "k"})).await, success("fine"));
}

/// A call of another client's tool is not answered.
#[tokio::test(start_paused = true)]
async fn a_tool_of_another_client() {
    let rig = with([fixed("mine", "fine")]).await;
    rig.call("1", "theirs", json!({}));
    rig.emit(json!({"type": "external_tool.requested", "data": {"requestId": "2", "toolName": "theirs"}}));
    rig.emit(json!({"type": "external_tool.requested", "data": {"requestId": "3"}}));
    rig.fake.settle().await;
    assert_eq!(rig.fake.methods(), ["connect", "session.create"]);
    assert_alive(&rig.client).await;
}

/// A call of the session's tool that cannot be decoded is answered all the same: no other client would, and
/// the agent waits.
#[tokio::test(start_paused = true)]
async fn an_undecodable_call() {
    let rig = with([fixed("mine", "fine")]).await;
    rig.emit(json!({"type": "external_tool.requested", "data": {"requestId": "1", "toolName": "mine", "toolCallId": 5}}));
    let (request_id, result) = rig.answer().await;
    assert_eq!((request_id.as_str(), &result["resultType"]), ("1", &json!("failure")));
}

/// A result nested deeper than the CLI can read is replaced by a failure, since the CLI would wait for ever.
#[tokio::test(start_paused = true)]
async fn a_deep_result() {
    let nested = (0..130).fold(json!(1), |inner, _| json!([inner]));
    let telemetry = [("deep".to_owned(), nested)].into();
    let rig =
        with([fixed("deep", ToolResult::success("fine").with(|result| result.tool_telemetry(telemetry)))])
            .await;
    let result = rig.call_tool("deep", json!({"key": "k"})).await;
    assert_eq!(result["resultType"], "failure");
    assert_eq!(result["textResultForLlm"], "The tool ended without a result.");
}

/// Concurrent calls run side by side, and each is answered when its tool returns.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parallel_calls() {
    let gate = Arc::new(Notify::new());
    let opens = Arc::clone(&gate);
    let slow = Tool::new("slow", "Waits", move |key: Key, _| {
        let gate = Arc::clone(&gate);
        async move {
            gate.notified().await;
            format!("slow {}", key.key)
        }
    });
    let rig = with([slow, fixed("quick", "quick")]).await;
    rig.call("1", "slow", json!({"key": "a"}));
    rig.call("2", "quick", json!({"key": "b"}));
    rig.call("3", "quick", json!({"key": "c"}));
    let mut first = [rig.answer().await, rig.answer().await];
    first.sort_by(|(a, _), (b, _)| a.cmp(b));
    assert_eq!(first, [("2".to_owned(), success("quick")), ("3".to_owned(), success("quick"))]);
    opens.notify_one();
    assert_eq!(rig.answer().await, ("1".to_owned(), success("slow a")));
}

/// A tool may call the session during the turn, while events keep arriving.
#[tokio::test(start_paused = true)]
async fn a_tool_that_calls_back() {
    let tool = Tool::new("logs", "Logs", async |key: Key, call: ToolContext| {
        call.rpc().log(&LogRequest::new(key.key)).await.map(|line| line.event_id)
    });
    let rig = with([tool]).await;
    rig.fake.hold("session.log");
    let mut turn = rig.session.prompt("hello").await.expect("the prompt");
    rig.emit(say::user_message(turn.message_id()));
    rig.call("1", "logs", json!({"key": "a line"}));
    let line = rig.fake.received_call("session.log").await;
    assert_eq!(line.params, json!({"sessionId": rig.session.id(), "message": "a line"}));
    rig.emit(say::delta("meanwhile"));
    for kind in ["user.message", "external_tool.requested", "assistant.message_delta"] {
        assert_eq!(turn.next().await.expect("an event").kind(), kind);
    }
    rig.fake.reply(&line, Ok(json!({"eventId": "line 1"})));
    assert_eq!(rig.answer().await.1, success("line 1"));
    rig.emit(say::idle());
    turn.await.expect("the answer");
}

/// Tools with the same name in two sessions are two tools.
#[tokio::test(start_paused = true)]
async fn tools_of_two_sessions() {
    let rig = with([fixed("same", "first")]).await;
    let other =
        rig.client.session().approve_all().tool(fixed("same", "second")).create().await.expect("a session");
    rig.fake.emit(other.id(), say::tool_call(other.id(), "1", "same", json!({"key": "k"})));
    let params = rig.fake.received_raw(ANSWER).await;
    assert_eq!((&params["sessionId"], &params["result"]), (&json!(other.id()), &success("second")));
    assert_eq!(rig.call_tool("same", json!({"key": "k"})).await, success("first"));
}

/// A key by which serde_json marks its own types would turn a text into the arguments that the tool receives, while a
/// policy and the hooks see only the text.
#[tokio::test(start_paused = true)]
async fn a_reserved_key() {
    let echo = Tool::with_schema("echo", "Echoes", json!({"type": "object"}), async |arguments: Value, _| {
        Ok::<_, String>(format!("called with {arguments}"))
    });
    let rig = with([echo]).await;
    let raw = json!({"$serde_json::private::RawValue": "{\"path\":\"/\"}"});
    for arguments in [raw.clone(), json!({"a": [raw]})] {
        let result = rig.call_tool("echo", arguments).await;
        assert!(!result.to_string().contains("called"), "{result}");
    }
    let result = rig.call_tool("echo", json!({"path": "/"})).await;
    assert!(result.to_string().contains("called"), "{result}");
}
