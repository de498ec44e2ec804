//! Handlers whose time limit passes while their code blocks its thread.

use std::time::Duration;

use copilot_session::methods::client::SkillProviderList;
use copilot_session::testing::{error, requests};
use copilot_session::types::{PreToolUseHookInput, PreToolUseHookOutput, SkillProviderListResult};
use copilot_session::{Decision, SessionBuilder};
use serde_json::json;

use crate::rig::Rig;

const LIMIT: Duration = Duration::from_millis(20);

/// Blocks for longer than the limit, as a computation does.
fn hold_the_thread() {
    let started = std::time::Instant::now();
    while started.elapsed() < 3 * LIMIT {
        std::hint::spin_loop();
    }
}

/// An approval that comes after the limit is refused, although the timer could not run before it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_approval() {
    let configure = |session: SessionBuilder| {
        session
            .handler_timeout(LIMIT)
            .on_permission(async |_, _| {
                hold_the_thread();
                Decision::approve()
            })
            .hook(async |_: PreToolUseHookInput, _| {
                hold_the_thread();
                PreToolUseHookOutput::allow()
            })
            .handle::<SkillProviderList>(async |_, _| {
                hold_the_thread();
                Ok(SkillProviderListResult::new(Vec::new()))
            })
    };
    let rig = Rig::with(configure).await;
    let decision = rig.fake.expect_permission(rig.session.id(), requests::shell("ls")).await;
    assert_ne!(copilot_session::wire::to_json(&decision.result), json!({"kind": "approve-once"}).to_string());
    let input = json!({"sessionId": "s", "timestamp": 0, "cwd": "/", "toolName": "bash", "toolArgs": {}});
    let answer = rig.ask("hooks.invoke", json!({"hookType": "preToolUse", "input": input})).await;
    assert_eq!(answer.expect("no error")["output"]["permissionDecision"], "deny");
    let late = Err(error(-32603, "the handler took longer than 20ms"));
    assert_eq!(rig.ask("skillProvider.list", json!({})).await, late);
}
