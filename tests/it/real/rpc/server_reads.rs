//! A call of every method of the CLI that only reads and needs no parameters.

use copilot_session::ClientBuilder;
use copilot_session::server_rpc::ServerRpc;
use copilot_session::types::{
    AccountGetQuotaRequest, AgentsDiscoverRequest, AgentsGetAvailableBuiltinsRequest,
    AgentsGetDiscoveryPathsRequest, ConnectRequest, EnvironmentsListRequest,
    GlobalStateLoadForConfigDirRequest, HooksDiscoverRequest, HostEmptyResult, HostListSessionsRequest,
    InstructionsDiscoverRequest, InstructionsGetDiscoveryPathsRequest, ManagedSettingsParseClientValueParams,
    ManagedSettingsResolveEffectiveValueParams, ManagedSettingsResolveRequest, McpDiscoverRequest,
    McpShouldExcludeGitHubToolsRequest, ModelsListRequest, PermissionsEvaluateManagedPolicyParams,
    PingRequest, SandboxProxyCaRequest, SandboxResolveFlooredConfigParams,
    SandboxUnsupportedStartupNoticeParams, SessionListRequest, SessionsGetLastForContextRequest,
    SessionsListNonEmptySessionIdsRequest, SessionsListRequest, SkillsDiscoverRequest,
    SkillsGetDiscoveryPathsRequest, ToolsListRequest, UserSettingsGetPathsRequest,
    UserSettingsLoadForConfigDirRequest, UserSettingsMergeManagedAndUserParams, UserSettingsProblemsRequest,
};
use copilot_session_model::{GITHUB_TOKEN, Script};

use super::tally::{Tally, call};
use crate::real::rig::Rig;

const NO_LOGIN: &str = "Not authenticated";
const NOT_TRUSTED: &str = "a trusted host";

/// The methods that the CLI itself refuses, with its reason.
const REFUSED: &[(&str, &str)] = &[
    ("rpc.managed_settings().read_device()", NOT_TRUSTED),
    ("rpc.sandbox().proxy_secret().get_location()", NOT_TRUSTED),
    ("rpc.user().settings().get_path()", NOT_TRUSTED),
    ("rpc.user().settings().load_with_warning()", NOT_TRUSTED),
    (
        "rpc.user().settings().load_for_config_dir(&UserSettingsLoadForConfigDirRequest::default())",
        NOT_TRUSTED,
    ),
    ("rpc.account().get_quota(&AccountGetQuotaRequest::default())", NO_LOGIN),
    ("rpc.environments().list(&EnvironmentsListRequest::default())", NO_LOGIN),
    ("rpc.models().list(&ModelsListRequest::default())", NO_LOGIN),
    ("rpc.models().list_token_price_units(&ModelsListRequest::default())", NO_LOGIN),
    ("rpc.host().get_configuration(&HostEmptyResult::default())", "supervised child"),
    ("rpc.host().get_environment_credentials(&HostEmptyResult::default())", "supervised child"),
];

/// Methods that do more than read.
const LEFT_OUT: &[&str] = &[
    "host.ready",
    "instructions.clearCache",
    "llmInference.setProvider",
    "managedSettings.clearCache",
    "mcp.config.reload",
    "permissions.locations.cleanupOrphaned",
    "plugins.marketplaces.refresh",
    "plugins.updateAll",
    "registerExtensionLaunchProvider",
    "runtime.shutdown",
    "sandbox.proxyCa.create",
    "sandbox.proxyCa.remove",
    "sandbox.proxyCa.rotate",
    "sandbox.proxyCa.trust",
    "sandbox.proxySecret.delete",
    "sandbox.proxySecret.get",
    "sessions.stopRemoteControl",
    "user.settings.migrateObsoleteOnDisk",
];

/// Every result of a read-only method can be decoded.
#[tokio::test]
async fn every_result_of_the_cli_can_be_decoded() {
    let rig = Rig::start(Script::replies([])).await;
    let tally = read_all(rig.client.rpc()).await;
    tally.check_complete("server", LEFT_OUT);
    tally.check(REFUSED);
    rig.finish().await;
}

/// The same for a process that is logged in.
#[tokio::test]
async fn every_result_of_a_cli_with_a_login_can_be_decoded() {
    let login = |new: ClientBuilder| new.github_token_in_environment(GITHUB_TOKEN);
    let rig = Rig::start_on_github(Script::replies([]), login).await;
    let tally = read_all(rig.client.rpc()).await;
    let refused: Vec<_> = REFUSED.iter().copied().filter(|(_, reason)| *reason != NO_LOGIN).collect();
    tally.check(&refused);
    rig.finish().await;
}

async fn read_all(rpc: ServerRpc<'_>) -> Tally {
    let mut tally = Tally::default();
    people(rpc, &mut tally).await;
    extensions(rpc, &mut tally).await;
    machine(rpc, &mut tally).await;
    with_defaults(rpc, &mut tally).await;
    discoveries(rpc, &mut tally).await;
    tally
}

/// Accounts, users and their activity.
async fn people(rpc: ServerRpc<'_>, tally: &mut Tally) {
    call! {
        tally:
        rpc.account().get_all_users(),
        rpc.account().get_current_auth(),
        rpc.account().get_token_env_var(),
        rpc.auth().get_status(),
        rpc.github_owners().next_request_id(),
        rpc.global_state().load(),
        rpc.models().get_built_in_catalog(),
        rpc.session().get_foreground(),
        rpc.session().get_last_id(),
        rpc.sessions().get_remote_control_status(),
        rpc.sessions().get_sizes(),
        rpc.status().get(),
    }
}

