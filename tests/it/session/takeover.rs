//! Sessions that are resumed while they are open.

use std::future::IntoFuture;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use copilot_session::testing::{FakeCli, error, events as say, requests};
use copilot_session::{Client, Decision, Error, ErrorKind, Session, SessionBuilder, Tool, WhenOpen};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::rig::{Rig, assert_alive, connect};

/// A tool that always returns the same text.
fn tool(name: &str, text: &'static str) -> Tool {
    Tool::with_schema(name, "", json!({"type": "object"}), move |_: Value, _| async move { text })
}

/// A tool that reports its start and never returns.
fn endless(name: &str, begun: &mpsc::UnboundedSender<()>) -> Tool {
    let begun = begun.clone();
    Tool::with_schema(name, "", json!({"type": "object"}), move |_: Value, _| {
        begun.send(()).expect("an open channel");
        std::future::pending::<&str>()
    })
}

async fn again(client: &Client, id: &str, when_open: WhenOpen) -> Result<Session, Error> {
    client.session().approve_all().when_open(when_open).resume(id).await
}

fn ended<T: std::fmt::Debug>(outcome: Result<T, Error>) {
    let error = outcome.expect_err("it has ended");
    assert_eq!(error.kind(), ErrorKind::SessionGone, "{error:?}");
}

/// The handle of an open session is found by its id, as long as another handle exists.
#[tokio::test(start_paused = true)]
async fn the_open_session() {
    let Rig { fake, client, session } = Rig::start().await;
    let id = session.id().to_owned();
    let found = client.open_session(&id).expect("an open session");
    let weak = session.downgrade();
    assert!(client.open_session("another").is_none());
    drop(session);
    fake.answer("still here");
    assert_eq!(found.send_and_wait("there?").await.expect("an answer").text(), "still here");
    assert_eq!(weak.upgrade().expect("a handle").opened().session_id.as_deref(), Some(&*id));
    drop(found);
    assert!(client.open_session(&id).is_none() && weak.upgrade().is_none());
    assert_eq!(fake.received_raw("session.detach").await, json!({"sessionId": id}));

    let session = again(&client, &id, WhenOpen::Refuse).await.expect("the id is free");
    session.disconnect().await.expect("the end");
    assert!(client.open_session(&id).is_none());
}

/// By default, resuming a session that is open or being opened is an error of its own kind.
#[tokio::test(start_paused = true)]
async fn refused() {
    let Rig { fake, client, session } = Rig::start().await;
    let refused = again(&client, session.id(), WhenOpen::default()).await.expect_err("an open session");
    assert!(matches!(&refused, Error::AlreadyOpen { session_id, .. } if session_id == session.id()));
    assert_eq!((refused.kind(), refused.is_retryable()), (ErrorKind::AlreadyOpen, false));
    assert!(refused.to_string().contains(session.id()), "{refused}");

    fake.hold("session.resume");
    let (opening, second) = tokio::join!(
        tokio::time::timeout(Duration::from_secs(1), again(&client, "other", WhenOpen::Refuse)),
        async {
            let call = fake.received_call("session.resume").await;
            let second = again(&client, "other", WhenOpen::Refuse).await;
            assert!(client.open_session("other").is_none(), "found before it is open");
            fake.reply(&call, Ok(json!({"sessionId": "other"})));
            second
        }
    );
    assert_eq!(second.expect_err("a session that is being opened").kind(), ErrorKind::AlreadyOpen);
    opening.expect("an answer").expect("the first");
}

/// The handlers of a replacing session are in place before the request is sent. The old handle has ended, and
/// sends nothing more.
#[tokio::test(start_paused = true)]
async fn replaced() {
    let Rig { fake, client, session: old } = Rig::with(|new| new.approve_all().tool(tool("t", "old"))).await;
    let id = old.id().to_owned();
    let (mut events, turn) = (old.events(), old.prompt("hello").await.expect("a turn"));
    fake.hold("session.resume");
    let taking = client.session().deny_all().tool(tool("t", "new")).when_open(WhenOpen::Replace).resume(&id);
    let meanwhile = async {
        let call = fake.received_call("session.resume").await;
        let answer = fake.expect_tool_result(&id, "t", json!({})).await;
        assert!(format!("{answer:?}").contains("new"), "{answer:?}");
        fake.reply(&call, Ok(json!({"sessionId": id})));
    };
    let (new, ()) = tokio::join!(taking, meanwhile);
    let new = new.expect("the session");
    ended(turn.await);
    ended(old.send("more").await);
    ended(old.rpc().abort(&Default::default()).await);
    while let Some(event) = events.next().await {
        assert_ne!(event.kind(), "external_tool.requested", "an event of the new session");
    }
    old.disconnect().await.expect("the second end");
    drop(old);
    let decision = fake.expect_permission(&id, requests::shell("ls")).await;
    assert!(format!("{decision:?}").contains("reject"), "{decision:?}");
    assert_eq!(client.open_session(&id).expect("the new one").opened().session_id.as_deref(), Some(&*id));
    fake.settle().await;
    assert!(!fake.methods().iter().any(|method| method == "session.detach"));
    drop(new);
    fake.received_raw("session.detach").await;
}

