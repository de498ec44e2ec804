//! Notifications of the CLI.

use std::sync::{Arc, Mutex};

use copilot_session::methods::notification::{GitHubTelemetryEvent, HostEvent, HostExited, SessionLifecycle};
use copilot_session::testing::{FakeCli, Side};
use copilot_session::types::SessionLifecycleNotification;
use copilot_session::{Client, MalformedNotification};
use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::rig::{Rig, assert_alive};

/// The argument of an observer.
type Change = Result<SessionLifecycleNotification, MalformedNotification>;

/// A list, and an observer that adds to it the session's id, or the params of a malformed notification.
fn list() -> (Arc<Mutex<Vec<String>>>, impl FnMut(Change) + Send + 'static) {
    let list = Arc::new(Mutex::new(Vec::new()));
    let to = Arc::clone(&list);
    let text = |change: Change| match change {
        Ok(change) => change.session_id,
        Err(malformed) => malformed.params.to_string(),
    };
    (list, move |change| to.lock().expect("the list").push(text(change)))
}

fn change(session: &str) -> Value {
    json!({"type": "session.updated", "sessionId": session})
}

impl Rig {
    fn change(&self, session: &str) {
        self.fake.notify_raw("session.lifecycle", change(session));
    }
}

/// Every observer sees every notification of its kind, in order, even when another one panics.
#[tokio::test(start_paused = true)]
async fn many_observers() {
    let rig = Rig::start().await;
    let (a, observe_a) = list();
    let (b, mut observe_b) = list();
    rig.client.on::<SessionLifecycle>(observe_a);
    rig.client.on::<SessionLifecycle>(move |change| {
        let second = change.as_ref().is_ok_and(|change| change.session_id == "2");
        observe_b(change);
        assert!(!second, "an observer panics in a test");
    });
    rig.client.on::<HostEvent>(|_| panic!("of another kind"));
    let mut stream = rig.client.notifications::<SessionLifecycle>();
    rig.change("1");
    rig.fake.notify_raw("of.the.future", change("1"));
    rig.change("2");
    rig.change("3");
    rig.fake.settle().await;
    assert_eq!(*a.lock().expect("the list"), ["1", "2", "3"]);
    assert_eq!(*b.lock().expect("the list"), ["1", "2", "3"]);
    for id in ["1", "2", "3"] {
        assert_eq!(stream.next().await.expect("a notification").expect("a change").session_id, id);
    }
    assert_alive(&rig.client).await;
}

