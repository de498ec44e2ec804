//! Tools of a session that the model calls.

mod schemas;

use std::sync::{Arc, Mutex};

use copilot_session::{SessionBuilder, Tool, ToolContext, ToolResult};
use copilot_session_model::{Reply, Script};
use serde_json::json;
use tokio::sync::Barrier;

use super::rig::{Rig, ask, soon};

#[derive(Debug, Clone, PartialEq, serde::Deserialize, schemars::JsonSchema)]
struct Parcel {
    /// The destination.
    city: String,
    weight: f64,
    #[serde(default)]
    stamps: Vec<Stamp>,
}

#[derive(Debug, Clone, PartialEq, serde::Deserialize, schemars::JsonSchema)]
struct Stamp {
    cents: u32,
}

/// Runs a turn in which the model calls a tool once and then answers "Done.", and returns the result that the
/// model read.
async fn result_read_by_the_model(tool: Tool, arguments: serde_json::Value) -> String {
    let script = [Reply::tool_call(tool.name(), arguments), Reply::text("Done.")];
    let rig = Rig::start(Script::replies(script)).await;
    let session = rig.session(|new| new.tool(tool).approve_all()).await;
    assert_eq!(ask(&session, "Use the tool.").await.expect("an answer").text(), "Done.");
    let results = soon("the model to read the result", rig.model.request(1)).await.tool_results();
    rig.finish().await;
    let [(call, text)] = results.try_into().expect("one result");
    assert_eq!(call, "call_1");
    text
}

/// The handler receives the model's arguments as its own type, and the model reads the handler's text.
#[tokio::test]
async fn a_tool_gets_typed_arguments() {
    let calls = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&calls);
    let tool = Tool::new("send", "Sends a parcel", move |parcel: Parcel, context: ToolContext| {
        seen.lock().unwrap().push((parcel, context.tool_call_id().to_owned()));
        async { "It is on its way." }
    });
    let arguments = json!({ "city": "Tromsø", "weight": 2.5, "stamps": [{ "cents": 80 }, { "cents": 5 }] });
    assert_eq!(result_read_by_the_model(tool, arguments).await, "It is on its way.");

    let parcel =
        Parcel { city: "Tromsø".into(), weight: 2.5, stamps: vec![Stamp { cents: 80 }, Stamp { cents: 5 }] };
    assert_eq!(*calls.lock().unwrap(), [(parcel, "call_1".to_owned())]);
}

/// The model is offered the tool with the schema of its arguments, including their doc comments.
#[tokio::test]
async fn the_model_sees_the_schema_of_a_tool() {
    let rig = Rig::start(Script::replies([Reply::text("I see.")])).await;
    let tool = Tool::new("send", "Sends a parcel", async |_: Parcel, _| "sent");
    let session = rig.session(|new| new.tool(tool).approve_all()).await;
    ask(&session, "What can you do?").await.expect("an answer");

    let request = rig.model.requests().remove(0);
    let tools = request.body()["tools"].as_array().expect("tools");
    let ours = tools.iter().find(|tool| tool["function"]["name"] == "send").expect("the tool");
    assert_eq!(ours["function"]["description"], "Sends a parcel");
    let parameters = &ours["function"]["parameters"];
    assert_eq!(parameters["properties"]["city"]["description"], "The destination.");
    assert_eq!(parameters["properties"]["stamps"]["items"]["properties"]["cents"]["type"], "integer");
    assert_eq!(parameters["required"], json!(["city", "weight"]));
    rig.finish().await;
}

/// A tool that returns nothing has failed, and the model reads so.
#[tokio::test]
async fn a_tool_without_a_result_fails() {
    let tool = Tool::new("find", "Finds it", async |_: (), _| None::<String>);
    let text = result_read_by_the_model(tool, json!({})).await;
    assert!(text.contains("Tool returned no result."), "{text}");
}

/// The model reads why a tool failed.
#[tokio::test]
async fn the_error_of_a_tool_reaches_the_model() {
    let tool = Tool::new("send", "Sends a parcel", async |parcel: Parcel, _| {
        Err::<String, _>(format!("no roads to {}", parcel.city))
    });
    let text = result_read_by_the_model(tool, json!({ "city": "Atlantis", "weight": 1 })).await;
    assert!(text.contains("no roads to Atlantis"), "{text}");
}

