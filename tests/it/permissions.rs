//! Decisions on permission requests.

mod paths;
mod requests;

use std::sync::{Arc, Mutex};

use copilot_session::testing::{FakeCli, events as say};
use copilot_session::types::PermissionDetails as Details;
use copilot_session::{Decision, HandlerContext, PermissionRequest, Policy, SessionBuilder};
use serde_json::{Value, json};

use crate::rig::{Rig, assert_alive, new_request_id};

const ANSWER: &str = "session.permissions.handlePendingPermissionRequest";

/// A session whose permission requests the closure decides.
async fn deciding(
    version: &str,
    decide: impl Fn(PermissionRequest) -> Decision + Clone + Send + Sync + 'static,
) -> Rig {
    let configure = |session: SessionBuilder| {
        session.on_permission(move |request, _| std::future::ready(decide(request)))
    };
    Rig::on(FakeCli::of_version(version), configure).await
}

/// The permission request for a shell command, as in the recordings.
fn shell(command: &str) -> Value {
    json!({
        "kind": "shell", "toolCallId": "call", "fullCommandText": command, "shellType": "bash",
        "intention": "write a file", "commands": [{"identifier": command, "readOnly": false}],
        "commandSegments": [{
            "identifier": "echo", "fullCommandText": "echo hi", "allowMatchIdentifier": null, "staticTokens": null,
            "hasUnboundExecutableContent": false, "workingDirectory": null,
        }],
        "possiblePaths": [], "possibleUrls": [], "hasWriteFileRedirection": false, "canOfferSessionApproval": false,
    })
}

impl Rig {
    /// The decision that answers a permission request.
    async fn decision(&self, request: Value) -> Value {
        // The request is set afterwards, since it may be invalid.
        let id = new_request_id();
        let mut event = say::permission(&id, shell("ls"));
        event["data"]["permissionRequest"] = request;
        self.emit(event);
        let params = self.fake.received_raw(ANSWER).await;
        let result = params["result"].clone();
        assert_eq!(params, json!({"sessionId": self.session.id(), "requestId": id, "result": result}));
        result
    }
}

/// The decision that a command names.
fn as_asked(request: PermissionRequest) -> Decision {
    match request.command() {
        Some("approve") => Decision::approve(),
        Some("deny") => Decision::deny("not \"here\""),
        Some("unavailable") => Decision::unavailable(),
        other => panic!("no decision is named {other:?}"),
    }
}

/// Decisions are sent by the names of the CLI's version; no CLI knows the names of both.
#[tokio::test(start_paused = true)]
async fn names_of_decisions() {
    let new = [
        ("approve", json!({"kind": "approve-once"})),
        ("deny", json!({"kind": "reject", "feedback": "not \"here\""})),
        ("unavailable", json!({"kind": "user-not-available"})),
    ];
    let old = [
        ("approve", json!({"kind": "approved"})),
        ("deny", json!({"kind": "denied-interactively-by-user", "feedback": "not \"here\""})),
        ("unavailable", json!({"kind": "denied-no-approval-rule-and-could-not-request-from-user"})),
    ];
    for (version, names_of_decisions) in
        [("1.0.102", &new), ("1.0.35", &new), ("1.0.34", &old), ("1.0.10", &old)]
    {
        let rig = deciding(version, as_asked).await;
        for (command, answer) in names_of_decisions {
            assert_eq!(rig.decision(shell(command)).await, *answer, "{version}");
        }
    }
}

/// The policies that allow or deny everything, with a reason.
#[tokio::test(start_paused = true)]
async fn policies() {
    let rig = Rig::with(SessionBuilder::approve_all).await;
    assert_eq!(rig.decision(shell("ls")).await, json!({"kind": "approve-once"}));
    let rig = Rig::with(SessionBuilder::deny_all).await;
    let answer = rig.decision(shell("ls")).await;
    assert_eq!(answer["kind"], "reject");
    assert!(answer["feedback"].as_str().is_some_and(|reason| !reason.is_empty()), "{answer}");
}

/// A request that is left to other clients, or that a hook has decided, is not answered.
#[tokio::test(start_paused = true)]
async fn requests_that_are_not_answered() {
    let asked = Arc::new(Mutex::new(0));
    let count = Arc::clone(&asked);
    let rig = deciding("1.0.102", move |_| {
        *count.lock().expect("the count") += 1;
        Decision::leave_to_others()
    })
    .await;
    rig.emit(say::permission("left", shell("ls")));
    let mut by_hook = say::permission("by hook", shell("ls"));
    by_hook["data"]["resolvedByHook"] = true.into();
    rig.emit(by_hook);
    rig.fake.settle().await;
    assert_eq!(*asked.lock().expect("the count"), 1, "the handler decides the first one only");
    assert_eq!(rig.fake.methods(), ["connect", "session.create"]);
    assert_alive(&rig.client).await;
}

