//! Calls on the CLI.

use std::collections::BTreeSet;
use std::time::Duration;

use copilot_session::testing::FakeCli;
use copilot_session::types::{LogRequest, PingRequest, PingResult};
use copilot_session::{Client, Error, ErrorKind, SessionBuilder};
use serde_json::{Value, json};

use crate::rig::{Rig, assert_alive, connect};

async fn ping(client: &Client, message: &str) -> Result<PingResult, Error> {
    client.rpc().ping(&PingRequest::default().message(message)).await
}

fn pong(message: &Value) -> Value {
    json!({"message": message, "timestamp": "2026-01-01T00:00:00Z", "protocolVersion": 3})
}

/// Each call gets its own response, in whatever order they arrive.
#[tokio::test(start_paused = true)]
async fn answers_out_of_order() {
    let fake = FakeCli::start();
    let client = connect(&fake).await;
    fake.hold("ping");
    let answering = async {
        let mut calls = Vec::new();
        for _ in 0..3 {
            calls.push(fake.received_call("ping").await);
        }
        for call in calls.iter().rev() {
            fake.reply(call, Ok(pong(&call.params["message"])));
        }
    };
    let (a, b, c, ()) = tokio::join!(ping(&client, "a"), ping(&client, "b"), ping(&client, "c"), answering);
    let messages = [a, b, c].map(|result| result.expect("a response").message);
    assert_eq!(messages, ["a", "b", "c"]);
}

/// Calls from many tasks at once get their own responses.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_calls_at_once() {
    let fake = FakeCli::start();
    let client = connect(&fake).await;
    fake.on_raw("ping", |params| Ok(pong(&params["message"])));
    let calls: Vec<_> = (0..500)
        .map(|index| {
            let client = client.clone();
            tokio::spawn(async move { (index, ping(&client, &index.to_string()).await) })
        })
        .collect();
    for call in calls {
        let (index, result) = call.await.expect("the task");
        assert_eq!(result.expect("a response").message, index.to_string());
    }
    let ids = fake.frames().into_iter().filter(|frame| frame.json["method"] == "ping");
    let ids: BTreeSet<u64> = ids.filter_map(|frame| frame.json["id"].as_u64()).collect();
    assert_eq!(ids.len(), 500);
}

