//! The keys that follow from handlers, tools and commands.

use copilot_session::methods::client::{SkillProviderList, SkillProviderRead};
use copilot_session::testing::FakeCli;
use copilot_session::types::{
    AutoModeSwitchResponse, CommandDeclaration, GitHubTokenAcquireResult,
    McpHeadersHandlePendingHeadersRefreshRequest, McpOauthPendingRequestResponse, PreToolUseHookInput,
    ProtocolSectionOverride, ProtocolStaticSectionAction, ProtocolStaticSectionOverride,
    ProtocolSystemMessageConfig, ProtocolSystemMessageCustomizeConfig, ProtocolSystemMessageReplaceConfig,
    ProviderConfig, SessionConfig, ToolDeclaration, UiElicitationResponse, UiExitPlanModeResponse,
    UiHandlePendingSamplingResponse, UiSessionLimitsExhaustedResponse,
};
use copilot_session::{Client, RpcError, SessionBuilder, Tool, TraceContext};
use serde_json::{Value, json};

use super::{added, always, with};
use crate::rig::Rig;

type Register = fn(SessionBuilder) -> SessionBuilder;

fn tool(name: &str) -> Tool {
    Tool::with_schema(name, "Looks up", json!({"type": "object"}), async |_: Value, _| "found")
}

fn ask_user(session: SessionBuilder) -> SessionBuilder {
    session.on_user_input(async |_, _| "yes")
}

fn plan(session: SessionBuilder) -> SessionBuilder {
    session.on_exit_plan_mode(async |_, _| Err::<UiExitPlanModeResponse, _>("no"))
}

fn auto_mode(session: SessionBuilder) -> SessionBuilder {
    session.on_auto_mode_switch(async |_, _| AutoModeSwitchResponse::No)
}

fn elicitation(session: SessionBuilder) -> SessionBuilder {
    session.on_elicitation(async |_, _| UiElicitationResponse::cancel())
}

fn hook(session: SessionBuilder) -> SessionBuilder {
    session.hook(async |_: PreToolUseHookInput, _| ())
}

fn github_token(session: SessionBuilder) -> SessionBuilder {
    session.on_github_token(async |_, _| Err::<GitHubTokenAcquireResult, _>("none"))
}

fn provider_token(session: SessionBuilder) -> SessionBuilder {
    session.on_provider_token(async |_, _| "token")
}

fn skills(session: SessionBuilder) -> SessionBuilder {
    session.handle::<SkillProviderList>(async |_, _| Err(RpcError::new(1, "unused")))
}

fn command(session: SessionBuilder) -> SessionBuilder {
    session.command("deploy", "Deploys", async |_, _| ())
}

fn transform(session: SessionBuilder) -> SessionBuilder {
    session.transform_section("tone", async |text: String, _| text)
}

/// The keys that each registration sends, beside those of every session.
#[tokio::test(start_paused = true)]
async fn each_sends_its_key() {
    let cases: Vec<(Register, Value)> = vec![
        (
            |session| session.tool(tool("look-up")),
            json!({"tools": [{"name": "look-up", "description": "Looks up", "parameters": {"type": "object"}}]}),
        ),
        (ask_user, json!({"requestUserInput": true})),
        (elicitation, json!({"requestElicitation": true})),
        (plan, json!({"requestExitPlanMode": true})),
        (auto_mode, json!({"requestAutoModeSwitch": true})),
        (hook, json!({"hooks": true})),
        (|session| session.on_other_hook(async |_, _| json!(null)), json!({"hooks": true})),
        (command, json!({"commands": [{"name": "deploy", "description": "Deploys"}]})),
        (
            |session| command(session).command("build", "Builds", async |_, _| ()),
            json!({"commands": [
                {"name": "build", "description": "Builds"},
                {"name": "deploy", "description": "Deploys"},
            ]}),
        ),
        (
            transform,
            json!({"systemMessage": {"mode": "customize", "sections": {"tone": {"action": "transform"}}}}),
        ),
        (|session| session.append_system_message("More."), json!({"systemMessage": {"content": "More."}})),
        (skills, json!({"hasSkillProvider": true})),
        // There is no provider to announce the token handler on.
        (provider_token, json!({})),
        (
            |session| provider_token(session).provider(ProviderConfig::new("http://host")),
            json!({"provider": {"baseUrl": "http://host", "hasBearerTokenProvider": true}}),
        ),
    ];
    for (index, (register, expected)) in cases.into_iter().enumerate() {
        assert_eq!(added(|session| register(session.deny_all())).await, expected, "case {index}");
    }
}

