//! Calls of a client that concern no session.

use copilot_session::testing::{FakeCli, error};
use copilot_session::types::{SessionGetMetadataRequest, SessionListFilter, SessionListRequest};
use copilot_session::{Client, Error};
use serde_json::{Value, json};

use crate::rig::connect;

/// A fake that answers this method with this result, and a client on it.
async fn answering(method: &str, result: Value) -> (FakeCli, Client) {
    let fake = FakeCli::start();
    fake.on_raw(method, move |_| Ok(result.clone()));
    let client = connect(&fake).await;
    (fake, client)
}

fn metadata(id: &str) -> Value {
    json!({"sessionId": id, "startTime": "2026", "modifiedTime": "2027", "isRemote": false})
}

#[tokio::test(start_paused = true)]
async fn ping() {
    for version in ["1.0.10", "1.0.102"] {
        let fake = FakeCli::of_version(version);
        let client = connect(&fake).await;
        assert_eq!(client.ping("a \"b\"").await.expect("a pong"), "pong: a \"b\"");
        assert_eq!(fake.calls_raw("ping").last(), Some(&json!({"message": "a \"b\""})));
    }
}

#[tokio::test(start_paused = true)]
async fn status() {
    let fake = FakeCli::start();
    let client = connect(&fake).await;
    let status = client.rpc().status().get().await.expect("the status");
    assert_eq!((&*status.version, status.protocol_version), ("1.0.102", 3));
    assert_eq!(fake.received_raw("status.get").await, json!({}));
}

#[tokio::test(start_paused = true)]
async fn auth_status() {
    let login = json!({"isAuthenticated": true, "authType": "user", "host": "https://github.com", "login": "octocat"});
    let (fake, client) = answering("auth.getStatus", login).await;
    let status = client.rpc().auth().get_status().await.expect("the status");
    assert_eq!((status.is_authenticated, status.login.as_deref()), (true, Some("octocat")));
    assert_eq!(fake.received_raw("auth.getStatus").await, json!({}));
}

/// The list of models is cached until it is refreshed; a failure is not cached.
#[tokio::test(start_paused = true)]
async fn models() {
    let (fake, client) = answering("models.list", json!({"models": [], "imageModels": []})).await;
    fake.on_raw("models.list", |_| Err(error(-32603, "Not authenticated")));
    assert_eq!(client.models().await.expect_err("no login").code(), Some(-32603));
    fake.on_raw("models.list", |_| Ok(json!({"models": []})));
    assert_eq!(client.models().await.expect("models").models.len(), 0);
    fake.on_raw("models.list", |_| Ok(json!({"models": [], "imageModels": []})));
    assert!(client.models().await.expect("models").image_models.is_none(), "the cached list was replaced");
    assert!(client.clone().refresh_models().await.expect("models").image_models.is_some());
    assert!(client.models().await.expect("models").image_models.is_some());
    fake.on_raw("models.list", |_| Err(error(-32603, "Not authenticated")));
    assert!(client.refresh_models().await.is_err());
    assert!(client.models().await.expect("the cached models").image_models.is_some());
    assert_eq!(fake.calls_raw("models.list"), vec![json!({}); 4]);
}

#[tokio::test(start_paused = true)]
async fn sessions() {
    let (fake, client) = answering("session.list", json!({"sessions": [metadata("1"), metadata("2")]})).await;
    let filter = SessionListRequest::default().filter(SessionListFilter::default().cwd("/workspace"));
    let sessions = client.rpc().session().list(&filter).await.expect("sessions").sessions;
    assert_eq!(sessions.iter().map(|session| &*session.session_id).collect::<Vec<_>>(), ["1", "2"]);
    assert_eq!(fake.received_raw("session.list").await, json!({"filter": {"cwd": "/workspace"}}));
    client.rpc().session().list(&SessionListRequest::default()).await.expect("sessions");
    assert_eq!(fake.received_raw("session.list").await, json!({}));
}

#[tokio::test(start_paused = true)]
async fn session_metadata() {
    let (fake, client) = answering("session.getMetadata", json!({"session": metadata("1")})).await;
    let metadata_of = async |id| {
        let request = SessionGetMetadataRequest::new(id);
        client.rpc().session().get_metadata(&request).await.expect("a response").session
    };
    let found = metadata_of("1").await.expect("a session");
    assert_eq!((&*found.session_id, found.is_remote), ("1", false));
    assert_eq!(fake.received_raw("session.getMetadata").await, json!({"sessionId": "1"}));
    fake.on_raw("session.getMetadata", |_| Ok(json!({})));
    assert!(metadata_of("2").await.is_none());
}

#[tokio::test(start_paused = true)]
async fn last_session_id() {
    let (fake, client) = answering("session.getLastId", json!({"sessionId": "1"})).await;
    let last = async || client.rpc().session().get_last_id().await.expect("a response").session_id;
    assert_eq!(last().await.as_deref(), Some("1"));
    assert_eq!(fake.received_raw("session.getLastId").await, json!({}));
    for none in [json!({}), json!({"sessionId": null})] {
        fake.on_raw("session.getLastId", move |_| Ok(none.clone()));
        assert_eq!(last().await, None);
    }
}

#[tokio::test(start_paused = true)]
async fn foreground_session_id() {
    let (fake, client) = answering("session.getForeground", json!({"sessionId": "1"})).await;
    let shown = async || client.rpc().session().get_foreground().await.expect("a response").session_id;
    assert_eq!(shown().await.as_deref(), Some("1"));
    assert_eq!(fake.received_raw("session.getForeground").await, json!({}));
    fake.on_raw("session.getForeground", |_| Ok(json!({})));
    assert_eq!(shown().await, None);
}

/// Failures that the CLI reports in a result, not as a JSON-RPC error, are errors of the call.
#[tokio::test(start_paused = true)]
async fn refusals_in_results() {
    let fake = FakeCli::start();
    let client = connect(&fake).await;
    for method in ["session.delete", "session.setForeground"] {
        let call = async |id: &str| match method {
            "session.delete" => client.delete_session(id).await,
            _ => client.set_foreground_session(id).await,
        };
        fake.on_raw(method, |_| Ok(json!({"success": true})));
        call("1").await.expect("success");
        assert_eq!(fake.received_raw(method).await, json!({"sessionId": "1"}));
        let failures = [
            (json!({"success": false, "error": "no \"such\" session"}), "no \"such\" session"),
            (json!({"success": false}), "no reason given"),
            (json!({"success": false, "error": null}), "no reason given"),
        ];
        for (result, reason) in failures {
            fake.on_raw(method, move |_| Ok(result.clone()));
            let refused = call("2").await.expect_err("a refusal");
            assert!(
                matches!(&refused, Error::Refused { reason: found, .. } if found == reason),
                "{refused:?}"
            );
            assert_eq!((refused.method(), refused.code()), (Some(method), None));
        }
        for success in [json!({}), Value::Null] {
            fake.on_raw(method, move |_| Ok(success.clone()));
            call("3").await.expect("no refusal");
        }
        fake.on_raw(method, |_| Err(error(-32603, "Session not found")));
        assert_eq!(call("4").await.expect_err("an error").code(), Some(-32603));
    }
}
