//! What the agent may do.

use std::sync::{Arc, Mutex};

use copilot_session::{Decision, PermissionRequest, SessionBuilder, Tool};
use copilot_session_tests::model::{Reply, Script};
use serde_json::{Value, json};

use super::rig::{Rig, ask};

/// A call of the CLI's shell.
fn shell(command: &str) -> Reply {
    Reply::tool_call("bash", json!({ "command": command, "description": "A step of the test" }))
}

/// Has the agent run these commands one after the other; gives what the model read of each.
async fn run(
    commands: &[&str],
    allow: impl FnOnce(SessionBuilder) -> SessionBuilder,
    after: impl FnOnce(&Rig),
) -> Vec<String> {
    let script = commands.iter().map(|command| shell(command)).chain([Reply::text("Done.")]);
    let rig = Rig::start(Script::replies(script)).await;
    let session = rig.session(allow).await;
    assert_eq!(ask(&session, "Go.").await.expect("an answer").text(), "Done.");
    let read = rig.model.requests()[commands.len()].tool_results();
    after(&rig);
    rig.finish().await;
    read.into_iter().map(|(_, text)| text).collect()
}

/// What was asked of a handler: in words, and whether it only reads.
type Asked = Arc<Mutex<Vec<(String, bool)>>>;

fn note(asked: &Asked, request: &PermissionRequest) {
    asked.lock().unwrap().push((request.summary(), request.is_read_only()));
}

/// An approved command runs; a refused one does not, and the model reads the reason.
#[tokio::test]
async fn a_decision_decides() {
    let commands = ["echo yes > yes.txt", "echo no > no.txt", "echo nobody > nobody.txt"];
    let allow = |new: SessionBuilder| {
        new.on_permission(async |request| match request.command() {
            Some("echo yes > yes.txt") => Decision::approve(),
            Some("echo no > no.txt") => Decision::deny("not on a Sunday"),
            _ => Decision::unavailable(),
        })
    };
    let read = run(&commands, allow, |rig| {
        assert_eq!(std::fs::read_to_string(rig.work().join("yes.txt")).expect("the file"), "yes\n");
        assert!(!rig.work().join("no.txt").exists(), "the refused command ran");
        assert!(!rig.work().join("nobody.txt").exists(), "the command ran though nobody allowed it");
    });
    let [_, refused, unanswered] = read.await.try_into().expect("three results");
    assert!(refused.contains("not on a Sunday"), "{refused}");
    assert!(unanswered.contains("could not request permission"), "{unanswered}");
}

/// The CLI's own judgement of what only reads is passed on: `cat` and `view` do, `touch` and `>` do not.
#[tokio::test]
async fn reading_is_told_from_writing() {
    let asked = Asked::default();
    let script = |file: &str| {
        [
            shell("cat notes.txt"),
            shell("touch notes.txt"),
            shell("cat notes.txt > copy.txt"),
            shell("cat notes.txt && rm notes.txt"),
            Reply::tool_call("view", json!({ "path": file })),
            Reply::tool_call("create", json!({ "path": format!("{file}.new"), "file_text": "new" })),
            Reply::text("Done."),
        ]
    };
    // The files' folder is only known when the model server runs.
    let file = Arc::new(Mutex::new(String::new()));
    let known = Arc::clone(&file);
    let mut replies = None;
    let rig = Rig::start(Script::from_fn(move |_| {
        let replies = replies.get_or_insert_with(|| script(&known.lock().unwrap()).into_iter());
        replies.next().expect("a reply for each request")
    }))
    .await;
    let path = rig.work().join("notes.txt");
    std::fs::write(&path, "two lines\nof notes\n").expect("a file");
    let path = path.to_string_lossy().into_owned();
    file.lock().unwrap().clone_from(&path);

    let seen = Arc::clone(&asked);
    let decide = move |request: PermissionRequest| {
        note(&seen, &request);
        async { Decision::approve() }
    };
    let session = rig.session(|new| new.on_permission(decide)).await;
    ask(&session, "Look around.").await.expect("an answer");

    let expected = [
        ("run `cat notes.txt`".to_owned(), true),
        ("run `touch notes.txt`".to_owned(), false),
        ("run `cat notes.txt > copy.txt`".to_owned(), false),
        ("run `cat notes.txt && rm notes.txt`".to_owned(), false),
        (format!("read {path}"), true),
        (format!("write {path}.new"), false),
    ];
    assert_eq!(*asked.lock().unwrap(), expected);
    rig.finish().await;
}

/// A handler that panics refuses, and the turn goes on.
#[tokio::test]
async fn a_panicking_handler_refuses() {
    let allow = |new: SessionBuilder| {
        new.on_permission(async |_| -> Decision { panic!("no idea (this panic belongs to the test)") })
    };
    let read = run(&["touch file"], allow, |rig| assert!(!rig.work().join("file").exists(), "it ran")).await;
    assert!(read[0].contains("the permission handler failed"), "{read:?}");
}

/// `approve_all` lets everything through.
#[tokio::test]
async fn approve_all_approves() {
    let read = run(&["touch file && echo touched"], SessionBuilder::approve_all, |rig| {
        assert!(rig.work().join("file").exists(), "it did not run");
    });
    let read = read.await;
    assert!(read[0].contains("touched"), "{read:?}");
}

/// `deny_all` lets neither the shell nor a tool of ours run, and the model reads so.
#[tokio::test]
async fn deny_all_denies() {
    const REASON: &str = "this session allows nothing that needs leave";
    let both = shell("touch file").then_tool_call("ours", json!({}));
    let rig = Rig::start(Script::replies([both, Reply::text("Done.")])).await;
    let called = Arc::new(Mutex::new(false));
    let calls = Arc::clone(&called);
    let tool = Tool::new("ours", "Does something", move |_: Value, _| {
        *calls.lock().unwrap() = true;
        async { "done" }
    });
    let session = rig.session(|new| new.tool(tool).deny_all()).await;
    ask(&session, "Go.").await.expect("an answer");

    let results = rig.model.requests()[1].tool_results();
    assert_eq!(results.len(), 2);
    assert!(results.iter().all(|(_, text)| text.contains(REASON)), "{results:?}");
    assert!(!rig.work().join("file").exists(), "the command ran");
    assert!(!*called.lock().unwrap(), "the tool was called");
    rig.finish().await;
}

/// A tool that is declared to need no leave is not asked about.
#[tokio::test]
async fn a_tool_can_do_without_leave() {
    let rig = Rig::start(Script::replies([Reply::tool_call("ours", json!({})), Reply::text("Done.")])).await;
    let tool = Tool::new("ours", "Does something", async |_: Value, _| "harmless");
    let tool = tool.declare(|tool| tool.skip_permission(true));
    let session = rig.session(|new| new.tool(tool).deny_all()).await;
    ask(&session, "Go.").await.expect("an answer");
    assert_eq!(rig.model.requests()[1].tool_results()[0].1, "harmless");
    rig.finish().await;
}
