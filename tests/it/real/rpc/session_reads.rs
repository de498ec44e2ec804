//! A call of every method of a session that only reads and needs no parameters.

use copilot_session::session_rpc::SessionRpc;
use copilot_session::types::{
    AgentListRequest, CommandsListRequest, EventLogReadRequest, InfiniteSessionConfig,
    MetadataContextHeaviestMessagesRequest, MetadataContextInfoRequest, ModelGetReasoningSummariesRequest,
    ModelListRequest, ProviderGetEndpointRequest, SessionLimitPredictionRequest, SubagentSettings,
    TasksGetProgressRequest, ToolsGetBuiltinDescriptorsRequest, UpdateSubagentSettingsRequest,
    WorkflowListRunsRequest, WorkspacesEnsureRequest,
};
use copilot_session::{ClientBuilder, SessionBuilder, Tool};
use copilot_session_model::{GITHUB_TOKEN, MODEL_NAME, Reply, Script};
use serde_json::json;

use super::tally::{Tally, call};
use crate::real::rig::{Rig, SHELL, ask, soon};

/// The methods that the CLI itself refuses, with its reason.
const REFUSED: &[(&str, &str)] = &[(
    "rpc.provider().get_endpoint(&ProviderGetEndpointRequest::default())",
    "set COPILOT_ALLOW_GET_PROVIDER_ENDPOINT=true",
)];

/// Methods that do more than read.
const LEFT_OUT: &[&str] = &[
    "session.abort",
    "session.agent.deselect",
    "session.agent.reload",
    "session.cancelAllBackgroundAgents",
    "session.connectors.withdrawProjection",
    "session.customizations.reload",
    "session.extensions.reconcile",
    "session.extensions.reload",
    "session.fleet.start",
    "session.gitHubAuth.logout",
    "session.gitHubAuth.refreshCopilotUser",
    "session.gitHubAuth.setCredentials",
    "session.history.abortManualCompaction",
    "session.history.cancelBackgroundCompaction",
    "session.history.compact",
    "session.history.summarizeForHandoff",
    "session.instructions.reload",
    "session.interruptMainTurn",
    "session.lsp.initialize",
    "session.mcp.moveLoadingToBackground",
    "session.mcp.oauth.authenticationStateChanged",
    "session.mcp.reload",
    "session.mcp.removeGitHub",
    "session.mcp.setConnectedIdeInfo",
    "session.metadata.updateClientMetadata",
    "session.model.applyStartupOverlay",
    "session.model.setAllowedModels",
    "session.options.update",
    "session.permissions.configure",
    "session.permissions.resetSessionApprovals",
    "session.plan.delete",
    "session.plugins.marketplaces.refresh",
    "session.plugins.reload",
    "session.plugins.retryManaged",
    "session.provider.add",
    "session.provider.sync",
    "session.queue.clear",
    "session.queue.enqueueResumePending",
    "session.queue.process",
    "session.queue.removeMostRecent",
    "session.quota.refresh",
    "session.remote.disable",
    "session.remote.enable",
    "session.schedule.hydrate",
    "session.shutdown",
    "session.skills.reload",
    "session.suspend",
    "session.tasks.promoteCurrentToBackground",
    "session.ui.registerDirectAutoModeSwitchHandler",
    "session.workspaces.deleteAutopilotObjective",
    "session.workspaces.updateMetadata",
];

/// Every result of a read-only method can be decoded, in a session with a conversation.
#[tokio::test]
async fn every_result_of_a_session_can_be_decoded() {
    let rig = Rig::start(script()).await;
    let session = rig.session(|new: SessionBuilder| new.tool(ours()).approve_all()).await;
    ask(&session, "Go.").await.expect("an answer");
    let tally = read_all(session.rpc(), Tally::default()).await;
    tally.check_complete("session", LEFT_OUT);
    tally.check(REFUSED);
    rig.finish().await;
}

/// The same for a session that is logged in to GitHub and has one of its models.
#[tokio::test]
async fn every_result_of_a_session_with_a_login_can_be_decoded() {
    let login = |new: ClientBuilder| new.github_token(GITHUB_TOKEN);
    let rig = Rig::start_on_github(script(), login).await;
    let session = rig.watched(rig.client.session().model(MODEL_NAME).tool(ours()).approve_all());
    let session = soon("the session", session.create()).await.expect("a session");
    ask(&session, "Go.").await.expect("an answer");
    let (rpc, mut tally) = (session.rpc(), Tally::default());
    call! {
        tally:
        rpc.github_auth().refresh_copilot_user(),
        rpc.quota().refresh(),
    }
    read_all(rpc, tally).await.check(REFUSED);
    rig.finish().await;
}

/// A turn with two tools, one of them [`ours`].
fn script() -> Script {
    let list = json!({ "command": "ls", "description": "Look around" });
    let tools = Reply::tool_call(SHELL, list).then_tool_call("ours", json!({}));
    Script::replies([tools, Reply::text("Done.")])
}

fn ours() -> Tool {
    Tool::new("ours", "Does something", async |(), _| "done")
}

async fn read_all(rpc: SessionRpc<'_>, mut tally: Tally) -> Tally {
    conversation(rpc, &mut tally).await;
    surroundings(rpc, &mut tally).await;
    access(rpc, &mut tally).await;
    work(rpc, &mut tally).await;
    with_defaults(rpc, &mut tally).await;
    tally
}

