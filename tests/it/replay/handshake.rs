//! Calls of a client that concern no session. The recorded client made them in another order, so each call
//! gets the response to the same request.

use copilot_session::Error;
use copilot_session::testing::FakeCli;
use copilot_session::types::{AccountGetQuotaRequest, SessionListRequest, ToolsListRequest};
use serde_json::{Value, json};

use super::recording::{self, Recording};
use crate::rig::connect;

pub const SCENARIO: &str = "handshake";

const NOBODY: &str = "00000000-0000-4000-8000-000000000000";

/// A fake with the recorded responses. Params that were not recorded get the first one of their method.
fn answering(recording: &Recording) -> FakeCli {
    let fake = FakeCli::of_version(&recording.version);
    for request in recording.requests() {
        let same = recording.requests().filter(|other| other.method == request.method);
        let answer = |id| recording.answer_to(id).expect("a response").clone();
        let answers: Vec<_> = same.map(|other| (other.params.clone(), answer(other.id))).collect();
        fake.on_raw(&request.method, move |params| {
            let exact = answers.iter().find(|(recorded, _)| recorded == params);
            exact.unwrap_or(&answers[0]).1.clone()
        });
    }
    fake
}

#[tokio::test(start_paused = true)]
async fn every_version() {
    let recordings = recording::of(SCENARIO);
    assert_eq!(recordings.len(), 3);
    for recording in recordings {
        let fake = answering(&recording);
        let version = &*recording.version;
        let client = connect(&fake).await;
        assert_eq!(client.version().as_str(), version);
        assert_eq!(client.ping("hello").await.expect("a pong"), "pong: hello");
        let status = client.rpc().status().get().await.expect("the status");
        // CLI 1.0.81 reports a wrong version.
        assert_eq!(status.version, if version == "1.0.81" { "0.0.1" } else { version });
        assert!(!client.rpc().auth().get_status().await.expect("the login").is_authenticated);
        let rpc = client.rpc().session();
        let stored = rpc.list(&SessionListRequest::default()).await.expect("a list");
        let last = rpc.get_last_id().await.expect("the last");
        assert_eq!(stored.sessions.is_empty(), last.session_id.is_none());
        assert_eq!(rpc.get_foreground().await.expect("a response").session_id, None);
        let refused = client.set_foreground_session(NOBODY).await.expect_err("a refusal");
        assert!(matches!(&refused, Error::Refused { reason, .. } if reason.contains("TUI")), "{refused}");
        let tools = client.rpc().tools().list(&ToolsListRequest::default()).await.expect("a list");
        assert!(tools.tools.len() > 5);
        not_logged_in(client.models().await.expect_err("no login"));
        let quota = client.rpc().account().get_quota(&AccountGetQuotaRequest::default()).await;
        not_logged_in(quota.expect_err("no login"));
        assert_eq!(sent(&fake), expected(version), "{version}");
    }
}

fn not_logged_in(error: Error) {
    assert_eq!(error.code(), Some(-32603));
    assert!(error.to_string().contains("Not authenticated"), "{error}");
}

fn sent(fake: &FakeCli) -> Vec<(String, Value)> {
    let requests =
        fake.frames().into_iter().map(|frame| frame.json).filter(|json| json.get("method").is_some());
    requests
        .map(|json| (json["method"].as_str().unwrap_or_default().to_owned(), json["params"].clone()))
        .collect()
}

fn expected(version: &str) -> Vec<(String, Value)> {
    let mut expected = vec![("connect", json!({}))];
    if version == "1.0.10" {
        // CLI 1.0.10 has no `connect`.
        expected.extend([("ping", json!({})), ("status.get", json!({}))]);
    }
    expected.extend([
        ("ping", json!({"message": "hello"})),
        ("status.get", json!({})),
        ("auth.getStatus", json!({})),
        ("session.list", json!({})),
        ("session.getLastId", json!({})),
        ("session.getForeground", json!({})),
        ("session.setForeground", json!({ "sessionId": NOBODY })),
        ("tools.list", json!({})),
        ("models.list", json!({})),
        ("account.getQuota", json!({})),
    ]);
    expected.into_iter().map(|(method, params)| (method.to_owned(), params)).collect()
}
