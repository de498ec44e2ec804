//! A future that waits for a person, or for work, has no limit of its own: it waits for days, can be dropped,
//! and leaves nothing behind.

use std::future::IntoFuture;
use std::pin::pin;

use copilot_session::methods::notification::SessionLifecycle;
use copilot_session::testing::{FakeCli, events as say};
use copilot_session::types::{HistoryCompactRequest, SendRequest, UiElicitationRequest, UiElicitationSchema};
use copilot_session::{Client, Error, Session, SessionBuilder, TimeoutKind};
use futures_util::{FutureExt, StreamExt};
use serde_json::json;
use tokio::time::Instant;

use super::{LONG, SECOND, lasting};
use crate::rig::{Rig, assert_alive};

/// Checks that the future waits for a day, and that the connection then works.
async fn waits<T: std::fmt::Debug>(name: &str, rig: &Rig, future: impl Future<Output = T>) {
    let start = Instant::now();
    let ended = tokio::time::timeout(LONG, future).await;
    assert!(ended.is_err(), "{name} completed: {ended:?}");
    assert_eq!(start.elapsed().as_secs(), LONG.as_secs(), "{name}");
    assert_alive(&rig.client).await;
}

/// The type of an answer.
#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
struct Form {
    #[allow(dead_code, reason = "it never comes")]
    text: String,
}

/// The agent may work without a limit.
#[tokio::test(start_paused = true)]
async fn for_the_agent() {
    let rig = lasting(FakeCli::start()).await;
    rig.fake.hold("session.send");
    let answering = async || {
        let call = rig.fake.received_call("session.send").await;
        rig.fake.reply(&call, Ok(json!({"messageId": "one"})));
        std::future::pending::<()>().await
    };
    let session = &rig.session;
    let both = async { tokio::join!(session.send_and_wait("hello"), answering()).0 };
    waits("Session::send_and_wait", &rig, both).await;
    let both = async { tokio::join!(session.send_and_wait_as::<Form>("hello"), answering()).0 };
    waits("Session::send_and_wait_as", &rig, both).await;
}

/// The response to the prompt has the limit of every call.
#[tokio::test(start_paused = true)]
async fn for_the_response_to_a_prompt() {
    super::fails("Session::send_and_wait", "session.send", async |rig| {
        rig.session.send_and_wait("hello").await.map(drop)
    })
    .await;
    super::fails("Session::send_and_wait_as", "session.send", async |rig| {
        rig.session.send_and_wait_as::<Form>("hello").await.map(drop)
    })
    .await;
}

/// A turn waits for its events and its end, unless it has limits.
#[tokio::test(start_paused = true)]
async fn for_a_turn() {
    let rig = lasting(FakeCli::start()).await;
    rig.fake.hold("session.send");
    let start = async || {
        let answering = async {
            let call = rig.fake.received_call("session.send").await;
            rig.fake.reply(&call, Ok(json!({"messageId": "one"})));
        };
        tokio::join!(rig.session.prompt("hello"), answering).0.expect("the prompt")
    };
    waits("Turn::next", &rig, start().await.next()).await;
    waits("Stream for Turn", &rig, StreamExt::next(&mut pin!(start().await))).await;
    waits("IntoFuture for Turn", &rig, IntoFuture::into_future(start().await)).await;

    let name = "Turn::timeout";
    let (turn, begin) = (start().await, Instant::now());
    let error = turn.timeout(7 * SECOND).await.expect_err(name);
    assert!(error.is_timeout(), "{name}: {error:?}");
    assert!(matches!(&error, Error::TurnTimeout(timeout) if timeout.kind == TimeoutKind::Total), "{error:?}");
    assert_eq!(begin.elapsed().as_secs(), 7, "{name}");
    assert_alive(&rig.client).await;
}

/// An observer waits for an event, and misses none when its wait was dropped.
#[tokio::test(start_paused = true)]
async fn for_events() {
    let rig = lasting(FakeCli::start()).await;
    let mut events = rig.session.events();
    waits("Events::next", &rig, events.next()).await;
    waits("Stream for Events", &rig, StreamExt::next(&mut events)).await;
    rig.emit(say::delta("at last"));
    assert_eq!(events.next().await.expect("an event").kind(), "assistant.message_delta");

    let mut notes = rig.client.notifications::<SessionLifecycle>();
    waits("Notifications::next", &rig, notes.next()).await;
    waits("Stream for Notifications", &rig, StreamExt::next(&mut notes)).await;
    let change = json!({"type": "session.created", "sessionId": "one"});
    rig.fake.notify_raw("session.lifecycle", change);
    assert_eq!(notes.next().await.expect("a notification").expect("a change").session_id, "one");
}