/// The same for an empty session, without prompts and without a workspace.
#[tokio::test]
async fn every_result_of_an_empty_session_can_be_decoded() {
    let rig = Rig::start(Script::replies([])).await;
    let no_workspace = InfiniteSessionConfig::default().enabled(false);
    let session =
        rig.session(|new| new.deny_all().configure(|config| config.infinite_sessions(no_workspace)));
    let session = session.await;

    let (rpc, mut tally) = (session.rpc(), Tally::default());
    call! {
        tally:
        rpc.metadata().context_info(&MetadataContextInfoRequest::new(100_000, 10_000)),
        rpc.tasks().get_progress(&TasksGetProgressRequest::new("no-such-task")),
        rpc.tools().update_subagent_settings(&UpdateSubagentSettingsRequest::new(SubagentSettings::default())),
    }
    read_all(rpc, tally).await.check(REFUSED);
    rig.finish().await;
}

/// The state of the conversation.
async fn conversation(rpc: SessionRpc<'_>, tally: &mut Tally) {
    call! {
        tally:
        rpc.event_log().tail(),
        rpc.history().list_rewind_points(),
        rpc.metadata().activity(),
        rpc.metadata().get_client_metadata(),
        rpc.metadata().get_context_attribution(),
        rpc.metadata().is_processing(),
        rpc.metadata().snapshot(),
        rpc.mode().get(),
        rpc.model().get_current(),
        rpc.name().get(),
        rpc.plan().read(),
        rpc.plan().read_sql_todos(),
        rpc.plan().read_sql_todos_with_dependencies(),
        rpc.queue().has_pending(),
        rpc.queue().pending_items(),
        rpc.queue().snapshot(),
        rpc.quota().get(),
        rpc.quota().take_warnings(),
        rpc.telemetry().get_engagement_id(),
        rpc.usage().get_metrics(),
        rpc.get_messages(),
    }
}

/// The environment of the session.
async fn surroundings(rpc: SessionRpc<'_>, tally: &mut Tally) {
    call! {
        tally:
        rpc.extensions().list(),
        rpc.instructions().get_sources(),
        rpc.managed_settings().get(),
        rpc.plugins().list(),
        rpc.plugins().marketplaces().list(),
        rpc.providers().get_catalog(),
        rpc.settings().snapshot(),
        rpc.skills().ensure_loaded(),
        rpc.skills().get_invoked(),
        rpc.skills().list(),
        rpc.visibility().get(),
        rpc.workspaces().autopilot_objective_exists(),
        rpc.workspaces().get_workspace(),
        rpc.workspaces().list_checkpoints(),
        rpc.workspaces().list_files(),
        rpc.workspaces().read_autopilot_objective(),
    }
}

/// Accounts, servers and permissions of the session.
async fn access(rpc: SessionRpc<'_>, tally: &mut Tally) {
    call! {
        tally:
        rpc.connectors().get_account(),
        rpc.connectors().get_capabilities(),
        rpc.connectors().get_status(),
        rpc.github_auth().get_all_auth_available(),
        rpc.github_auth().get_current_auth_info(),
        rpc.github_auth().get_status(),
        rpc.github_auth().last_auth_errors(),
        rpc.mcp().list(),
        rpc.mcp().list_configured(),
        rpc.mcp().apps().get_host_context(),
        rpc.permissions().get_mode(),
        rpc.permissions().pending_requests(),
        rpc.permissions().paths().list(),
        rpc.sandbox().get_credential_suggestions(),
        rpc.sandbox().get_enforcement_status(),
    }
}

/// The work of the session.
async fn work(rpc: SessionRpc<'_>, tally: &mut Tally) {
    call! {
        tally:
        rpc.agent().get_current(),
        rpc.autopilot_objective().get_state(),
        rpc.canvas().list(),
        rpc.canvas().list_open(),
        rpc.completions().get_trigger_characters(),
        rpc.schedule().has_self_paced(),
        rpc.schedule().list(),
        rpc.tasks().get_current_promotable(),
        rpc.tasks().list(),
        rpc.tasks().refresh(),
        rpc.tasks().wait_for_pending(),
        rpc.tools().get_current_metadata(),
        rpc.tools().initialize_and_validate(),
        rpc.tools().list_pending_requests(),
    }
}

/// Methods whose parameters are all optional, without any.
async fn with_defaults(rpc: SessionRpc<'_>, tally: &mut Tally) {
    call! {
        tally:
        rpc.agent().list(&AgentListRequest::default()),
        rpc.commands().list(&CommandsListRequest::default()),
        rpc.event_log().read(&EventLogReadRequest::default()),
        rpc.limit_prediction().predict(&SessionLimitPredictionRequest::default()),
        rpc.metadata().get_context_heaviest_messages(&MetadataContextHeaviestMessagesRequest::default()),
        rpc.model().get_reasoning_summaries(&ModelGetReasoningSummariesRequest::default()),
        rpc.model().list(&ModelListRequest::default()),
        rpc.provider().get_endpoint(&ProviderGetEndpointRequest::default()),
        rpc.tools().get_builtin_descriptors(&ToolsGetBuiltinDescriptorsRequest::default()),
        rpc.workflow().list_runs(&WorkflowListRunsRequest::default()),
        rpc.workspaces().ensure(&WorkspacesEnsureRequest::default()),
    }
}
