//! What the CLI tells a client without asking for anything.

use std::sync::{Arc, Mutex};

use copilot_session::methods::notification::{GitHubTelemetryEvent, HostEvent, HostExited, SessionLifecycle};
use copilot_session::testing::{FakeCli, Side};
use copilot_session::types::SessionLifecycleNotification;
use copilot_session::{Client, MalformedNotification};
use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::rig::{Rig, assert_alive};

/// What an observer is shown.
type Change = Result<SessionLifecycleNotification, MalformedNotification>;

/// A list of session ids, and an observer that adds to it, or the params of what is malformed.
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

/// Every observer sees every notification of its kind, in order, also when another one panics.
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

/// A notification that breaks its schema, in whatever way, reaches all who watch its kind in its place, with its
/// params as they came and what does not fit. Its `Debug` and `Display` show no value of it.
#[tokio::test(start_paused = true)]
async fn what_breaks_its_schema() {
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
                let texts = format!("{shown:?} {error} {}", error.source().expect("what does not fit"));
                assert!(!texts.contains("hush-hush"), "{texts}");
            }
            (shown, streamed) => panic!("{shown:?} is not {streamed:?}"),
        }
    }
    assert_alive(&rig.client).await;
}

/// Observers that are given with the builder see what comes first of all, malformed or not; the CLI is asked for
/// telemetry when somebody observes that. Nothing is answered.
#[tokio::test(start_paused = true)]
async fn from_the_first_on() {
    let (teller, mut told) = mpsc::unbounded_channel();
    let fake = FakeCli::start();
    let (read, write) = fake.streams();
    let telemetry = |name: &str, client: Value| {
        let event = json!({ "kind": name, "properties": {}, "metrics": {}, "client": client });
        json!({ "restricted": false, "event": event })
    };
    let whole = telemetry("whole", json!({}));
    let broken = telemetry("broken", json!({ "cpu_count": "many" }));
    fake.notify_raw("gitHubTelemetry.event", whole.clone());
    fake.notify_raw("gitHubTelemetry.event", broken.clone());
    fake.notify_raw("host.exited", json!({ "hostId": 5 }));
    let exits = teller.clone();
    let client = Client::builder()
        .on::<GitHubTelemetryEvent>(move |event| {
            let text = match event {
                Ok(event) => event.event.kind,
                Err(malformed) => malformed.params.to_string(),
            };
            teller.send(text).expect("the test listens");
        })
        .on::<HostExited>(move |exit| {
            exits.send(exit.expect_err("no id of a host").params.to_string()).expect("the test listens");
            panic!("an observer panics in a test");
        });
    let client = client.connect(read, write).await.expect("the handshake");
    let greeting = fake.received_raw("connect").await;
    assert_eq!(greeting["enableGitHubTelemetryForwarding"], true);
    let mut all = [told.recv().await, told.recv().await, told.recv().await].map(|text| text.expect("a text"));
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

/// What an observer is shown is typed.
#[tokio::test(start_paused = true)]
async fn what_is_told() {
    let rig = Rig::start().await;
    let mut stream = rig.client.notifications::<SessionLifecycle>();
    let metadata = json!({"startTime": "2026", "modifiedTime": "2027", "summary": "a \"b\""});
    let told = json!({"type": "session.of-the-future", "sessionId": "1", "metadata": metadata});
    rig.fake.notify_raw("session.lifecycle", told.clone());
    let change = stream.next().await.expect("a notification").expect("a change");
    assert_eq!(change.type_.as_str(), "session.of-the-future");
    assert_eq!(serde_json::to_value(&change).expect("JSON"), told);
}

/// An observer that unsubscribed sees no more, and so does nobody who comes later of what was before.
#[tokio::test(start_paused = true)]
async fn unsubscribe() {
    let rig = Rig::start().await;
    let (a, observe_a) = list();
    let (b, observe_b) = list();
    let watching = rig.client.on::<SessionLifecycle>(observe_a);
    // Dropping the subscription leaves the observer in place.
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

/// The stream outlives sessions and ends with the connection, after what came before.
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
