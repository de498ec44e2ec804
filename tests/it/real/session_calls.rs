//! Calls of a session that change its model, its log, its tools, or the form of an answer.

use std::collections::BTreeSet;
use std::future::IntoFuture;
use std::sync::Arc;

use copilot_session::types::{
    Attachment, AttachmentBlob, LogRequest, SendMode, SendRequest, SessionLogLevel,
};
use copilot_session::{Error, SessionBuilder, SessionEventData, TelemetryConfig, Tool, TraceContext};
use copilot_session_model::{Reply, Script, Stall};
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::rig::{Rig, ask, prompt, soon};

/// A tool without arguments that always returns the same text.
fn tool(name: &str, text: &'static str) -> Tool {
    let schema = json!({ "type": "object" });
    Tool::with_schema(name, "Says something", schema, move |_: serde_json::Value, _| async move { text })
        .declare(|tool| tool.skip_permission(true))
}

/// The next prompt goes to the other model, with the requested effort.
#[tokio::test]
async fn the_model_is_changed() {
    let rig = Rig::start(Script::replies([Reply::text("One."), Reply::text("Two.")])).await;
    let session = rig.session(SessionBuilder::deny_all).await;
    ask(&session, "First.").await.expect("an answer");
    let switched = soon("the switch", session.set_model(("another", "high"))).await.expect("a response");
    assert_eq!(switched.model_id.as_deref(), Some("another"));
    ask(&session, "Second.").await.expect("an answer");
    let second = &rig.model.requests()[1];
    assert_eq!(second.model(), "another");
    assert_eq!(second.body()["reasoning_effort"], "high");
    soon("the switch back", session.set_model("scripted")).await.expect("a response");
    rig.finish().await;
}

/// A line of the log is an event of its level, kept or ephemeral.
#[tokio::test]
async fn lines_are_logged() {
    let rig = Rig::start(Script::replies([])).await;
    let session = rig.session(SessionBuilder::deny_all).await;
    let mut events = session.events();
    let id = soon("the log", session.log("hello")).await.expect("an id");
    let passing = LogRequest::new("careful").level(SessionLogLevel::Warning).ephemeral(true);
    soon("the log", session.log(passing)).await.expect("an id");
    let (mut info, mut warning) = (None, None);
    while info.is_none() || warning.is_none() {
        let event = soon("the lines", events.next()).await.expect("an event");
        match event.data() {
            SessionEventData::SessionInfo(line) if line.message == "hello" => info = Some(event),
            SessionEventData::SessionWarning(line) if line.message == "careful" => warning = Some(event),
            _ => {}
        }
    }
    let (info, warning) = (info.expect("a line"), warning.expect("a line"));
    assert_eq!(info.id(), id);
    assert!(!info.is_ephemeral() && warning.is_ephemeral());
    rig.finish().await;
}

/// The session's tools change from the next model call on.
#[tokio::test]
async fn tools_are_replaced() {
    let script = [Reply::text("One."), Reply::tool_call("new_one", json!({})), Reply::text("Two.")];
    let rig = Rig::start(Script::replies(script)).await;
    let session = rig.session(|new: SessionBuilder| new.deny_all().tool(tool("old_one", "old"))).await;
    ask(&session, "First.").await.expect("an answer");
    soon("the change", session.set_tools([tool("new_one", "new")])).await.expect("a response");
    ask(&session, "Second.").await.expect("an answer");
    let names = rig.model.requests()[1].tool_names();
    assert!(names.contains(&"new_one".into()) && !names.contains(&"old_one".into()), "{names:?}");
    assert_eq!(rig.model.requests()[2].tool_results()[0].1, "new");
    let twice = soon("the change", session.set_tools([tool("a", ""), tool("a", "")])).await;
    assert!(matches!(twice, Err(Error::Invalid(_))));
    rig.finish().await;
}

#[derive(Debug, PartialEq, serde::Deserialize, schemars::JsonSchema)]
struct City {
    name: String,
    people: u64,
    mayor: Option<String>,
}