/// Arguments that do not fit the type do not reach the handler, and the model reads the mismatch.
#[tokio::test]
async fn the_model_reads_why_arguments_do_not_fit() {
    let tool =
        Tool::new("send", "Sends a parcel", async |_: Parcel, _| -> &str { panic!("the tool was called") });
    let text = result_read_by_the_model(tool, json!({ "city": "Oslo" })).await;
    assert!(text.contains("missing field `weight`"), "{text}");
}

/// A tool that panics fails its call: the turn goes on, and the model reads so.
#[tokio::test]
async fn a_panicking_tool_fails_its_call_only() {
    let tool = Tool::new("send", "Sends a parcel", async |parcel: Parcel, _| -> String {
        panic!("{} is on fire in a test", parcel.city)
    });
    let text = result_read_by_the_model(tool, json!({ "city": "Rome", "weight": 1 })).await;
    assert!(text.contains("The tool ended without a result"), "{text}");
}

/// A rejected call ends the turn: there is no other model call.
#[tokio::test]
async fn a_rejected_call_ends_the_turn() {
    let rig = Rig::start(Script::replies([Reply::tool_call("quit", json!({}))])).await;
    let tool = Tool::new("quit", "Quits", async |_: serde_json::Value, _| ToolResult::rejected("no more"));
    let session = rig.session(|new| new.tool(tool).approve_all()).await;
    ask(&session, "Quit.").await.expect("an answer");
    assert_eq!(rig.model.requests().len(), 1);
    rig.finish().await;
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Number {
    number: i64,
}

/// Two calls in one answer run concurrently, and each result goes to its own call.
#[tokio::test]
async fn parallel_calls_run_side_by_side() {
    let both =
        Reply::tool_call("double", json!({ "number": 4 })).then_tool_call("double", json!({ "number": 10 }));
    let rig = Rig::start(Script::replies([both, Reply::text("8 and 20.")])).await;
    // Each call waits for the other, so one after the other would never end.
    let meeting = Arc::new(Barrier::new(2));
    let tool = Tool::new("double", "Doubles a number", move |Number { number }: Number, _| {
        let meeting = Arc::clone(&meeting);
        async move {
            meeting.wait().await;
            json!({ "doubled": 2 * number })
        }
    });
    let session = rig.session(|new| new.tool(tool).approve_all()).await;
    assert_eq!(ask(&session, "Double 4 and 10.").await.expect("an answer").text(), "8 and 20.");
    let result = |call: &str, number: i64| (call.to_owned(), json!({ "doubled": number }).to_string());
    assert_eq!(rig.model.requests()[1].tool_results(), [result("call_1", 8), result("call_2", 20)]);
    rig.finish().await;
}

/// A tool may make calls on its own session.
#[tokio::test]
async fn a_tool_can_call_the_session() {
    let tool = Tool::new("mode", "Tells the mode", async |_: serde_json::Value, context: ToolContext| {
        context.rpc().mode().get().await.map(|mode| mode.as_str().to_owned())
    });
    assert_eq!(result_read_by_the_model(tool, json!({})).await, "interactive");
}

/// A tool that returns its own name and the session's id.
fn witness(name: &'static str) -> impl FnOnce(SessionBuilder) -> SessionBuilder {
    let tool =
        Tool::new("who", "Tells who answers", move |_: serde_json::Value, context: ToolContext| async move {
            format!("{name} in {}", context.session_id())
        });
    move |new| new.tool(tool).approve_all()
}

/// Two sessions of one client, each with a tool of the same name, get their own calls.
#[tokio::test]
async fn sessions_do_not_share_tools() {
    let script = Script::from_fn(|request| match request.tool_results().pop() {
        Some((_, text)) => Reply::text(&text),
        None => Reply::tool_call("who", json!({})),
    });
    let rig = Rig::start(script).await;
    let (left, right) = (rig.session(witness("left")).await, rig.session(witness("right")).await);
    let (a, b) = tokio::join!(ask(&left, "Who?"), ask(&right, "Who?"));
    assert_eq!(a.expect("an answer").text(), format!("left in {}", left.id()));
    assert_eq!(b.expect("an answer").text(), format!("right in {}", right.id()));

    left.disconnect().await.expect("a disconnect");
    let again = ask(&right, "And now?").await.expect("an answer");
    assert_eq!(again.text(), format!("right in {}", right.id()), "the other session is still served");
    rig.finish().await;
}
