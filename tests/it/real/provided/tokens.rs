//! Tokens that the CLI requests from the client.

use std::sync::{Arc, Mutex};

use copilot_session::types::{GitHubTokenAcquireResult, GitHubTokenAcquireResultToken, ProviderConfig};
use copilot_session::{Error, SessionBuilder};
use copilot_session_model::{Reply, Script};

use super::super::rig::{Rig, ask, soon};
use super::github::{GitHub, TOKEN};
use super::models::stream;

/// Each request to the model has a token that was requested just before it.
#[tokio::test]
async fn a_token_for_the_model() {
    let rig = Rig::start(Script::replies([Reply::text("One."), Reply::text("Two.")])).await;
    let provider = ProviderConfig::new(rig.model.base_url());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let asking = Arc::clone(&asked);
    let session = rig.session(|new: SessionBuilder| {
        new.provider(provider).deny_all().on_provider_token(move |request, _| {
            let mut asked = asking.lock().unwrap();
            asked.push(request.provider_name);
            let token = format!("secret-{}", asked.len());
            async { token }
        })
    });
    let session = session.await;
    assert_eq!(ask(&session, "Count.").await.expect("an answer").text(), "One.");
    assert_eq!(ask(&session, "Go on.").await.expect("an answer").text(), "Two.");
    let tokens: Vec<_> = rig
        .model
        .requests()
        .iter()
        .map(|request| request.header("authorization").map(str::to_owned))
        .collect();
    assert_eq!(tokens, [Some("Bearer secret-1".to_owned()), Some("Bearer secret-2".to_owned())]);
    assert_eq!(*asked.lock().unwrap(), ["default", "default"]);
    rig.finish().await;
}

/// A handler without a token fails the turn, and no request goes to the model.
#[tokio::test]
async fn no_token_for_the_model() {
    let rig = Rig::start(Script::replies([])).await;
    let provider = ProviderConfig::new(rig.model.base_url());
    let session = rig.session(|new: SessionBuilder| {
        new.provider(provider).deny_all().on_provider_token(async |_, _| Err::<&str, _>("the vault is shut"))
    });
    let session = session.await;
    let error = ask(&session, "Count.").await.expect_err("no token");
    assert!(matches!(&error, Error::Turn(_)), "{error:?}");
    assert!(error.to_string().contains("the vault is shut"), "{error}");
    assert!(rig.model.requests().is_empty());
    rig.finish().await;
}

/// The GitHub token of a session is requested when the session is created, and sent to GitHub and its models.
#[tokio::test]
async fn a_github_token() {
    let github = GitHub::start(|new| new, |_| stream("Hello.")).await;
    let asked = Arc::new(Mutex::new(Vec::new()));
    let asking = Arc::clone(&asked);
    let session = github.session().on_github_token(move |request, context| {
        assert_eq!(request.session_id.as_deref(), Some(context.session_id()));
        asking.lock().unwrap().push((request.host, request.reason.as_str().to_owned()));
        async { GitHubTokenAcquireResult::Token(GitHubTokenAcquireResultToken::new(TOKEN, 28_800)) }
    });
    let session = soon("the session", session.create()).await.expect("a session");
    assert_eq!(ask(&session, "Hello?").await.expect("an answer").text(), "Hello.");
    assert_eq!(*asked.lock().unwrap(), [("https://github.com".to_owned(), "initial".to_owned())]);
    let completions = github.completions();
    assert_eq!(completions.len(), 1);
    assert_eq!(completions[0].start.headers["authorization"], [format!("Bearer {TOKEN}")]);
    github.rig.finish().await;
}

/// Without a token, or with one that GitHub refuses, no session is created, and the error says why.
#[tokio::test]
async fn no_github_token() {
    let github = GitHub::start(|new| new, |_| stream("Hello.")).await;
    let session = github.session().on_github_token(async |_, _| Err::<GitHubTokenAcquireResult, _>("no key"));
    let error = soon("the session", session.create()).await.expect_err("no token");
    assert!(matches!(&error, Error::Rpc { .. }) && error.to_string().contains("no key"), "{error:?}");
    let session = github.session().on_github_token(async |_, _| {
        GitHubTokenAcquireResult::Token(GitHubTokenAcquireResultToken::new("gho_unknown", 28_800))
    });
    let error = soon("the session", session.create()).await.expect_err("an unknown token");
    assert!(matches!(&error, Error::Rpc { .. }) && error.to_string().contains("GitHub"), "{error:?}");
    github.rig.finish().await;
}

/// The CLI refuses a GitHub token for a session with a model provider of its own.
#[tokio::test]
async fn a_github_token_beside_a_provider() {
    let rig = Rig::start(Script::replies([])).await;
    let session = rig.builder_on(&rig.client).deny_all().on_github_token(async |_, _| {
        GitHubTokenAcquireResult::Token(GitHubTokenAcquireResultToken::new(TOKEN, 28_800))
    });
    let error = soon("the session", session.create()).await.expect_err("both");
    assert!(error.to_string().contains("Cannot specify both"), "{error:?}");
    rig.finish().await;
}