/// A token provider is registered under the session's own id.
#[tokio::test(start_paused = true)]
async fn a_github_token_provider() {
    let rig = Rig::with(|session| github_token(session.deny_all())).await;
    let id = rig.session.id();
    let expected = with(always(), json!({"sessionId": id, "gitHubTokenProviderRegistrationId": id}));
    assert_eq!(rig.fake.received_raw("session.create").await, expected);
}

/// Handlers that are not announced in the configuration add no key.
#[tokio::test(start_paused = true)]
async fn the_rest_sends_none() {
    let cases: Vec<Register> = vec![
        |session| {
            session.on_mcp_headers(async |_, _| Err::<McpHeadersHandlePendingHeadersRefreshRequest, _>("no"))
        },
        |session| session.on_mcp_oauth(async |_, _| Err::<McpOauthPendingRequestResponse, _>("no")),
        |session| session.on_sampling(async |_, _| Err::<UiHandlePendingSamplingResponse, _>("no")),
        |session| session.on_session_limits(async |_, _| Err::<UiSessionLimitsExhaustedResponse, _>("no")),
        |session| session.on_event(|_| ()),
        |session| session.handle::<SkillProviderRead>(async |_, _| Err(RpcError::new(1, "unused"))),
    ];
    for (index, register) in cases.into_iter().enumerate() {
        assert_eq!(added(|session| register(session.deny_all())).await, json!({}), "case {index}");
    }
}

/// Interest in events that go only to clients that register it is registered once for each kind.
#[tokio::test(start_paused = true)]
async fn events_on_request() {
    const METHOD: &str = "session.eventLog.registerInterest";
    let fake = FakeCli::start();
    fake.on_raw(METHOD, |_| Ok(json!({"handle": "1"})));
    let rig = Rig::on(fake, |session| {
        let session =
            session.deny_all().on_mcp_oauth(async |_, _| Err::<McpOauthPendingRequestResponse, _>("no"));
        session
            .on_sampling(async |_, _| Err::<UiHandlePendingSamplingResponse, _>("no"))
            .on_user_input(async |_, _| "yes")
    })
    .await;
    let interest = |event: &str| json!({"sessionId": rig.session.id(), "eventType": event});
    assert_eq!(rig.fake.calls_raw(METHOD), [interest("mcp.oauth_required"), interest("sampling.requested")]);
}

/// A key that was set takes precedence over the one that follows from a handler.
#[tokio::test(start_paused = true)]
async fn keys_that_were_set_take_precedence() {
    let cases: Vec<(Register, Value)> = vec![
        (
            |session| ask_user(session).configure(|config| config.request_user_input(false)),
            json!({"requestUserInput": false}),
        ),
        (
            |session| elicitation(session).configure(|config| config.request_elicitation(false)),
            json!({"requestElicitation": false}),
        ),
        (
            |session| plan(session).configure(|config| config.request_exit_plan_mode(false)),
            json!({"requestExitPlanMode": false}),
        ),
        (
            |session| auto_mode(session).configure(|config| config.request_auto_mode_switch(false)),
            json!({"requestAutoModeSwitch": false}),
        ),
        (|session| hook(session).configure(|config| config.hooks(false)), json!({"hooks": false})),
        (
            |session| skills(session).configure(|config| config.has_skill_provider(false)),
            json!({"hasSkillProvider": false}),
        ),
        (
            |session| {
                github_token(session)
                    .configure(|config| config.github_token_provider_registration_id("a place"))
            },
            json!({"gitHubTokenProviderRegistrationId": "a place"}),
        ),
        (
            |session| {
                let provider = ProviderConfig::new("http://host").has_bearer_token_provider(false);
                provider_token(session).provider(provider)
            },
            json!({"provider": {"baseUrl": "http://host", "hasBearerTokenProvider": false}}),
        ),
    ];
    for (index, (register, expected)) in cases.into_iter().enumerate() {
        assert_eq!(added(|session| register(session.deny_all())).await, expected, "case {index}");
    }
}

