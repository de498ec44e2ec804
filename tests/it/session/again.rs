//! A builder that opens several sessions, also on another client.

use std::sync::{Arc, Mutex};

use copilot_session::testing::{FakeCli, events as say};
use copilot_session::{Decision, SessionBuilder, Tool};
use serde_json::{Value, json};

use crate::rig::connect;

type Log = Arc<Mutex<Vec<String>>>;

fn options(new: SessionBuilder, log: &Log) -> SessionBuilder {
    let (events, decisions) = (Arc::clone(log), Arc::clone(log));
    let mut seen = 0;
    let tool = Tool::with_schema("look", "Looks", json!({}), async |_: Value, _| "nothing");
    new.model("gpt-5")
        .tool(tool)
        .configure(|config| config.client_name("desk"))
        .on_event(move |event| {
            seen += 1;
            events.lock().expect("the log").push(format!("{seen} {}", event.kind()));
        })
        .on_permission(async move |_, context| {
            decisions.lock().expect("the log").push(context.session_id().to_owned());
            Decision::approve()
        })
}

/// Each of the sessions has the configuration, the tools, the handlers, and a subscription of its own.
#[tokio::test(start_paused = true)]
async fn one_builder_for_several_sessions() {
    let (fake, log) = (FakeCli::start(), Log::default());
    let client = connect(&fake).await;
    let options = options(client.session(), &log);
    let first = options.clone().create().await.expect("a session");
    let second = options.clone().create().await.expect("another");
    let third = options.resume("third").await.expect("one more");
    let mut configs = Vec::new();
    for method in ["session.create", "session.create", "session.resume"] {
        let mut config = fake.received_raw(method).await;
        let config = config.as_object_mut().expect("params");
        let id = config.remove("sessionId");
        // The CLI's own defaults, for a session that is created.
        for key in ["streaming", "envValueMode", "toolFilterPrecedence"] {
            config.remove(key);
        }
        configs.push((id, config.clone()));
    }
    let ids = [&first, &second, &third].map(|session| Some(Value::from(session.id())));
    assert!(ids[0] != ids[1] && first.id() != "third");
    for ((id, config), expected) in configs.iter().zip(ids) {
        assert_eq!(
            (id, &config["model"], &config["clientName"]),
            (&expected, &json!("gpt-5"), &json!("desk"))
        );
        assert_eq!(config, &configs[0].1);
    }
    for session in [&first, &second, &third] {
        fake.emit(
            session.id(),
            say::permission(
                &crate::rig::new_request_id(),
                json!({"kind": "read", "path": "/", "intention": "reads"}),
            ),
        );
        fake.expect_tool_result(session.id(), "look", json!({})).await;
        fake.settle().await;
        let log = std::mem::take(&mut *log.lock().expect("the log"));
        for line in ["1 permission.requested", session.id()] {
            assert!(log.iter().any(|logged| logged == line), "{log:?}");
        }
    }
}

/// After the CLI has ended, the same options open the session on a new one.
#[tokio::test(start_paused = true)]
async fn on_another_client() {
    let (fake, log) = (FakeCli::start(), Log::default());
    let client = connect(&fake).await;
    let options = options(client.session(), &log);
    let session = options.clone().create().await.expect("a session");
    fake.hang_up();
    client.closed().await;
    assert!(options.clone().resume(session.id()).await.expect_err("the end").is_closed());

    let next = FakeCli::start();
    let client = connect(&next).await;
    let again = options.on_client(&client).resume(session.id()).await.expect("the session");
    assert_eq!(again.id(), session.id());
    assert_eq!(next.received_raw("session.resume").await["model"], "gpt-5");
    next.expect_tool_result(again.id(), "look", json!({})).await;
}
