//! Sessions that are resumed while they are open.

use std::future::IntoFuture;
use std::sync::Arc;

use copilot_session::{Decision, Error, ErrorKind, Session, SessionBuilder, Tool, WhenOpen};
use copilot_session_model::{Reply, Script};
use serde_json::{Value, json};
use tokio::sync::{Notify, mpsc};

use super::rig::{Rig, SHELL, ask, prompt, soon};

/// A tool that needs no permission and always returns the same text.
fn tool(name: &str, text: &'static str) -> Tool {
    let schema = json!({ "type": "object" });
    let tool = Tool::with_schema(name, "Counts", schema, move |_: Value, _| async move { text });
    tool.declare(|tool| tool.skip_permission(true))
}

/// The same, but it reports its start and never returns.
fn endless(name: &str, begun: &mpsc::UnboundedSender<()>) -> Tool {
    let (begun, schema) = (begun.clone(), json!({ "type": "object" }));
    let tool = Tool::with_schema(name, "Counts", schema, move |_: Value, _| {
        begun.send(()).expect("an open channel");
        std::future::pending::<&str>()
    });
    tool.declare(|tool| tool.skip_permission(true))
}

/// The number of pieces in which an answer arrives.
async fn pieces(session: &Session, text: &str) -> usize {
    let mut events = session.events();
    ask(session, text).await.expect("an answer");
    let mut pieces = 0;
    loop {
        match soon("the events of the turn", events.next()).await.expect("an event").kind() {
            "assistant.message_delta" => pieces += 1,
            "session.idle" => return pieces,
            _ => {}
        }
    }
}

/// A session without a turn is not on disk, so it cannot be disconnected and resumed. It can be taken over,
/// with another system message and other tools.
#[tokio::test]
async fn a_session_without_a_turn() {
    let rig = Rig::start(Script::replies([Reply::text("One."), Reply::text("Two.")])).await;
    for (index, when_open) in [WhenOpen::Replace, WhenOpen::Join].into_iter().enumerate() {
        let old = rig.session(|new| new.deny_all().tool(tool("before", ""))).await;
        let refused = rig.resume(old.id(), SessionBuilder::deny_all).await.expect_err("an open session");
        assert_eq!(refused.kind(), ErrorKind::AlreadyOpen, "{refused}");
        let new = rig.resume(old.id(), |new| {
            new.deny_all().tool(tool("after", "")).append_system_message("Be new.").when_open(when_open)
        });
        let new = new.await.expect("the session");
        ask(&new, "There?").await.expect("an answer");
        let request = rig.model.requests()[index].body().to_string();
        assert!(request.contains("Be new.") && request.contains("\"after\""), "{request}");
        assert!(!request.contains("\"before\""), "{request}");
        let over = soon("the old handle", old.log("still here")).await;
        match when_open {
            WhenOpen::Join => drop(over.expect("the session is still open")),
            _ => assert!(matches!(over, Err(Error::SessionEnded)), "{over:?}"),
        }
    }
    rig.finish().await;
}

/// A tool call and a permission request that old handlers work on are answered by the new ones, and the turn
/// goes on.
#[tokio::test]
async fn in_the_middle_of_a_turn() {
    let calls = [
        Reply::tool_call("count", json!({})),
        Reply::tool_call(SHELL, json!({ "command": "echo hello", "description": "a command" })),
    ];
    for (call, result) in calls.into_iter().zip(["three", "hello"]) {
        let rig = Rig::start(Script::replies([call, Reply::text("All done.")])).await;
        let (begun, mut beginning) = mpsc::unbounded_channel();
        let asking = begun.clone();
        let old = rig.session(|new| {
            new.tool(endless("count", &begun)).on_permission(move |_, _| {
                asking.send(()).expect("an open channel");
                std::future::pending::<Decision>()
            })
        });
        let old = old.await;
        let turn = prompt(&old, "Count.").await;
        soon("the old handler", beginning.recv()).await.expect("a start");

        let (idle, mut ended) = mpsc::unbounded_channel();
        let new = rig.resume(old.id(), |new| {
            let new = new.approve_all().tool(tool("count", "three")).when_open(WhenOpen::Replace);
            new.on_event(move |event| {
                if event.kind() == "session.idle" {
                    idle.send(()).expect("an open channel");
                }
            })
        });
        let new = new.await.expect("the session");
        let over = soon("the old turn", turn.into_future()).await.expect_err("the end");
        assert_eq!(over.kind(), ErrorKind::SessionGone, "{over:?}");
        soon("the work to end", ended.recv()).await.expect("an idle");
        let results = rig.model.requests()[1].tool_results();
        assert!(results[0].1.contains(result), "{results:?}");
        drop((old, new));
        rig.finish().await;
    }
}

