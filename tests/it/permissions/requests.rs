//! Summary, command and `is_read_only` of permission requests of every kind. Those for shell and MCP have the
//! shape of the recordings of 1.0.102.

use std::sync::Arc;

use copilot_session::testing::events as say;
use copilot_session::types::LogRequest;
use copilot_session::{Decision, HandlerContext, PermissionRequest, SessionBuilder};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::shell;
use crate::rig::Rig;

/// The properties of one request.
#[derive(Debug, PartialEq)]
struct Properties {
    read_only: bool,
    command: Option<String>,
    summary: String,
}

/// A session that records the properties of each request.
async fn recording() -> (Rig, mpsc::UnboundedReceiver<Properties>) {
    let (sender, received) = mpsc::unbounded_channel();
    let decide = move |request: PermissionRequest, _: HandlerContext| {
        let received = Properties {
            read_only: request.is_read_only(),
            command: request.command().map(str::to_owned),
            summary: request.summary(),
        };
        sender.send(received).expect("an open channel");
        std::future::ready(Decision::approve())
    };
    (Rig::with(|session: SessionBuilder| session.on_permission(decide)).await, received)
}

/// A shell request with these keys changed.
fn shell_with(changes: Value) -> Value {
    let mut request = shell("ls -l");
    for (key, value) in changes.as_object().expect("an object") {
        request[key] = value.clone();
    }
    request
}

/// Each kind has a short summary, and says if it only reads.
#[tokio::test(start_paused = true)]
async fn each_kind() {
    let mcp = |read_only: bool| {
        json!({
            "kind": "mcp", "toolCallId": "t2", "serverName": "toy", "toolName": "toy-ask", "toolTitle": "ask",
            "args": {"text": "k"}, "readOnly": read_only,
        })
    };
    let kinds = [
        (shell("echo hi > out.txt"), false, "run `echo hi > out.txt`"),
        (
            json!({
                "kind": "write", "toolCallId": "1", "intention": "Create file", "fileName": "/workspace/a.txt",
                "diff": "+a", "newFileContents": "a", "canOfferSessionApproval": true,
            }),
            false,
            "write /workspace/a.txt",
        ),
        (
            json!({
                "kind": "write", "toolCallId": "1", "intention": "Move file", "fileName": "/workspace/b.txt",
                "diff": "", "canOfferSessionApproval": true,
                "fileEdits": [{
                    "before": {"path": "/workspace/a.txt", "content": "a"},
                    "after": {"path": "/workspace/b.txt", "content": "a"},
                }],
            }),
            false,
            "write /workspace/b.txt, moved from /workspace/a.txt",
        ),
        (
            json!({"kind": "read", "toolCallId": "1", "intention": "Read", "path": "/etc/hosts"}),
            true,
            "read /etc/hosts",
        ),
        (
            json!({"kind": "url", "toolCallId": "1", "intention": "Fetch", "url": "http://x/"}),
            false,
            "fetch http://x/",
        ),
        (mcp(false), false, "call toy-ask of MCP server toy"),
        (mcp(true), true, "call toy-ask of MCP server toy"),
        (
            json!({"kind": "custom-tool", "toolCallId": "1", "toolName": "lookup", "toolDescription": "", "args": {}}),
            false,
            "call lookup",
        ),
        (
            json!({"kind": "hook", "toolCallId": "1", "toolName": "bash", "toolArgs": "{}", "hookMessage": "sure?"}),
            false,
            "call bash, as a hook asks",
        ),
        (json!({"kind": "memory", "toolCallId": "1", "subject": "x", "fact": "y"}), false, "use the memory"),
        (
            json!({
                "kind": "workflow", "operation": "run", "name": "release", "description": "", "phases": [],
                "approvalKey": "k", "canPersistApproval": false,
            }),
            false,
            "run the workflow release",
        ),
        (json!({"kind": "extension-management", "operation": "reload"}), false, "manage extensions"),
        (
            json!({"kind": "extension-permission-access", "extensionName": "x", "capabilities": []}),
            false,
            "give an extension permissions",
        ),
        (
            json!({"kind": "extension-env-access", "extensionName": "x", "environmentVariables": ["A"]}),
            false,
            "give an extension environment variables",
        ),
    ];
    let (rig, mut received) = recording().await;
    for (request, read_only, summary) in kinds {
        assert_eq!(rig.decision(request.clone()).await, json!({"kind": "approve-once"}), "{request}");
        let command = request["fullCommandText"].as_str().map(str::to_owned);
        assert_eq!(
            received.recv().await,
            Some(Properties { read_only, command, summary: summary.to_owned() })
        );
    }
}

