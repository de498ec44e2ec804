//! Model requests that pass through the client (`llmInference`).

use copilot_session::types::{ModelsListRequest, ProviderConfig};
use copilot_session::{Error, SessionBuilder};

use super::super::rig::{ask, soon};
use super::github::{GitHub, MODELS, TOKEN};
use super::models::{Models, stream};

/// A model that no address reaches.
const NOWHERE: &str = "http://model.invalid/v1";

/// With a provider of its own the whole turn passes through the client: the model has no address.
#[tokio::test]
async fn a_turn_without_a_network() {
    let models = Models::new(|_| stream("By way of you."));
    let rig = models.rig(|new| new).await;
    let provider = ProviderConfig::new(NOWHERE).api_key("scripted");
    let session = rig.session(|new: SessionBuilder| new.provider(provider).deny_all()).await;
    assert_eq!(ask(&session, "Which way?").await.expect("an answer").text(), "By way of you.");
    let asked = models.asked();
    let [asked] = asked.as_slice() else { panic!("{asked:?}") };
    assert_eq!((&*asked.start.method, &*asked.start.url), ("POST", &*format!("{NOWHERE}/chat/completions")));
    assert_eq!(asked.start.session_id.as_deref(), Some(session.id()));
    assert_eq!(asked.start.interaction_type.as_deref(), Some("conversation-agent"));
    assert_eq!(asked.start.headers["authorization"], ["Bearer scripted"]);
    assert!(asked.body.contains("Which way?"), "{}", asked.body);
    rig.finish().await;
}

/// Requests to GitHub's models and their catalog pass through the client too: GitHub itself sees only those
/// about the account.
#[tokio::test]
async fn a_turn_with_githubs_models() {
    let github = GitHub::start(|new| new.github_token(TOKEN), |_| stream("By way of you.")).await;
    let listed =
        soon("the models", github.rig.client.rpc().models().list(&ModelsListRequest::default())).await;
    let listed: Vec<_> = listed.expect("models").models.into_iter().map(|model| model.id).collect();
    assert!(MODELS.iter().all(|id| listed.iter().any(|listed| listed == id)), "{listed:?}");
    let session = soon("the session", github.session().create()).await.expect("a session");
    assert_eq!(ask(&session, "Which way?").await.expect("an answer").text(), "By way of you.");
    let completions = github.completions();
    let [asked] = completions.as_slice() else { panic!("{completions:?}") };
    assert_eq!(asked.start.headers["authorization"], [format!("Bearer {TOKEN}")]);
    assert!(asked.body.contains("Which way?"), "{}", asked.body);
    let visits = github.web.visits();
    assert!(visits.iter().any(|visit| visit.what == "GET /copilot_internal/user"), "{visits:?}");
    assert!(
        visits.iter().all(|visit| !visit.what.contains("completions") && !visit.what.ends_with("/models"))
    );
    github.rig.finish().await;
}

/// A client that cannot reach the model fails the turn with its own error text, after the CLI has retried.
#[tokio::test]
async fn a_model_out_of_reach() {
    let models = Models::new(|_| Err("no way through"));
    let rig = models.rig(|new| new).await;
    let provider = ProviderConfig::new(NOWHERE).api_key("scripted");
    let session = rig.session(|new: SessionBuilder| new.provider(provider).deny_all()).await;
    let error = ask(&session, "Which way?").await.expect_err("no way through");
    assert!(matches!(error, Error::Turn(_)), "{error:?}");
    assert!(error.to_string().contains("no way through"), "{error}");
    assert!(models.asked().len() > 1, "{:?}", models.asked());
    rig.finish().await;
}
