//! The events of a session, in every form.

use std::sync::{Arc, Mutex};

use copilot_session::testing::{FakeCli, events as say};
use copilot_session::{Error, Events, SessionBuilder, SessionEvent, SessionEventData, Tool};
use serde_json::{Value, json};

use crate::rig::{Rig, connect, next};

/// Creates a session whose first events come before and right after the response to `session.create`.
async fn made(configure: impl FnOnce(SessionBuilder) -> SessionBuilder) -> Rig {
    let fake = FakeCli::start();
    let client = connect(&fake).await;
    fake.hold("session.create");
    let creating = configure(client.session().approve_all()).create();
    let answering = async {
        let call = fake.received_call("session.create").await;
        let id = call.params["sessionId"].as_str().expect("an id");
        fake.emit(id, say::event("session.start", json!({"sessionId": id})));
        fake.emit(id, say::event("session.info", json!({"infoType": "early", "message": "early"})));
        fake.reply(&call, Ok(json!({"sessionId": id})));
        fake.emit(id, say::event("session.title_changed", json!({"title": "right after"})));
    };
    let (session, ()) = tokio::join!(creating, answering);
    let session = session.expect("the session");
    Rig { fake, client, session }
}

const FIRST: [&str; 3] = ["session.start", "session.info", "session.title_changed"];

/// Each observer of the builder sees every event from the first.
#[tokio::test(start_paused = true)]
async fn observers_of_the_builder_see_the_first_event() {
    let kinds = [Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(Vec::new()))];
    let observer = |index: usize| {
        let kinds = Arc::clone(&kinds[index]);
        move |event: &copilot_session::SessionEvent| {
            kinds.lock().expect("the list").push(event.kind().to_owned())
        }
    };
    let rig = made(|session| session.on_event(observer(0)).on_event(observer(1))).await;
    rig.fake.settle().await;
    for kinds in kinds {
        assert_eq!(*kinds.lock().expect("the list"), FIRST);
    }
}

/// Without an observer in the builder, the first `events()` starts with the first event.
#[tokio::test(start_paused = true)]
async fn the_first_stream_has_the_first_event() {
    let rig = made(|session| session).await;
    rig.fake.settle().await;
    let mut events = rig.session.events();
    assert_eq!(rig.kinds_until(&mut events, FIRST[2]).await, FIRST);
    // A later observer sees only later events.
    let mut later = rig.session.events();
    rig.emit(say::idle());
    assert_eq!(next(&mut later).await.kind(), "session.idle");
}