/// A request of an unknown kind reaches the handler, and never counts as reading.
#[tokio::test(start_paused = true)]
async fn a_new_kind() {
    let (rig, mut received) = recording().await;
    for request in
        [json!({"kind": "time-travel", "readOnly": true}), json!({"kind": 5, "path": "/"}), json!({})]
    {
        assert_eq!(rig.decision(request.clone()).await, json!({"kind": "approve-once"}), "{request}");
        let received = received.recv().await.expect("the handler was asked");
        assert!(!received.read_only, "{request}");
        assert!(received.summary.contains(&request["kind"].to_string()), "{request}: {}", received.summary);
    }
}

/// A summary cannot imitate another one: characters that move the cursor, turn the text around or are
/// invisible are escaped, and no backtick ends the command.
#[tokio::test(start_paused = true)]
async fn summaries_cannot_deceive() {
    let (rig, mut received) = recording().await;
    let odd = "a\r\u{1b}[2K\u{9b}8m\u{202e}\u{200b}\u{2028}\u{7f}\n`b`";
    let shown = r"a\r\u{1b}[2K\u{9b}8m\u{202e}\u{200b}\u{2028}\u{7f}\n`b`";
    let requests = [
        (shell(odd), format!("run `{}`", shown.replace('`', r"\u{60}"))),
        (
            json!({"kind": "write", "intention": "", "fileName": odd, "diff": "", "canOfferSessionApproval": true}),
            format!("write {shown}"),
        ),
        (json!({"kind": "read", "intention": "", "path": odd}), format!("read {shown}")),
        (json!({"kind": "url", "intention": "", "url": odd}), format!("fetch {shown}")),
        (
            json!({"kind": "mcp", "serverName": odd, "toolName": odd, "toolTitle": odd, "readOnly": true}),
            format!("call {shown} of MCP server {shown}"),
        ),
        (json!({"kind": "custom-tool", "toolName": odd, "toolDescription": odd}), format!("call {shown}")),
        (json!({"kind": "hook", "toolName": odd}), format!("call {shown}, as a hook asks")),
        (
            json!({
                "kind": "workflow", "operation": "run", "name": odd, "description": "", "phases": [], "approvalKey": "k",
                "canPersistApproval": false,
            }),
            format!("run the workflow {shown}"),
        ),
        (json!({"kind": "\u{202e}new"}), r#"do something new: "\u{202e}new""#.to_owned()),
    ];
    for (request, summary) in requests {
        rig.decision(request).await;
        assert_eq!(received.recv().await.expect("the handler was asked").summary, summary);
    }
}

/// A shell line only reads if it has commands, all of them only read, and it redirects nothing.
#[tokio::test(start_paused = true)]
async fn a_shell_line_that_only_reads() {
    let (read, write) =
        (json!({"identifier": "ls", "readOnly": true}), json!({"identifier": "rm", "readOnly": false}));
    let cases = [
        (json!({"commands": [read]}), true),
        (json!({"commands": [read, read]}), true),
        (json!({"commands": [read, write]}), false),
        (json!({"commands": [write]}), false),
        (json!({"commands": []}), false),
        (json!({"commands": [read], "hasWriteFileRedirection": true}), false),
    ];
    let (rig, mut received) = recording().await;
    for (changes, read_only) in cases {
        rig.decision(shell_with(changes.clone())).await;
        assert_eq!(received.recv().await.expect("the handler was asked").read_only, read_only, "{changes}");
    }
}

/// A handler has the whole event and the session, and may call the session before it decides.
#[tokio::test(start_paused = true)]
async fn details_and_context() {
    let decide = async |request: PermissionRequest, context: HandlerContext| {
        let line = LogRequest::new(request.event().kind());
        let logged = context.rpc().log(&line).await.expect("a response");
        Decision::deny(format!("{} in {}", logged.event_id, context.session_id()))
    };
    let rig = Rig::with(|session| session.on_permission(decide)).await;
    rig.fake.on_raw("session.log", |params| Ok(json!({"eventId": params["message"]})));
    let answer = rig.decision(shell("ls")).await;
    let reason = format!("permission.requested in {}", rig.session.id());
    assert_eq!(answer, json!({"kind": "reject", "feedback": reason}));
}

/// Observers see the request before it is decided.
#[tokio::test(start_paused = true)]
async fn observers_see_it() {
    let gate = Arc::new(tokio::sync::Notify::new());
    let opens = Arc::clone(&gate);
    let decide = move |_: PermissionRequest, _: HandlerContext| {
        let gate = Arc::clone(&gate);
        async move {
            gate.notified().await;
            Decision::approve()
        }
    };
    let rig = Rig::with(|session| session.on_permission(decide)).await;
    let mut events = rig.session.events();
    rig.emit(say::permission("request", shell("ls")));
    assert_eq!(crate::rig::next(&mut events).await.kind(), "permission.requested");
    assert_eq!(rig.fake.calls_raw(super::ANSWER).len(), 0);
    opens.notify_one();
    rig.fake.received_raw(super::ANSWER).await;
}