/// A session that is joined during a turn completes that turn for its old handle, with a new tool.
#[tokio::test]
async fn joined_in_the_middle_of_a_turn() {
    let script = [Reply::tool_call(SHELL, json!({ "command": "echo hello", "description": "a command" }))];
    let more = [Reply::tool_call("count", json!({})), Reply::text("All done.")];
    let rig = Rig::start(Script::replies(script.into_iter().chain(more))).await;
    let (asking, mut asked) = mpsc::unbounded_channel();
    let release = Arc::new(Notify::new());
    let released = Arc::clone(&release);
    let old = rig.session(|new| {
        new.on_permission(move |_, _| {
            asking.send(()).expect("an open channel");
            let released = Arc::clone(&released);
            async move {
                released.notified().await;
                Decision::approve()
            }
        })
    });
    let old = old.await;
    let turn = prompt(&old, "Count.").await;
    soon("the permission request", asked.recv()).await.expect("a request");
    let new =
        rig.resume(old.id(), |new| new.deny_all().tool(tool("count", "three")).when_open(WhenOpen::Join));
    let new = new.await.expect("the session");
    release.notify_one();
    assert_eq!(soon("the turn", turn.into_future()).await.expect("an answer").text(), "All done.");
    assert_eq!(rig.model.requests()[2].tool_results().last().expect("a result").1, "three");
    drop((old, new));
    rig.finish().await;
}

/// Sessions that are resumed immediately, several times.
#[tokio::test]
async fn immediate_reconnects() {
    let rig = Rig::start(Script::replies((0..10).map(|_| Reply::text("Here.")))).await;
    for _ in 0..5 {
        let mut session = rig.session(SessionBuilder::deny_all).await;
        let id = session.id().to_owned();
        for when_open in [WhenOpen::Replace, WhenOpen::Join, WhenOpen::Replace, WhenOpen::Replace] {
            session = rig.resume(&id, |new| new.deny_all().when_open(when_open)).await.expect("the session");
        }
        ask(&session, "There?").await.expect("an answer");
        drop(session);
        // Now the session is on disk.
        let session = rig.resume(&id, SessionBuilder::deny_all).await.expect("the session");
        ask(&rig.client.open_session(&id).expect("an open session"), "Still?").await.expect("an answer");
        drop(session);
    }
    rig.finish().await;
}

/// A resumed session has deltas if it asks for them. Another client that does not mention them leaves them
/// unchanged.
#[tokio::test]
async fn streaming() {
    let text = "In five pieces of text.";
    let mut rig = Rig::start_tcp(Script::replies((0..10).map(|_| Reply::text(text)))).await;
    let second = super::tcp::join(&rig.client).await;
    let first = rig.session(SessionBuilder::deny_all).await;
    assert!(pieces(&first, "At first?").await > 1);
    let other = rig.builder_on(&second).deny_all().resume(first.id()).await.expect("the session");
    assert!(pieces(&first, "With another client?").await > 1);
    drop(other);
    soon("the second to stop", second.stop()).await;
    let id = first.id().to_owned();
    drop(first);

    rig.restart().await;
    let unsaid = rig.resume(&id, SessionBuilder::deny_all).await.expect("the session");
    assert_eq!(pieces(&unsaid, "Unsaid?").await, 0);
    let new = rig.resume(&id, |new| {
        new.deny_all().configure(|config| config.streaming(true)).when_open(WhenOpen::Replace)
    });
    assert!(pieces(&new.await.expect("the session"), "Said?").await > 1);
    rig.finish().await;
}

/// A session that is deleted has ended, on disk or not.
#[tokio::test]
async fn deleted_while_it_is_open() {
    let rig = Rig::start(Script::replies([Reply::text("Here.")])).await;
    let session = rig.session(SessionBuilder::deny_all).await;
    ask(&session, "There?").await.expect("an answer");
    soon("the end", rig.client.delete_session(session.id())).await.expect("the deletion");
    assert!(matches!(soon("a call", session.log("x")).await, Err(Error::SessionEnded)));
    assert!(rig.client.open_session(session.id()).is_none());
    for when_open in [WhenOpen::Refuse, WhenOpen::Replace, WhenOpen::Join] {
        let gone = rig.resume(session.id(), |new| new.deny_all().when_open(when_open)).await;
        assert_eq!(gone.expect_err("a deleted session").kind(), ErrorKind::SessionGone);
    }
    rig.finish().await;
}
