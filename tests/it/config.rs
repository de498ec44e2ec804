//! The keys that a configuration sends: the schema's names and shapes, and nothing that was not set.

mod handlers;
mod keys;
mod login;
mod requests;
mod setters;

use copilot_session::SessionBuilder;
use copilot_session::testing::FakeCli;
use serde_json::{Map, Value, json};

use crate::rig::connect;

/// The keys that every session is opened with, beside its id.
fn always() -> Value {
    json!({
        "streaming": true,
        "requestPermission": true,
        "toolFilterPrecedence": "excluded",
        "envValueMode": "direct",
    })
}

/// The object with the keys of the other added or replaced.
fn with(mut object: Value, more: Value) -> Value {
    let more: Map<String, Value> = serde_json::from_value(more).expect("an object");
    object.as_object_mut().expect("an object").extend(more);
    object
}

/// The params that a session of this configuration is opened with, beside its id. They are the same for
/// `create` and `resume`, except that a resumed session does not repeat the keys that every new one has.
async fn opened(configure: impl Fn(SessionBuilder) -> SessionBuilder) -> Value {
    let fake = FakeCli::start();
    fake.on_raw("session.eventLog.registerInterest", |_| Ok(json!({"handle": "1"})));
    let client = connect(&fake).await;
    let session = configure(client.session()).create().await.expect("a new session");
    let mut created = fake.received_raw("session.create").await;
    assert_eq!(take(&mut created, "sessionId"), session.id());
    configure(client.session()).resume("left-behind").await.expect("a resumed session");
    let mut resumed = fake.received_raw("session.resume").await;
    assert_eq!(take(&mut resumed, "sessionId"), "left-behind");
    for (key, value) in always().as_object().expect("an object") {
        if created[key] == *value && key != "requestPermission" {
            resumed.as_object_mut().expect("an object").entry(key).or_insert_with(|| value.clone());
        }
    }
    assert_eq!(created, resumed);
    created
}

/// The same as [`opened`], without the keys of every session.
async fn added(configure: impl Fn(SessionBuilder) -> SessionBuilder) -> Value {
    let mut sent = opened(configure).await;
    for (key, value) in always().as_object().expect("an object") {
        assert_eq!(take(&mut sent, key), *value, "{key}");
    }
    sent
}

fn take(object: &mut Value, key: &str) -> Value {
    object.as_object_mut().and_then(|object| object.remove(key)).unwrap_or_default()
}
