//! Custom agents, and restrictions on a session's tools and folder.

use std::sync::{Arc, Mutex};

use copilot_session::types::{
    CustomAgentConfig, InfiniteSessionConfig, SubagentStartHookInput, SubagentStartHookOutput,
    SubagentStopHookInput,
};
use copilot_session::{SessionBuilder, SessionEventData};
use copilot_session_model::{Reply, Script};
use serde_json::json;

use super::super::rig::{Rig, ask, prompt, soon};

/// A sub-agent has the prompt and the tools of its declaration. The hooks at its start and its end have its
/// name, and its model reads the context that the first hook adds.
#[tokio::test]
async fn hooks_see_a_sub_agent() {
    let task = json!({
        "agent_type": "helper", "prompt": "Help me.", "description": "helping", "name": "helper1", "mode": "sync",
    });
    let script = [Reply::tool_call("task", task), Reply::text("Helped."), Reply::text("Done.")];
    let rig = Rig::start(Script::replies(script)).await;
    let (started, stopped) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(Vec::new())));
    let (start, stop) = (Arc::clone(&started), Arc::clone(&stopped));
    let session = rig.session(|new: SessionBuilder| {
        let helper = CustomAgentConfig::new("helper", "You are the helper of the test.")
            .description("Helps")
            .tools(Some(vec!["view".to_owned()]));
        new.approve_all()
            .configure(|config| config.custom_agents(vec![helper]))
            .hook(move |input: SubagentStartHookInput, _| {
                start.lock().unwrap().push((input.agent_name, input.agent_id));
                async { SubagentStartHookOutput::default().additional_context("The user is in Bergen.") }
            })
            .hook(move |input: SubagentStopHookInput, _| {
                stop.lock().unwrap().push((input.agent_name, input.agent_id));
                async {}
            })
    });
    let session = session.await;
    let mut turn = prompt(&session, "Delegate.").await;
    let mut agents = Vec::new();
    while let Some(event) = soon("the turn to end", turn.next()).await {
        if let SessionEventData::SubagentStarted(_) = event.data() {
            agents.push(("helper".to_owned(), event.agent_id().map(str::to_owned)));
        }
    }
    assert_eq!(agents.len(), 1);
    assert!(agents[0].1.is_some());
    assert_eq!(*started.lock().unwrap(), agents);
    assert_eq!(*stopped.lock().unwrap(), agents);
    let asked = &rig.model.requests()[1];
    assert!(asked.system_text().contains("You are the helper of the test."), "{}", asked.system_text());
    assert_eq!(asked.tool_names(), ["view"]);
    let body = asked.body().to_string();
    assert!(body.contains("The user is in Bergen."), "{body}");
    rig.finish().await;
}

/// The model is offered only the tools that the session allows.
#[tokio::test]
async fn the_model_is_offered_allowed_tools() {
    let rig = Rig::start(Script::replies([Reply::text("Two."), Reply::text("All but one.")])).await;
    let only = |names: [&str; 2]| names.map(str::to_owned).to_vec();
    let session = rig.session(|new: SessionBuilder| {
        new.deny_all().configure(|config| config.available_tools(only(["view", "glob"])))
    });
    ask(&session.await, "Which tools?").await.expect("an answer");
    let mut names = rig.model.requests()[0].tool_names();
    names.sort();
    assert_eq!(names, ["glob", "view"]);
    let session = rig.session(|new: SessionBuilder| {
        new.deny_all().configure(|config| config.excluded_tools(only(["view", "bash"])))
    });
    ask(&session.await, "Which tools?").await.expect("an answer");
    let names = rig.model.requests()[1].tool_names();
    assert!(names.contains(&"glob".to_owned()) && names.len() > 2, "{names:?}");
    assert!(!names.contains(&"view".to_owned()) && !names.contains(&"bash".to_owned()), "{names:?}");
    rig.finish().await;
}

/// A session that is not infinite has no workspace.
#[tokio::test]
async fn a_session_without_a_workspace() {
    let rig = Rig::start(Script::replies([])).await;
    let with = rig.session(SessionBuilder::deny_all).await;
    assert!(with.workspace_path().is_some());
    let without = rig.session(|new: SessionBuilder| {
        let off = InfiniteSessionConfig::default().enabled(false);
        new.deny_all().configure(|config| config.infinite_sessions(off))
    });
    assert_eq!(without.await.workspace_path(), None);
    rig.finish().await;
}