/// The end of the connection has no limit, and is returned at once when it has happened.
#[tokio::test(start_paused = true)]
async fn for_the_end() {
    let rig = lasting(FakeCli::start()).await;
    waits("Client::closed", &rig, rig.client.closed()).await;
    rig.fake.hang_up();
    let closed = rig.client.closed().await;
    assert_eq!(rig.client.closed().now_or_never().expect("the end").reason, closed.reason);
}

/// A call may have no timeout, and a client may have none for all its calls.
#[tokio::test(start_paused = true)]
async fn without_a_timeout() {
    let rig = lasting(FakeCli::start()).await;
    rig.fake.hold("session.log");
    let log = copilot_session::types::LogRequest::new("a line");
    waits("Call::timeout", &rig, rig.session.rpc().log(&log).timeout(None)).await;

    let fake = FakeCli::start();
    fake.set_timeout(10 * LONG);
    let client = fake.connect(Client::builder().call_timeout(None)).await.expect("a client");
    let session = client.session().approve_all().create().await.expect("a session");
    let rig = Rig { fake, client, session };
    for method in ["session.log", "session.create", "session.tools.set"] {
        rig.fake.hold(method);
    }
    waits("Session::log", &rig, rig.session.log("a line")).await;
    waits("Session::set_tools", &rig, rig.session.set_tools([])).await;
    waits("SessionBuilder::create", &rig, rig.client.session().deny_all().create()).await;
}

/// A method that responds once the model has answered has no timeout but its own.
#[tokio::test(start_paused = true)]
async fn for_the_model() {
    let rig = lasting(FakeCli::start()).await;
    for method in ["session.history.compact", "session.send"] {
        rig.fake.hold(method);
    }
    let compact = HistoryCompactRequest::default();
    waits("history().compact()", &rig, rig.session.rpc().history().compact(&compact)).await;
    let send = SendRequest::new("hello").wait(true);
    waits("send()", &rig, rig.session.rpc().send(&send)).await;
    waits("Session::send", &rig, rig.session.send(send)).await;
    let limited = rig.session.rpc().history().compact(&compact).timeout(SECOND).await;
    super::timed_out("history().compact()", "session.history.compact", SECOND, limited);
}

/// A form waits for the user without a limit, unless the call has a timeout.
#[tokio::test(start_paused = true)]
async fn for_the_user() {
    const METHOD: &str = "session.ui.elicitation";
    let fake = FakeCli::start();
    fake.set_timeout(4 * LONG);
    fake.on_raw("session.create", |params| {
        Ok(json!({"sessionId": params["sessionId"], "capabilities": {"ui": {"elicitation": true}}}))
    });
    let rig = Rig::on(fake, SessionBuilder::approve_all).await;
    rig.fake.hold(METHOD);
    let form = UiElicitationRequest::new("Who?", UiElicitationSchema::new(Default::default()));
    waits("Session::elicit", &rig, rig.session.elicit(&form)).await;
    waits("ui().elicitation()", &rig, rig.session.rpc().ui().elicitation(&form)).await;
    let limited = rig.session.rpc().ui().elicitation(&form).timeout(SECOND).await;
    super::timed_out("a form", METHOD, SECOND, limited);
}

/// A command without a limit runs for any time.
#[tokio::test(start_paused = true)]
async fn for_a_command() {
    let rig = lasting(FakeCli::of_version("1.0.81")).await;
    rig.fake.on_raw("session.shell.exec", |_| Ok(json!({"processId": "one"})));
    let run = async |session: &Session| session.shell("ls").start().await.expect("a running command");
    waits("ShellRun::next", &rig, run(&rig.session).await.next()).await;
    waits("Stream for ShellRun", &rig, StreamExt::next(&mut run(&rig.session).await)).await;
    waits("IntoFuture for ShellRun", &rig, IntoFuture::into_future(run(&rig.session).await)).await;
}
