//! The end of a session.

use std::sync::Arc;
use std::time::Duration;

use copilot_session::methods::client::HooksInvoke;
use copilot_session::testing::{FakeCli, error, events as say, requests};
use copilot_session::types::{HookInvokeResponse, LogRequest, UiElicitationRequest, UiElicitationSchema};
use copilot_session::{Decision, Error, HandlerContext, SessionBuilder, Tool, ToolContext};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::rig::{Rig, assert_alive};

/// The method that ends a session, by version.
const LEAVE: [(&str, &str); 3] =
    [("1.0.102", "session.detach"), ("1.0.81", "session.detach"), ("1.0.65", "session.destroy")];

/// `disconnect` calls the CLI once, by the method of its version.
#[tokio::test(start_paused = true)]
async fn disconnect() {
    for (version, method) in LEAVE {
        let rig = Rig::on(FakeCli::of_version(version), SessionBuilder::approve_all).await;
        rig.session.disconnect().await.expect("the end");
        assert_eq!(rig.fake.received_raw(method).await, json!({"sessionId": rig.session.id()}));
        rig.session.disconnect().await.expect("the second end");
        let (fake, client) = (rig.fake, rig.client);
        drop(rig.session);
        assert_alive(&client).await;
        assert_eq!(fake.methods().iter().filter(|sent| *sent == method).count(), 1, "{version}");
    }
}

/// The drop of the last handle calls the CLI and frees the session's id.
#[tokio::test(start_paused = true)]
async fn dropping_the_session() {
    for (version, method) in LEAVE {
        let Rig { fake, client, session } =
            Rig::on(FakeCli::of_version(version), SessionBuilder::approve_all).await;
        let (id, clone) = (session.id().to_owned(), session.clone());
        let mut events = session.events();
        drop(session);
        fake.settle().await;
        assert_eq!(fake.calls_raw(method).len(), 0, "a clone remains");
        drop(clone);
        assert_eq!(fake.received_raw(method).await, json!({"sessionId": id}));
        assert!(events.next().await.is_none());
        client.session().approve_all().resume(id).await.expect("the same again");
    }
}

/// After `disconnect` no handle or context of the session sends anything, and each returns an error.
#[tokio::test(start_paused = true)]
async fn use_after_disconnect() {
    let (for_permission, mut given) =
        mpsc::unbounded_channel::<(Option<HandlerContext>, Option<ToolContext>)>();
    let for_tool = for_permission.clone();
    let tool =
        Tool::with_schema("t", "", json!({"type": "object"}), move |_: Value, context: ToolContext| {
            for_tool.send((None, Some(context))).expect("an open channel");
            async { "done" }
        });
    let rig = Rig::with(|session| {
        session.tool(tool).on_permission(move |_, context| {
            for_permission.send((Some(context), None)).expect("an open channel");
            std::future::ready(Decision::approve())
        })
    })
    .await;
    rig.fake.expect_permission(rig.session.id(), requests::shell("ls")).await;
    rig.fake.expect_tool_result(rig.session.id(), "t", json!({})).await;
    let asked = [given.recv().await, given.recv().await].map(|context| context.expect("a context"));
    let (call, shell) = (rig.session.rpc(), rig.session.shell("ls"));
    let (call, again) = (call.log(&"made before".into()), rig.session.downgrade());
    rig.session.disconnect().await.expect("the end");
    let sent = rig.fake.methods();

    let session = again.upgrade().expect("a handle");
    let line = LogRequest::new("late");
    let form = UiElicitationRequest::new("name?", UiElicitationSchema::new(Default::default()));
    let errors = [
        session.send("hello").await.map(drop),
        session.prompt("hello").await.map(drop),
        session.send_and_wait("hello").await.map(drop),
        session.messages().await.map(drop),
        session.abort().await,
        session.set_model("another").await.map(drop),
        session.log("late").await.map(drop),
        session.set_tools([]).await,
        session.elicit(&form).await.map(drop),
        session.shell("ls").await.map(drop),
        session.shell("ls").start().await.map(drop),
        shell.start().await.map(drop),
        call.await.map(drop),
        session.rpc().log(&line).await.map(drop),
        session.rpc().log(&line).timeout(Duration::from_secs(1)).await.map(drop),
        asked[0].0.as_ref().expect("the permission's").rpc().log(&line).await.map(drop),
        asked[1].1.as_ref().expect("the tool's").rpc().log(&line).await.map(drop),
    ];
    for (index, result) in errors.into_iter().enumerate() {
        assert!(matches!(result, Err(Error::SessionEnded)), "{index}: {result:?}");
    }
    assert_alive(&rig.client).await;
    assert_eq!(rig.fake.methods().len(), sent.len() + 1, "only the ping was sent");
}

