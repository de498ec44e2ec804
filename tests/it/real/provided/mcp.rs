//! Requests of MCP servers to the client: forms, model calls, permissions.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use copilot_session::types::{
    ElicitationRequestedData, McpSerializableServerConfig, McpServerConfigStdio,
    PermissionDetails as Details, SamplingRequestedData, UiElicitationResponse,
    UiHandlePendingSamplingResponse,
};
use copilot_session::{Decision, PermissionRequest, Session, SessionBuilder, wire};
use copilot_session_model::{Reply, Script};
use serde_json::json;

use super::super::rig::{Rig, ask};

/// A session with the server of `tests/src/bin/mcp_server.rs`, which the CLI starts at the first prompt and
/// waits for. Cargo builds it for these tests, so they need no interpreter.
async fn session(rig: &Rig, configure: impl FnOnce(SessionBuilder) -> SessionBuilder) -> Session {
    let server = McpServerConfigStdio::new(env!("CARGO_BIN_EXE_mcp_server")).tools(vec!["*".to_owned()]);
    let server = McpSerializableServerConfig::ServerConfigStdio(server);
    let servers = BTreeMap::from([("asking".to_owned(), server)]);
    rig.session(|new| configure(new).configure(|config| config.mcp_servers(servers))).await
}

fn call(tool: &str, about: &str) -> Reply {
    Reply::tool_call(&format!("asking-{tool}"), json!({ "about": about }))
}

/// The client fills in the form of a server, and the server gets the answer.
#[tokio::test]
async fn a_server_has_a_form_filled_in() {
    let script = [call("ask", "Where to?"), call("ask", "Why?"), Reply::text("Oslo.")];
    let rig = Rig::start(Script::replies(script)).await;
    let asking = session(&rig, |new| {
        new.approve_all().on_elicitation(async |form: ElicitationRequestedData, _| {
            assert_eq!(form.elicitation_source.as_deref(), Some("asking"));
            let schema = wire::to_json(&form.requested_schema.expect("a form's schema"));
            assert!(schema.contains("city"), "{schema}");
            (form.message == "Where to?")
                .then(|| UiElicitationResponse::accept([("city", "Oslo")]))
                .ok_or("no")
        })
    });
    let session = asking.await;
    assert_eq!(ask(&session, "Travel.").await.expect("an answer").text(), "Oslo.");
    let results: Vec<_> = rig.model.requests()[2].tool_results().into_iter().map(|(_, text)| text).collect();
    assert_eq!(results[0], r#"answered {"action":"accept","content":{"city":"Oslo"}}"#);
    assert_eq!(results[1], r#"answered {"action":"cancel"}"#);
    rig.finish().await;
}

/// The client answers a server's model call and sees the whole request. A handler that fails rejects it.
#[tokio::test]
async fn a_server_asks_a_model() {
    let script = [call("sample", "A word, please."), call("sample", "Another."), Reply::text("Heron.")];
    let rig = Rig::start(Script::replies(script)).await;
    let asking = session(&rig, |new| {
        new.approve_all().on_sampling(async |asked: SamplingRequestedData, _| {
            assert_eq!(asked.server_name, "asking");
            let asked = asked.request.expect("the request");
            assert_eq!(asked["maxTokens"], 20);
            let text = asked["messages"][0]["content"]["text"].as_str().expect("a text").to_owned();
            let content = json!({ "type": "text", "text": format!("heron, to {text}") });
            let answer = json!({ "role": "assistant", "content": content, "model": "own" }).to_string();
            let answer = wire::from_json::<UiHandlePendingSamplingResponse>(&answer).expect("an answer");
            (text == "A word, please.").then_some(answer).ok_or("one is enough")
        })
    });
    let session = asking.await;
    assert_eq!(ask(&session, "Say a word.").await.expect("an answer").text(), "Heron.");
    let results: Vec<_> = rig.model.requests()[2].tool_results().into_iter().map(|(_, text)| text).collect();
    assert!(results[0].contains("heron, to A word, please."), "{results:?}");
    assert!(!results[1].contains("heron"), "{results:?}");
    rig.finish().await;
}

/// The permission request for a server's tool has the server, the tool and its arguments.
#[tokio::test]
async fn permission_for_a_tool_of_a_server() {
    let rig = Rig::start(Script::replies([call("ask", "Where to?"), Reply::text("No.")])).await;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let asked = Arc::clone(&seen);
    let asking = session(&rig, |new| {
        new.on_permission(move |request: PermissionRequest, _| {
            assert!(!request.is_read_only());
            let Details::Mcp(mcp) = request.details() else { panic!("{request:?}") };
            let names = (mcp.server_name.clone(), mcp.tool_name.clone(), mcp.tool_title.clone());
            asked.lock().unwrap().push((names, mcp.args.clone().unwrap_or_default(), request.summary()));
            async { Decision::deny("stay at home") }
        })
    });
    let session = asking.await;
    assert_eq!(ask(&session, "Travel.").await.expect("an answer").text(), "No.");
    let result = rig.model.requests()[1].tool_results().remove(0).1;
    assert!(result.contains("stay at home"), "{result}");
    let seen = seen.lock().unwrap().clone();
    let [(names, arguments, summary)] = seen.as_slice() else { panic!("{seen:?}") };
    let names = (names.0.as_str(), names.1.as_str(), names.2.as_str());
    assert_eq!(names, ("asking", "asking-ask", "The tool ask"));
    assert_eq!(*arguments, json!({ "about": "Where to?" }));
    assert!(summary.contains("asking"), "{summary}");
    rig.finish().await;
}