/// Requests that old handlers work on are repeated to the new ones, on every version, unless they have been
/// answered by then.
#[tokio::test(start_paused = true)]
async fn requests_in_flight_are_repeated() {
    for version in ["1.0.102", "1.0.10"] {
        let (begun, mut beginning) = mpsc::unbounded_channel();
        let asking = begun.clone();
        let old = |new: SessionBuilder| {
            new.tool(endless("slow", &begun)).tool(tool("quick", "old")).on_permission(move |_, _| {
                asking.send(()).expect("an open channel");
                std::future::pending::<Decision>()
            })
        };
        let Rig { fake, client, session: old } = Rig::on(FakeCli::of_version(version), old).await;
        let id = old.id().to_owned();
        fake.expect_tool_result(&id, "quick", json!({})).await;
        fake.emit(&id, say::tool_call(&id, "one", "slow", json!({})));
        fake.emit(&id, say::permission("two", requests::shell("ls")));
        for _ in 0..2 {
            beginning.recv().await.expect("a start");
        }
        let new = client.session().approve_all().tool(tool("slow", "new")).tool(tool("quick", "new"));
        let new = new.when_open(WhenOpen::Replace).resume(&id).await.expect("the session");
        fake.settle().await;
        let answers = fake.calls_raw("session.tools.handlePendingToolCall");
        assert_eq!(answers.len(), 2, "{answers:?}");
        assert_eq!(answers[1]["requestId"], "one");
        assert!(answers[1].to_string().contains("new"), "{answers:?}");
        let decisions = fake.calls_raw("session.permissions.handlePendingPermissionRequest");
        assert_eq!(decisions.len(), 1, "{decisions:?}");
        assert_eq!(decisions[0]["requestId"], "two");
        assert!(decisions[0]["result"]["kind"].as_str().expect("a kind").starts_with("approve"));
        drop((old, new));
    }
}

/// No event is lost and no request unanswered while a session is taken over repeatedly.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_lost() {
    const REQUESTS: usize = 2_000;
    let Rig { fake, client, session } = Rig::with(|new| new.approve_all().tool(tool("t", "done"))).await;
    let id = session.id().to_owned();
    let done = Arc::new(AtomicUsize::new(0));
    let taking = tokio::spawn({
        let (client, id, done) = (client.clone(), id.clone(), Arc::clone(&done));
        async move {
            let (mut session, mut times) = (session, 0_usize);
            while done.load(Ordering::SeqCst) == 0 {
                let new = client.session().approve_all().tool(tool("t", "done")).when_open(WhenOpen::Replace);
                session = new.resume(&id).await.expect("the session");
                times += 1;
            }
            (session, times)
        }
    });
    for number in 0..REQUESTS {
        fake.emit(&id, say::tool_call(&id, &format!("request {number}"), "t", json!({})));
        if number % 50 == 0 {
            assert_alive(&client).await;
        }
    }
    let answered = || {
        let calls = fake.calls_raw("session.tools.handlePendingToolCall");
        calls.iter().map(|call| call["requestId"].to_string()).collect::<std::collections::HashSet<_>>().len()
    };
    let all = async {
        while answered() < REQUESTS {
            assert_alive(&client).await;
        }
    };
    let outcome = tokio::time::timeout(Duration::from_secs(60), all).await;
    done.store(1, Ordering::SeqCst);
    let (_session, times) = taking.await.expect("the takeovers");
    assert!(outcome.is_ok(), "{} of {REQUESTS} were answered in {times} takeovers", answered());
    assert!(times > 1, "{times}");
}