/// Each session of a client receives its own events only, in order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_sessions() {
    let fake = FakeCli::start();
    let client = connect(&fake).await;
    let a = client.session().approve_all().create().await.expect("a session");
    let b = client.session().approve_all().create().await.expect("a session");
    assert_ne!(a.id(), b.id());
    let mut of = [a.events(), b.events()];
    for index in 0..100 {
        fake.emit("nobody", say::delta(&format!("nobody {index}")));
        fake.emit(a.id(), say::delta(&format!("a {index}")));
        fake.emit(b.id(), say::delta(&format!("b {index}")));
    }
    for index in 0..100 {
        for (events, name) in of.iter_mut().zip(["a", "b"]) {
            match next(events).await.data() {
                SessionEventData::AssistantMessageDelta(delta) => {
                    assert_eq!(delta.delta_content, format!("{name} {index}"));
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

/// An event of an unknown type is delivered with its JSON.
#[tokio::test(start_paused = true)]
async fn an_unknown_type() {
    let rig = Rig::start().await;
    let mut events = rig.session.events();
    rig.emit(say::event("from.the.future", json!({"flux": [1.21, null]})));
    let event = next(&mut events).await;
    let SessionEventData::Unrecognized(unknown) = event.data() else { panic!("{event:?}") };
    assert_eq!((event.kind(), unknown.kind.as_str()), ("from.the.future", "from.the.future"));
    assert_eq!(unknown.data.get(), r#"{"flux":[1.21,null]}"#);
}

/// An event that does not fit its schema is delivered with the path of the mismatch, and the stream goes on.
#[tokio::test(start_paused = true)]
async fn a_malformed_event() {
    let rig = Rig::start().await;
    let mut events = rig.session.events();
    let request = json!({"toolCallId": "1", "name": 7});
    rig.emit(say::event(
        "assistant.message",
        json!({"messageId": "m", "content": "text", "toolRequests": [request]}),
    ));
    rig.emit(json!({"type": "assistant.message", "data": "text"}));
    rig.emit(say::assistant_message("right"));
    let first = next(&mut events).await;
    let SessionEventData::Malformed(malformed) = first.data() else { panic!("{first:?}") };
    assert_eq!(malformed.kind, "assistant.message");
    assert_eq!(malformed.error.path(), "$.toolRequests[0].name");
    assert!(malformed.data.get().contains(r#""name":7"#), "{}", malformed.data);
    let second = next(&mut events).await;
    assert!(matches!(second.data(), SessionEventData::Malformed(malformed) if malformed.error.path() == "$"));
    assert!(matches!(next(&mut events).await.data(), SessionEventData::AssistantMessage(_)));
}

/// Every event returns its JSON byte for byte, including white space, escapes, key order and large numbers.
#[tokio::test(start_paused = true)]
async fn the_raw_text() {
    let rig = Rig::start().await;
    let mut events = rig.session.events();
    let texts = [
        r#"{"type":"session.idle","data":{}}"#,
        r#"{ "data" : {"b":1.0, "a":123456789012345678901234567890, "a":"twice"} ,"type":"x","id":"1\u0061" }"#,
        "{\"timestamp\":\"now\",\n\t\"type\":\"\\u0073ession.idle\",\"extra\":[{}],\"data\":{\"mode\":\"of the future\"}}",
        r#"{"type":"from.the.future"}"#,
    ];
    for text in texts {
        let id = rig.session.id();
        rig.fake.frame(&format!(
            r#"{{"method":"session.event","params":{{"event":{text},"sessionId":"{id}"}}}}"#
        ));
        let event = next(&mut events).await;
        assert_eq!(event.raw(), text);
        assert!(!matches!(event.data(), SessionEventData::Malformed(_)), "{event:?}");
    }
}

/// The envelope is decoded with and without its optional keys.
#[tokio::test(start_paused = true)]
async fn the_envelope() {
    let rig = Rig::start().await;
    let mut events = rig.session.events();
    rig.emit(json!({
        "type": "session.idle", "data": {"aborted": true}, "id": "an \"id\"", "timestamp": "2026-11-22T06:57:36.867Z",
        "parentId": "parent", "agentId": "agent", "ephemeral": true,
    }));
    let event = next(&mut events).await;
    assert_eq!(
        (event.kind(), event.id(), event.timestamp()),
        ("session.idle", "an \"id\"", "2026-11-22T06:57:36.867Z")
    );
    assert_eq!(
        (event.parent_id(), event.agent_id(), event.is_ephemeral()),
        (Some("parent"), Some("agent"), true)
    );
    assert_eq!(event.raw_data(), r#"{"aborted":true}"#);
    rig.fake.frame(&format!(
        r#"{{"method":"session.event","params":{{"sessionId":"{}","event":{{"type":"x","parentId":null}}}}}}"#,
        rig.session.id()
    ));
    let event = next(&mut events).await;
    assert_eq!((event.kind(), event.id(), event.timestamp()), ("x", "", ""));
    assert_eq!((event.parent_id(), event.agent_id(), event.is_ephemeral()), (None, None, false));
    assert_eq!(event.raw_data(), "null");
}

/// Sends an event in the form that the CLI gives most of them; `data` is what stands between its first and last
/// members.
async fn usual(rig: &Rig, events: &mut Events, number: u8, data: &str) -> SessionEvent {
    let (session, id) = (rig.session.id(), format!("482a8520-a920-4b1b-89d5-cc4d4c8df4{number:02}"));
    let event = format!(
        r#"{{"type":"session.title_changed","data":{data},"id":"{id}","timestamp":"2026-11-22T06:51:07.596Z","parentId":null}}"#
    );
    rig.fake.frame(&format!(
        r#"{{"jsonrpc":"2.0","method":"session.event","params":{{"sessionId":"{session}","event":{event}}}}}"#
    ));
    let found = next(events).await;
    assert_eq!((found.kind(), found.id(), found.parent_id()), ("session.title_changed", &*id, None));
    assert_eq!(found.timestamp(), "2026-11-22T06:51:07.596Z");
    found
}

/// The data of an event in the usual form is looked at when it is asked for, in whatever way and order.
#[tokio::test(start_paused = true)]
async fn the_usual_form() {
    let rig = Rig::start().await;
    let mut events = rig.session.events();
    let data = r#"{"title":"a \"new\" one\n"}"#;
    for number in 0..2 {
        let ephemeral = format!(r#"{data},"ephemeral":true"#);
        let event = usual(&rig, &mut events, number, &ephemeral).await;
        if number == 0 {
            assert_eq!(event.raw_data(), data);
        }
        let SessionEventData::SessionTitleChanged(title) = event.data() else { panic!("{:?}", event.data()) };
        assert_eq!((title.title.as_str(), event.is_ephemeral()), ("a \"new\" one\n", true));
        assert_eq!(event.raw_data(), data);
        assert!(event.raw().contains(&ephemeral), "{}", event.raw());
    }
}

/// A newer CLI may write other keys beside the data, and data twice.
#[tokio::test(start_paused = true)]
async fn the_usual_form_with_more_keys() {
    let rig = Rig::start().await;
    let mut events = rig.session.events();
    let texts = [
        r#"{"title":"b"},"new":{"id":"x"}"#,
        r#"{"title":"a"},"data":{"title":"b"}"#,
        r#"{"new":{},"title":"a"},"data":{"title":"b"},"new":{}"#,
    ];
    for (number, text) in (0..).zip(texts.into_iter().chain(texts)) {
        let event = usual(&rig, &mut events, number, text).await;
        let raw = || assert_eq!(event.raw_data(), r#"{"title":"b"}"#);
        if number < 3 {
            raw();
        }
        let SessionEventData::SessionTitleChanged(title) = event.data() else { panic!("{:?}", event.data()) };
        assert_eq!(title.title, "b");
        raw();
        assert!(event.raw().contains(text), "{}", event.raw());
    }
}

/// Data that is no JSON is malformed, and the event remains JSON. The events after it are read.
#[tokio::test(start_paused = true)]
async fn the_usual_form_without_json() {
    let rig = Rig::start().await;
    let mut events = rig.session.events();
    let texts = [r#"{"title":a}"#, "{]}", "}", r#"{"title":"a\x"}"#, "{{}"];
    for (number, text) in (0..).zip(texts.into_iter().chain(texts)) {
        let event = usual(&rig, &mut events, number, text).await;
        let raw = || {
            assert_eq!(event.raw_data(), "null");
            let json: Value = serde_json::from_str(event.raw()).expect("JSON");
            assert_eq!((&json["data"], &json["id"]), (&Value::Null, &json!(event.id())));
            assert_eq!(serde_json::to_value(&event).expect("JSON"), json);
        };
        if number < 5 {
            raw();
        }
        let SessionEventData::Malformed(malformed) = event.data() else { panic!("{:?}", event.data()) };
        assert_eq!(malformed.data.get(), "null");
        raw();
    }
    // The last members are those of another object.
    let event = usual(&rig, &mut events, 98, r#"{"title":"a"}},"new":{"key":{}"#).await;
    assert!(matches!(event.data(), SessionEventData::Malformed(_)), "{:?}", event.data());
    assert_eq!(event.raw(), r#"{"type":"session.title_changed","data":{"title":"a"}}"#);
    usual(&rig, &mut events, 99, "{}").await;
}

/// The history accepts the same events as the stream, and causes no action: a request in it stays unanswered.
#[tokio::test(start_paused = true)]
async fn history() {
    let rig = Rig::start().await;
    let list = json!([
        say::user_message("m"),
        say::permission("old", json!({"kind": "url", "intention": "", "url": "http://x"})),
        {"type": "assistant.message", "data": {"content": 5}},
        {"type": "from.the.future"},
    ]);
    rig.fake.on_raw("session.getMessages", move |_| Ok(json!({"events": list})));
    let messages = rig.session.messages().await.expect("the history");
    let kinds: Vec<_> = messages.iter().map(|event| event.kind()).collect();
    assert_eq!(kinds, ["user.message", "permission.requested", "assistant.message", "from.the.future"]);
    assert!(matches!(messages[2].data(), SessionEventData::Malformed(_)));
    rig.fake.settle().await;
    assert_eq!(rig.fake.methods(), ["connect", "session.create", "session.getMessages"]);

    rig.fake.on_raw("session.getMessages", |_| Ok(json!({})));
    assert_eq!(rig.session.messages().await.expect("no history").len(), 0);
    rig.fake.on_raw("session.getMessages", |_| Ok(json!({"events": {}})));
    let error = rig.session.messages().await.expect_err("no list");
    assert!(
        matches!(error, Error::Decode { ref method, .. } if method == "session.getMessages"),
        "{error:?}"
    );
}

/// An event that is repeated under the same id is delivered and answered once; without an id it is another
/// event.
#[tokio::test(start_paused = true)]
async fn repeated_events() {
    let tool = Tool::with_schema("quick", "Is quick", json!({"type": "object"}), async |_: Value, _| "done");
    let rig = Rig::with(|session| session.approve_all().tool(tool)).await;
    let mut events = rig.session.events();
    let with_id = |mut event: Value, id: &str| {
        event["id"] = id.into();
        event
    };
    let call = with_id(say::tool_call(rig.session.id(), "1", "quick", json!({})), "call");
    for event in [with_id(say::delta("a"), "a"), with_id(say::delta("b"), "b"), call] {
        rig.emit(event.clone());
        rig.emit(event);
    }
    rig.emit(with_id(say::delta("c"), "a"));
    rig.emit(with_id(say::delta("d"), ""));
    rig.emit(with_id(say::delta("d"), ""));
    rig.emit(say::idle());
    let kinds = rig.kinds_until(&mut events, "session.idle").await;
    let delta = "assistant.message_delta";
    assert_eq!(kinds, [delta, delta, "external_tool.requested", delta, delta, "session.idle"]);
    rig.fake.settle().await;
    assert_eq!(rig.fake.calls_raw("session.tools.handlePendingToolCall").len(), 1);
}
