//! Limits of GitHub's models, and how a client goes on when one is reached. For a provider of its own the CLI
//! counts no credits and offers no other model.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use copilot_session::types::{
    AutoModeSwitchResponse, SessionLimitsConfig, UiSessionLimitsExhaustedResponse,
    UiSessionLimitsExhaustedResponseAction,
};
use copilot_session::{Error, ErrorKind, Session};
use serde_json::json;

use super::super::rig::{ask, soon};
use super::github::{GitHub, MODELS, TOKEN};
use super::models::{Asked, Response, costly_stream, whole};

/// The first turn uses up the limit of the session. The next one has no answer, since the handler fails; with
/// a higher limit the session goes on.
#[tokio::test]
async fn a_session_reaches_its_limit() {
    let github = GitHub::start(|new| new.github_token(TOKEN), |_| costly_stream("Costly.", 100)).await;
    let asked = Arc::new(Mutex::new(Vec::new()));
    let asking = Arc::clone(&asked);
    let limit = SessionLimitsConfig::default().max_ai_credits(30.0);
    let session = github.session().configure(|config| config.session_limits(limit)).on_session_limits(
        move |reached, _| {
            let mut asked = asking.lock().unwrap();
            asked.push((reached.used_ai_credits, reached.max_ai_credits));
            let first = asked.len() == 1;
            async move {
                let add = UiSessionLimitsExhaustedResponse::new(UiSessionLimitsExhaustedResponseAction::Add);
                if first { Err("the purse is lost") } else { Ok(add.additional_ai_credits(1000.0)) }
            }
        },
    );
    let session = soon("the session", session.create()).await.expect("a session");
    assert_eq!(ask(&session, "One?").await.expect("an answer").text(), "Costly.");
    assert_eq!(ask(&session, "Two?").await.expect("a turn").text(), "");
    assert_eq!(github.completions().len(), 1);
    assert_eq!(ask(&session, "Three?").await.expect("an answer").text(), "Costly.");
    assert_eq!(github.completions().len(), 2);
    assert_eq!(*asked.lock().unwrap(), [(100.0, 30.0), (100.0, 30.0)]);
    github.rig.finish().await;
}

/// The CLI refuses to create a session with too low a limit.
#[tokio::test]
async fn a_limit_that_is_too_low() {
    let github = GitHub::start(|new| new.github_token(TOKEN), |_| costly_stream("Costly.", 100)).await;
    let limit = SessionLimitsConfig::default().max_ai_credits(29.0);
    let session = github.session().configure(|config| config.session_limits(limit));
    let error = soon("the session", session.create()).await.expect_err("too low a limit");
    assert!(
        matches!(&error, Error::Rpc { .. }) && error.to_string().contains("Minimum session limit is 30"),
        "{error:?}"
    );
    github.rig.finish().await;
}

/// Without a handler the model is not called any more once the limit is used up: the turn ends without an answer.
#[tokio::test]
async fn a_limit_without_a_handler() {
    let github = GitHub::start(|new| new.github_token(TOKEN), |_| costly_stream("Costly.", 100)).await;
    let limit = SessionLimitsConfig::default().max_ai_credits(30.0);
    let session = github.session().configure(|config| config.session_limits(limit)).create();
    let session = soon("the session", session).await.expect("a session");
    assert_eq!(ask(&session, "One?").await.expect("an answer").text(), "Costly.");
    let answer = ask(&session, "Two?").await.expect("a turn");
    assert!(answer.message().is_none() && !answer.is_aborted(), "{answer:?}");
    assert_eq!(github.completions().len(), 1);
    github.rig.finish().await;
}

/// The response of a model to a user who has reached the weekly limit.
fn limited(_: &Asked) -> Response {
    let error = json!({ "message": "too much", "code": "user_weekly_rate_limited" });
    whole(429, [("retry-after", "3600")], &json!({ "error": error }))
}

async fn model(session: &Session) -> Option<String> {
    soon("the model", session.rpc().model().get_current()).await.expect("a response").model_id
}

/// Without a handler the CLI asks to switch the model all the same, and the turn ends.
#[tokio::test]
async fn a_rate_limit_without_a_handler() {
    let github = GitHub::start(|new| new.github_token(TOKEN), limited).await;
    let session = soon("the session", github.session().create()).await.expect("a session");
    let error = ask(&session, "Are you there?").await.expect_err("a rate limit");
    assert_eq!(error.kind(), ErrorKind::RateLimit, "{error:?}");
    assert_eq!((error.is_retryable(), error.retry_after()), (true, Some(Duration::from_secs(3600))));
    assert_eq!(model(&session).await.as_deref(), Some(MODELS[0]));
    github.rig.finish().await;
}

/// At a rate limit the turn fails, and the session switches to another model if the handler agrees. A handler
/// that fails does not.
#[tokio::test]
async fn another_model_at_a_rate_limit() {
    let github = GitHub::start(|new| new.github_token(TOKEN), limited).await;
    let asked = Arc::new(Mutex::new(Vec::new()));
    let asking = Arc::clone(&asked);
    let session = github.session().on_auto_mode_switch(move |limit, _| {
        let mut asked = asking.lock().unwrap();
        asked.push((limit.error_code.unwrap_or_default(), limit.retry_after_seconds));
        let first = asked.len() == 1;
        async move { if first { Err("undecided") } else { Ok(AutoModeSwitchResponse::Yes) } }
    });
    let session = soon("the session", session.create()).await.expect("a session");
    for now in [MODELS[0], "auto"] {
        let error = ask(&session, "Are you there?").await.expect_err("a rate limit");
        let Error::Turn(error) = error else { panic!("{error:?}") };
        assert_eq!(error.data.eligible_for_auto_switch, Some(true), "{error:?}");
        let known = (error.provider_code.as_deref(), error.retry_after);
        assert_eq!(known, (Some("user_weekly_rate_limited"), Some(Duration::from_secs(3600))));
        assert_eq!(model(&session).await.as_deref(), Some(now));
    }
    let reached = ("user_weekly_rate_limited".to_owned(), Some(3600.0));
    assert_eq!(*asked.lock().unwrap(), [reached.clone(), reached]);
    github.rig.finish().await;
}
