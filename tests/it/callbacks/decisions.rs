//! Decisions on permission requests, in the terms of new and of old CLIs.

use copilot_session::testing::{FakeCli, events as say};
use copilot_session::types::{
    PermissionDecision, PermissionDecisionContext, PermissionDecisionOutcome, PermissionDecisionSource,
    PermissionDecisionSurface,
};
use copilot_session::wire::from_json;
use copilot_session::{Decision, PermissionRequest, SessionBuilder};
use serde_json::{Value, json};

use super::{Does, FAILURES};
use crate::rig::Rig;

const ANSWER: &str = "session.permissions.handlePendingPermissionRequest";
const NEW: &str = "1.0.102";
const OLD: &str = "1.0.10";

fn url() -> Value {
    json!({"kind": "url", "intention": "Read it", "url": "https://example.com"})
}

fn deciding(session: SessionBuilder, does: Does) -> SessionBuilder {
    session.on_permission(move |_, _| does.reply_with(Decision::approve()))
}

/// The fields, beside the ids, of the answer to a request with this decision.
async fn decided(
    version: &str,
    request: Value,
    decide: impl Fn(&PermissionRequest) -> Decision + Clone + Send + Sync + 'static,
) -> Value {
    let configure = |session: SessionBuilder| {
        session.on_permission(move |request, _| std::future::ready(decide(&request)))
    };
    let rig = Rig::on(FakeCli::of_version(version), configure).await;
    let mut sent = rig.sent_after(say::permission("1", request)).await;
    let (method, mut params) = sent.pop().expect("an answer");
    assert_eq!((sent.len(), &*method), (0, ANSWER));
    let ids = params.as_object_mut().expect("an object");
    assert_eq!(ids.remove("sessionId"), Some(rig.session.id().into()));
    assert_eq!(ids.remove("requestId"), Some("1".into()));
    params
}

/// A handler that fails has not allowed anything, and the model reads that no user could be asked, in the
/// terms of the CLI's version.
#[tokio::test(start_paused = true)]
async fn fails_closed() {
    let (new, old) = ("user-not-available", "denied-no-approval-rule-and-could-not-request-from-user");
    for (version, kind) in [(NEW, new), ("1.0.35", new), ("1.0.34", old), (OLD, old)] {
        for (does, _) in FAILURES {
            let configure = |session: SessionBuilder| deciding(session.handler_timeout(super::LIMIT), does);
            let rig = Rig::on(FakeCli::of_version(version), configure).await;
            let session = rig.session.id();
            let params = json!({"sessionId": session, "requestId": "1", "result": {"kind": kind}});
            let sent = rig.sent_after(say::permission("1", url())).await;
            assert_eq!(sent, [(ANSWER.to_owned(), params)], "{version} {does:?}");
        }
    }
    let rig = Rig::with(|session| deciding(session, Does::Work)).await;
    for event in [
        json!({"type": "permission.requested"}),
        json!({"type": "permission.requested", "data": {"requestId": 5, "permissionRequest": url()}}),
    ] {
        assert_eq!(rig.sent_after(event.clone()).await, [], "{event}");
    }
}

/// A decision that cannot be sent, or that is not a decision, refuses.
#[tokio::test(start_paused = true)]
async fn decisions_that_are_none() {
    let deep = (0..130).fold(json!(1), |inner, _| json!([inner]));
    let (new, old) = ("user-not-available", "denied-no-approval-rule-and-could-not-request-from-user");
    for (version, kind) in [(NEW, new), (OLD, old)] {
        for none in [Value::Null, json!("approve-once"), json!({"kind": 5}), json!({})] {
            let decide = move |_: &PermissionRequest| PermissionDecision::Unrecognized(none.clone()).into();
            let answer = decided(version, url(), decide).await;
            assert_eq!(answer, json!({"result": {"kind": kind}}));
        }
    }
    let deep = json!({"kind": "approve-of-the-future", "x": deep});
    let decide = move |_: &PermissionRequest| PermissionDecision::Unrecognized(deep.clone()).into();
    assert_eq!(decided(NEW, url(), decide).await, json!({"result": {"kind": new}}));
}

