//! Hooks, which the CLI calls at certain points of a session.

use std::sync::{Arc, Mutex};

use copilot_session::types::{
    AgentStopHookInput, PostToolUseHookInput, PostToolUseHookOutput, PreToolUseHookInput,
    PreToolUseHookOutput, SessionStartHookInput, SessionStartHookOutput, UserPromptSubmittedHookInput,
    UserPromptSubmittedHookOutput,
};
use copilot_session::{OtherHook, SessionBuilder, Tool};
use copilot_session_model::{Reply, Script};
use serde_json::json;

use super::rig::{Rig, ask, soon};

fn shell(command: &str) -> Reply {
    Reply::tool_call("bash", json!({ "command": command, "description": "a command" }))
}

/// A hook refuses a tool call before permission is requested; the model reads why, and other calls go on.
#[tokio::test]
async fn a_hook_refuses_a_call() {
    let script = [shell("rm -rf /nowhere"), shell("echo fine"), Reply::text("One of two.")];
    let rig = Rig::start(Script::replies(script)).await;
    let session = rig.session(|new: SessionBuilder| {
        new.approve_all().hook(async |call: PreToolUseHookInput, _| {
            match call.tool_args["command"].as_str() {
                Some(command) if command.starts_with("rm") => PreToolUseHookOutput::deny("rm is not for you"),
                _ => PreToolUseHookOutput::default(),
            }
        })
    });
    let session = session.await;
    assert_eq!(ask(&session, "Clean up.").await.expect("an answer").text(), "One of two.");
    let refused = &rig.model.requests()[1].tool_results()[0].1;
    assert!(refused.contains("rm is not for you"), "{refused}");
    let results = rig.model.requests()[2].tool_results();
    assert!(results[1].1.contains("fine"), "{results:?}");
    rig.finish().await;
}

/// A `preToolUse` hook that fails refuses.
#[tokio::test]
async fn a_failing_hook_refuses_a_call() {
    let rig = Rig::start(Script::replies([shell("echo one"), shell("echo two"), Reply::text("No.")])).await;
    let calls = Arc::new(Mutex::new(0));
    let session = rig.session(|new: SessionBuilder| {
        new.approve_all().hook(move |_: PreToolUseHookInput, _| {
            *calls.lock().unwrap() += 1;
            let first = *calls.lock().unwrap() == 1;
            async move {
                assert!(first, "a hook panics in a test");
                Err::<PreToolUseHookOutput, _>("cannot tell")
            }
        })
    });
    let session = session.await;
    assert_eq!(ask(&session, "Say it.").await.expect("an answer").text(), "No.");
    let results = rig.model.requests()[2].tool_results();
    for (_, text) in results {
        assert!(text.contains("the hook that decides on it failed"), "{text}");
        assert!(!text.contains("cannot tell") && !text.contains("hook panics"), "{text}");
    }
    rig.finish().await;
}

/// One hook changes the arguments of a tool, another its result.
#[tokio::test]
async fn hooks_change_calls_and_results() {
    let rig = Rig::start(Script::replies([
        Reply::tool_call("greet", json!({ "name": "Ann" })),
        Reply::text("Greeted."),
    ]));
    let rig = rig.await;
    let greet = Tool::with_schema(
        "greet",
        "Greets",
        json!({ "type": "object" }),
        async |arguments: serde_json::Value, _| format!("Hello {}", arguments["name"]),
    );
    let session = rig.session(|new: SessionBuilder| {
        new.approve_all()
            .tool(greet)
            .hook(async |call: PreToolUseHookInput, _| {
                let named = (call.tool_name == "greet").then(|| json!({ "name": "Bob" }));
                named.map(|arguments| PreToolUseHookOutput::default().modified_args(arguments))
            })
            .hook(async |done: PostToolUseHookInput, _| {
                let mut result = done.tool_result;
                result.text_result_for_llm.push_str(", from the hook");
                PostToolUseHookOutput::default().modified_result(result)
            })
    });
    let session = session.await;
    ask(&session, "Greet.").await.expect("an answer");
    let result = rig.model.requests()[1].tool_results().remove(0).1;
    assert_eq!(result, r#"Hello "Bob", from the hook"#);
    rig.finish().await;
}

/// The context that hooks add to a prompt and to a session reaches the model. Types without a handler of
/// their own reach the handler of all others.
#[tokio::test]
async fn hooks_add_to_the_prompt() {
    let rig = Rig::start(Script::replies([Reply::text("Yes.")])).await;
    let others = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&others);
    let stopped = Arc::new(Mutex::new(None));
    let stop = Arc::clone(&stopped);
    let session = rig.session(|new: SessionBuilder| {
        new.deny_all()
            .hook(async |_: SessionStartHookInput, _| {
                SessionStartHookOutput::default().additional_context("The user is in Bergen.")
            })
            .hook(async |prompt: UserPromptSubmittedHookInput, _| {
                let text = format!("{} Quickly, please.", prompt.prompt);
                UserPromptSubmittedHookOutput::default().modified_prompt(text)
            })
            .hook(move |stop_input: AgentStopHookInput, _| {
                *stop.lock().unwrap() = Some(stop_input.session_id);
                async {}
            })
            .on_other_hook(move |hook: OtherHook, _| {
                seen.lock().unwrap().push(hook.hook_type);
                async { serde_json::Value::Null }
            })
    });
    let session = session.await;
    ask(&session, "Is it raining?").await.expect("an answer");
    let body = rig.model.requests()[0].body().to_string();
    assert!(body.contains("The user is in Bergen."), "{body}");
    assert!(body.contains("Is it raining? Quickly, please."), "{body}");
    assert_eq!(stopped.lock().unwrap().as_deref(), Some(session.id()));
    soon("the session to end", session.disconnect()).await.expect("a disconnect");
    let others = others.lock().unwrap().clone();
    assert!(others.contains(&"userPromptTransformed".to_owned()), "{others:?}");
    rig.finish().await;
}
