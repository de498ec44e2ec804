//! The error texts of handlers, tools and hooks do not reach the model.

use copilot_session::types::{
    AgentStopHookInput, AgentStopHookOutput, ModeSetRequest, PostToolUseHookInput, PostToolUseHookOutput,
    PreToolUseHookInput, PreToolUseHookOutput, SessionMode, SessionStartHookInput, SessionStartHookOutput,
    UiExitPlanModeResponse, UserInputResult, UserPromptSubmittedHookInput, UserPromptSubmittedHookOutput,
};
use copilot_session::{Decision, SessionBuilder, Tool};
use copilot_session_model::{Reply, Script};
use serde_json::{Value, json};

use super::rig::{Rig, ask, soon};

/// A text that must not leave the program, such as a connection string in an error.
const INTERNAL: &str = "postgres://xyzzy";

fn fails<T>() -> Result<T, String> {
    Err(format!("no connection to {INTERNAL}"))
}

/// Registers tools that fail, and a handler that fails for each of the CLI's tools that calls one.
fn configured(new: SessionBuilder) -> SessionBuilder {
    let panics = Tool::new("panics", "Panics", async |_: Value, _| -> &str { panic!("{INTERNAL}") });
    let panics = panics.declare(|tool| tool.skip_permission(true));
    new.tool(panics)
        .on_permission(async |_, _| fails::<Decision>())
        .on_user_input(async |_, _| fails::<UserInputResult>())
        .on_exit_plan_mode(async |_, _| fails::<UiExitPlanModeResponse>())
        .hook(async |_: PostToolUseHookInput, _| fails::<PostToolUseHookOutput>())
        .hook(async |_: SessionStartHookInput, _| fails::<SessionStartHookOutput>())
        .hook(async |_: AgentStopHookInput, _| fails::<AgentStopHookOutput>())
        .transform_section("tone", async |_, _| fails::<String>())
}

fn calls() -> [Reply; 3] {
    [
        Reply::tool_call("bash", json!({"command": "touch RAN", "description": "A step"})),
        Reply::tool_call("ask_user", json!({"question": "Which?"})),
        Reply::tool_call("panics", json!({})),
    ]
}

/// The model reads that something failed, always in the same words.
#[tokio::test]
async fn errors_do_not_reach_the_model() {
    let rig = Rig::start(Script::replies(calls().into_iter().chain([Reply::text("Done.")]))).await;
    let session = rig.session(configured).await;
    assert_eq!(ask(&session, "Go.").await.expect("an answer").text(), "Done.");
    let requests = rig.model.requests();
    let results: Vec<String> = requests[3].tool_results().into_iter().map(|(_, text)| text).collect();
    let expected = ["could not request permission", "unable to respond", "ended without a result"];
    for (text, expected) in results.iter().zip(expected) {
        assert!(text.contains(expected), "{text} has no {expected}");
    }
    assert_eq!(results.len(), expected.len());
    for request in &requests {
        assert!(!request.body().to_string().contains("xyzzy"), "{}", request.body());
    }
    assert!(!rig.work().join("RAN").exists());
    rig.finish().await;
}

/// A `userPromptSubmitted` hook that fails blocks the prompt: the model does not see it.
#[tokio::test]
async fn a_failed_hook_blocks_the_prompt() {
    let rig = Rig::start(Script::replies([])).await;
    let hook = async |_: UserPromptSubmittedHookInput, _| fails::<UserPromptSubmittedHookOutput>();
    let session = rig.session(|new| new.approve_all().hook(hook)).await;
    assert!(ask(&session, "Go.").await.expect("an answer").is_aborted());
    assert_eq!(rig.model.requests().len(), 0);
    rig.finish().await;
}

/// A `preToolUse` hook that fails refuses, and its error does not reach the model.
#[tokio::test]
async fn a_failed_hook_refuses() {
    let call = Reply::tool_call("bash", json!({"command": "touch RAN", "description": "A step"}));
    let rig = Rig::start(Script::replies([call, Reply::text("Done.")])).await;
    let hook = async |_: PreToolUseHookInput, _| fails::<PreToolUseHookOutput>();
    let session = rig.session(|new| new.approve_all().hook(hook)).await;
    ask(&session, "Go.").await.expect("an answer");
    let (_, read) = rig.model.requests()[1].tool_results().pop().expect("a result");
    assert!(read.contains("the hook that decides on it failed") && !read.contains("xyzzy"), "{read}");
    assert!(!rig.work().join("RAN").exists());
    rig.finish().await;
}

/// A plan whose handler fails is refused, and the error does not reach the model.
#[tokio::test]
async fn a_failed_handler_of_a_plan() {
    let plan = Reply::tool_call("exit_plan_mode", json!({"summary": "The plan"}));
    let rig = Rig::start(Script::replies([plan, Reply::text("Done.")])).await;
    let session = rig.session(configured).await;
    let planning = ModeSetRequest::new(SessionMode::Plan);
    soon("the mode", session.rpc().mode().set(&planning)).await.expect("plan mode");
    ask(&session, "Go.").await.expect("an answer");
    let (_, read) = rig.model.requests()[1].tool_results().pop().expect("a result");
    assert!(read.contains("the plan was neither approved nor rejected") && !read.contains("xyzzy"), "{read}");
    rig.finish().await;
}