/// The reason for a decision goes with it, to CLIs that accept one.
#[tokio::test(start_paused = true)]
async fn the_context_of_a_decision() {
    let with_context = |decision: Decision| {
        move |_: &PermissionRequest| {
            decision.clone().context(&PermissionDecisionContext::new(
                PermissionDecisionOutcome::PromptedUser,
                PermissionDecisionSource::HumanResponse,
                PermissionDecisionSurface::Sdk,
            ))
        }
    };
    let context = json!({"outcome": "prompted_user", "source": "human_response", "surface": "sdk"});
    let approved = decided(NEW, url(), with_context(Decision::approve())).await;
    assert_eq!(approved, json!({"result": {"kind": "approve-once"}, "decisionContext": context}));
    let denied = decided(NEW, url(), with_context(Decision::deny("no"))).await;
    assert_eq!(denied, json!({"result": {"kind": "reject", "feedback": "no"}, "decisionContext": context}));
    let old = decided(OLD, url(), with_context(Decision::approve())).await;
    assert_eq!(old, json!({"result": {"kind": "approved"}}));
}

/// An approval for the session depends on the kind of the request. Old CLIs know no such approval.
#[tokio::test(start_paused = true)]
async fn for_the_session() {
    let shell = |offered: bool| {
        json!({
            "kind": "shell", "fullCommandText": "ls && cat a", "intention": "look", "canOfferSessionApproval": offered,
            "commands": [{"identifier": "ls", "readOnly": true}, {"identifier": "cat", "readOnly": true}],
            "possiblePaths": [], "possibleUrls": [], "hasWriteFileRedirection": false,
        })
    };
    let write = json!({"kind": "write", "intention": "Write", "fileName": "a", "diff": "", "canOfferSessionApproval": true});
    let mcp = json!({"kind": "mcp", "serverName": "toy", "toolName": "toy-ask", "toolTitle": "ask", "readOnly": false});
    let custom = json!({"kind": "custom-tool", "toolName": "lookup", "toolDescription": "Looks up"});
    let cases = [
        (shell(true), Some(json!({"kind": "commands", "commandIdentifiers": ["ls", "cat"]}))),
        (shell(false), None),
        (write, Some(json!({"kind": "write"}))),
        (json!({"kind": "read", "intention": "Read", "path": "a"}), Some(json!({"kind": "read"}))),
        (mcp, Some(json!({"kind": "mcp", "serverName": "toy", "toolName": "toy-ask"}))),
        (custom, Some(json!({"kind": "custom-tool", "toolName": "lookup"}))),
        (url(), None),
        (json!({"kind": "memory", "fact": "it rains"}), None),
        (json!({"kind": "hook", "toolName": "bash"}), None),
        (json!({"kind": "of the future"}), None),
    ];
    for (request, approval) in cases {
        let once = json!({"kind": "approve-once"});
        let expected =
            approval.map_or(once, |approval| json!({"kind": "approve-for-session", "approval": approval}));
        let answer = decided(NEW, request.clone(), PermissionRequest::approve_for_session).await;
        assert_eq!(answer, json!({ "result": expected }), "{request}");
        let answer = decided(OLD, request.clone(), PermissionRequest::approve_for_session).await;
        assert_eq!(answer, json!({"result": {"kind": "approved"}}), "{request}");
    }
}

/// A person can read what an approval for the session allows, and nothing in it looks like something else.
#[tokio::test(start_paused = true)]
async fn for_the_session_in_words() {
    let command = |identifier: &str| json!({"identifier": identifier, "readOnly": true});
    let shell = json!({
        "kind": "shell", "fullCommandText": "ls && x", "intention": "look", "canOfferSessionApproval": true,
        "commands": [command("ls"), command("x`\u{1b}")], "possiblePaths": [], "possibleUrls": [],
        "hasWriteFileRedirection": false,
    });
    let write = json!({"kind": "write", "intention": "Write", "fileName": "a", "diff": "", "canOfferSessionApproval": true});
    let mcp = json!({"kind": "mcp", "serverName": "toy", "toolName": "ask\n", "toolTitle": "ask", "readOnly": false});
    let cases = [
        (shell, r"run `ls`, `x\u{60}\u{1b}` with any arguments"),
        (write, "write any file"),
        (json!({"kind": "read", "intention": "Read", "path": "a"}), "read any file"),
        (mcp, r"call ask\n of MCP server toy with any arguments"),
        (
            json!({"kind": "custom-tool", "toolName": "lookup", "toolDescription": "Looks up"}),
            "call lookup with any arguments",
        ),
        (url(), "nothing more"),
        (json!({"kind": "of the future"}), "nothing more"),
    ];
    for (request, words) in cases {
        let say = |request: &PermissionRequest| {
            Decision::deny(request.summary_for_session().unwrap_or_else(|| "nothing more".to_owned()))
        };
        let answer = decided(NEW, request.clone(), say).await;
        assert_eq!(answer["result"]["feedback"], words, "{request}");
    }
}

