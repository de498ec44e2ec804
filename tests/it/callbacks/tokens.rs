//! Tokens that the CLI requests: for a model provider, and for GitHub.

use copilot_session::testing::{FakeCli, error};
use copilot_session::types::{
    GitHubTokenAcquireResult, GitHubTokenAcquireResultToken, ProviderConfig, ProviderTokenAcquireRequest,
};
use copilot_session::{HandlerContext, SessionBuilder};
use serde_json::{Value, json};

use super::{Does, Request, internal, invalid};
use crate::rig::{Rig, connect};

const GITHUB: &str = "gitHubToken.getToken";

/// The token for a provider.
#[tokio::test(start_paused = true)]
async fn provider_token() {
    let request = Request {
        method: "providerToken.getToken",
        params: json!({"providerName": "default"}),
        broken: json!({}),
        handle: |session, does| {
            session.on_provider_token(move |request: ProviderTokenAcquireRequest, _| {
                does.reply_with(format!("token of {}", request.provider_name))
            })
        },
    };
    let unreadable = invalid("at $.providerName: expected a string, found nothing");
    request.check(json!({"token": "token of default"}), internal, unreadable).await;
}

/// A session whose tokens contain its id.
fn named_tokens(session: SessionBuilder) -> SessionBuilder {
    session.approve_all().on_github_token(|_, context: HandlerContext| {
        let token = format!("token of {}", context.session_id());
        Does::Work.reply_with(GitHubTokenAcquireResult::Token(GitHubTokenAcquireResultToken::new(token, 60)))
    })
}

/// The token for GitHub.
#[tokio::test(start_paused = true)]
async fn github_token() {
    let request = Request {
        method: GITHUB,
        params: json!({"registrationId": "registration", "host": "https://github.com", "reason": "initial"}),
        broken: json!({"registrationId": "registration", "host": 5, "reason": "initial"}),
        handle: |session, does| {
            session.on_github_token(move |request, _| {
                let token = GitHubTokenAcquireResultToken::new(request.host, 60).token_type("bearer");
                does.reply_with(GitHubTokenAcquireResult::Token(token))
            })
        },
    };
    let token =
        json!({"kind": "token", "accessToken": "https://github.com", "tokenType": "bearer", "expiresIn": 60});
    request.check(token, internal, invalid("at $.host: expected a string, found 5")).await;
}

/// The configuration announces to the CLI that it may request tokens.
#[tokio::test(start_paused = true)]
async fn announcements() {
    let configure = |session: SessionBuilder| {
        named_tokens(session)
            .provider(ProviderConfig::new("http://127.0.0.1:1/v1"))
            .on_provider_token(|_, _| Does::Work.reply_with("token"))
    };
    let rig = Rig::with(configure).await;
    let config = rig.fake.received_raw("session.create").await;
    assert_eq!(
        config["provider"],
        json!({"baseUrl": "http://127.0.0.1:1/v1", "hasBearerTokenProvider": true})
    );
    assert_eq!(config["gitHubTokenProviderRegistrationId"], rig.session.id());
    let by_hand = |session: SessionBuilder| {
        named_tokens(session).configure(|config| config.github_token_provider_registration_id("mine"))
    };
    let config = Rig::with(by_hand).await.fake.received_raw("session.create").await;
    assert_eq!(config["gitHubTokenProviderRegistrationId"], "mine");
}

/// A request that names no session yet goes to the session of its registration, even before that one is
/// created.
#[tokio::test(start_paused = true)]
async fn routed_by_registration() {
    let fake = FakeCli::start();
    let client = connect(&fake).await;
    let other = named_tokens(client.session()).create().await.expect("another session");
    fake.received_raw("session.create").await;
    fake.hold("session.create");
    let asked = |registration: &Value| json!({"registrationId": registration, "host": "https://github.com", "reason": "refresh"});
    let token =
        |id: &str| Ok(json!({"kind": "token", "accessToken": format!("token of {id}"), "expiresIn": 60}));
    let asking = async {
        let call = fake.received_call("session.create").await;
        let registration = &call.params["gitHubTokenProviderRegistrationId"];
        let id = registration.as_str().expect("an id");
        assert_eq!(fake.request_raw(GITHUB, asked(registration)).await, token(id));
        fake.reply(&call, Ok(json!({"sessionId": id})));
    };
    let (session, ()) = tokio::join!(named_tokens(client.session()).create(), asking);
    let session = session.expect("the session");
    assert_eq!(fake.request_raw(GITHUB, asked(&json!(session.id()))).await, token(session.id()));
    assert_eq!(fake.request_raw(GITHUB, asked(&json!(other.id()))).await, token(other.id()));
    let mut named = asked(&json!(other.id()));
    named["sessionId"] = session.id().into();
    assert_eq!(
        fake.request_raw(GITHUB, named).await,
        token(session.id()),
        "the session's id takes precedence"
    );
    let unknown = Err(error(-32601, "Unhandled method gitHubToken.getToken"));
    assert_eq!(fake.request_raw(GITHUB, asked(&json!("unregistered"))).await, unknown);
}