/// A notification that does not fit its schema reaches all observers of its kind in its place, with its
/// params and the mismatch. Its `Debug` and `Display` contain no value of it.
#[tokio::test(start_paused = true)]
async fn malformed_notifications() {
    let rig = Rig::start().await;
    let (list, observe) = list();
    rig.client.on::<SessionLifecycle>(observe);
    let mut next = rig.client.notifications::<SessionLifecycle>();
    let mut stream = rig.client.notifications::<SessionLifecycle>();
    let deep = "[".repeat(200) + &"]".repeat(200);
    let secret = r#"{"type":"session.updated","sessionId":5,"metadata":"hush-hush"}"#;
    let params = [secret, "[]", "null", "{}", r#"{"type":"session.updated"}"#, "7", &deep];
    rig.change("before");
    for params in params {
        rig.fake.frame(&format!(r#"{{"jsonrpc":"2.0","method":"session.lifecycle","params":{params}}}"#));
    }
    rig.change("after");
    rig.fake.settle().await;
    let all: Vec<&str> = ["before"].into_iter().chain(params).chain(["after"]).collect();
    assert_eq!(*list.lock().expect("the list"), all);
    for expected in all {
        let shown = next.next().await.expect("a notification");
        let streamed = StreamExt::next(&mut stream).await.expect("a notification");
        match (shown, streamed) {
            (Ok(shown), Ok(streamed)) => assert_eq!([shown.session_id, streamed.session_id], [expected; 2]),
            (Err(shown), Err(streamed)) => {
                assert_eq!([&*shown.params, &*streamed.params], [expected; 2]);
                assert_eq!(shown.kind, "session.lifecycle");
                let error: &dyn std::error::Error = &shown;
                let texts = format!("{shown:?} {error} {}", error.source().expect("the mismatch"));
                assert!(!texts.contains("hush-hush"), "{texts}");
            }
            (shown, streamed) => panic!("{shown:?} is not {streamed:?}"),
        }
    }
    assert_alive(&rig.client).await;
}

/// Observers of the builder see notifications from the first on, malformed or not. The CLI is asked for
/// telemetry when it is observed. No notification is answered.
#[tokio::test(start_paused = true)]
async fn observers_of_the_builder() {
    let (sender, mut received) = mpsc::unbounded_channel();
    let fake = FakeCli::start();
    let telemetry = |name: &str, client: Value| {
        let event = json!({ "kind": name, "properties": {}, "metrics": {}, "client": client });
        json!({ "restricted": false, "event": event })
    };
    let whole = telemetry("whole", json!({}));
    let broken = telemetry("broken", json!({ "cpu_count": "many" }));
    fake.notify_raw("gitHubTelemetry.event", whole.clone());
    fake.notify_raw("gitHubTelemetry.event", broken.clone());
    fake.notify_raw("host.exited", json!({ "hostId": 5 }));
    let exits = sender.clone();
    let client = Client::builder()
        .on::<GitHubTelemetryEvent>(move |event| {
            let text = match event {
                Ok(event) => event.event.kind,
                Err(malformed) => malformed.params.to_string(),
            };
            sender.send(text).expect("an open channel");
        })
        .on::<HostExited>(move |exit| {
            exits.send(exit.expect_err("no id of a host").params.to_string()).expect("an open channel");
            panic!("an observer panics in a test");
        });
    let client = fake.connect(client).await.expect("the handshake");
    let greeting = fake.received_raw("connect").await;
    assert_eq!(greeting["enableGitHubTelemetryForwarding"], true);
    let mut all = [received.recv().await, received.recv().await, received.recv().await]
        .map(|text| text.expect("a text"));
    all.sort();
    let text = |json: &Value| json.to_string();
    let mut expected = ["whole".to_owned(), text(&broken), text(&json!({ "hostId": 5 }))];
    expected.sort();
    assert_eq!(all, expected);
    fake.settle().await;
    let answers = fake
        .frames()
        .into_iter()
        .filter(|frame| frame.from == Side::Client && frame.json.get("method").is_none());
    assert_eq!(answers.count(), 3, "those of `settle`");
    assert_alive(&client).await;
}

/// An observer receives a typed notification.
#[tokio::test(start_paused = true)]
async fn typed_notifications() {
    let rig = Rig::start().await;
    let mut stream = rig.client.notifications::<SessionLifecycle>();
    let metadata = json!({"startTime": "2026", "modifiedTime": "2027", "summary": "a \"b\""});
    let received = json!({"type": "session.of-the-future", "sessionId": "1", "metadata": metadata});
    rig.fake.notify_raw("session.lifecycle", received.clone());
    let change = stream.next().await.expect("a notification").expect("a change");
    assert_eq!(change.kind.as_str(), "session.of-the-future");
    assert_eq!(serde_json::to_value(&change).expect("JSON"), received);
}

/// An observer that unsubscribed sees no more notifications, and a later observer none of the earlier ones.
#[tokio::test(start_paused = true)]
async fn unsubscribe() {
    let rig = Rig::start().await;
    let (a, observe_a) = list();
    let (b, observe_b) = list();
    let watching = rig.client.on::<SessionLifecycle>(observe_a);
    // Dropping the subscription does not unsubscribe.
    drop(rig.client.on::<SessionLifecycle>(observe_b));
    rig.change("1");
    rig.fake.settle().await;
    watching.unsubscribe();
    let mut late = rig.client.notifications::<SessionLifecycle>();
    rig.change("2");
    rig.fake.settle().await;
    assert_eq!(*a.lock().expect("the list"), ["1"]);
    assert_eq!(*b.lock().expect("the list"), ["1", "2"]);
    assert_eq!(late.next().await.expect("a notification").expect("a change").session_id, "2");
}

/// The stream outlives sessions and ends with the connection, after the last notification.
#[tokio::test(start_paused = true)]
async fn the_end() {
    let rig = Rig::start().await;
    let mut stream = rig.client.notifications::<SessionLifecycle>();
    rig.session.disconnect().await.expect("the end of the session");
    rig.change("1");
    rig.fake.hang_up();
    assert_eq!(stream.next().await.expect("a notification").expect("a change").session_id, "1");
    assert!(stream.next().await.is_none());
    rig.client.closed().await;
    assert!(rig.client.notifications::<SessionLifecycle>().next().await.is_none());
}
