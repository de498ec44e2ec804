//! Requests of the CLI.

use std::sync::{Arc, Mutex};

use copilot_session::methods::client::{HooksInvoke, UserInputRequest};
use copilot_session::types::{HookInvokeResponse, HookType, UserInputResult};
use copilot_session::{RpcError, SessionBuilder, Tool};
use copilot_session_model::{Reply, Script};
use serde_json::json;

use super::rig::{Rig, ask};

fn question() -> Reply {
    Reply::tool_call("ask_user", json!({ "question": "Tea or coffee?", "choices": ["tea", "coffee"] }))
}

/// A question of the agent reaches the handler, and the answer reaches the model.
#[tokio::test]
async fn a_question_is_answered() {
    let rig = Rig::start(Script::replies([question(), Reply::text("Tea it is.")])).await;
    let session = rig.session(|new: SessionBuilder| {
        new.deny_all().configure(|config| config.request_user_input(true)).handle::<UserInputRequest>(
            async |question, _| {
                let choices = question.choices.unwrap_or_default();
                Ok(UserInputResult::default()
                    .answer(format!("{} {choices:?}", question.question))
                    .was_freeform(true))
            },
        )
    });
    let session = session.await;
    assert_eq!(ask(&session, "Ask me.").await.expect("an answer").text(), "Tea it is.");
    let result = rig.model.requests()[1].tool_results().remove(0).1;
    assert!(result.contains(r#"Tea or coffee? ["tea", "coffee"]"#), "{result}");
    rig.finish().await;
}

/// A question whose handler fails or panics does not block the turn, and the model learns of it.
#[tokio::test]
async fn a_failed_handler_is_reported_to_the_model() {
    let rig = Rig::start(Script::replies([question(), question(), Reply::text("Never mind.")])).await;
    let asked = Arc::new(Mutex::new(0));
    let session = rig.session(|new: SessionBuilder| {
        let handle = move |_, _| {
            let mut asked = asked.lock().unwrap();
            *asked += 1;
            let first = *asked == 1;
            async move {
                assert!(first, "a handler panics in a test");
                Err(RpcError::new(RpcError::INTERNAL_ERROR, "nobody there"))
            }
        };
        let new = new.deny_all().configure(|config| config.request_user_input(true));
        new.handle::<UserInputRequest>(handle)
    });
    let session = session.await;
    assert_eq!(ask(&session, "Ask me.").await.expect("an answer").text(), "Never mind.");
    let results = rig.model.requests()[2].tool_results();
    assert_eq!(results.len(), 2);
    assert!(results.iter().all(|(_, text)| text.contains("unable to respond")), "{results:?}");
    rig.finish().await;
}

/// Hooks see the tools that run and may forbid them.
#[tokio::test]
async fn a_hook_can_forbid_a_tool() {
    let rig =
        Rig::start(Script::replies([Reply::tool_call("ours", json!({})), Reply::text("Too bad.")])).await;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let hooks = Arc::clone(&seen);
    let session = rig.session(|new: SessionBuilder| {
        let tool = Tool::new("ours", "Does something", async |(), _| -> &str { panic!("it ran") });
        let handle = move |hook: copilot_session::types::HookInvokeRequest, _| {
            hooks.lock().unwrap().push(hook.hook_type.as_str().to_owned());
            let deny = json!({ "permissionDecision": "deny", "permissionDecisionReason": "not today" });
            let answer = HookInvokeResponse::default();
            let forbid = matches!(hook.hook_type, HookType::PreToolUse);
            async move { Ok(if forbid { answer.output(deny) } else { answer }) }
        };
        let new = new.tool(tool).approve_all().configure(|config| config.hooks(true));
        new.handle::<HooksInvoke>(handle)
    });
    let session = session.await;
    assert_eq!(ask(&session, "Go.").await.expect("an answer").text(), "Too bad.");
    let result = rig.model.requests()[1].tool_results().remove(0).1;
    assert!(result.contains("not today"), "{result}");
    let seen = seen.lock().unwrap().clone();
    for hook in ["sessionStart", "userPromptSubmitted", "preToolUse"] {
        assert!(seen.iter().any(|name| name == hook), "no {hook} among {seen:?}");
    }
    rig.finish().await;
}