/// Extensions of the CLI.
async fn extensions(rpc: ServerRpc<'_>, tally: &mut Tally) {
    call! {
        tally:
        rpc.agents().get_builtins(),
        rpc.commands().list(),
        rpc.connectors().get_accounts(),
        rpc.connectors().get_capabilities(),
        rpc.extensions().discover(),
        rpc.feature_flags().list_metadata(),
        rpc.instructions().get_init_prompt(),
        rpc.mcp().list_builtin_server_names(),
        rpc.mcp().config().list(),
        rpc.mcp().registry().allocate_request_id(),
        rpc.plugins().list(),
        rpc.plugins().marketplaces().list(),
    }
}

/// Settings of the CLI and the machine.
async fn machine(rpc: ServerRpc<'_>, tally: &mut Tally) {
    call! {
        tally:
        rpc.managed_settings().read(),
        rpc.managed_settings().read_device(),
        rpc.managed_settings().schema(),
        rpc.sandbox().check_platform_support(),
        rpc.sandbox().check_windows_host_loopback_support(),
        rpc.sandbox().get_docs_url(),
        rpc.sandbox().get_host_support(),
        rpc.sandbox().get_unsupported_message(),
        rpc.sandbox().get_unsupported_setting_disabled_notice(),
        rpc.sandbox().proxy_ca().check_installation_support(),
        rpc.sandbox().proxy_secret().get_location(),
        rpc.user().settings().get(),
        rpc.user().settings().get_path(),
        rpc.user().settings().list_governance_keys(),
        rpc.user().settings().load_for_edit(),
        rpc.user().settings().load_with_warning(),
    }
}

/// Methods whose parameters are all optional, without any.
async fn with_defaults(rpc: ServerRpc<'_>, tally: &mut Tally) {
    call! {
        tally:
        rpc.connect(&ConnectRequest::default()),
        rpc.ping(&PingRequest::default()),
        rpc.managed_settings().parse_client_value(&ManagedSettingsParseClientValueParams::default()),
        rpc.managed_settings().resolve_effective_value(&ManagedSettingsResolveEffectiveValueParams::default()),
        rpc.sandbox().resolve_floored_config(&SandboxResolveFlooredConfigParams::default()),
        rpc.user().settings().merge_managed_and_user(&UserSettingsMergeManagedAndUserParams::default()),
        rpc.account().get_quota(&AccountGetQuotaRequest::default()),
        rpc.environments().list(&EnvironmentsListRequest::default()),
        rpc.host().list_sessions(&HostListSessionsRequest::default()),
        rpc.managed_settings().resolve(&ManagedSettingsResolveRequest::default()),
        rpc.models().list(&ModelsListRequest::default()),
        rpc.models().list_token_price_units(&ModelsListRequest::default()),
        rpc.permissions().evaluate_managed_policy(&PermissionsEvaluateManagedPolicyParams::default()),
        rpc.sandbox().get_unsupported_startup_notice(&SandboxUnsupportedStartupNoticeParams::default()),
        rpc.sandbox().proxy_ca().check_relevance(&SandboxProxyCaRequest::default()),
        rpc.sandbox().proxy_ca().get_status(&SandboxProxyCaRequest::default()),
        rpc.session().list(&SessionListRequest::default()),
        rpc.sessions().get_last_for_context(&SessionsGetLastForContextRequest::default()),
        rpc.sessions().list(&SessionsListRequest::default()),
        rpc.sessions().list_non_empty_session_ids(&SessionsListNonEmptySessionIdsRequest::default()),
        rpc.user().settings().diagnose_problems(&UserSettingsProblemsRequest::default()),
        rpc.user().settings().get_paths(&UserSettingsGetPathsRequest::default()),
        rpc.user().settings().load_for_config_dir(&UserSettingsLoadForConfigDirRequest::default()),
    }
}

/// Files that the CLI finds on the disk.
async fn discoveries(rpc: ServerRpc<'_>, tally: &mut Tally) {
    call! {
        tally:
        rpc.agents().discover(&AgentsDiscoverRequest::default()),
        rpc.agents().get_available_builtins(&AgentsGetAvailableBuiltinsRequest::default()),
        rpc.agents().get_discovery_paths(&AgentsGetDiscoveryPathsRequest::default()),
        rpc.global_state().load_for_config_dir(&GlobalStateLoadForConfigDirRequest::default()),
        rpc.hooks().discover(&HooksDiscoverRequest::default()),
        rpc.host().get_configuration(&HostEmptyResult::default()),
        rpc.host().get_environment_credentials(&HostEmptyResult::default()),
        rpc.instructions().discover(&InstructionsDiscoverRequest::default()),
        rpc.instructions().get_discovery_paths(&InstructionsGetDiscoveryPathsRequest::default()),
        rpc.mcp().discover(&McpDiscoverRequest::default()),
        rpc.mcp().should_exclude_github_tools(&McpShouldExcludeGitHubToolsRequest::default()),
        rpc.skills().discover(&SkillsDiscoverRequest::default()),
        rpc.skills().get_discovery_paths(&SkillsGetDiscoveryPathsRequest::default()),
        rpc.tools().list(&ToolsListRequest::default()),
    }
}