/// Joining replaces the handlers of the same session: its handles, turns and streams go on.
#[tokio::test(start_paused = true)]
async fn joined() {
    let (begun, mut beginning) = mpsc::unbounded_channel();
    let Rig { fake, client, session: old } =
        Rig::with(|new| new.deny_all().tool(tool("t", "old")).tool(endless("slow", &begun))).await;
    let id = old.id().to_owned();
    let (mut events, turn) = (old.events(), old.prompt("hello").await.expect("a turn"));
    fake.begin_turn(&id).await;
    fake.emit(&id, say::tool_call(&id, "one", "slow", json!({})));
    beginning.recv().await.expect("a start");
    fake.on_raw("session.resume", |params| {
        Ok(json!({"sessionId": params["sessionId"], "workspacePath": "/elsewhere"}))
    });
    let new = client.session().approve_all().tool(tool("t", "new")).when_open(WhenOpen::Join);
    let new = new.resume(&id).await.expect("the session");
    assert_eq!(new.workspace_path(), Some("/elsewhere"));
    assert_ne!(old.workspace_path(), new.workspace_path(), "each handle has the response to its own request");
    let answer = fake.expect_tool_result(&id, "t", json!({})).await;
    assert!(format!("{answer:?}").contains("new"), "{answer:?}");
    let decision = fake.expect_permission(&id, requests::shell("ls")).await;
    assert!(format!("{decision:?}").contains("approve"), "{decision:?}");
    fake.emit(&id, say::tool_call(&id, "two", "slow", json!({})));
    fake.settle().await;
    assert!(beginning.try_recv().is_err(), "the old tool was called again");
    fake.end_turn(&id, "done");
    assert_eq!(turn.await.expect("the old turn").text(), "done");
    while events.next().await.expect("the old stream goes on").kind() != "session.idle" {}
    drop(old);
    fake.settle().await;
    assert!(!fake.methods().iter().any(|method| method == "session.detach"), "one handle remains");
    drop(new);
    fake.received_raw("session.detach").await;
}

/// After a takeover that fails, a joined session goes on unchanged, and a replaced one is detached and its id
/// free.
#[tokio::test(start_paused = true)]
async fn a_takeover_that_fails() {
    let Rig { fake, client, session } = Rig::with(|new| new.approve_all().tool(tool("t", "old"))).await;
    let id = session.id().to_owned();
    fake.on_raw("session.resume", |_| Err(error(-32603, "Request session.resume failed with message: no")));
    let join = client.session().approve_all().tool(tool("t", "new")).when_open(WhenOpen::Join);
    assert_eq!(join.resume(&id).await.expect_err("a refusal").code(), Some(-32603));
    let answer = fake.expect_tool_result(&id, "t", json!({})).await;
    assert!(format!("{answer:?}").contains("old"), "{answer:?}");
    assert_eq!(fake.calls_raw("session.detach").len(), 0);

    let unsaid = client.session().when_open(WhenOpen::Replace).resume(&id).await;
    assert!(matches!(unsaid, Err(Error::Invalid(_))), "{unsaid:?}");
    session.log("still here").await.expect("the unchanged session");

    let refused = again(&client, &id, WhenOpen::Replace).await.expect_err("a refusal");
    assert_eq!(refused.code(), Some(-32603));
    ended(session.send("hello").await);
    assert_eq!(fake.received_raw("session.detach").await, json!({"sessionId": id}));

    // The caller gives up before and after the request is answered.
    fake.hold("session.resume");
    for when_open in [WhenOpen::Refuse, WhenOpen::Replace, WhenOpen::Join] {
        let gone = tokio::time::timeout(Duration::from_secs(1), again(&client, &id, when_open)).await;
        assert!(gone.is_err(), "{when_open:?}");
        fake.received_raw("session.detach").await;
    }
    fake.on_raw("session.resume", |params| Ok(json!({"sessionId": params["sessionId"]})));
    again(&client, &id, WhenOpen::Refuse).await.expect("the id is free");
}

