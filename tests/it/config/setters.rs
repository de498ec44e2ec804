//! Configurations as a user writes them, and their JSON.

use std::collections::BTreeMap;

use copilot_session::types::{
    CustomAgentConfig, InfiniteSessionConfig, McpSerializableServerConfig, McpServerConfigHttp,
    McpServerConfigHttpType, McpServerConfigStdio, ProtocolSectionOverride, ProtocolStaticSectionAction,
    ProtocolStaticSectionOverride, ProtocolSystemMessageConfig, ProtocolSystemMessageCustomizeConfig,
    ProtocolSystemMessageReplaceConfig, ProviderConfig, ProviderConfigAzure, ProviderConfigType,
    ProviderConfigWireApi, SessionAuthLoginRequestFields, SessionConfig, SessionLimitsConfig,
    UiElicitationSchemaPropertyBoolean, UiElicitationSchemaPropertyString,
};
use copilot_session::wire;
use serde_json::{Value, json};

use super::added;

async fn set(config: impl Fn(SessionConfig) -> SessionConfig) -> Value {
    added(|session| session.deny_all().configure(&config)).await
}

fn map<V>(key: &str, value: V) -> BTreeMap<String, V> {
    [(key.to_owned(), value)].into()
}

fn provider() -> ProviderConfig {
    ProviderConfig::new("https://host/v1")
        .kind(ProviderConfigType::Azure)
        .wire_api(ProviderConfigWireApi::Completions)
        .api_key("s3cret-key")
        .bearer_token("s3cret-bearer")
        .azure(ProviderConfigAzure::default().api_version("2024-10-21"))
        .max_output_tokens(4096.0)
        .headers(map("X-Key", "s3cret-header".to_owned()))
}

fn stdio() -> McpServerConfigStdio {
    McpServerConfigStdio::new("node")
        .args(vec!["server.js".to_owned()])
        .env(map("TOKEN", "s3cret-env".to_owned()))
        .tools(vec!["*".to_owned()])
}

fn http() -> McpServerConfigHttp {
    McpServerConfigHttp::new("https://host/mcp")
        .kind(McpServerConfigHttpType::Http)
        .headers(map("Authorization", "s3cret-auth".to_owned()))
        .tools(Vec::new())
}

#[tokio::test(start_paused = true)]
async fn model_and_folders() {
    let sent = added(|session| {
        let session = session.deny_all().model("gpt-5").current_dir("/w");
        session.configure(|config| config.reasoning_effort("high").client_name("test").name("a name"))
    });
    assert_eq!(
        sent.await,
        json!({
            "model": "gpt-5",
            "workingDirectory": "/w",
            "reasoningEffort": "high",
            "clientName": "test",
            "name": "a name",
        })
    );
}

/// Secrets are sent; whole numbers are written without a fraction.
#[tokio::test(start_paused = true)]
async fn a_provider() {
    assert_eq!(
        added(|session| session.deny_all().provider(provider())).await,
        json!({"provider": {
            "type": "azure",
            "wireApi": "completions",
            "baseUrl": "https://host/v1",
            "apiKey": "s3cret-key",
            "bearerToken": "s3cret-bearer",
            "azure": {"apiVersion": "2024-10-21"},
            "maxOutputTokens": 4096,
            "headers": {"X-Key": "s3cret-header"},
        }})
    );
}

#[tokio::test(start_paused = true)]
async fn mcp_servers() {
    let servers = || {
        let mut servers = map("local", McpSerializableServerConfig::ServerConfigStdio(stdio()));
        servers.insert("remote".to_owned(), McpSerializableServerConfig::ServerConfigHttp(http()));
        servers
    };
    assert_eq!(
        set(|config| config.mcp_servers(servers())).await,
        json!({"mcpServers": {
            "local": {
                "command": "node",
                "args": ["server.js"],
                "env": {"TOKEN": "s3cret-env"},
                "tools": ["*"],
            },
            "remote": {
                "type": "http",
                "url": "https://host/mcp",
                "headers": {"Authorization": "s3cret-auth"},
                "tools": [],
            },
        }})
    );
}

#[tokio::test(start_paused = true)]
async fn custom_agents() {
    let agent = || {
        CustomAgentConfig::new("reviewer", "You review.")
            .display_name("Reviewer")
            .description("Reviews")
            .tools(Some(vec!["view".to_owned()]))
            .infer(false)
    };
    assert_eq!(
        set(|config| config.custom_agents(vec![agent()]).agent("reviewer")).await,
        json!({
            "customAgents": [{
                "name": "reviewer",
                "displayName": "Reviewer",
                "description": "Reviews",
                "prompt": "You review.",
                "tools": ["view"],
                "infer": false,
            }],
            "agent": "reviewer",
        })
    );
}