/// A request is for a person if it says so, also of a kind that has no key for it.
#[tokio::test(start_paused = true)]
async fn for_a_person() {
    for (key, value, expected) in [
        ("other", json!(true), false),
        ("requestSandboxBypass", json!(false), false),
        ("requestSandboxBypass", Value::Null, false),
        ("requestSandboxBypass", json!(true), true),
        ("managedApprovalRequired", json!(true), true),
    ] {
        let mut request = url();
        request[key] = value;
        let say = |request: &PermissionRequest| Decision::deny(request.is_for_a_person().to_string());
        let answer = decided(NEW, request.clone(), say).await;
        assert_eq!(answer["result"]["feedback"], expected.to_string(), "{request}");
    }
}

/// Any decision of the protocol is sent by the name that the CLI's version has for it, with all its fields:
/// old and new names do not overlap.
#[tokio::test(start_paused = true)]
async fn any_decision() {
    let approval = json!({"kind": "write"});
    let at = |kind: &str| json!({"kind": kind, "approval": approval, "locationKey": "/workspace"});
    let for_session = |kind: &str| json!({"kind": kind, "approval": approval});
    let kind = |kind: &str| json!({ "kind": kind });
    let reject = |feedback: &str| json!({"kind": "reject", "feedback": feedback});
    let denied = |feedback: &str| json!({"kind": "denied-interactively-by-user", "feedback": feedback});
    let could_not_ask = kind("denied-no-approval-rule-and-could-not-request-from-user");
    let approved = kind("approved");
    let rules = json!({
        "kind": "denied-by-rules",
        "rules": [{"kind": "shell", "argument": "git push"}, {"kind": "write", "argument": null}],
    });
    let excluded =
        json!({"kind": "denied-by-content-exclusion-policy", "path": "/a/b", "message": "not this file"});
    let by_hook =
        json!({"kind": "denied-by-permission-request-hook", "message": "no \"luck\"", "interrupt": true});
    let future = json!({"kind": "of the future", "because": [1], "feedback": "no"});
    let permanently = json!({"kind": "approve-permanently", "domain": "example.com"});
    let reading = json!({"kind": "approve-read-only-for-session", "directories": ["/a"]});
    let cancelled = json!({"kind": "cancelled", "reason": "late"});
    // Each decision, its form for a new CLI, and its form for an old one.
    let cases = [
        (kind("approve-once"), kind("approve-once"), approved.clone()),
        (approved.clone(), kind("approve-once"), approved.clone()),
        (for_session("approve-for-session"), for_session("approve-for-session"), approved.clone()),
        (for_session("approved-for-session"), for_session("approve-for-session"), approved.clone()),
        (at("approve-for-location"), at("approve-for-location"), approved.clone()),
        (at("approved-for-location"), at("approve-for-location"), approved.clone()),
        (permanently.clone(), permanently, approved.clone()),
        (reading.clone(), reading, approved),
        (reject("no"), reject("no"), denied("no")),
        (kind("reject"), kind("reject"), kind("denied-interactively-by-user")),
        (denied("no"), reject("no"), denied("no")),
        (kind("user-not-available"), kind("user-not-available"), could_not_ask.clone()),
        (could_not_ask.clone(), kind("user-not-available"), could_not_ask.clone()),
        (cancelled.clone(), cancelled, could_not_ask),
        (rules.clone(), reject("denied by the rules shell(git push), write"), rules),
        (excluded.clone(), reject("not this file"), excluded),
        (by_hook, reject("no \"luck\""), denied("no \"luck\"")),
        (future.clone(), future, denied("no")),
        // An approval that no schema has is one on a newer CLI only.
        (kind("approve-nonsense"), kind("approve-nonsense"), kind("denied-interactively-by-user")),
    ];
    for (decision, new, old) in cases {
        for (version, expected) in [(NEW, &new), ("1.0.35", &new), ("1.0.34", &old), (OLD, &old)] {
            let exact = from_json::<PermissionDecision>(&decision.to_string()).expect("a decision");
            let answer = decided(version, url(), move |_| exact.clone().into()).await;
            assert_eq!(answer, json!({ "result": expected }), "{decision} on {version}");
        }
    }
}