/// Two concurrent takeovers happen one after the other, and so does one of a session that is being created.
#[tokio::test(start_paused = true)]
async fn takeovers_at_once() {
    for when_open in [WhenOpen::Replace, WhenOpen::Join] {
        let Rig { fake, client, session } = Rig::start().await;
        let id = session.id();
        fake.received_raw("session.create").await;
        let (one, two) = tokio::join!(again(&client, id, when_open), again(&client, id, when_open));
        let (one, two) = (one.expect("the first"), two.expect("the second"));
        assert_eq!(fake.calls_raw("session.resume").len(), 2);
        fake.answer("here");
        assert_eq!(two.send_and_wait("there?").await.expect("an answer").text(), "here");
        match when_open {
            WhenOpen::Join => drop(one.log("the same").await.expect("an open session")),
            _ => ended(one.log("gone").await),
        }

        fake.hold("session.create");
        let create = client.session().approve_all().configure(|config| config.session_id("made")).create();
        let (made, taken, ()) = tokio::join!(create, again(&client, "made", when_open), async {
            let call = fake.received_call("session.create").await;
            fake.settle().await;
            assert_eq!(fake.calls_raw("session.resume").len(), 2, "the takeover did not wait");
            fake.reply(&call, Ok(json!({"sessionId": "made"})));
        });
        let (_made, taken) = (made.expect("the new session"), taken.expect("the takeover"));
        taken.log("here").await.expect("an open session");
        fake.release("session.create");
    }
}

/// A detach completes before the session is opened again, however many callers wait for it.
#[tokio::test(start_paused = true)]
async fn after_a_detach() {
    let Rig { fake, client, session } = Rig::start().await;
    let id = session.id().to_owned();
    fake.hold("session.detach");
    let given_up = tokio::time::timeout(Duration::from_millis(1), session.disconnect()).await;
    assert!(given_up.is_err(), "the response was not held");
    let opening = async {
        tokio::join!(again(&client, &id, WhenOpen::Replace), again(&client, &id, WhenOpen::Replace))
    };
    let ((one, two), ()) = tokio::join!(opening, async {
        let call = fake.received_call("session.detach").await;
        fake.settle().await;
        assert_eq!(fake.calls_raw("session.resume").len(), 0, "one of them did not wait");
        fake.release("session.detach");
        fake.reply(&call, Ok(json!({"success": true})));
    });
    assert!(one.is_ok() && two.is_ok(), "{one:?} {two:?}");
}

/// A session that is deleted, here or by another client, has ended, and its id is free; so has one that is
/// deleted while it is being opened.
#[tokio::test(start_paused = true)]
async fn deleted() {
    let Rig { fake, client, session } = Rig::start().await;
    let id = session.id().to_owned();
    fake.on_raw("session.delete", |_| Ok(json!({"success": true})));
    let turn = session.prompt("hello").await.expect("a turn");
    client.delete_session(&id).await.expect("the deletion");
    ended(turn.into_future().await);
    assert!(client.open_session(&id).is_none());

    for when_open in [WhenOpen::Refuse, WhenOpen::Replace, WhenOpen::Join] {
        let before = again(&client, &id, WhenOpen::Refuse).await.expect("the id is free");
        fake.received_raw("session.resume").await;
        if when_open == WhenOpen::Refuse {
            before.disconnect().await.expect("the end");
        }
        fake.hold("session.resume");
        let (opened, ()) = tokio::join!(again(&client, &id, when_open), async {
            let call = fake.received_call("session.resume").await;
            fake.notify_raw("session.lifecycle", json!({"type": "session.deleted", "sessionId": id}));
            fake.settle().await;
            fake.reply(&call, Ok(json!({"sessionId": id})));
        });
        ended(opened);
        fake.release("session.resume");
        drop(before);
    }
    again(&client, &id, WhenOpen::Refuse).await.expect("the id is free");
}

/// A client that reconnects fifty times at once, each time in another way.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn fifty_reconnects() {
    let fake = FakeCli::start();
    let client = connect(&fake).await;
    let mut reconnecting = tokio::task::JoinSet::new();
    for number in 0..50 {
        let client = client.clone();
        reconnecting.spawn(async move {
            let id = format!("session-{number}");
            let make = client.session().approve_all().configure(|config| config.session_id(id.as_str()));
            let mut session = make.create().await.expect("the session");
            for round in 0..10 {
                let next = match (number + round) % 4 {
                    0 => again(&client, &id, WhenOpen::Replace).await.expect("a takeover"),
                    1 => again(&client, &id, WhenOpen::Join).await.expect("a second hand"),
                    2 => client.open_session(&id).expect("the open session"),
                    _ => {
                        drop(session);
                        again(&client, &id, WhenOpen::Refuse).await.expect("a new session")
                    }
                };
                session = next;
                session.log("here").await.expect("an open session");
            }
            session.disconnect().await.expect("the end");
            assert!(client.open_session(&id).is_none());
        });
    }
    while let Some(done) = reconnecting.join_next().await {
        done.expect("a session");
    }
}
