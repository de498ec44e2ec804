//! Sessions that are resumed.

use std::future::IntoFuture;

use copilot_session::types::{
    Attachment, AttachmentBlob, AttachmentDirectory, AttachmentSelection, AttachmentSelectionDetails,
    AttachmentSelectionDetailsEnd, AttachmentSelectionDetailsStart, AttachmentSelectionFields, SendRequest,
};
use copilot_session::{Decision, Error, PermissionRequest, SessionBuilder, SessionEvent, Tool};
use copilot_session_model::{Reply, Script, Stall};
use serde_json::json;
use tokio::sync::mpsc;

use super::rig::{Rig, SHELL, ask, prompt, soon, unreadable};

/// A PNG of one pixel, in base64.
const PIXEL: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

/// The id of each event with that of its parent.
fn ids(events: &[SessionEvent]) -> Vec<(String, Option<String>)> {
    events.iter().map(|event| (event.id().to_owned(), event.parent_id().map(str::to_owned))).collect()
}

fn has(messages: &str, texts: &[&str]) -> bool {
    texts.iter().all(|text| messages.contains(text))
}

/// Another CLI with the same home continues the conversation: the model sees it, and its events keep their
/// ids.
#[tokio::test]
async fn another_client_goes_on() {
    let replies = [Reply::text("Noted: the word is heron."), Reply::text("It was heron.")];
    let mut rig = Rig::start(Script::replies(replies)).await;
    let session = rig.session(SessionBuilder::deny_all).await;
    let id = session.id().to_owned();
    ask(&session, "Remember a word.").await.expect("an answer");
    let before = soon("the history", session.messages()).await.expect("a history");
    assert!(before.iter().any(|event| event.kind() == "assistant.message"));
    session.disconnect().await.expect("a disconnect");

    rig.restart().await;
    let session = rig.resume(&id, SessionBuilder::deny_all).await.expect("the session");
    assert_eq!(session.id(), id);
    let after = soon("the history", session.messages()).await.expect("a history");
    assert_eq!(ids(&after[..before.len()]), ids(&before));
    assert_eq!(after.iter().filter_map(unreadable).collect::<Vec<_>>(), [""; 0]);
    assert_eq!(ask(&session, "Which word?").await.expect("an answer").text(), "It was heron.");
    let seen = rig.model.requests()[1].body()["messages"].to_string();
    assert!(has(&seen, &["Remember a word.", "the word is heron", "Which word?"]), "{seen}");
    rig.finish().await;
}

/// A session with an attachment of each kind can be resumed by another CLI, which reads it from the disk.
#[tokio::test]
async fn attachments_are_read_again() {
    let mut rig = Rig::start(Script::replies([Reply::text("Noted."), Reply::text("Still here.")])).await;
    let session = rig.session(SessionBuilder::deny_all).await;
    let id = session.id().to_owned();
    let (start, end) = (AttachmentSelectionDetailsStart::new(0, 0), AttachmentSelectionDetailsEnd::new(0, 3));
    let selection = AttachmentSelection::new(AttachmentSelectionFields {
        file_path: "/w/a.rs".to_owned(),
        display_name: "a.rs".to_owned(),
        text: "the".to_owned(),
        selection: AttachmentSelectionDetails::new(start, end),
    });
    let folder = AttachmentDirectory::new(rig.work().to_string_lossy(), "work");
    let request = SendRequest::new("Remember these.")
        .attachments(vec![
            Attachment::Directory(folder),
            Attachment::Selection(selection),
            Attachment::Blob(AttachmentBlob::new("image/png").data(PIXEL)),
        ])
        .file("missing.txt")
        .file("/");
    soon("the answer", session.send_and_wait(request)).await.expect("an answer");
    session.disconnect().await.expect("a disconnect");

    rig.restart().await;
    let session = rig.resume(&id, SessionBuilder::deny_all).await.expect("the session");
    assert_eq!(ask(&session, "Are they there?").await.expect("an answer").text(), "Still here.");
    rig.finish().await;
}

/// A session that was dropped without `disconnect` can be resumed by the same client.
#[tokio::test]
async fn a_dropped_session_can_be_resumed() {
    let rig = Rig::start(Script::replies([Reply::text("Noted: egret."), Reply::text("Egret.")])).await;
    let session = rig.session(SessionBuilder::deny_all).await;
    let id = session.id().to_owned();
    ask(&session, "Remember a word.").await.expect("an answer");
    drop(session);

    let session = rig.resume(&id, SessionBuilder::deny_all).await.expect("the session");
    assert_eq!(ask(&session, "Which word?").await.expect("an answer").text(), "Egret.");
    assert!(has(&rig.model.requests()[1].body()["messages"].to_string(), &["Noted: egret."]));
    rig.finish().await;
}

/// A session whose client was dropped, and whose CLI was therefore killed, can be resumed by another.
#[tokio::test]
async fn a_session_outlives_a_dropped_client() {
    let mut rig = Rig::start(Script::replies([Reply::text("Noted: stork."), Reply::text("Stork.")])).await;
    let session = rig.session(SessionBuilder::deny_all).await;
    let id = session.id().to_owned();
    ask(&session, "Remember a word.").await.expect("an answer");
    let another = rig.another_client().await;
    drop((session, std::mem::replace(&mut rig.client, another)));

    let session = rig.resume(&id, SessionBuilder::deny_all).await.expect("the session");
    assert_eq!(ask(&session, "Which word?").await.expect("an answer").text(), "Stork.");
    assert!(has(&rig.model.requests()[1].body()["messages"].to_string(), &["Noted: stork."]));
    rig.finish().await;
}

