//! Permissions of the agent.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use copilot_session::types::SessionUpdateOptionsParams;
use copilot_session::{Decision, PermissionRequest, SessionBuilder, Tool};
use copilot_session_model::{Reply, Script};
use serde_json::{Value, json};

use super::rig::{Rig, ask, soon};

/// A call of the CLI's shell.
fn shell(command: &str) -> Reply {
    Reply::tool_call("bash", json!({ "command": command, "description": "A step of the test" }))
}

/// Has the agent run these commands in turn, and returns the results that the model read.
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

/// The summaries of permission requests, each with its `is_read_only`.
type Asked = Arc<Mutex<Vec<(String, bool)>>>;

/// A session without a permission policy is not created.
#[tokio::test]
async fn a_policy_must_be_chosen() {
    let rig = Rig::start(Script::replies([])).await;
    let error = soon("the refusal", rig.client.session().create()).await.expect_err("no policy");
    assert!(matches!(error, copilot_session::Error::Invalid(_)), "{error}");
    rig.finish().await;
}

/// An approved command runs; a refused one does not, and the model reads the reason.
#[tokio::test]
async fn a_decision_decides() {
    let commands = ["echo yes > yes.txt", "echo no > no.txt", "echo nobody > nobody.txt"];
    let allow = |new: SessionBuilder| {
        new.on_permission(async |request, _| match request.command() {
            Some("echo yes > yes.txt") => Decision::approve(),
            Some("echo no > no.txt") => Decision::deny("not on a Sunday"),
            _ => Decision::unavailable(),
        })
    };
    let read = run(&commands, allow, |rig| {
        assert_eq!(std::fs::read_to_string(rig.work().join("yes.txt")).expect("the file"), "yes\n");
        assert!(!rig.work().join("no.txt").exists(), "the refused command ran");
        assert!(!rig.work().join("nobody.txt").exists(), "a command without a decision ran");
    });
    let [_, refused, unanswered] = read.await.try_into().expect("three results");
    assert!(refused.contains("not on a Sunday"), "{refused}");
    assert!(unanswered.contains("could not request permission"), "{unanswered}");
}

/// A rig with a file `notes.txt`, whose model makes these calls in the folder passed to the closure.
async fn rig_with_notes(calls: impl FnOnce(&str) -> Vec<Reply> + Send + 'static) -> Rig {
    // The folder is known only after the model has started, but before its first request.
    let (folder, known) = std::sync::mpsc::channel::<String>();
    let (mut calls, mut replies) = (Some(calls), VecDeque::new());
    let script = Script::from_fn(move |_| {
        if let Some(calls) = calls.take() {
            replies.extend(calls(&known.recv().expect("a folder")));
        }
        replies.pop_front().unwrap_or_else(|| Reply::text("Done."))
    });
    let rig = Rig::start(script).await;
    std::fs::write(rig.work().join("notes.txt"), "two lines\nof notes\n").expect("a file");
    folder.send(rig.work().to_string_lossy().into_owned()).expect("a waiting script");
    rig
}

/// Approves everything and records each request.
fn approve_and_note(asked: &Asked) -> impl FnOnce(SessionBuilder) -> SessionBuilder {
    let asked = Arc::clone(asked);
    move |new| {
        new.on_permission(move |request: PermissionRequest, _| {
            asked.lock().unwrap().push((request.summary(), request.is_read_only()));
            async { Decision::approve() }
        })
    }
}

/// Viewing a file only reads, creating one does not. By default the CLI does not judge shell commands, so
/// none counts as reading.
#[tokio::test]
async fn reading_differs_from_writing() {
    let rig = rig_with_notes(|folder| {
        let create = json!({ "path": format!("{folder}/new.txt"), "file_text": "new" });
        vec![
            Reply::tool_call("view", json!({ "path": format!("{folder}/notes.txt") })),
            Reply::tool_call("create", create),
            shell("touch notes.txt"),
            shell("cat notes.txt"),
        ]
    });
    let (rig, asked) = (rig.await, Asked::default());
    let session = rig.session(approve_and_note(&asked)).await;
    ask(&session, "Look around.").await.expect("an answer");

    let folder = rig.work().display().to_string();
    let expected = [
        (format!("read {folder}/notes.txt"), true),
        (format!("write {folder}/new.txt"), false),
        ("run `touch notes.txt`".to_owned(), false),
        ("run `cat notes.txt`".to_owned(), false),
    ];
    assert_eq!(*asked.lock().unwrap(), expected);
    rig.finish().await;
}

/// With script safety on, the CLI judges shell commands: one that only reads the working folder runs without
/// a request, one that only reads elsewhere is requested as read-only, and any other is not.
#[tokio::test]
async fn script_safety_judges_shell_lines() {
    let lines = [
        "cat notes.txt",
        "cat /etc/passwd | wc -l",
        "cat notes.txt && rm notes.txt",
        "cat /dev/null > new.txt",
    ];
    let rig = rig_with_notes(move |_| lines.map(shell).into()).await;
    let asked = Asked::default();
    let session = rig.session(approve_and_note(&asked)).await;
    let options = SessionUpdateOptionsParams::default().enable_script_safety(true);
    assert!(session.rpc().options().update(&options).await.expect("a response").success);
    ask(&session, "Look around.").await.expect("an answer");

    let expected = [(lines[1], true), (lines[2], false), (lines[3], false)];
    let expected = expected.map(|(line, reads)| (format!("run `{line}`"), reads));
    assert_eq!(*asked.lock().unwrap(), expected);
    assert_eq!(rig.model.requests()[1].tool_results()[0].1.lines().next(), Some("two lines"));
    rig.finish().await;
}

/// A handler that panics refuses, and the turn goes on.
#[tokio::test]
async fn a_panicking_handler_refuses() {
    let allow = |new: SessionBuilder| {
        new.on_permission(async |_, _| -> Decision { panic!("a permission handler panics in a test") })
    };
    let read = run(&["touch file"], allow, |rig| assert!(!rig.work().join("file").exists(), "it ran")).await;
    assert!(read[0].contains("could not request permission"), "{read:?}");
    assert!(!read[0].contains("panic"), "{read:?}");
}

/// `approve_all` approves everything.
#[tokio::test]
async fn approve_all_approves() {
    let read = run(&["touch file && echo touched"], SessionBuilder::approve_all, |rig| {
        assert!(rig.work().join("file").exists(), "it did not run");
    });
    let read = read.await;
    assert!(read[0].contains("touched"), "{read:?}");
}

/// `deny_all` lets neither the shell nor a tool of the session run, and the model reads so.
#[tokio::test]
async fn deny_all_denies() {
    const REASON: &str = "this session denies all permission requests";
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

/// A tool that is declared to need no permission runs without a request.
#[tokio::test]
async fn a_tool_can_skip_permission() {
    let rig = Rig::start(Script::replies([Reply::tool_call("ours", json!({})), Reply::text("Done.")])).await;
    let tool = Tool::new("ours", "Does something", async |_: Value, _| "harmless");
    let tool = tool.declare(|tool| tool.skip_permission(true));
    let session = rig.session(|new| new.tool(tool).deny_all()).await;
    ask(&session, "Go.").await.expect("an answer");
    assert_eq!(rig.model.requests()[1].tool_results()[0].1, "harmless");
    rig.finish().await;
}