/// An empty object is sent, since it differs from an absent key.
#[tokio::test(start_paused = true)]
async fn infinite_sessions_and_limits() {
    let off = || InfiniteSessionConfig::default().enabled(false);
    assert_eq!(
        set(|config| config.infinite_sessions(off().background_compaction_threshold(0.8))).await,
        json!({"infiniteSessions": {"enabled": false, "backgroundCompactionThreshold": 0.8}})
    );
    assert_eq!(
        set(|config| config.infinite_sessions(InfiniteSessionConfig::default())).await,
        json!({"infiniteSessions": {}})
    );
    assert_eq!(
        set(|config| config.session_limits(SessionLimitsConfig::default().max_ai_credits(12.5))).await,
        json!({"sessionLimits": {"maxAiCredits": 12.5}})
    );
}

/// Lists keep their order, and an empty list is sent: no tools differs from all tools.
#[tokio::test(start_paused = true)]
async fn tool_filters() {
    assert_eq!(
        set(|config| config.available_tools(Vec::new()).excluded_tools(vec!["b".to_owned(), "a".to_owned()]))
            .await,
        json!({"availableTools": [], "excludedTools": ["b", "a"]})
    );
}

#[tokio::test(start_paused = true)]
async fn system_messages() {
    let message = async |message: ProtocolSystemMessageConfig| {
        set(|config| config.system_message(message.clone())).await["systemMessage"].take()
    };
    assert_eq!(
        added(|session| session.deny_all().append_system_message("Be \"brief\".\n")).await,
        json!({"systemMessage": {"content": "Be \"brief\".\n"}})
    );
    let replace = ProtocolSystemMessageReplaceConfig::new("All of it.");
    assert_eq!(
        message(ProtocolSystemMessageConfig::Replace(replace)).await,
        json!({"mode": "replace", "content": "All of it."})
    );
    let section = |action| ProtocolStaticSectionOverride::new(action);
    let sections = [
        ("tone", section(ProtocolStaticSectionAction::Replace).content("Dry.")),
        ("safety", section(ProtocolStaticSectionAction::Remove)),
        ("identity", section(ProtocolStaticSectionAction::Prepend).content("First.")),
        ("guidelines", section(ProtocolStaticSectionAction::Append).content("Last.")),
    ];
    let sections = sections.map(|(id, section)| (id.to_owned(), ProtocolSectionOverride::Static(section)));
    let customize = ProtocolSystemMessageCustomizeConfig::default().sections(sections.into());
    assert_eq!(
        message(ProtocolSystemMessageConfig::Customize(customize)).await,
        json!({
            "mode": "customize",
            "sections": {
                "tone": {"action": "replace", "content": "Dry."},
                "safety": {"action": "remove"},
                "identity": {"action": "prepend", "content": "First."},
                "guidelines": {"action": "append", "content": "Last."},
            },
        })
    );
}

/// Secrets are sent and not shown; the rest is shown.
#[test]
fn secrets_are_not_shown() {
    let config = SessionConfig::default()
        .model("gpt-5")
        .provider(provider())
        .github_token("s3cret-token")
        .mcp_servers(map("local", McpSerializableServerConfig::ServerConfigStdio(stdio())))
        .custom_agents(vec![
            CustomAgentConfig::new("reviewer", "You review.")
                .mcp_servers(map("remote", McpSerializableServerConfig::ServerConfigHttp(http()))),
        ]);
    let sent = copilot_session::wire::to_json(&config);
    assert_eq!(sent.matches("s3cret").count(), 6, "{sent}");
    for shown in [format!("{config:?}"), format!("{config:#?}")] {
        assert!(!shown.contains("s3cret"), "{shown}");
        for seen in ["gpt-5", "https://host/v1", "https://host/mcp", "reviewer", "[redacted]"] {
            assert!(shown.contains(seen), "{seen} in {shown}");
        }
    }
    let text = str::to_owned;
    let login =
        SessionAuthLoginRequestFields { host: text("host"), login: text("ann"), token: text("s3cret-token") };
    let shown = r#"SessionAuthLoginRequestFields {"host":"host","login":"ann","token":"[redacted]"}"#;
    assert_eq!(format!("{login:?}"), shown);
}

/// A setter whose name would hide a method of Rust ends in an underscore, so that `default` and `clone` keep
/// their meaning.
#[test]
fn fields_named_like_functions() {
    let name =
        UiElicitationSchemaPropertyString::default().title("Name").default_value("nobody").min_length(1);
    let sure = UiElicitationSchemaPropertyBoolean::default().default_value(true);
    let written = [wire::to_json(&name.clone()), wire::to_json(&sure)];
    let written = written.map(|json| serde_json::from_str::<Value>(&json).expect("JSON"));
    let expected = [
        json!({"type": "string", "title": "Name", "minLength": 1, "default": "nobody"}),
        json!({"type": "boolean", "default": true}),
    ];
    assert_eq!(written, expected);
}