/// An answer is requested in the form of a type and decoded as that type. An answer of another form is an
/// error with the text.
#[tokio::test]
async fn an_answer_of_a_form() {
    let script = [
        Reply::text("```json\n{\"name\":\"Oslo\",\"people\":717710,\"mayor\":null}\n```"),
        Reply::text("Bergen."),
    ];
    let rig = Rig::start(Script::replies(script)).await;
    let session = rig.session(SessionBuilder::deny_all).await;
    let city: City = soon("the answer", session.send_and_wait_as("Which?")).await.expect("a city");
    assert_eq!(city, City { name: "Oslo".into(), people: 717_710, mayor: None });
    let format = rig.model.requests()[0].body()["response_format"].clone();
    assert_eq!(format["json_schema"]["name"], "City", "{format}");
    // The order is that of the type's fields or of the alphabet, depending on serde_json's feature
    // `preserve_order`.
    let required = format["json_schema"]["schema"]["required"].as_array().expect("required keys");
    let required: BTreeSet<_> = required.iter().filter_map(|key| key.as_str()).collect();
    assert_eq!(required, BTreeSet::from(["mayor", "name", "people"]), "{format}");
    let error = soon("the answer", session.send_and_wait_as::<City>("Which?")).await.expect_err("no city");
    assert!(matches!(&error, Error::Answer { answer, .. } if answer.text() == "Bergen."), "{error}");
    rig.finish().await;
}

/// A tool call that the user aborts is dropped, and so is one whose session ends.
#[tokio::test]
async fn a_tool_call_is_cancelled() {
    struct Dropped(Arc<Notify>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.notify_one();
        }
    }
    let call = || Reply::tool_call("wait", json!({}));
    let rig = Rig::start(Script::replies([call(), call()])).await;
    let (begun, dropped) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (begin, guard) = (Arc::clone(&begun), Arc::clone(&dropped));
    let schema = json!({ "type": "object" });
    let wait = Tool::with_schema("wait", "Waits", schema, move |_: serde_json::Value, _| {
        let guard = Dropped(Arc::clone(&guard));
        begin.notify_one();
        async move {
            std::future::pending::<()>().await;
            drop(guard);
            "never"
        }
    });
    let session = rig.session(|new: SessionBuilder| new.approve_all().tool(wait)).await;
    let turn = prompt(&session, "Wait.").await;
    soon("the tool", begun.notified()).await;
    soon("the abort", session.abort()).await.expect("an abort");
    soon("the tool to be dropped", dropped.notified()).await;
    assert!(soon("the turn", turn.into_future()).await.is_ok_and(|it| it.is_aborted()));

    let turn = prompt(&session, "Wait again.").await;
    soon("the tool", begun.notified()).await;
    soon("the disconnect", session.disconnect()).await.expect("a disconnect");
    soon("the tool to be dropped", dropped.notified()).await;
    assert!(soon("the turn", turn.into_future()).await.is_err());
    rig.finish().await;
}

/// The trace context of a prompt reaches the tool, if the CLI's own tracing is on.
#[tokio::test]
async fn a_trace_reaches_the_tool() {
    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    let script = Script::replies([Reply::tool_call("look", json!({})), Reply::text("Seen.")]);
    let folder = tempfile::tempdir().expect("a folder");
    let traced = async |new: copilot_session::ClientBuilder| {
        let context = || Some(TraceContext::new(format!("00-{TRACE}-b7ad6b7169203331-01")).state("a=b"));
        new.telemetry(TelemetryConfig::file(folder.path().join("traces")))
            .trace_context(context)
            .start()
            .await
    };
    let rig = Rig::start_by(script, |_| copilot_session_tests::cli::cli_path(), traced).await;
    let (sender, mut traces) = tokio::sync::mpsc::unbounded_channel();
    let schema = json!({ "type": "object" });
    let look = Tool::with_schema(
        "look",
        "Looks",
        schema,
        move |_: serde_json::Value, context: copilot_session::ToolContext| {
            sender.send(context.trace_context()).expect("an open channel");
            async { "seen" }
        },
    );
    let session = rig.session(|new: SessionBuilder| new.approve_all().tool(look)).await;
    ask(&session, "Look.").await.expect("an answer");
    let trace = soon("the tool", traces.recv()).await.flatten().expect("a trace");
    assert!(trace.traceparent().contains(TRACE), "{trace:?}");
    assert_eq!(trace.tracestate(), Some("a=b"));
    rig.finish().await;
}

