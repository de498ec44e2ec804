//! GitHub, as far as the CLI calls it: the account of a token, and its models.

use hyper::header::{AUTHORIZATION, HeaderMap};
use serde_json::{Value, json};

use super::MODEL_NAME;

/// The only token that the server accepts in the place of GitHub. It opens nothing else.
pub const GITHUB_TOKEN: &str = "gho_0scripted1scripted2scripted3scri";
/// The name of the account with [`GITHUB_TOKEN`].
pub const GITHUB_LOGIN: &str = "octo";

/// Pages that the CLI requests for an account and that do not exist here: settings of organizations, and
/// GitHub's own MCP server.
const ABSENT: [&str; 3] =
    ["/copilot_internal/managed_settings", "/copilot_internal/team_customizations", "/mcp/readonly"];

/// The status and body of this path, on a server with this address. None if the path is not GitHub's.
pub(super) fn page(address: &str, path: &str, headers: &HeaderMap) -> Option<(u16, Value)> {
    let page = match path {
        // GitHub accepts telemetry with and without a login.
        "/telemetry" => return Some((200, json!({}))),
        "/copilot_internal/user" => (200, user(address)),
        "/cmc_internal/api/agents/environments" => (200, json!([])),
        "/models" => (200, json!({ "object": "list", "data": [model()] })),
        _ if ABSENT.contains(&path) => (404, json!({ "message": "Not Found" })),
        _ => return None,
    };
    Some(if is_known(headers) { page } else { (401, json!({ "message": "Bad credentials" })) })
}

/// Returns true if the request has the token.
pub(super) fn is_known(headers: &HeaderMap) -> bool {
    let header = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    header
        .split_once(' ')
        .is_some_and(|(kind, token)| kind.eq_ignore_ascii_case("bearer") && token == GITHUB_TOKEN)
}

/// The account, with a plan that has a quota.
fn user(address: &str) -> Value {
    let url = format!("http://{address}");
    let quota = |unlimited: bool| {
        json!({
            "quota_id": "scripted", "entitlement": 300, "remaining": 290, "quota_remaining": 290.5,
            "percent_remaining": 96.5, "unlimited": unlimited, "overage_count": 0, "overage_permitted": true,
            "has_quota": true, "quota_reset_at": 0, "timestamp_utc": "2026-01-01T00:00:00.000Z",
        })
    };
    json!({
        "login": GITHUB_LOGIN, "access_type_sku": "plus_monthly_subscriber", "copilot_plan": "individual_pro",
        "analytics_tracking_id": "scripted", "assigned_date": "2024-01-01T00:00:00Z", "chat_enabled": true,
        "can_signup_for_limited": false, "organization_login_list": [], "organization_list": [],
        "quota_reset_date": "2026-02-01", "quota_reset_date_utc": "2026-02-01T00:00:00.000Z",
        "endpoints": { "api": url, "proxy": url, "telemetry": url, "origin-tracker": url },
        "quota_snapshots": { "chat": quota(true), "completions": quota(true), "premium_interactions": quota(false) },
    })
}

/// The model in the form of the catalog.
fn model() -> Value {
    let limits = json!({
        "max_context_window_tokens": 128_000, "max_output_tokens": 16_000, "max_prompt_tokens": 128_000,
    });
    let capabilities = json!({
        "family": MODEL_NAME, "type": "chat", "object": "model_capabilities", "tokenizer": "o200k_base",
        "limits": limits, "supports": { "streaming": true, "tool_calls": true, "parallel_tool_calls": true },
    });
    json!({
        "id": MODEL_NAME, "name": MODEL_NAME, "object": "model", "vendor": "tests", "version": MODEL_NAME,
        "model_picker_enabled": true, "preview": false, "policy": { "state": "enabled", "terms": "" },
        "billing": { "is_premium": true, "multiplier": 1.5 }, "capabilities": capabilities,
        "supported_endpoints": ["/chat/completions"],
    })
}