/// A method that the CLI does not know is an error with the CLI's version and its response.
#[tokio::test(start_paused = true)]
async fn an_unknown_method() {
    for version in ["1.0.10", ""] {
        let fake = FakeCli::of_version(version);
        let client = connect(&fake).await;
        let answer = json!({"code": -32601, "message": "Unhandled method ping", "data": {"why": 1}});
        fake.on_raw("ping", move |_| Err(answer.clone()));
        let failed = ping(&client, "").await.expect_err("the error");
        assert_eq!(failed.kind(), ErrorKind::VersionSkew);
        assert!(failed.is_method_not_found());
        assert_eq!((failed.code(), failed.method()), (Some(-32601), Some("ping")));
        let expected = match version {
            "" => "the Copilot CLI has no method ping",
            _ => "the Copilot CLI 1.0.10 has no method ping",
        };
        assert_eq!(failed.to_string(), expected);
        let source = std::error::Error::source(&failed).expect("the answer").to_string();
        assert_eq!(source, "Unhandled method ping (code -32601)");
        let Error::Unsupported(what) = failed else { panic!("{failed:?}") };
        let answer = what.answer.expect("the answer");
        assert_eq!(
            (&*answer.message, answer.data.as_deref()),
            ("Unhandled method ping", Some(r#"{"why":1}"#))
        );
    }
}

/// An error response keeps its code, message and data, and the method of the call.
#[tokio::test(start_paused = true)]
async fn an_error_answer() {
    let fake = FakeCli::start();
    let client = connect(&fake).await;
    fake.on_raw("ping", |_| Err(json!({"code": -32603, "message": "no \"luck\"", "data": {"why": [1, 2]}})));
    let failed = ping(&client, "").await.expect_err("the error");
    let Error::Rpc { method, error, .. } = &failed else { panic!("{failed:?}") };
    assert_eq!((method.as_str(), error.code, error.message.as_str()), ("ping", -32603, "no \"luck\""));
    let data: Value = serde_json::from_str(error.data.as_deref().expect("data")).expect("JSON");
    assert_eq!(data, json!({"why": [1, 2]}));
    assert!(!failed.is_method_not_found() && !failed.is_closed());
    // This is no JSON-RPC error object, and an error all the same.
    fake.on_raw("ping", |_| Err(json!("just text")));
    assert!(matches!(ping(&client, "").await, Err(Error::Rpc { .. })));
}

/// A result of another shape is an error with the path of the mismatch.
#[tokio::test(start_paused = true)]
async fn an_undecodable_answer() {
    let fake = FakeCli::start();
    let client = connect(&fake).await;
    fake.on_raw("status.get", |_| Ok(json!({"version": "1", "protocolVersion": "three"})));
    let failed = client.rpc().status().get().await.expect_err("another shape");
    let Error::Decode { method, error, .. } = &failed else { panic!("{failed:?}") };
    assert_eq!((method.as_str(), error.path()), ("status.get", "$.protocolVersion"));
    assert!(!failed.to_string().contains("three"), "a string's text may be private: {failed}");
    fake.on_raw("status.get", |_| Ok(json!({"version": "1"})));
    let failed = client.rpc().status().get().await.expect_err("a key is missing");
    assert!(
        matches!(&failed, Error::Decode { error, .. } if error.path() == "$.protocolVersion"),
        "{failed:?}"
    );
    assert_alive(&client).await;
}

/// An old CLI sends an empty result where newer ones send an object. It is read as an empty object, or is an
/// error with the version if a key is required.
#[tokio::test(start_paused = true)]
async fn nothing_instead_of_an_object() {
    let rig = Rig::on(FakeCli::of_version("1.0.40"), SessionBuilder::approve_all).await;
    rig.fake.on_raw("session.name.get", |_| Ok(Value::Null));
    assert_eq!(rig.session.rpc().name().get().await.expect("an empty answer").name, None);
    rig.fake.on_raw("session.plan.read", |_| Ok(Value::Null));
    let failed = rig.session.rpc().plan().read().await.expect_err("a key is missing");
    let Error::Decode { error, version, .. } = &failed else { panic!("{failed:?}") };
    assert_eq!((error.path(), version.as_str()), ("$", "1.0.40"));
    let start = "the response of the Copilot CLI 1.0.40 to session.plan.read does not match its schema: ";
    assert!(format!("{failed:#}").starts_with(start), "{failed:#}");
}

/// A call is sent when it is first polled.
#[tokio::test(start_paused = true)]
async fn a_call_is_sent_when_awaited() {
    let fake = FakeCli::start();
    let client = connect(&fake).await;
    drop(client.rpc().status().get());
    assert_alive(&client).await;
    assert_eq!(fake.methods(), ["connect", "ping"]);
}

/// The late response to a call that was dropped goes to no other call.
#[tokio::test(start_paused = true)]
async fn a_dropped_call() {
    let fake = FakeCli::start();
    let client = connect(&fake).await;
    fake.hold("ping");
    let failed = client.rpc().ping(&PingRequest::default()).timeout(Duration::from_secs(3)).await;
    assert!(
        matches!(&failed, Err(Error::Timeout { what, after, .. }) if what == "ping" && after.as_secs() == 3),
        "{failed:?}"
    );
    let late = fake.received_call("ping").await;
    let answering = async {
        let call = fake.received_call("ping").await;
        assert_ne!(late.id, call.id);
        fake.reply(&late, Ok(pong(&json!("late"))));
        fake.reply(&call, Ok(pong(&json!("right"))));
    };
    let (result, ()) = tokio::join!(ping(&client, ""), answering);
    assert_eq!(result.expect("a response").message, "right");
}

/// When the stream ends, all pending calls fail at once, and so does each later call.
#[tokio::test(start_paused = true)]
async fn the_end_fails_all_calls() {
    let fake = FakeCli::start();
    let client = connect(&fake).await;
    fake.hold("ping");
    let ending = async {
        for _ in 0..3 {
            fake.received_raw("ping").await;
        }
        fake.hang_up();
    };
    let (a, b, c, ()) = tokio::join!(ping(&client, "a"), ping(&client, "b"), ping(&client, "c"), ending);
    for result in [a, b, c] {
        let failed = result.expect_err("the end");
        assert!(
            matches!(&failed, Error::Closed(closed) if closed.reason == "the stream ended"),
            "{failed:?}"
        );
    }
    let sent = fake.methods().len();
    assert!(matches!(ping(&client, "later").await, Err(Error::Closed(_))));
    assert!(matches!(client.session().approve_all().create().await, Err(Error::Closed(_))));
    assert_eq!(client.closed().await.reason, "the stream ended");
    assert_eq!(fake.methods().len(), sent, "nothing was sent after the end");
}

/// A CLI that stops reading is closed like one whose stream has ended.
#[tokio::test(start_paused = true)]
async fn a_stream_that_cannot_be_written() {
    let fake = FakeCli::start();
    let client = connect(&fake).await;
    fake.stop_reading();
    assert!(matches!(ping(&client, "").await, Err(Error::Closed(_))));
    assert!(client.closed().await.reason.contains("cannot be written"));
}

/// A CLI that ended is not reported as a stream that cannot be written, whichever is noticed first.
#[tokio::test(start_paused = true)]
async fn the_end_is_reported_before_the_broken_pipe() {
    let fake = FakeCli::start();
    let client = connect(&fake).await;
    fake.stop_reading();
    let ending = async {
        tokio::task::yield_now().await;
        fake.hang_up();
    };
    let (result, ()) = tokio::join!(ping(&client, ""), ending);
    assert!(
        matches!(&result, Err(Error::Closed(closed)) if closed.reason == "the stream ended"),
        "{result:?}"
    );
}

/// Params nested deeper than the CLI can read are refused before they are sent; others are sent.
#[tokio::test(start_paused = true)]
async fn deep_params() {
    let nested = |depth: usize| (1..depth).fold(json!("]}[{\\\""), |inner, _| json!([inner]));
    let fake = FakeCli::start();
    let client = connect(&fake).await;
    let create =
        |depth| client.session().approve_all().configure(move |config| config.exp_assignments(nested(depth)));
    // The params add a level of their own.
    create(120).create().await.expect("120 levels");
    let sent = fake.methods().len();
    let failed = create(121).create().await.expect_err("121 levels");
    assert!(matches!(&failed, Error::Invalid(text) if text.contains("120")), "{failed:?}");
    assert_eq!(fake.methods().len(), sent);
}

/// A client that was stopped is closed, even if the CLI keeps its end of the stream open.
#[tokio::test(start_paused = true)]
async fn stop_ends_all() {
    let rig = Rig::start().await;
    rig.fake.keep_open();
    rig.fake.hold("session.log");
    let log = LogRequest::new("a line");
    let stopping = async {
        rig.fake.received_raw("session.log").await;
        rig.client.stop().await;
    };
    let (waiting, ()) = tokio::join!(rig.session.rpc().log(&log), stopping);
    for result in [waiting.map(drop), ping(&rig.client, "").await.map(drop)] {
        assert!(
            matches!(&result, Err(Error::Closed(closed)) if closed.reason == "the client was stopped"),
            "{result:?}"
        );
    }
    rig.client.closed().await;
    rig.fake.ended().await;
    assert_eq!(rig.fake.methods(), ["connect", "session.create", "session.log", "session.detach"]);
}

/// A stop takes limited time, however many sessions a silent CLI has.
#[tokio::test(start_paused = true)]
async fn stop_is_bounded() {
    let fake = FakeCli::start();
    let client = connect(&fake).await;
    let mut sessions = Vec::new();
    for _ in 0..10 {
        sessions.push(client.session().approve_all().create().await.expect("a session"));
    }
    fake.hold("session.detach");
    let start = tokio::time::Instant::now();
    client.stop().await;
    assert!(start.elapsed() <= Duration::from_secs(20), "{:?}", start.elapsed());
    assert_eq!(fake.calls_raw("session.detach").len(), 10);
}