/// A handler that panics, before or after it returned its future, has not allowed anything, and the model
/// reads nothing of the panic.
#[tokio::test(start_paused = true)]
async fn a_panicking_handler() {
    let refused = json!({"kind": "user-not-available"});
    let rig = deciding("1.0.102", |_| panic!("a permission handler panics in a test")).await;
    assert_eq!(rig.decision(shell("ls")).await, refused);
    assert_eq!(rig.decision(shell("ls")).await, refused, "the second request");

    let late = |session: SessionBuilder| {
        session.on_permission(async |_, _| -> Decision {
            tokio::task::yield_now().await;
            panic!("a permission handler panics in a test")
        })
    };
    let rig = Rig::with(late).await;
    assert_eq!(rig.decision(shell("ls")).await, refused);
    assert_alive(&rig.client).await;
}

/// No closure decides on a request whose details hold a number that no Rust type has.
#[tokio::test(start_paused = true)]
async fn a_number_out_of_range() {
    let rig = deciding("1.0.102", |_| Decision::approve()).await;
    let details = r#"{"kind":"custom-tool","toolName":"t","toolDescription":"","args":{"n":1e400}}"#;
    let event = format!(
        r#"{{"type":"permission.requested","data":{{"requestId":"r","permissionRequest":{details}}}}}"#
    );
    let session = rig.session.id();
    rig.fake.frame(&format!(
        r#"{{"jsonrpc":"2.0","method":"session.event","params":{{"sessionId":"{session}","event":{event}}}}}"#
    ));
    let params = rig.fake.received_raw(ANSWER).await;
    assert_eq!(params["result"], json!({"kind": "user-not-available"}));
}

/// A request that cannot be decoded reaches the handler with its JSON.
#[tokio::test(start_paused = true)]
async fn an_unreadable_request() {
    let unreadable = [
        json!({"kind": "shell", "fullCommandText": 5}),
        json!("text"),
        json!(["shell"]),
        json!({}),
        Value::Null,
    ];
    for (version, approved) in [("1.0.102", "approve-once"), ("1.0.34", "approved")] {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let sees = Arc::clone(&seen);
        let rig = deciding(version, move |request| {
            let Details::Unrecognized(json) = request.details() else { panic!("{request:?}") };
            sees.lock().expect("the list").push(json.clone());
            assert!(!request.is_read_only() && !request.is_within("/") && request.paths().is_empty());
            assert_eq!((request.command(), request.path(), request.commands().len()), (None, None, 0));
            Decision::approve()
        })
        .await;
        for request in &unreadable {
            assert_eq!(rig.decision(request.clone()).await, json!({ "kind": approved }), "{request}");
        }
        assert_eq!(*seen.lock().expect("the list"), unreadable);
        // `approve_all` does not depend on the content, and a policy denies a request that it cannot read.
        for (configure, answer) in [
            (SessionBuilder::approve_all as fn(SessionBuilder) -> SessionBuilder, approved),
            (
                |new| new.policy(Policy::read_within("/")),
                if approved == "approved" { "denied-interactively-by-user" } else { "reject" },
            ),
        ] {
            let rig = Rig::on(FakeCli::of_version(version), configure).await;
            for request in &unreadable {
                assert_eq!(rig.decision(request.clone()).await["kind"], answer, "{request}");
            }
        }
    }
}

/// CLI 1.0.10 sends no `canOfferSessionApproval` with a write; newer ones do.
#[tokio::test(start_paused = true)]
async fn a_write_of_an_old_version() {
    let write = json!({
        "kind": "write", "toolCallId": "1", "intention": "Create file", "fileName": "/workspace/new.txt",
        "diff": "+a", "newFileContents": "a",
    });
    let rig = deciding("1.0.10", |request| {
        assert!(matches!(request.details(), Details::Write(write) if !write.can_offer_session_approval));
        assert_eq!(request.summary(), "write /workspace/new.txt");
        Decision::approve()
    })
    .await;
    assert_eq!(rig.decision(write).await, json!({"kind": "approved"}));
}

/// Requests are decided concurrently, each when its handler returns.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn side_by_side() {
    let gate = Arc::new(tokio::sync::Notify::new());
    let opens = Arc::clone(&gate);
    let decide = move |request: PermissionRequest, _: HandlerContext| {
        let gate = Arc::clone(&gate);
        async move {
            if request.command() == Some("slow") {
                gate.notified().await;
            }
            Decision::approve()
        }
    };
    let rig = Rig::with(|session| session.on_permission(decide)).await;
    rig.emit(say::permission("slow", shell("slow")));
    rig.emit(say::permission("quick", shell("quick")));
    assert_eq!(rig.fake.received_raw(ANSWER).await["requestId"], "quick");
    opens.notify_one();
    assert_eq!(rig.fake.received_raw(ANSWER).await["requestId"], "slow");
}
