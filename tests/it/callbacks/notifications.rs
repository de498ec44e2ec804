//! What the CLI tells a client without asking for anything.

use std::sync::{Arc, Mutex};

use copilot_session::methods::notification::{HostEvent, SessionLifecycle};
use copilot_session::types::SessionLifecycleNotification;
use serde_json::{Value, json};

use crate::rig::{Rig, assert_alive};

/// A list of session ids, and an observer that adds to it.
fn list() -> (Arc<Mutex<Vec<String>>>, impl FnMut(&SessionLifecycleNotification) + Send + 'static) {
    let list = Arc::new(Mutex::new(Vec::new()));
    let to = Arc::clone(&list);
    (list, move |change| to.lock().expect("the list").push(change.session_id.clone()))
}

fn change(session: &str) -> Value {
    json!({"type": "session.updated", "sessionId": session})
}

impl Rig {
    fn change(&self, session: &str) {
        self.fake.notify_raw("session.lifecycle", change(session));
    }
}

/// Every observer sees every notification of its kind, in order, also when another one panics; one that
/// cannot be read is passed over.
#[tokio::test(start_paused = true)]
async fn many_observers() {
    let rig = Rig::start().await;
    let (a, observe_a) = list();
    let (b, mut observe_b) = list();
    rig.client.on::<SessionLifecycle>(observe_a);
    rig.client.on::<SessionLifecycle>(move |change| {
        observe_b(change);
        assert_ne!(change.session_id, "2", "an observer panics in a test");
    });
    rig.client.on::<HostEvent>(|_| panic!("of another kind"));
    let mut stream = rig.client.notifications::<SessionLifecycle>();
    rig.change("1");
    rig.fake.notify_raw("session.lifecycle", json!({"type": "session.updated", "sessionId": 5}));
    rig.fake.notify_raw("session.lifecycle", json!([]));
    rig.fake.notify_raw("of.the.future", change("1"));
    rig.change("2");
    rig.change("3");
    rig.fake.settle().await;
    assert_eq!(*a.lock().expect("the list"), ["1", "2", "3"]);
    assert_eq!(*b.lock().expect("the list"), ["1", "2", "3"]);
    for id in ["1", "2", "3"] {
        assert_eq!(stream.next().await.expect("a change").session_id, id);
    }
    assert_alive(&rig.client).await;
}

/// What an observer is shown is typed.
#[tokio::test(start_paused = true)]
async fn what_is_told() {
    let rig = Rig::start().await;
    let mut stream = rig.client.notifications::<SessionLifecycle>();
    let metadata = json!({"startTime": "2026", "modifiedTime": "2027", "summary": "a \"b\""});
    let told = json!({"type": "session.of-the-future", "sessionId": "1", "metadata": metadata});
    rig.fake.notify_raw("session.lifecycle", told.clone());
    let change = stream.next().await.expect("a change");
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
    assert_eq!(late.next().await.expect("a change").session_id, "2");
}

/// The stream outlives sessions and ends with the connection, after what came before.
#[tokio::test(start_paused = true)]
async fn the_end() {
    let rig = Rig::start().await;
    let mut stream = rig.client.notifications::<SessionLifecycle>();
    rig.session.disconnect().await.expect("the end of the session");
    rig.change("1");
    rig.fake.hang_up();
    assert_eq!(stream.next().await.expect("a change").session_id, "1");
    assert!(stream.next().await.is_none());
    rig.client.closed().await;
    assert!(rig.client.notifications::<SessionLifecycle>().next().await.is_none());
}