/// Tools and commands that were set as keys are sent beside those with handlers.
#[tokio::test(start_paused = true)]
async fn lists_are_joined() {
    let both = added(|session| {
        let set = |config: SessionConfig| {
            config
                .commands(vec![CommandDeclaration::new("mine", "By hand")])
                .tools(vec![ToolDeclaration::new("own", "By hand")])
        };
        command(session.deny_all()).tool(tool("look-up")).configure(set)
    });
    assert_eq!(
        both.await,
        json!({
            "commands": [
                {"name": "mine", "description": "By hand"},
                {"name": "deploy", "description": "Deploys"},
            ],
            "tools": [
                {"name": "own", "description": "By hand"},
                {"name": "look-up", "description": "Looks up", "parameters": {"type": "object"}},
            ],
        })
    );
}

/// A transform is added to a system message that was set, unless the message is replaced as a whole.
#[tokio::test(start_paused = true)]
async fn transforms_and_a_system_message() {
    let message = async |message: ProtocolSystemMessageConfig| {
        let set = |session: SessionBuilder| {
            transform(session.deny_all()).configure(|config| config.system_message(message.clone()))
        };
        added(set).await["systemMessage"].take()
    };
    let remove = ProtocolStaticSectionOverride::new(ProtocolStaticSectionAction::Remove);
    let sections = [("safety".to_owned(), ProtocolSectionOverride::Static(remove))].into();
    let customize = ProtocolSystemMessageCustomizeConfig::default().sections(sections).content("End.");
    assert_eq!(
        message(ProtocolSystemMessageConfig::Customize(customize)).await,
        json!({
            "mode": "customize",
            "sections": {"safety": {"action": "remove"}, "tone": {"action": "transform"}},
            "content": "End.",
        })
    );
    let replace = ProtocolSystemMessageReplaceConfig::new("All of it.");
    assert_eq!(
        message(ProtocolSystemMessageConfig::Replace(replace)).await,
        json!({"mode": "replace", "content": "All of it."})
    );
    let appended = added(|session| transform(session.deny_all()).append_system_message("More."));
    assert_eq!(
        appended.await["systemMessage"],
        json!({"mode": "customize", "sections": {"tone": {"action": "transform"}}, "content": "More."})
    );
}

/// The trace context of a session is the client's, unless the session sets its own.
#[tokio::test(start_paused = true)]
async fn the_clients_trace_context() {
    let fake = FakeCli::start();
    let span = || Some(TraceContext::new("00-1-2-01").state("key=value"));
    let client = fake.connect(Client::builder().trace_context(span)).await.expect("the handshake");
    let opened = async |configure: Register| {
        let session = configure(client.session().deny_all()).create().await.expect("a session");
        let sent = fake.received_raw("session.create").await;
        (with(always(), json!({"sessionId": session.id()})), sent)
    };
    let (plain, sent) = opened(|session| session).await;
    assert_eq!(sent, with(plain, json!({"traceparent": "00-1-2-01", "tracestate": "key=value"})));
    let (plain, sent) = opened(|session| session.configure(|config| config.traceparent("00-3-4-01"))).await;
    assert_eq!(
        sent,
        with(plain, json!({"traceparent": "00-3-4-01"})),
        "the client's state was sent with the session's parent"
    );
}