/// Handlers stay until the CLI has answered the detach, as it may call them before.
#[tokio::test(start_paused = true)]
async fn handlers_during_the_goodbye() {
    let hook = |session: SessionBuilder| {
        session.approve_all().handle::<HooksInvoke>(async |_, _| Ok(HookInvokeResponse::default()))
    };
    let rig = Rig::with(hook).await;
    rig.fake.hold("session.detach");
    let params = json!({"sessionId": rig.session.id(), "hookType": "sessionEnd", "input": {}});
    let asking = async {
        let call = rig.fake.received_call("session.detach").await;
        assert_eq!(rig.fake.request_raw("hooks.invoke", params.clone()).await, Ok(json!({})));
        rig.fake.reply(&call, Ok(json!({"success": true})));
    };
    let (ended, ()) = tokio::join!(rig.session.disconnect(), asking);
    ended.expect("the end");
    let late = rig.fake.request_raw("hooks.invoke", params).await;
    assert_eq!(late.expect_err("no handler")["code"], -32601);
}

/// The values that a session's handlers and observers hold are dropped when it ends.
#[tokio::test(start_paused = true)]
async fn what_was_held_is_freed() {
    let held = Arc::new(());
    let (by_handler, by_observer) = (Arc::clone(&held), Arc::clone(&held));
    let rig = Rig::with(|session| {
        session
            .on_permission(move |_, _| {
                let _held = &by_handler;
                std::future::ready(copilot_session::Decision::approve())
            })
            .on_event(move |_| drop(Arc::clone(&by_observer)))
    })
    .await;
    assert_eq!(Arc::strong_count(&held), 3);
    rig.session.disconnect().await.expect("the end");
    rig.fake.settle().await;
    assert_eq!(Arc::strong_count(&held), 1);
}

/// A session whose detach fails, or gets no response, has ended here all the same, in limited time.
#[tokio::test(start_paused = true)]
async fn a_goodbye_that_fails() {
    let rig = Rig::start().await;
    rig.fake.on_raw("session.detach", |_| Err(error(-32603, "Session not found")));
    let mut events = rig.session.events();
    assert_eq!(rig.session.disconnect().await.expect_err("the refusal").code(), Some(-32603));
    assert!(events.next().await.is_none());

    let rig = Rig::start().await;
    rig.fake.hold("session.detach");
    let mut events = rig.session.events();
    let failed = rig.session.disconnect().await.expect_err("silence");
    assert!(matches!(failed, Error::Timeout { after, .. } if after.as_secs() == 10), "{failed:?}");
    assert!(events.next().await.is_none());
}

/// A detach whose caller gives up ends the session here as well.
#[tokio::test(start_paused = true)]
async fn a_goodbye_that_is_dropped() {
    let rig = Rig::start().await;
    rig.fake.hold("session.detach");
    let mut events = rig.session.events();
    assert!(tokio::time::timeout(Duration::from_secs(1), rig.session.disconnect()).await.is_err());
    assert!(events.next().await.is_none());
    rig.client.session().approve_all().resume(rig.session.id()).await.expect("the id is free again");
}

/// When the CLI ends, the session's stream ends and every call returns the reason.
#[tokio::test(start_paused = true)]
async fn the_end_of_the_cli() {
    let rig = Rig::start().await;
    let mut events = rig.session.events();
    rig.emit(say::delta("the last"));
    rig.fake.hang_up();
    assert_eq!(rig.kinds_until(&mut events, "assistant.message_delta").await.len(), 1);
    assert!(events.next().await.is_none());
    assert!(matches!(rig.session.send("hello").await, Err(Error::Closed(_))));
    assert!(matches!(rig.session.disconnect().await, Err(Error::Closed(_))));
}