/// The CLI ended during a call of the model, which is not repeated: the next prompt is the next call. It has deltas
/// only if the resumed session was to stream.
#[tokio::test]
async fn a_model_call_that_was_cut_off() {
    for streaming in [false, true] {
        let stall = Stall::new();
        let replies = [Reply::text("One."), Reply::text("Never.").stall(&stall), Reply::text("Three.")];
        let mut rig = Rig::start(Script::replies(replies)).await;
        let session = rig.session(SessionBuilder::deny_all).await;
        let id = session.id().to_owned();
        ask(&session, "First.").await.expect("an answer");
        let turn = prompt(&session, "Second.").await;
        soon("the model to be asked", rig.model.request(1)).await;
        let another = rig.another_client().await;
        drop((session, std::mem::replace(&mut rig.client, another)));
        assert!(soon("the turn", turn.into_future()).await.is_err());

        let resumed = rig.resume(&id, |new| {
            let new = new.deny_all().configure(|config| config.continue_pending_work(true));
            if streaming { new.configure(|config| config.streaming(true)) } else { new }
        });
        let session = resumed.await.expect("the session");
        let mut turn = prompt(&session, "Third.").await;
        let mut deltas = 0;
        while let Some(event) = soon("an event", turn.next()).await {
            deltas += usize::from(event.kind() == "assistant.message_delta");
        }
        assert_eq!(turn.await.expect("an answer").text(), "Three.");
        assert_eq!((deltas > 0, rig.model.requests().len()), (streaming, 3));
        drop(session);
        rig.finish().await;
    }
}

/// The CLI was killed during a tool call and a permission request. A client that resumes the session and
/// continues its work answers both.
#[tokio::test]
async fn open_requests_are_answered() {
    let call = Reply::tool_call("count", json!({}))
        .then_tool_call(SHELL, json!({ "command": "echo hello", "description": "a command" }));
    let mut rig = Rig::start(Script::replies([call, Reply::text("All done.")])).await;
    let count = |text: Option<&'static str>, sender: mpsc::UnboundedSender<String>| {
        let schema = json!({ "type": "object" });
        let tool = Tool::with_schema("count", "Counts", schema, move |_: serde_json::Value, context| {
            let context: copilot_session::ToolContext = context;
            sender.send(context.tool_call_id().to_owned()).expect("an open channel");
            async move {
                match text {
                    Some(text) => text,
                    None => std::future::pending().await,
                }
            }
        });
        tool.declare(|tool| tool.skip_permission(true))
    };
    let (sender, mut calls) = mpsc::unbounded_channel();
    let (asked, mut requests) = mpsc::unbounded_channel();
    let ask_first = asked.clone();
    let session = rig.session(|new: SessionBuilder| {
        new.tool(count(None, sender.clone())).on_permission(move |request: PermissionRequest, _| {
            ask_first.send(request.command().map(str::to_owned)).expect("an open channel");
            std::future::pending::<Decision>()
        })
    });
    let session = session.await;
    let id = session.id().to_owned();
    let turn = prompt(&session, "Count.").await;
    let call = soon("the tool", calls.recv()).await.expect("a call");
    let command = soon("the permission request", requests.recv()).await.expect("a request");
    let another = rig.another_client().await;
    drop((session, std::mem::replace(&mut rig.client, another)));
    assert!(soon("the turn", turn.into_future()).await.is_err());

    let (idle, mut ended) = mpsc::unbounded_channel();
    let session = rig.resume(&id, |new| {
        new.tool(count(Some("three"), sender))
            .on_permission(move |request: PermissionRequest, _| {
                asked.send(request.command().map(str::to_owned)).expect("an open channel");
                async { Decision::approve() }
            })
            .configure(|config| config.continue_pending_work(true))
            .on_event(move |event| {
                if event.kind() == "session.idle" {
                    drop(idle.send(event.id().to_owned()));
                }
            })
    });
    let session = session.await.expect("the session");
    assert_eq!(soon("the tool again", calls.recv()).await.as_ref(), Some(&call));
    assert_eq!(soon("the request again", requests.recv()).await, Some(command));
    soon("the work to end", ended.recv()).await.expect("an idle");
    let results = rig.model.requests()[1].tool_results();
    assert_eq!(results[0].1, "three");
    assert!(results[1].1.contains("hello"), "{results:?}");
    drop(session);
    rig.finish().await;
}

/// After `disconnect` the session has ended here: turns and calls fail, and a second `disconnect` does
/// nothing.
#[tokio::test]
async fn a_disconnected_session_is_over() {
    let rig = Rig::start(Script::replies([])).await;
    let session = rig.session(SessionBuilder::deny_all).await;
    let mut events = session.events();
    soon("the disconnect", session.disconnect()).await.expect("a disconnect");
    while soon("the end of the events", events.next()).await.is_some() {}
    for outcome in [session.send("Anybody?").await.map(drop), session.messages().await.map(drop)] {
        assert!(matches!(outcome, Err(Error::SessionEnded)), "{outcome:?}");
    }
    session.disconnect().await.expect("a second disconnect");
    rig.finish().await;
}

/// A session that does not exist cannot be resumed, and the error has the CLI's reason.
#[tokio::test]
async fn an_unknown_session_cannot_be_resumed() {
    let rig = Rig::start(Script::replies([])).await;
    match rig.resume("no-such-session", SessionBuilder::deny_all).await {
        Err(Error::Rpc { method, error, .. }) => {
            assert_eq!(method, "session.resume");
            assert!(error.message.contains("no-such-session"), "{error}");
        }
        other => panic!("not an answer of the CLI: {other:?}"),
    }
    rig.finish().await;
}