/// Files, folders, selections and blobs are sent with a prompt, and the model reads each.
#[tokio::test]
async fn attachments_reach_the_model() {
    let rig = Rig::start(Script::replies([Reply::text("Read.")])).await;
    std::fs::write(rig.work().join("notes.txt"), "the notes").expect("a file");
    std::fs::create_dir(rig.work().join("papers")).expect("a folder");
    let session = rig.session(SessionBuilder::deny_all).await;
    let attachment = |json: serde_json::Value| -> Attachment {
        copilot_session::wire::from_json(&json.to_string()).expect("an attachment")
    };
    let notes = rig.work().join("notes.txt");
    let request = SendRequest::new("Read these.").attachments(vec![
        attachment(json!({ "type": "file", "path": notes, "displayName": "notes.txt" })),
        attachment(
            json!({ "type": "directory", "path": rig.work().join("papers"), "displayName": "papers" }),
        ),
        attachment(json!({
            "type": "selection", "filePath": notes, "displayName": "notes.txt", "text": "the marked words",
            "selection": { "start": { "line": 0, "character": 0 }, "end": { "line": 0, "character": 3 } },
        })),
        Attachment::Blob(AttachmentBlob::new("text/plain").data("dGhlIGJsb2I=").display_name("blob.txt")),
    ]);
    assert_eq!(soon("the answer", session.send_and_wait(request)).await.expect("an answer").text(), "Read.");
    let body = rig.model.requests()[0].body().to_string();
    for part in ["notes.txt", "papers", "the marked words", "the blob"] {
        assert!(body.contains(part), "{part} is not in {body}");
    }
    rig.finish().await;
}

/// A prompt sent as `immediate` while the agent works is read at its next model call, an enqueued one after
/// the turn. Each turn has the answer to its own prompt.
#[tokio::test]
async fn prompts_go_ahead_or_wait() {
    let stall = Stall::new();
    let first = Reply::tool_call("step", json!({})).stall(&stall);
    let rig = Rig::start(Script::replies([first, Reply::text("Both."), Reply::text("Later.")])).await;
    let session = rig.session(|new: SessionBuilder| new.approve_all().tool(tool("step", "done"))).await;
    let turn = prompt(&session, "Start.").await;
    soon("the model to be asked", rig.model.request(0)).await;
    let waits = SendRequest::new("Waits.").mode(SendMode::Enqueue);
    let now = SendRequest::new("Now!").mode(SendMode::Immediate);
    let later = soon("the prompt", session.prompt(waits)).await.expect("a turn");
    let ahead = soon("the prompt", session.prompt(now)).await.expect("a turn");
    stall.release();
    for (turn, text) in [(turn, "Both."), (ahead, "Both."), (later, "Later.")] {
        assert_eq!(soon("the turn", turn.into_future()).await.expect("an answer").text(), text);
    }
    let second = rig.model.requests()[1].body().to_string();
    assert!(second.contains("Now!") && !second.contains("Waits."), "{second}");
    assert_eq!(
        rig.model.requests()[2].last_user_text().as_deref().map(|text| text.contains("Waits.")),
        Some(true)
    );
    rig.finish().await;
}

/// The CLI ignores keys that it does not know, and methods are called by their names.
#[tokio::test]
async fn other_keys_and_methods() {
    let rig = Rig::start(Script::replies([Reply::text("Hello.")])).await;
    let session = rig.session(|new: SessionBuilder| new.deny_all().extra("brandNew", true)).await;
    let answer = session.send_and_wait(SendRequest::new("Hi.").extra("brandNew", json!({"a": 1})));
    let answer = soon("the answer", answer).await;
    assert_eq!(answer.expect("an answer").text(), "Hello.");
    let mode: Value = soon("the mode", session.call_raw("session.mode.get", ())).await.expect("a mode");
    assert!(mode.is_string() || mode.is_object(), "{mode}");
    let unknown = soon("an error", session.call_raw::<Value>("session.brand.new", ())).await;
    assert!(matches!(unknown, Err(Error::Unsupported(_))), "{unknown:?}");
    rig.finish().await;
}

/// The answer of a turn lists its calls.
#[tokio::test]
async fn the_work_of_a_turn() {
    let script = [Reply::tool_call("look", json!({})).usage(100, 20), Reply::text("Done.").usage(200, 30)];
    let rig = Rig::start(Script::replies(script)).await;
    let session = rig.session(|new: SessionBuilder| new.approve_all().tool(tool("look", "here"))).await;
    let answer = ask(&session, "Look.").await.expect("an answer");
    let usage = answer.usage();
    assert_eq!([usage.calls, usage.input_tokens, usage.output_tokens], [2, 300, 50]);
    assert_eq!(answer.tool_calls().map(|call| &*call.start.tool_name).collect::<Vec<_>>(), ["look"]);
    assert!(answer.duration() > std::time::Duration::ZERO);
    rig.finish().await;
}
